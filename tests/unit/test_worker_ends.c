// SPDX-License-Identifier: BSD-3-Clause
// How workers end that have nothing left to run: as a program does, within a time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;
static char file[] = "/tmp/batchrun-test-XXXXXX";
static struct job_env env[] = {{"ENDS_FILE", file}, {"ENDS_WAY", NULL}};

static void set_up(void)
{
    strcpy(file + strlen(file) - 6, "XXXXXX");
    int fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void tear_down(void)
{
    unlink(file);
}

// Returns how many lines of the file begin so.
static unsigned lines(const char *beginning)
{
    char line[256];
    unsigned count = 0;
    FILE *f = fopen(file, "r");
    ck_assert(f != NULL);
    while (fgets(line, sizeof line, f))
        count += strncmp(line, beginning, strlen(beginning)) == 0;
    fclose(f);
    return count;
}

static bool some_have_to_end(void)
{
    rig_sleep(&rig);
    return pool_take_ends(rig.pool, clock_now());
}

// Runs `rows` tasks and lets the workers end.
static void run(struct rig_options options, const char *way, uint64_t rows,
                struct pool_map_options map)
{
    env[1].value = way;
    options.plugin = "tests/plugins/.libs/ends.so";
    options.env = env;
    options.env_count = 2;
    rig_run_one(&rig, options, "row", 0, rows, map);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], rows);
    rig_await_workers(&rig);
    pool_wind_down(rig.pool);
    int64_t since = clock_now();
    while (some_have_to_end())
        ck_assert_int_lt(clock_now() - since, rig_patience_ns());
    ck_assert_uint_eq(rig.deaths, rig.starts);
}

START_TEST(files_are_flushed_and_handlers_run)
{
    run((struct rig_options){.workers = 2}, "", 100, rig_chunk(10));
    ck_assert_uint_eq(lines("row "), 100);
    ck_assert_uint_eq(lines("exit handler"), 2);
    ck_assert_uint_eq(lines("destructor"), 2);
    ck_assert_uint_eq(rig.bad_ends, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(also_of_workers_that_are_replaced)
{
    run((struct rig_options){.workers = 2, .max_tasks = 10}, "", 100, rig_chunk(10));
    ck_assert_uint_ge(rig.starts, 10);
    ck_assert_uint_eq(lines("init"), rig.starts);
    ck_assert_uint_eq(lines("row "), 100);
    ck_assert_uint_eq(lines("exit handler"), rig.starts);
    ck_assert_uint_eq(lines("destructor"), rig.starts);
    rig_close(&rig);
}
END_TEST

// The line of init waits in the worker's buffer when the first child is forked.
START_TEST(children_flush_what_they_wrote_and_run_no_handler_of_their_worker)
{
    run((struct rig_options){.workers = 1}, "", 20,
        (struct pool_map_options){.map.isolation = ISOLATE_TASK});
    ck_assert_uint_eq(lines("init"), 1);
    ck_assert_uint_eq(lines("row "), 20);
    ck_assert_uint_eq(lines("exit handler"), 1);
    ck_assert_uint_eq(lines("destructor"), 1);
    rig_close(&rig);
}
END_TEST

START_TEST(a_handler_that_hangs_is_killed_and_no_task_fails)
{
    run((struct rig_options){.workers = 2, .end_ns = 50 * NS_PER_MS}, "hang", 10, rig_chunk(0));
    ck_assert_uint_eq(rig.bad_ends, 2);
    ck_assert_str_eq(rig.last_reason, "in `fini`, an exit handler or a destructor: it took longer "
                                      "than 0.05 s and was killed");
    rig_close(&rig);
}
END_TEST

START_TEST(a_handler_that_crashes_is_reported_and_no_task_fails)
{
    run((struct rig_options){.workers = 2}, "crash", 10, rig_chunk(0));
    ck_assert_uint_eq(rig.bad_ends, 2);
    ck_assert_str_eq(rig.last_reason,
                     "in `fini`, an exit handler or a destructor: SIGSEGV (segmentation fault)");
    rig_close(&rig);
}
END_TEST

SUITE(worker_ends)
{
    FIXTURE(set_up, tear_down);
    TEST(files_are_flushed_and_handlers_run);
    TEST(also_of_workers_that_are_replaced);
    TEST(children_flush_what_they_wrote_and_run_no_handler_of_their_worker);
    TEST(a_handler_that_hangs_is_killed_and_no_task_fails);
    TEST(a_handler_that_crashes_is_reported_and_no_task_fails);
}

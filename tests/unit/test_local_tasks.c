// SPDX-License-Identifier: BSD-3-Clause
// Tasks over real worker processes: outcomes, output, limits of time.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/channel/channel_record.h"
#include "exec/local/local_report.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

START_TEST(every_task_runs_once)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2}, "pid", 0, 1000000, rig_chunk(0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 1000000);
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(eight_workers_on_whatever_cores_there_are)
{
    rig_run_one(&rig, (struct rig_options){.workers = 8, .bind = true}, "pid", 0, 100000,
                rig_chunk(1));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 100000);
    rig_close(&rig);
}
END_TEST

START_TEST(maps_follow_each_other_on_the_same_workers)
{
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_await_workers(&rig);
    for (int i = 0; i < 50; i++) {
        struct pool_map *m = rig_submit(&rig, i % 2 ? "environment" : "pid", 0, 20, rig_chunk(0));
        rig_run(&rig, m);
        ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
        pool_map_release(rig.pool, m);
    }
    ck_assert_uint_eq(rig.starts, 2);
    rig_close(&rig);
}
END_TEST

START_TEST(many_failures_are_read)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "fail", 0, 3000, rig_chunk(1000));
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 3000);
    ck_assert_str_eq(rig.fates[7].text, "task 7 fails");
    rig_close(&rig);
}
END_TEST

static bool sleeps(int pid)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char *got = fgets(text, sizeof text, file);
    fclose(file);
    return got && strstr(text, ") S ");
}

// A task that had to wait for room in the ring has that time in its duration, whether or not that
// is longer than a compact record can hold.
START_TEST(a_wait_for_room_is_not_lost)
{
    const int64_t wait_ns = CHANNEL_COMPACT_NS + 20 * NS_PER_MS;
    rig_open(&rig, (struct rig_options){.workers = 1});
    for (int i = 0; i < 4; i++) {
        struct pool_map *m = rig_submit(&rig, "tells_now_and_then", i, 80000, rig_chunk(40000));
        rig.longest_ns = 0;
        RIG_AWAIT(&rig, rig.by_status[OUTCOME_OK] > 0);
        while (!sleeps(local_pid(rig.executor, 0)))
            ;
        for (int64_t from = clock_now(); clock_now() - from < wait_ns;)
            nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
        rig_run(&rig, m);
        ck_assert_int_ge(rig.longest_ns, wait_ns);
        rig.by_status[OUTCOME_OK] = 0;
    }
    rig_close(&rig);
}
END_TEST

// ---- Output

static void read_log(const struct printed *p, char *text, size_t size)
{
    int fd = p->stream == 1 ? rig.out[p->slot] : rig.error[p->slot];
    ck_assert_uint_lt(p->length, size);
    ck_assert_int_eq(pread(fd, text, p->length, (off_t)p->offset), (ssize_t)p->length);
    text[p->length] = '\0';
}

// Returns whether some OUTPUT of this stream names the task and has the line.
static bool is_reported(uint64_t task, int stream, const char *line)
{
    char text[8192];
    for (size_t i = 0; i < rig.printed_count; i++) {
        const struct printed *p = &rig.printed[i];
        if (p->stream != stream || task < p->first || task >= p->first + p->count)
            continue;
        read_log(p, text, sizeof text);
        if (strstr(text, line))
            return true;
    }
    return false;
}

static void assert_lines(uint64_t rows)
{
    char line[64];
    for (uint64_t i = 0; i < rows; i++) {
        snprintf(line, sizeof line, "line of %d\n", (int)i);
        ck_assert_msg(is_reported(i, 1, line) == (i % 3 > 0), "%s", line);
        snprintf(line, sizeof line, "error of %d\n", (int)i);
        ck_assert_msg(is_reported(i, 2, line) == (i % 3 == 1), "%s", line);
    }
}

START_TEST(the_output_of_short_tasks_is_reported)
{
    // One worker, because the last lines of a grant that is being taken back may belong to no task.
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "say", 0, 150,
                rig_chunk(50));
    assert_lines(150);
    rig_close(&rig);
}
END_TEST

START_TEST(the_output_of_the_first_short_tasks_is_reported_for_each)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "say", 0, 60,
                rig_chunk(50));
    assert_lines(60);
    for (size_t i = 0; i < rig.printed_count; i++)
        ck_assert_uint_eq(rig.printed[i].count, 1);
    rig_close(&rig);
}
END_TEST

START_TEST(the_output_of_longer_tasks_is_reported_for_each)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2, .logs = true}, "say_slowly", 0, 150,
                rig_chunk(50));
    assert_lines(150);
    for (size_t i = 0; i < rig.printed_count; i++)
        ck_assert_uint_eq(rig.printed[i].count, 1);
    rig_close(&rig);
}
END_TEST

START_TEST(the_last_output_of_a_crashed_task_is_reported)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "say_and_crash", 0, 5,
                rig_chunk(5));
    ck_assert_uint_eq(rig.by_status[OUTCOME_CRASHED], 5);
    char text[64], all[128];
    for (uint64_t i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "line of %d\nand half of another", (int)i);
        ck_assert_msg(is_reported(i, 1, text), "%s", text);
    }
    ck_assert_uint_eq(rig.printed_count, 5);
    uint64_t end = 0;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(rig.printed[i].offset, end);
        end += rig.printed[i].length;
        read_log(&rig.printed[i], all, sizeof all);
    }
    rig_close(&rig);
}
END_TEST

// ---- Waiting

// In virtual time: the worker of a long task is silent for an hour.
START_TEST(the_longer_nothing_is_heard_the_rarer_are_rescans)
{
    const int64_t hour = 3600 * NS_PER_S;
    unsigned rescans = 0;
    for (int64_t now = 0; now < NS_PER_S; rescans++)
        now = local_next_rescan(now, 0, false);
    ck_assert_uint_le(rescans, 6);
    for (int64_t now = NS_PER_S; now < hour; rescans++)
        now = local_next_rescan(now, 0, false);
    ck_assert_uint_le(rescans, 1 + 6 + 3600 / 2);
    // A worker that has closed its socket is about to be reported as dead.
    ck_assert_int_eq(local_next_rescan(hour, 0, true), hour + 100 * NS_PER_MS);
    // Whatever was heard last, the next rescan is within seconds.
    ck_assert_int_le(local_next_rescan(hour, 0, false), hour + 2 * NS_PER_S);
}
END_TEST

SUITE(local_tasks)
{
    TEST(every_task_runs_once);
    TEST(eight_workers_on_whatever_cores_there_are);
    TEST(maps_follow_each_other_on_the_same_workers);
    TEST(many_failures_are_read);
    TEST(a_wait_for_room_is_not_lost);
    TEST(the_output_of_short_tasks_is_reported);
    TEST(the_output_of_the_first_short_tasks_is_reported_for_each);
    TEST(the_output_of_longer_tasks_is_reported_for_each);
    TEST(the_longer_nothing_is_heard_the_rarer_are_rescans);
    TEST(the_last_output_of_a_crashed_task_is_reported);
}

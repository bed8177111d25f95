// SPDX-License-Identifier: BSD-3-Clause
// How workers start: what they find, and what becomes of those that cannot.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/local/local_state.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

START_TEST(an_init_that_fails_ends_the_pool_at_once)
{
    br_error err = {0};
    rig_open(&rig,
             (struct rig_options){.workers = 2, .plugin = "tests/plugins/.libs/init_fails.so"});
    rig_run_until_error(&rig, &err);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "no licence for this site"));
    rig_close(&rig);
}
END_TEST

START_TEST(a_plugin_that_crashes_on_loading_ends_the_pool)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 2,
                                        .plugin = "tests/plugins/.libs/constructor_crashes.so"});
    rig_run_until_error(&rig, &err);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "while it was loading the plugins: SIGABRT"));
    rig_close(&rig);
}
END_TEST

START_TEST(an_init_that_hangs_ends_the_pool)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 2,
                                        .start_ns = 100 * NS_PER_MS,
                                        .plugin = "tests/plugins/.libs/init_hangs.so"});
    rig_run_until_error(&rig, &err);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_str_eq(
        err.text,
        "a worker hung while it was loading the plugins: it was not ready after 0.1 s (start_ns)");
    rig_close(&rig);
}
END_TEST

// The pool is not called between the start of the worker and its message, as by a program that
// works by itself for a while.
START_TEST(a_worker_that_was_ready_before_anybody_looked_is_not_late)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 1, .start_ns = 1});
    ck_assert_int_eq(pool_dispatch(rig.pool, clock_now(), &err), 0);
    int sockets[] = {local_of(rig.executor)->slots[0].control.fd, rig.nursery.socket};
    for (int i = 0; i < 2; i++) {
        struct pollfd wait = {.fd = sockets[i], .events = POLLIN};
        ck_assert_int_eq(poll(&wait, 1, (int)(patience() * 1000)), 1);
    }
    ck_assert_msg(pool_dispatch(rig.pool, clock_now(), &err) == 0, "%s", err.text);
    ck_assert_uint_eq(pool_ready(rig.pool), 1);
    rig_close(&rig);
}
END_TEST

// One signal from outside does not make the plugins unfit; after a second one they are blamed.
START_TEST(a_worker_that_is_crashed_from_outside_while_it_starts_is_replaced)
{
    br_error err = {0};
    if (rig_under_valgrind())
        return; // it drops a signal that comes right after a fork
    rig_open(&rig,
             (struct rig_options){.workers = 1, .plugin = "tests/plugins/.libs/init_hangs.so"});
    RIG_AWAIT(&rig, local_pid(rig.executor, 0) != 0);
    int first = local_pid(rig.executor, 0);
    kill(first, SIGSEGV);
    RIG_AWAIT(&rig, local_pid(rig.executor, 0) != first && local_pid(rig.executor, 0) != 0);
    kill(local_pid(rig.executor, 0), SIGSEGV);
    rig_run_until_error(&rig, &err);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN); // the second crash in a row
    ck_assert_msg(strstr(err.text, "while it was loading the plugins: SIGSEGV") != NULL, "%s",
                  err.text);
    rig_close(&rig);
}
END_TEST

START_TEST(workers_are_replaced_after_max_tasks)
{
    for (unsigned max = 1; max <= 2; max++) {
        rig_run_one(&rig, (struct rig_options){.workers = 2, .max_tasks = max}, "pid", 0, 20,
                    rig_chunk(5));
        ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
        for (int i = 0; i < 20; i++) {
            unsigned same = 0;
            for (int k = 0; k < 20; k++)
                same += rig.fates[i].y == rig.fates[k].y;
            ck_assert_uint_le(same, max);
        }
        rig_close(&rig);
    }
}
END_TEST

// ---- What a worker has

START_TEST(descriptors_are_not_inherited)
{
    int leak = open("/dev/zero", O_RDONLY); // not close-on-exec: a caller may do so
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "descriptors", 0, 1, rig_chunk(0));
    const char *list = rig.fates[0].text;
    ck_assert_ptr_null(strstr(list, "/dev/zero"));
    ck_assert_ptr_nonnull(strstr(list, "0=/dev/null 1=/dev/null 2=/dev/null "));
    unsigned count = 0;
    for (const char *at = list; (at = strchr(at, '=')); at++)
        count++;
    if (!rig_under_valgrind())
        ck_assert_msg(count == 5, "%s", list); // also control socket and doorbell
    rig_close(&rig);
    close(leak);
}
END_TEST

START_TEST(the_environment_is_the_workers_own)
{
    struct job_env env[] = {{(char *)"WILD_SET", (char *)"yes"}, {(char *)"WILD_UNSET", NULL}};
    setenv("WILD_KEPT", "kept", 1);
    setenv("WILD_UNSET", "still here", 1);
    rig_run_one(&rig, (struct rig_options){.workers = 1, .env = env, .env_count = 2}, "environment",
                0, 4, rig_chunk(0));
    ck_assert_str_eq(rig.fates[0].text, "kept");
    ck_assert_str_eq(rig.fates[1].text, "1");
    ck_assert_str_eq(rig.fates[2].text, "yes");
    ck_assert_str_eq(rig.fates[3].text, "(unset)");
    ck_assert_str_eq(getenv("WILD_UNSET"), "still here");
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_is_where_it_was_bound)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .bind = true}, "cpus", 0, 1, rig_chunk(0));
    int first = cpuset_next(&rig.plan.slots[0].cpus, 0);
    ck_assert_int_eq(rig.fates[0].y, 1000 + first);
    ck_assert(cpuset_equal(&rig.cpus[0], &rig.plan.slots[0].cpus));
    rig_close(&rig);
}
END_TEST

SUITE(local_start)
{
    TEST(an_init_that_fails_ends_the_pool_at_once);
    TEST(a_plugin_that_crashes_on_loading_ends_the_pool);
    TEST(an_init_that_hangs_ends_the_pool);
    TEST(a_worker_that_was_ready_before_anybody_looked_is_not_late);
    TEST(a_worker_that_is_crashed_from_outside_while_it_starts_is_replaced);
    TEST(workers_are_replaced_after_max_tasks);
    TEST(descriptors_are_not_inherited);
    TEST(the_environment_is_the_workers_own);
    TEST(a_worker_is_where_it_was_bound);
}

// SPDX-License-Identifier: BSD-3-Clause
// A task does not see the changes that an earlier one has made in its process, whether each runs in
// a child of its own or both run in one worker.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

static struct pool_map_options isolated(enum job_isolation how, unsigned retries)
{
    return (struct pool_map_options){
        .chunk = 10,
        .map.isolation = how,
        .retries = {.limit = retries, .on = ~0U, .delay_ns = 1, .max_ns = 1, .factor = 1}};
}

static void run(const char *task, int64_t first, uint64_t rows, struct pool_map_options options)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2}, task, first, rows, options);
}

static void close_unharmed(void)
{
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}

START_TEST(each_task_has_a_process)
{
    run("pid", 0, 50, isolated(ISOLATE_TASK, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 50);
    for (int i = 0; i < 50; i++) {
        for (int k = 0; k < i; k++)
            ck_assert_int_ne(rig.fates[i].y, rig.fates[k].y);
        for (unsigned slot = 0; slot < 2; slot++)
            ck_assert_int_ne(rig.fates[i].y, local_pid(rig.executor, slot));
    }
    close_unharmed();
}
END_TEST

START_TEST(its_death_is_its_own)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGKILL, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        run("raise", signals[i], 1, isolated(ISOLATE_TASK, 2));
        ck_assert_int_eq(rig.fates[0].status, OUTCOME_CRASHED);
        ck_assert_int_eq(rig.fates[0].signal, signals[i]);
        ck_assert(!rig.fates[0].killed);
        ck_assert_uint_eq(rig.fates[0].tries, 3);
        close_unharmed();
    }
}
END_TEST

START_TEST(leaving_is_a_crash)
{
    run("leave", 0, 30, isolated(ISOLATE_TASK, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_CRASHED], 3);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 27);
    ck_assert_str_eq(rig.fates[1].text, "exit(0) was called");
    ck_assert_str_eq(rig.fates[2].text, "SIGABRT (abort)");
    close_unharmed();
}
END_TEST

START_TEST(a_result_that_is_lost_is_not_called_an_exit)
{
    run("close_all", 0, 2, isolated(ISOLATE_TASK, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_CRASHED], 2);
    for (int i = 0; i < 2; i++)
        ck_assert_str_eq(rig.fates[i].text,
                         "its result could not be handed over: it has closed, replaced or "
                         "written to descriptors not its own");
    close_unharmed();
}
END_TEST

START_TEST(one_that_is_traced_ends_as_any)
{
    run("traced", 0, 2, isolated(ISOLATE_TASK, 0));
    ck_assert_int_eq(rig.fates[0].status, OUTCOME_CRASHED);
    ck_assert_int_eq(rig.fates[0].signal, SIGTRAP);
    ck_assert_int_eq(rig.fates[1].status, OUTCOME_OK);
    close_unharmed();
}
END_TEST

START_TEST(a_failure_has_its_reason)
{
    run("fail", 0, 20, isolated(ISOLATE_TASK, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 20);
    ck_assert_str_eq(rig.fates[7].text, "task 7 fails");
    close_unharmed();
}
END_TEST

START_TEST(only_a_retry_is_isolated_by_auto)
{
    run("pid", 0, 50, isolated(ISOLATE_AUTO, 2));
    for (int i = 0; i < 50; i++)
        ck_assert(rig.fates[i].y == local_pid(rig.executor, 0) ||
                  rig.fates[i].y == local_pid(rig.executor, 1));
    close_unharmed();
    run("raise", SIGSEGV, 1, isolated(ISOLATE_AUTO, 4));
    ck_assert_int_eq(rig.fates[0].status, OUTCOME_CRASHED);
    ck_assert_uint_eq(rig.fates[0].tries, 5);
    ck_assert_uint_eq(rig.deaths, 1); // the first attempt, which ran in the worker itself
    rig_close(&rig);
}
END_TEST

START_TEST(no_fork_beside_threads_of_earlier_tasks)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "thread", 0, 3,
                isolated(ISOLATE_AUTO, 1));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 3);
    ck_assert_uint_ge(rig.deaths, 1);
    ck_assert_str_eq(rig.last_reason,
                     "it has threads, so a task with isolation needs a worker of its own");
    rig_close(&rig);
}
END_TEST

// The tasks wait for a thread that init has started. Every worker runs one of them.
static void run_beside_threads(unsigned workers, enum job_isolation how)
{
    static const struct job_env env[] = {{"ENDS_THREADS", "1"}};
    rig_run_one(&rig,
                (struct rig_options){.workers = workers,
                                     .plugin = "tests/plugins/.libs/ends.so",
                                     .env = env,
                                     .env_count = 1},
                "ask", 0, 12, isolated(how, 1));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 12);
    for (int i = 0; i < 12; i++)
        ck_assert_uint_eq(rig.fates[i].tries, i % 2 ? 2 : 1);
}

START_TEST(beside_threads_of_init_each_task_has_a_worker)
{
    run_beside_threads(1 + (unsigned)_i, ISOLATE_TASK);
    for (int i = 0; i < 12; i++)
        for (int k = 0; k < i; k++)
            ck_assert_int_ne(rig.fates[i].y, rig.fates[k].y);
    ck_assert_uint_ge(rig.starts, 18); // attempts
    rig_close(&rig);
}
END_TEST

START_TEST(beside_threads_of_init_each_retry_has_a_worker)
{
    run_beside_threads(1 + (unsigned)_i, ISOLATE_AUTO);
    for (int i = 1; i < 12; i += 2)
        for (int k = 0; k < 12; k++)
            ck_assert(k == i || rig.fates[i].y != rig.fates[k].y);
    ck_assert_uint_ge(rig.starts, 6);
    rig_close(&rig);
}
END_TEST

START_TEST(processes_that_it_leaves_are_ended)
{
    run("daemon", 0, 20, isolated(ISOLATE_TASK, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_gt(rig.fates[i].y, 0);
        ck_assert_int_eq(kill((pid_t)rig.fates[i].y, 0), -1);
    }
    close_unharmed();
}
END_TEST

START_TEST(its_time_is_limited)
{
    struct pool_map_options options = isolated(ISOLATE_TASK, 0);
    options.map.limits.hard_ns = 100 * NS_PER_MS;
    run("wait", 0, 2, options);
    ck_assert_uint_eq(rig.by_status[OUTCOME_TIMED_OUT], 2);
    rig_close(&rig);
    options.map.limits.hard_ns = rig_patience_ns();
    options.map.limits.soft_ns = 10 * NS_PER_MS;
    run("until_asked", 0, 3, options);
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 3);
    ck_assert_str_eq(rig.fates[2].text, "asked to stop");
    close_unharmed();
}
END_TEST

START_TEST(results_of_any_size_come_over)
{
    static const int64_t sizes[] = {0, 1, 1000, 200000, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        run("large", sizes[i], 1, isolated(ISOLATE_TASK, 0));
        ck_assert_int_eq(rig.fates[0].status, OUTCOME_OK);
        size_t kept = sizeof rig.fates[0].text - 1;
        ck_assert_uint_eq(strlen(rig.fates[0].text),
                          (size_t)sizes[i] < kept ? (size_t)sizes[i] : kept);
        close_unharmed();
    }
}
END_TEST

START_TEST(its_calls_return_the_same_as_in_a_worker)
{
    struct pool_map_options options = isolated(ISOLATE_TASK, 0);
    options.map.limits.hard_ns = 3600 * NS_PER_S;
    run("told", 5, 3, options);
    ck_assert_str_eq(rig.fates[2].text, "2 phase 1 1 1");
    close_unharmed();
}
END_TEST

static bool third_has_no_progress(void)
{
    struct exec_in_hand h;
    return rig.executor->ops->in_hand(rig.executor, 0, &h) && h.task.first == 3 && h.progress == 0;
}

START_TEST(progress_is_each_tasks_own)
{
    static const enum job_isolation how[] = {ISOLATE_WORKER, ISOLATE_TASK};
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 1});
    struct pool_map *m = rig_submit(&rig, "wait_at_three", 0, 4, isolated(how[_i], 0));
    RIG_AWAIT(&rig, third_has_no_progress());
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 3);
    rig_close(&rig);
}
END_TEST

START_TEST(scribbling_harms_no_other_task)
{
    struct pool_map_options options = isolated(ISOLATE_TASK, 0);
    // The child may have damaged itself so that it hangs. A task that was only slow is tried again.
    options.map.limits.hard_ns = rig_patience_ns() / 60;
    options.retries = (struct retry_policy){.limit = 5, .on = 1U << OUTCOME_TIMED_OUT, .factor = 1};
    rig_run_one(&rig,
                (struct rig_options){.workers = 2, .plugin = "tests/plugins/.libs/scribbler.so"},
                "everything", 0, 100, options);
    for (int i = 0; i < 100; i++)
        if (i % 10 != 5) { // tasks 5, 15, ... do harm, also to their own results
            ck_assert_int_eq(rig.fates[i].status, OUTCOME_OK);
            ck_assert_int_eq(rig.fates[i].y, (int64_t)i * i + 7);
        }
    rig_close(&rig);
}
END_TEST

// ---- In one worker

// Each task returns a description of its process, and makes another change that the next must not
// see.
START_TEST(a_task_does_not_see_changes_of_an_earlier_one)
{
    setenv("WILD_KEPT", "kept", 1);
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "meddle", 0, 15,
                isolated(ISOLATE_WORKER, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 15);
    for (int i = 1; i < 15; i++)
        ck_assert_str_eq(rig.fates[i].text, rig.fates[0].text);
    close_unharmed();
}
END_TEST

START_TEST(every_task_has_the_default_floating_point_mode)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "meddle_with_floats", 0, 200,
                isolated(ISOLATE_WORKER, 0));
    for (int i = 0; i < 200; i++)
        ck_assert_str_eq(rig.fates[i].text, "0 0"); // rounds to nearest, and no exception is raised
    close_unharmed();
}
END_TEST

START_TEST(a_change_that_cannot_be_undone_replaces_the_worker)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "close_output", 0, 10,
                isolated(ISOLATE_WORKER, 0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 10);
    ck_assert_uint_eq(rig.deaths, 1);
    ck_assert_str_eq(rig.last_reason, "a task has closed or replaced a standard stream");
    ck_assert_int_eq(rig.fates[0].y, rig.fates[1].y);
    ck_assert_int_ne(rig.fates[1].y, rig.fates[2].y);
    rig_close(&rig);
}
END_TEST

SUITE(isolation)
{
    TEST(each_task_has_a_process);
    TEST(its_death_is_its_own);
    TEST(leaving_is_a_crash);
    TEST(a_result_that_is_lost_is_not_called_an_exit);
    TEST(one_that_is_traced_ends_as_any);
    TEST(a_failure_has_its_reason);
    TEST(only_a_retry_is_isolated_by_auto);
    TEST(no_fork_beside_threads_of_earlier_tasks);
    LOOP_TEST(beside_threads_of_init_each_task_has_a_worker, 2);
    LOOP_TEST(beside_threads_of_init_each_retry_has_a_worker, 2);
    TEST(processes_that_it_leaves_are_ended);
    TEST(its_time_is_limited);
    TEST(results_of_any_size_come_over);
    TEST(its_calls_return_the_same_as_in_a_worker);
    LOOP_TEST(progress_is_each_tasks_own, 2);
    TEST(scribbling_harms_no_other_task);
    TEST(a_task_does_not_see_changes_of_an_earlier_one);
    TEST(every_task_has_the_default_floating_point_mode);
    TEST(a_change_that_cannot_be_undone_replaces_the_worker);
}

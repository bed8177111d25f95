// SPDX-License-Identifier: BSD-3-Clause
// The end of a pool: close, join, terminate, destroy, and the end of the program.
#include "pool_tests.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static br_error err;

START_TEST(submitting_to_a_closed_pool_fails_clearly)
{
    int64_t in = 1;
    br_pool *pool = pool_of(1);
    br_pool_close(pool);
    ck_assert_int_eq(br_pool_apply(pool, square, &in, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    ck_assert_ptr_null(br_pool_map_async(pool, square, &in, 1, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    br_pool_close(pool);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(join_wants_a_closed_pool)
{
    br_pool *pool = pool_of(1);
    ck_assert_int_eq(br_pool_join(pool, 0, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(join_waits_for_all_until_its_timeout)
{
    int64_t in[20], out[20] = {0};
    br_pool *pool = pool_with(2, _i);
    fill(in, 20);
    br_result *r = br_pool_map_async(pool, until_go, in, 20, 8, out, 8, NULL, &err);
    br_pool_close(pool);
    ck_assert_int_eq(br_pool_join(pool, 0.02, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert(br_result_successful(r));
    ck_assert_int_eq(out[19], 361);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(terminate_with_ten_thousand_long_tasks)
{
    struct noted noted = {.pid = 0};
    br_call_options options = {.on_error = note_bad, .user = &noted};
    br_pool *pool = pool_with(2, _i);
    br_result *map = br_pool_map_async(pool, forever, NULL, 10000, 0, NULL, 0, &options, &err);
    br_result *one = br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, &options, &err);
    ck_assert(map && one);
    drive_until(pool, &shared->started, 2);
    double began = seconds_now();
    br_pool_terminate(pool);
    figure("10000 long tasks are terminated", seconds_now() - began);
    ck_assert_uint_eq(noted.bad, 2);
    for (size_t i = 0; i < 10000; i++) {
        br_outcome o;
        CHECK_CALL(br_result_outcome(map, i, &o, &err));
        ck_assert_int_eq(o.status, BR_CANCELLED);
    }
    ck_assert_int_eq(br_result_get(one, 0, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    br_pool_stats stats;
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_uint_eq(stats.failed, 10001);
    CHECK_CALL(br_pool_join(pool, 0, &err));
    br_pool_destroy(pool);
}
END_TEST

START_TEST(destroy_without_close_leaves_nothing)
{
    pid_t nursery, workers[2];
    int64_t in[100];
    br_pool *pool = pool_with(2, _i);
    fill(in, 100);
    size_t fds = count_fds();
    br_result *r = br_pool_map_async(pool, forever, in, 100, 8, NULL, 8, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    drive_until(pool, &shared->started, 2);
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    ck_assert_uint_eq(count_children(nursery, workers, 2), 2);
    br_pool_destroy(pool);
    ck_assert_uint_lt(count_fds(), fds);
    ck_assert(has_ended(nursery));
    ck_assert(has_ended(workers[0]));
    ck_assert(has_ended(workers[1]));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static br_pool *at_exit_pool;

static void destroy_at_exit(void)
{
    br_pool_destroy(at_exit_pool);
    set_word(&shared->go, 7);
}

// Opens the caller's pool, with a busy worker.
static void become_a_caller(int how)
{
    at_exit_pool = pool_with(2, false);
    br_pool_map_async(at_exit_pool, forever, NULL, 50, 0, NULL, 0, NULL, &err);
    drive_until(at_exit_pool, &shared->started, 2);
    pid_t nursery, workers[2];
    count_children(getpid(), &nursery, 1);
    count_children(nursery, workers, 2);
    shared->pids[0] = nursery;
    shared->pids[1] = workers[0];
    shared->pids[2] = workers[1];
    if (how == 0)
        atexit(destroy_at_exit);
    if (how == 2 && fork() == 0)
        for (;;) // holds copies of all the caller's descriptors
            pause();
    set_word(&shared->calls, 1);
    if (how < 2)
        exit(0);
    for (;;)
        pause();
}

// By atexit, by exit alone, by SIGKILL while a child of the caller lives on.
START_TEST(no_worker_outlives_the_caller)
{
    int status;
    pid_t caller = fork();
    if (caller == 0)
        become_a_caller(_i);
    ck_assert(wait_word(&shared->calls, 1));
    if (_i == 2)
        kill(caller, SIGKILL);
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert(_i == 2 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    for (int i = 0; i < 3; i++)
        ck_assert_msg(ends(shared->pids[i]), "process %d of 3", i);
    ck_assert_uint_eq(shared->go, _i == 0 ? 7 : 0);
}
END_TEST

static void exit_now(br_result *r, void *user)
{
    (void)r;
    (void)user;
    exit(3);
}

// A callback ends the program, whose exit handler destroys the pool: on the progress thread, while
// the main thread is in a call on the pool, or on the main thread.
START_TEST(a_callback_that_exits)
{
    int status;
    pid_t caller = fork();
    if (caller == 0) {
        int64_t in = 3;
        br_call_options options = {.on_result = exit_now, .on_error = exit_now};
        at_exit_pool = pool_with(2, _i < 3);
        atexit(destroy_at_exit);
        br_result *r = br_pool_apply_async(at_exit_pool, square, &in, 8, NULL, 8, &options, &err);
        if (_i == 0)
            br_pool_apply(at_exit_pool, forever, NULL, 0, NULL, 0, NULL, &err);
        else if (_i == 1)
            br_pool_destroy(at_exit_pool);
        else
            br_result_wait(r, BR_FOREVER, &err);
        for (;;) // the result may be there before the callback is called
            br_pool_dispatch(at_exit_pool, &err);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert_uint_eq(shared->go, 7);
}
END_TEST

START_TEST(a_forked_childs_copy_refuses)
{
    int status;
    int64_t in = 1;
    br_pool *pool = pool_with(2, _i);
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, NULL, &err);
    pid_t child = fork();
    if (child == 0) {
        bool good = br_pool_apply(pool, square, &in, 8, NULL, 8, NULL, &err) == -1 &&
                    err.kind == BR_ERR_USAGE && br_result_wait(r, BR_FOREVER, &err) == -1 &&
                    br_pool_join(pool, 0, &err) == -1 && br_pool_dispatch(pool, &err) == -1 &&
                    !br_result_ready(r);
        br_pool_close(pool);
        br_pool_terminate(pool);
        br_result_free(r);
        br_pool_destroy(pool);
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    CHECK_CALL(br_result_get(r, patience(), &err));
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_pool_ends_with_its_scope)
{
    pid_t nursery;
    {
        br_auto_pool pool = pool_of(2);
        check_square(pool);
        ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    }
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 0);
    br_pool_destroy(NULL);
}
END_TEST

static size_t resident_kib(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

START_TEST(a_thousand_pools_leave_nothing)
{
    size_t count = full_size(1000, 50), fds = 0, memory = 0;
    for (size_t i = 0; i < count; i++) {
        br_pool *pool = pool_with(2, i % 2);
        check_square(pool);
        br_pool_map_async(pool, square, &(int64_t){3}, 1, 8, NULL, 8, NULL, &err);
        br_pool_destroy(pool);
        if (i == count / 5) {
            fds = count_fds();
            memory = resident_kib();
        }
    }
    ck_assert_uint_eq(count_fds(), fds);
    ck_assert(SANITIZED || resident_kib() < memory + 1024);
}
END_TEST

SUITE(pool_ending)
{
    FIXTURE(set_up, tear_down);
    TEST(submitting_to_a_closed_pool_fails_clearly);
    TEST(join_wants_a_closed_pool);
    LOOP_TEST(join_waits_for_all_until_its_timeout, 2);
    LOOP_TEST(terminate_with_ten_thousand_long_tasks, 2);
    LOOP_TEST(destroy_without_close_leaves_nothing, 2);
    LOOP_TEST(no_worker_outlives_the_caller, 3);
    LOOP_TEST(a_callback_that_exits, 4);
    LOOP_TEST(a_forked_childs_copy_refuses, 2);
    TEST(a_pool_ends_with_its_scope);
    TEST(a_thousand_pools_leave_nothing);
}

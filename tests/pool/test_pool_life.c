// SPDX-License-Identifier: BSD-3-Clause
// Callbacks, workers, endings, time, and the calling program, which is left alone.
#include "pool_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static br_error err;

#define ck_call(call) ck_assert_msg((call) == 0, "%s", err.text)

static void check_square(br_pool *pool)
{
    int64_t in = 5, out = 0;
    ck_call(br_pool_apply(pool, square, &in, 8, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 25);
}

// Most tests here run twice: the caller drives, or the progress thread does.
static br_pool *pool_with(unsigned workers, bool thread)
{
    return open_pool(&(br_pool_options){.workers = workers, .progress_thread = thread});
}

// ---- Callbacks

struct told {
    _Atomic uint32_t good, bad;
    pid_t pid;
    pthread_t thread;
    br_pool *pool;
    br_result *result;
    int call_result;
};

static void note_good(br_result *r, void *user)
{
    struct told *told = user;
    told->result = r;
    told->pid = getpid();
    told->thread = pthread_self();
    add_word(&told->good);
}

static void note_bad(br_result *r, void *user)
{
    struct told *told = user;
    told->result = r;
    add_word(&told->bad);
}

START_TEST(one_callback_a_call_in_this_process)
{
    struct told told = {.pid = 0};
    int64_t in[2] = {0, 1};
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = &told};
    br_pool *pool = pool_with(2, _i);
    br_result *good = br_pool_map_async(pool, odd_fails, in, 1, 8, NULL, 8, &options, &err);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(told.good, 1);
    ck_assert_uint_eq(told.bad, 0);
    ck_assert_ptr_eq(told.result, good);
    ck_assert_int_eq(told.pid, getpid());
    ck_assert((pthread_equal(told.thread, pthread_self()) == 0) == _i);
    br_pool_destroy(pool);
    pool = pool_with(2, _i);
    br_result *bad = br_pool_map_async(pool, odd_fails, in, 2, 8, NULL, 8, &options, &err);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(told.good, 1);
    ck_assert_uint_eq(told.bad, 1);
    ck_assert_ptr_eq(told.result, bad);
    br_pool_destroy(pool);
}
END_TEST

static void submit_another(br_result *r, void *user)
{
    struct told *told = user;
    int64_t in = 6;
    (void)r;
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = told};
    br_result_free(br_pool_apply_async(told->pool, square, &in, 8, NULL, 8, &options, NULL));
}

START_TEST(a_callback_that_submits)
{
    int64_t in = 3;
    br_pool *pool = pool_with(1, _i);
    struct told told = {.pool = pool};
    br_call_options options = {.on_result = submit_another, .user = &told};
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
    ck_call(br_result_get(r, BR_FOREVER, &err));
    drive_until(pool, &told.good, 1);
    ck_assert_uint_eq(told.bad, 0);
    br_pool_destroy(pool);
}
END_TEST

static void map_within(br_result *r, void *user)
{
    struct told *told = user;
    int64_t in[10], out[10] = {0};
    (void)r;
    fill(in, 10);
    told->call_result = br_pool_map(told->pool, square, in, 10, 8, out, 8, NULL, NULL);
    if (told->call_result == 0 && out[9] == 81)
        add_word(&told->good);
}

static void terminate_within(br_result *r, void *user)
{
    struct told *told = user;
    br_result_free(r);
    br_pool_terminate(told->pool);
    add_word(&told->good);
}

static void close_within(br_result *r, void *user)
{
    struct told *told = user;
    (void)r;
    br_pool_close(told->pool);
    told->call_result = br_pool_join(told->pool, BR_FOREVER, NULL);
    add_word(&told->good);
}

static void cancel_within(br_result *r, void *user)
{
    struct told *told = user;
    (void)r;
    br_result_cancel(told->result);
    add_word(&told->good);
}

static void (*const within[])(br_result *, void *) = {map_within, terminate_within, close_within,
                                                      cancel_within};

// While a second call is under way.
START_TEST(a_callback_that_waits_terminates_closes_cancels)
{
    int64_t in = 3;
    int what = _i / 2;
    br_pool *pool = pool_with(2, _i % 2);
    struct told told = {.pool = pool, .call_result = 1};
    br_call_options options = {.on_result = within[what], .user = &told};
    told.result = what == 1 || what == 3
                      ? br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, NULL, &err)
                      : br_pool_apply_async(pool, square, &in, 8, NULL, 8, NULL, &err);
    ck_assert_msg(told.result != NULL, "%s", err.text);
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    drive_until(pool, &told.good, 1);
    ck_assert_int_eq(br_result_wait(told.result, 20, &err), 1);
    ck_assert_int_eq(told.call_result, what == 0 || what == 2 ? 0 : 1);
    br_pool_destroy(pool);
}
END_TEST

static void wait_for_go(br_result *r, void *user)
{
    (void)r;
    (void)user;
    wait_word(&shared->go, 1);
}

static void *say_go(void *pool)
{
    // Both have ended, and one is in its callback: the other's is not lost.
    (void)pool;
    wait_word(&shared->calls, 2);
    set_word(&shared->go, 1);
    return NULL;
}

START_TEST(a_slow_callback_loses_no_other)
{
    struct told told = {.pid = 0};
    pthread_t other;
    br_pool *pool = pool_with(2, _i);
    br_call_options slow = {.on_result = wait_for_go};
    br_call_options quick = {.on_result = note_good, .user = &told};
    ck_assert_int_eq(pthread_create(&other, NULL, say_go, pool), 0);
    br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &slow, &err);
    br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &quick, &err);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(told.good, 1);
    pthread_join(other, NULL);
    br_pool_destroy(pool);
}
END_TEST

struct meeting {
    br_pool *pool;
    pthread_barrier_t both;
};

static void meet_and_terminate(br_result *r, void *user)
{
    struct meeting *meeting = user;
    (void)r;
    pthread_barrier_wait(&meeting->both);
    br_pool_terminate(meeting->pool);
}

static void *join_pool(void *pool)
{
    return br_pool_join(pool, BR_FOREVER, NULL) == 0 ? pool : NULL;
}

START_TEST(callbacks_on_two_threads_that_terminate)
{
    struct meeting meeting = {.pool = pool_of(2)};
    br_call_options options = {.on_result = meet_and_terminate, .user = &meeting};
    pthread_t other;
    void *joined = NULL;
    ck_assert_int_eq(pthread_barrier_init(&meeting.both, NULL, 2), 0);
    for (int i = 0; i < 2; i++)
        ck_assert(br_pool_apply_async(meeting.pool, count_calls, NULL, 0, NULL, 0, &options, &err));
    br_pool_close(meeting.pool);
    ck_assert_int_eq(pthread_create(&other, NULL, join_pool, meeting.pool), 0);
    ck_call(br_pool_join(meeting.pool, BR_FOREVER, &err));
    pthread_join(other, &joined);
    ck_assert_ptr_eq(joined, meeting.pool);
    br_pool_destroy(meeting.pool);
    pthread_barrier_destroy(&meeting.both);
}
END_TEST

// ---- Workers

static int note_init(void *arg)
{
    (void)arg;
    add_word(&shared->inits);
    return 0;
}

static int init_number;

static int set_number(void *arg)
{
    init_number = *(int *)arg;
    return note_init(arg);
}

static int get_number(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    *(int64_t *)out = init_number;
    return 0;
}

START_TEST(init_runs_once_in_each_worker)
{
    int number = 42;
    int64_t out[100];
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 3, .init = set_number, .init_arg = &number});
    drive_starts(pool, 3);
    ck_call(br_pool_map(pool, get_number, NULL, 100, 0, out, 8, NULL, &err));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(out[i], 42);
    ck_assert_uint_eq(shared->inits, 3);
    ck_assert_int_eq(init_number, 0);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(as_many_workers_as_asked_for_and_never_more)
{
    pid_t nursery, workers[8];
    int64_t pids[1000];
    br_pool_stats stats;
    br_pool *pool = pool_of(3);
    drive_starts(pool, 3);
    ck_call(
        br_pool_map(pool, tell_pid, NULL, 1000, 0, pids, 8, &(br_call_options){.chunk = 1}, &err));
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    ck_assert_uint_eq(count_children(nursery, workers, 8), 3);
    for (int i = 0; i < 1000; i++)
        ck_assert(pids[i] == workers[0] || pids[i] == workers[1] || pids[i] == workers[2]);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 3);
    ck_assert_uint_eq(stats.alive, 3);
    ck_assert_uint_eq(stats.starts, 3);
    ck_assert_uint_eq(stats.deaths, 0);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(the_default_is_a_worker_a_usable_cpu)
{
    br_pool_stats stats;
    br_pool *pool = open_pool(NULL);
    br_pool_get_stats(pool, &stats);
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    ck_assert_int_eq((int)stats.workers, CPU_COUNT(&set));
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static int count_cpus_here(br_task *t, const void *in, void *out)
{
    cpu_set_t set;
    (void)in;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return br_fail(t, "no affinity");
    *(int64_t *)out = CPU_COUNT(&set);
    return 0;
}

START_TEST(bound_workers)
{
    int64_t count = 0;
    br_pool *pool = open_pool(&(br_pool_options){.workers = 1, .binding = BR_BIND_PU});
    ck_call(br_pool_apply(pool, count_cpus_here, NULL, 0, &count, 8, NULL, &err));
    ck_assert_int_eq(count, 1);
    br_pool_destroy(pool);
    ck_assert_ptr_null(
        br_pool_create(&(br_pool_options){.workers = 4000, .binding = BR_BIND_PU}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    pool =
        open_pool(&(br_pool_options){.workers = 9, .binding = BR_BIND_PU, .oversubscribe = true});
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static int tell_limits(br_task *t, const void *in, void *out)
{
    struct rlimit memory, files;
    int64_t *limits = out;
    (void)in;
    if (getrlimit(RLIMIT_AS, &memory) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return br_fail(t, "no limits");
    limits[0] = (int64_t)memory.rlim_cur;
    limits[1] = (int64_t)files.rlim_cur;
    return 0;
}

START_TEST(limits_of_workers)
{
    int64_t limits[2];
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 1, .memory = UINT64_C(64) << 40, .open_files = 50});
    ck_call(br_pool_apply(pool, tell_limits, NULL, 0, limits, sizeof limits, NULL, &err));
    ck_assert_int_eq(limits[0], INT64_C(64) << 40);
    ck_assert_int_eq(limits[1], 50);
    br_pool_destroy(pool);
}
END_TEST

// With 1 and with 2 items a worker, a backlog, and while closing.
START_TEST(workers_are_replaced_after_max_tasks)
{
    enum {
        COUNT = 40
    };
    int64_t in[COUNT], out[COUNT], pids[COUNT];
    uint64_t most = (uint64_t)_i;
    br_pool_stats stats;
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 2, .max_tasks = most, .init = note_init});
    fill(in, COUNT);
    ck_call(br_pool_map(pool, tell_pid, in, COUNT, 8, pids, 8, NULL, &err));
    for (int i = 0; i < COUNT; i++) {
        uint64_t same = 0;
        for (int k = 0; k < COUNT; k++)
            same += pids[k] == pids[i];
        ck_assert_uint_le(same, most);
    }
    br_result *r = br_pool_map_async(pool, square, in, COUNT, 8, out, 8, NULL, &err);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_call(br_result_get(r, 0, &err));
    for (int64_t i = 0; i < COUNT; i++)
        ck_assert_int_eq(out[i], i * i);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_ge(stats.starts, 2 * COUNT / most);
    ck_assert_uint_eq(stats.deaths, 0);
    br_pool_destroy(pool);
}
END_TEST

// ---- Ending

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

START_TEST(join_waits_for_all_and_no_longer_than_told)
{
    int64_t in[20], out[20] = {0};
    br_pool *pool = pool_with(2, _i);
    fill(in, 20);
    br_result *r = br_pool_map_async(pool, until_go, in, 20, 8, out, 8, NULL, &err);
    br_pool_close(pool);
    ck_assert_int_eq(br_pool_join(pool, 0.02, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert(br_result_successful(r));
    ck_assert_int_eq(out[19], 361);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(terminate_with_ten_thousand_long_tasks)
{
    struct told told = {.pid = 0};
    br_call_options options = {.on_error = note_bad, .user = &told};
    br_pool *pool = pool_with(2, _i);
    br_result *map = br_pool_map_async(pool, forever, NULL, 10000, 0, NULL, 0, &options, &err);
    br_result *one = br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, &options, &err);
    ck_assert(map && one);
    drive_until(pool, &shared->started, 2);
    double began = seconds_now();
    br_pool_terminate(pool);
    ck_assert_double_lt(seconds_now() - began, 20);
    ck_assert_uint_eq(told.bad, 2);
    for (size_t i = 0; i < 10000; i++) {
        br_outcome o;
        ck_call(br_result_outcome(map, i, &o, &err));
        ck_assert_int_eq(o.status, BR_CANCELLED);
    }
    ck_assert_int_eq(br_result_get(one, 0, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    br_pool_stats stats;
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_uint_eq(stats.failed, 10001);
    ck_call(br_pool_join(pool, 0, &err));
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
    ck_assert(ends_within(nursery, 0));
    ck_assert(ends_within(workers[0], 0));
    ck_assert(ends_within(workers[1], 0));
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

// What the caller is after this: its pool, with a busy worker.
static void become_a_caller(int how)
{
    at_exit_pool = pool_with(2, false);
    br_pool_map_async(at_exit_pool, forever, NULL, 50, 0, NULL, 0, NULL, &err);
    drive_until(at_exit_pool, &shared->started, 2);
    count_children(getpid(), (pid_t *)&shared->pids[0], 1);
    count_children(shared->pids[0], (pid_t *)&shared->pids[1], 2);
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
        ck_assert_msg(ends_within(shared->pids[i], 20), "process %d of 3", i);
    ck_assert_uint_eq(shared->go, _i == 0 ? 7 : 0);
}
END_TEST

static void exit_now(br_result *r, void *user)
{
    (void)r;
    (void)user;
    exit(3);
}

// A callback ends the program, whose handler destroys the pool: on the progress thread, while the
// main one is in a call on the pool, or on that.
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
    ck_call(br_result_get(r, 20, &err));
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

// ---- Time

static int ignore_term(br_task *t, const void *in, void *out)
{
    signal(SIGTERM, SIG_IGN);
    return forever(t, in, out);
}

static int forever_if_three(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    return *n != 3 ? square(t, in, out) : forever(t, in, out);
}

static int ignore_if_three(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    return *n != 3 ? square(t, in, out) : ignore_term(t, in, out);
}

START_TEST(a_timeout_ends_that_item_alone)
{
    int64_t in[10], out[10];
    br_outcome o;
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 2, .grace = 0.05, .progress_thread = _i / 2 == 1});
    br_call_options options = {.timeout = 1};
    fill(in, 10);
    br_result *r = br_pool_map_async(pool, _i % 2 ? ignore_if_three : forever_if_three, in, 10, 8,
                                     out, 8, &options, &err);
    ck_assert_int_eq(br_result_wait(r, 40, &err), 1);
    for (int i = 0; i < 10; i++) {
        ck_call(br_result_outcome(r, (size_t)i, &o, &err));
        ck_assert_int_eq(o.status, i == 3 ? BR_TIMED_OUT : BR_OK);
        ck_assert(i == 3 || out[i] == i * i);
    }
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static int until_asked(br_task *t, const void *in, void *out)
{
    (void)in;
    while (!br_task_cancelled(t))
        sched_yield();
    *(int64_t *)out = 11;
    return 0;
}

START_TEST(a_soft_timeout_is_seen_by_who_asks)
{
    int64_t out = 0;
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.soft_timeout = 0.02, .timeout = 40};
    ck_call(br_pool_apply(pool, until_asked, NULL, 0, &out, 8, &options, &err));
    ck_assert_int_eq(out, 11);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_cancelled_item_that_is_queued_never_runs)
{
    int64_t in = 2, out = 0;
    struct told told = {.pid = 0};
    br_outcome o;
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = &told};
    br_pool *pool = pool_with(1, _i);
    br_result *first = br_pool_apply_async(pool, until_go, &in, 8, &out, 8, NULL, &err);
    drive_until(pool, &shared->started, 1);
    br_result *queued = br_pool_map_async(pool, count_calls, NULL, 100, 0, NULL, 0, &options, &err);
    br_result_cancel(queued);
    ck_assert_int_eq(br_result_wait(queued, 20, &err), 1);
    ck_call(br_result_outcome(queued, 99, &o, &err));
    ck_assert_int_eq(o.status, BR_CANCELLED);
    ck_assert_int_eq(o.worker, -1);
    set_word(&shared->go, 1);
    ck_call(br_result_get(first, BR_FOREVER, &err));
    ck_assert_int_eq(out, 4);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(shared->calls, 0);
    ck_assert_uint_eq(told.good, 0);
    ck_assert_uint_eq(told.bad, 1);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_cancelled_item_that_runs_is_ended)
{
    int64_t in = 2, out = 0;
    br_outcome o;
    br_pool *pool = pool_with(2, _i);
    br_result *other = br_pool_apply_async(pool, until_go, &in, 8, &out, 8, NULL, &err);
    br_result *r = br_pool_apply_async(pool, ignore_term, NULL, 0, NULL, 0, NULL, &err);
    drive_until(pool, &shared->started, 2);
    br_result_cancel(r);
    ck_assert_int_eq(br_result_wait(r, 20, &err), 1);
    ck_call(br_result_outcome(r, 0, &o, &err));
    ck_assert_int_eq(o.status, BR_CANCELLED);
    set_word(&shared->go, 1);
    ck_call(br_result_get(other, BR_FOREVER, &err));
    ck_assert_int_eq(out, 4);
    br_result_cancel(other);
    ck_assert(br_result_successful(other));
    br_pool_destroy(pool);
}
END_TEST

static int third_time(br_task *t, const void *in, void *out)
{
    (void)in;
    *(int64_t *)out = br_task_attempt(t);
    add_word(&shared->calls);
    if (br_task_attempt(t) == 1)
        abort();
    return br_task_attempt(t) < 2 ? br_fail(t, "not yet") : 0;
}

START_TEST(a_retry_has_the_next_attempt)
{
    int64_t out = 0;
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.retries = 2};
    ck_call(br_pool_apply(pool, third_time, NULL, 0, &out, 8, &options, &err));
    ck_assert_int_eq(out, 2);
    ck_assert_uint_eq(shared->calls, 3);
    options.retries = 1;
    br_result *r = br_pool_apply_async(pool, third_time, NULL, 0, NULL, 8, &options, &err);
    br_outcome o;
    ck_assert_int_eq(br_result_wait(r, 20, &err), 1);
    ck_call(br_result_outcome(r, 0, &o, &err));
    ck_assert_uint_eq(o.attempt, 1);
    ck_assert_int_eq(o.status, BR_CRASHED);
    br_pool_destroy(pool);
}
END_TEST

static int always_aborts(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    add_word(&shared->calls);
    abort();
}

START_TEST(an_item_that_kills_many_workers_is_given_up)
{
    br_pool *pool = open_pool(&(br_pool_options){.workers = 1, .crash_limit = 2});
    br_call_options options = {.retries = 100};
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, &options, &err), -1);
    ck_assert_uint_eq(shared->calls, 2);
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static int fail_once(br_task *t, const void *in, void *out)
{
    (void)in;
    (void)out;
    return br_task_attempt(t) == 0 ? br_fail(t, "at first") : 0;
}

// The one worker does other things until the retry is due.
START_TEST(a_back_off_blocks_nobody)
{
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.retries = 1, .retry_delay = 0.5};
    double began = seconds_now();
    br_result *r = br_pool_apply_async(pool, fail_once, NULL, 0, NULL, 0, &options, &err);
    for (int i = 0; i < 10; i++)
        check_square(pool);
    ck_call(br_result_get(r, BR_FOREVER, &err));
    ck_assert_double_ge(seconds_now() - began, 0.5);
    br_pool_destroy(pool);
}
END_TEST

static int in_turn(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    *(int64_t *)out = atomic_fetch_add(&shared->calls, 1);
    return 0;
}

START_TEST(a_higher_priority_comes_first)
{
    int64_t in = 0, low[5], high[5];
    br_pool *pool = pool_of(1);
    br_result *first = br_pool_apply_async(pool, until_go, &in, 8, NULL, 8, NULL, &err);
    br_result *second = br_pool_apply_async(pool, until_go, &in, 8, NULL, 8, NULL, &err);
    drive_until(pool, &shared->started, 1);
    br_result *l = br_pool_map_async(pool, in_turn, NULL, 5, 0, low, 8,
                                     &(br_call_options){.priority = -1}, &err);
    br_result *h = br_pool_map_async(pool, in_turn, NULL, 5, 0, high, 8,
                                     &(br_call_options){.priority = 1}, &err);
    set_word(&shared->go, 1);
    ck_call(br_result_get(l, BR_FOREVER, &err));
    ck_call(br_result_get(h, BR_FOREVER, &err));
    ck_assert_int_lt(high[4], low[0]);
    ck_assert(first && second);
    br_pool_destroy(pool);
}
END_TEST

// ---- The calling program

static volatile sig_atomic_t reaped;

static void reap_all(int signal)
{
    int saved = errno;
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}

START_TEST(a_sigchld_handler_that_reaps_everything)
{
    struct sigaction action = {.sa_handler = reap_all};
    ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
    br_pool *pool = pool_with(2, _i);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(reaped, 0);
    pid_t own = fork();
    if (own == 0)
        _exit(0);
    ck_assert(ends_within(own, 20));
    check_square(pool);
    br_pool_destroy(pool);
    ck_assert_int_ge(reaped, 1);
    struct sigaction now;
    sigaction(SIGCHLD, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, reap_all);
}
END_TEST

START_TEST(sigchld_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    br_pool *pool = pool_with(2, _i);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static pid_t exits_with(int code)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

START_TEST(the_callers_own_children)
{
    int status;
    pid_t before = exits_with(3);
    br_pool *pool = pool_with(2, _i);
    pid_t during = exits_with(4);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(waitpid(before, &status, 0), before);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert_int_eq(waitpid(-1, &status, 0), during);
    ck_assert_int_eq(WEXITSTATUS(status), 4);
    ck_assert_int_eq(waitpid(-1, &status, WNOHANG), 0); // the nursery lives
    pid_t after = exits_with(5);
    br_pool_destroy(pool);
    ck_assert_int_eq(waitpid(after, &status, 0), after);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
    ck_assert_int_eq(waitpid(-1, &status, 0), -1);
}
END_TEST

static atomic_bool stop_threads;

static void *use_malloc(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop_threads)) {
        void *blocks[64];
        for (size_t i = 0; i < 64; i++)
            blocks[i] = malloc(100 + 1000 * i);
        for (size_t i = 0; i < 64; i++)
            free(blocks[i]);
        sched_yield();
    }
    return NULL;
}

static int use_malloc_too(br_task *t, const void *in, void *out)
{
    char *text = malloc(100000);
    if (!text)
        return br_fail(t, "out of memory");
    memset(text, 1, 100000);
    free(text);
    return square(t, in, out);
}

START_TEST(threads_that_allocate_while_a_pool_is_made)
{
    pthread_t threads[3];
    int64_t in = 4, out = 0;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_malloc, NULL), 0);
    for (int round = 0; round < 10; round++) {
        br_pool *pool = open_pool(&(br_pool_options){.workers = 2, .init = note_init});
        ck_call(br_pool_apply(pool, use_malloc_too, &in, 8, &out, 8, NULL, &err));
        ck_assert_int_eq(out, 16);
        br_pool_destroy(pool);
    }
    atomic_store(&stop_threads, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

static void *call_often(void *pool)
{
    for (int64_t i = 0; i < 100; i++) {
        int64_t out = -1;
        br_error e;
        if (br_pool_apply(pool, square, &i, 8, &out, 8, NULL, &e) != 0 || out != i * i)
            return pool;
        br_result *r = br_pool_apply_async(pool, odd_fails, &i, 8, NULL, 8, NULL, &e);
        if (!r || br_result_wait(r, BR_FOREVER, &e) != 1 || br_result_successful(r) != (i % 2 == 0))
            return pool;
        br_result_free(r);
    }
    return NULL;
}

START_TEST(many_threads_call_one_pool)
{
    pthread_t threads[5];
    void *failed;
    br_pool *pool = pool_with(2, _i);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_often, pool), 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    br_pool_destroy(pool);
}
END_TEST

static void *get_it(void *result)
{
    br_error e;
    return br_result_get(result, BR_FOREVER, &e) == 0 ? NULL : result;
}

// One of them drives; when it is done another does.
START_TEST(many_threads_wait_for_one_result)
{
    pthread_t threads[5];
    void *failed;
    int64_t in = 6;
    br_pool *pool = pool_with(1, _i);
    br_result *r = br_pool_apply_async(pool, until_go, &in, 8, NULL, 8, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_it, r), 0);
    ck_assert(wait_word(&shared->started, 1));
    ck_assert_int_eq(br_result_get(r, 0.001, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(*(const int64_t *)br_result_output(r, 0), 36);
    br_pool_destroy(pool);
}
END_TEST

static int good_or_exits(br_task *t, const void *in, void *out)
{
    static const enum death ways[] = {DIE_ERROR, DIE_EXIT, DIE_QUICK_EXIT, DIE_ABORT};
    const int64_t *n = in;
    return *n < 4 ? die(ways[*n]) : square(t, in, out);
}

// A caller in a process of its own: its output goes to `file`. How many times it said the word.
static int say_in_a_caller(int how)
{
    char path[] = "/tmp/batchrun-stdio-XXXXXX", line[256];
    int fd = mkstemp(path), status, count = 0;
    ck_assert_int_ge(fd, 0);
    pid_t caller = fork();
    if (caller == 0) {
        dup2(fd, 1);
        printf("unflushed ");
        FILE *other = fdopen(fd, "w");
        fprintf(other, "unflushed ");
        br_pool *pool = pool_of(2);
        int64_t in = how;
        br_pool_apply(pool, good_or_exits, &in, 8, NULL, 8, NULL, &err);
        br_pool_destroy(pool);
        exit(0);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (fscanf(file, "%255s", line) == 1)
        count += strcmp(line, "unflushed") == 0;
    fclose(file);
    close(fd);
    unlink(path);
    return count;
}

START_TEST(unflushed_text_is_printed_once)
{
    ck_assert_int_eq(say_in_a_caller(_i), 2);
}
END_TEST

static int say_hello(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    printf("hello\n");
    fprintf(stderr, "hello\n");
    return 0;
}

// Nothing of ours takes the numbers of what the caller has closed.
START_TEST(closed_standard_descriptors)
{
    int status;
    pid_t caller = fork();
    if (caller == 0) {
        for (int fd = 0; fd < 3; fd++)
            if (_i >> fd & 1)
                close(fd);
        int64_t in[20], out[20] = {0};
        fill(in, 20);
        br_pool *pool = br_pool_create(&(br_pool_options){.workers = 2, .max_tasks = 3}, &err);
        bool good = pool && br_pool_apply(pool, say_hello, NULL, 0, NULL, 0, NULL, &err) == 0 &&
                    br_pool_map(pool, square, in, 20, 8, out, 8, NULL, &err) == 0 && out[19] == 361;
        for (int fd = 0; fd < 3; fd++)
            good &= (_i >> fd & 1) == (fcntl(fd, F_GETFD) < 0);
        br_pool_destroy(pool);
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_caller_that_closes_what_is_not_its_own_is_told)
{
    int status;
    pid_t caller = fork();
    if (caller == 0) {
        br_pool *pool = br_pool_create(&(br_pool_options){.workers = 1}, &err);
        for (int fd = 3; fd < 100; fd++)
            close(fd);
        bool good = pool && br_pool_apply(pool, say_hello, NULL, 0, NULL, 0, NULL, &err) == -1;
        _exit(good && strstr(err.text, "cannot see what the workers tell") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert_int_eq(status, 0);
}
END_TEST

static int tell_open(br_task *t, const void *in, void *out)
{
    (void)t;
    *(int64_t *)out = fcntl(*(const int *)in, F_GETFD);
    return 0;
}

START_TEST(descriptors_are_not_inherited)
{
    int fd = dup(0);
    int64_t out = 0;
    br_pool *pool = pool_of(1);
    // Higher than any that a worker has of its own.
    int high = fcntl(fd, F_DUPFD, 200);
    br_pool *second = pool_of(1);
    ck_call(br_pool_apply(second, tell_open, &high, sizeof high, &out, 8, NULL, &err));
    ck_assert_int_eq(out, -1);
    ck_assert_int_ge(fcntl(high, F_GETFD), 0);
    br_pool_destroy(second);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(an_event_loop_drives_the_pool)
{
    struct told told = {.pid = 0};
    br_call_options options = {.on_result = note_good, .user = &told};
    br_pool *pool = pool_of(2);
    for (int i = 0; i < 10; i++)
        br_result_free(br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &options, &err));
    while (told.good < 10) {
        double timeout = br_pool_timeout(pool);
        struct pollfd wait = {.fd = br_pool_fd(pool), .events = POLLIN};
        poll(&wait, 1, timeout < 0 ? -1 : (int)(timeout * 1e3 + 0.999));
        ck_call(br_pool_dispatch(pool, &err));
    }
    ck_assert_uint_eq(shared->calls, 10);
    br_pool_destroy(pool);
}
END_TEST

static int tell_disposition(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    *(int64_t *)out = action.sa_handler == SIG_DFL;
    return 0;
}

START_TEST(signal_handlers_stay_the_callers)
{
    int64_t out = 0;
    struct sigaction action = {.sa_handler = reap_all}, now;
    sigset_t mask;
    sigaction(SIGUSR1, &action, NULL);
    br_pool *pool = pool_with(1, _i);
    ck_call(br_pool_apply(pool, tell_disposition, NULL, 0, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 1);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, reap_all);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGUSR1), 0);
    br_pool_destroy(pool);
}
END_TEST

static void add_callbacks(TCase *c)
{
    tcase_add_loop_test(c, one_callback_a_call_in_this_process, 0, 2);
    tcase_add_loop_test(c, a_callback_that_submits, 0, 2);
    tcase_add_loop_test(c, a_callback_that_waits_terminates_closes_cancels, 0, 8);
    tcase_add_loop_test(c, a_slow_callback_loses_no_other, 0, 2);
    tcase_add_test(c, callbacks_on_two_threads_that_terminate);
}

static void add_workers(TCase *c)
{
    tcase_add_test(c, init_runs_once_in_each_worker);
    tcase_add_test(c, as_many_workers_as_asked_for_and_never_more);
    tcase_add_test(c, the_default_is_a_worker_a_usable_cpu);
    tcase_add_test(c, bound_workers);
    if (!SANITIZED) // whose shadow memory is beyond the limit
        tcase_add_test(c, limits_of_workers);
    tcase_add_loop_test(c, workers_are_replaced_after_max_tasks, 1, 3);
}

static void add_ending(TCase *c)
{
    tcase_add_test(c, submitting_to_a_closed_pool_fails_clearly);
    tcase_add_test(c, join_wants_a_closed_pool);
    tcase_add_loop_test(c, join_waits_for_all_and_no_longer_than_told, 0, 2);
    tcase_add_loop_test(c, terminate_with_ten_thousand_long_tasks, 0, 2);
    tcase_add_loop_test(c, destroy_without_close_leaves_nothing, 0, 2);
    tcase_add_loop_test(c, no_worker_outlives_the_caller, 0, 3);
    tcase_add_loop_test(c, a_callback_that_exits, 0, 4);
    tcase_add_loop_test(c, a_forked_childs_copy_refuses, 0, 2);
    tcase_add_test(c, a_pool_ends_with_its_scope);
    tcase_add_test(c, a_thousand_pools_leave_nothing);
}

static void add_time(TCase *c)
{
    tcase_add_loop_test(c, a_timeout_ends_that_item_alone, 0, 4);
    tcase_add_loop_test(c, a_soft_timeout_is_seen_by_who_asks, 0, 2);
    tcase_add_loop_test(c, a_cancelled_item_that_is_queued_never_runs, 0, 2);
    tcase_add_loop_test(c, a_cancelled_item_that_runs_is_ended, 0, 2);
    tcase_add_loop_test(c, a_retry_has_the_next_attempt, 0, 2);
    tcase_add_test(c, an_item_that_kills_many_workers_is_given_up);
    tcase_add_loop_test(c, a_back_off_blocks_nobody, 0, 2);
    tcase_add_test(c, a_higher_priority_comes_first);
}

static void add_caller(TCase *c)
{
    tcase_add_loop_test(c, a_sigchld_handler_that_reaps_everything, 0, 2);
    tcase_add_loop_test(c, sigchld_ignored, 0, 2);
    tcase_add_loop_test(c, the_callers_own_children, 0, 2);
    // A sanitizer's allocator may be locked by another thread when this one forks; malloc is not.
    if (!SANITIZED)
        tcase_add_test(c, threads_that_allocate_while_a_pool_is_made);
    tcase_add_loop_test(c, many_threads_call_one_pool, 0, 2);
    tcase_add_loop_test(c, many_threads_wait_for_one_result, 0, 2);
    tcase_add_loop_test(c, unflushed_text_is_printed_once, 0, 5);
    tcase_add_loop_test(c, closed_standard_descriptors, 1, 8);
    tcase_add_test(c, a_caller_that_closes_what_is_not_its_own_is_told);
    tcase_add_test(c, descriptors_are_not_inherited);
    tcase_add_test(c, an_event_loop_drives_the_pool);
    tcase_add_loop_test(c, signal_handlers_stay_the_callers, 0, 2);
}

int main(void)
{
    Suite *suite = suite_create("pool.h: life");
    add_callbacks(new_case(suite, "callbacks"));
    add_workers(new_case(suite, "workers"));
    add_ending(new_case(suite, "ending"));
    add_time(new_case(suite, "time"));
    add_caller(new_case(suite, "the calling program"));
    return run_suite(suite);
}

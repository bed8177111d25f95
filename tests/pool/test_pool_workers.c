// SPDX-License-Identifier: BSD-3-Clause
// Workers: their number, initializers, binding and limits, and their replacement.
#include "pool_tests.h"

#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static br_error err;

static int init_number;

static int set_number(void *arg)
{
    init_number += *(int *)arg;
    return note_init(arg);
}

static int get_number(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    *(int64_t *)out = init_number;
    return 0;
}

static int never_returns(void *arg)
{
    (void)arg;
    while (pause() < 0)
        ;
    return 0;
}

START_TEST(an_initializer_that_hangs_is_ended_after_start_timeout)
{
    ck_assert_ptr_null(br_pool_create(
        &(br_pool_options){.workers = 2, .init = never_returns, .start_timeout = 0.1}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_str_eq(err.text,
                     "a worker hung in the pool's initializer: it was not ready after 0.1 s "
                     "(.start_timeout)");
    ck_assert_ptr_null(br_pool_create(&(br_pool_options){.start_timeout = -2}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    br_pool *pool = br_pool_create(
        &(br_pool_options){.workers = 1, .init = note_init, .start_timeout = BR_FOREVER}, &err);
    ck_assert_msg(pool != NULL, "%s", err.text);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(init_runs_once_in_each_worker)
{
    int number = 42;
    int64_t out[100];
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 3, .init = set_number, .init_arg = &number});
    drive_alive(pool, 3);
    CHECK_CALL(br_pool_map(pool, get_number, NULL, 100, 0, out, 8, NULL, &err));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(out[i], 42);
    ck_assert_uint_ge(shared->inits, 3);
    ck_assert_int_eq(init_number, 0);
    br_pool_destroy(pool);
}
END_TEST

static int fails_in_the_third(void *arg)
{
    (void)arg;
    add_word(&shared->inits);
    return atomic_fetch_add(&shared->calls, 1) == 2;
}

static int exits(void *arg)
{
    (void)arg;
    _exit(7);
}

START_TEST(an_init_that_fails_in_one_worker_fails_create)
{
    for (int round = 0; round < 5; round++) {
        shared->calls = 0;
        ck_assert_ptr_null(
            br_pool_create(&(br_pool_options){.workers = 5, .init = fails_in_the_third}, &err));
        ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
        ck_assert_msg(strstr(err.text, "initializer") != NULL, "%s", err.text);
    }
    ck_assert_ptr_null(br_pool_create(&(br_pool_options){.workers = 2, .init = exits}, &err));
    ck_assert_msg(strstr(err.text, "exit(7)") != NULL, "%s", err.text);
}
END_TEST

START_TEST(wait_ready_waits_for_all_workers)
{
    br_pool_stats stats;
    br_pool *pool = pool_with(3, _i);
    CHECK_CALL(br_pool_wait_ready(pool, BR_FOREVER, &err));
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.alive, 3);
    br_pool_close(pool);
    ck_assert_int_eq(br_pool_wait_ready(pool, 0, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(join_ends_the_workers_and_keeps_the_results)
{
    pid_t nursery;
    int64_t in = 5;
    br_pool_stats stats;
    br_pool *pool = pool_with(2, _i);
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, NULL, &err);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 0);
    ck_assert_int_eq(br_pool_fd(pool), -1);
    ck_assert(br_pool_timeout(pool) == BR_FOREVER);
    CHECK_CALL(br_pool_dispatch(pool, &err));
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    ck_assert_int_eq(*(const int64_t *)br_result_output(r, 0), 25);
    br_result_cancel(r);
    br_pool_terminate(pool);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.ok, 1);
    ck_assert_uint_eq(stats.alive, 0);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(as_many_workers_as_asked_for_and_never_more)
{
    pid_t nursery, workers[8];
    int64_t pids[1000];
    br_pool_stats stats;
    br_pool *pool = pool_of(3);
    drive_alive(pool, 3);
    CHECK_CALL(br_pool_map(pool, own_pid, NULL, 1000, 0, pids, 8,
                           &(br_call_options){.chunk_size = 1}, &err));
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    ck_assert_uint_eq(count_children(nursery, workers, 8), 3);
    for (int i = 0; i < 1000; i++)
        ck_assert(pids[i] == workers[0] || pids[i] == workers[1] || pids[i] == workers[2]);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.workers, 3);
    ck_assert_uint_eq(stats.alive, 3);
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
    CHECK_CALL(br_pool_apply(pool, count_cpus_here, NULL, 0, &count, 8, NULL, &err));
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

static int give_limits(br_task *t, const void *in, void *out)
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
    br_pool *pool = open_pool(
        &(br_pool_options){.workers = 1, .address_space = UINT64_C(64) << 40, .open_files = 50});
    CHECK_CALL(br_pool_apply(pool, give_limits, NULL, 0, limits, sizeof limits, NULL, &err));
    ck_assert_int_eq(limits[0], INT64_C(64) << 40);
    ck_assert_int_eq(limits[1], 50);
    br_pool_destroy(pool);
}
END_TEST

// With 1 and with 2 items a worker, a backlog, and while closing.
START_TEST(workers_are_replaced_after_max_tasks)
{
    enum {
        ITEMS = 40
    };
    int64_t in[ITEMS], out[ITEMS], pids[ITEMS];
    uint64_t most = (uint64_t)_i;
    br_pool_stats stats;
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 2, .max_tasks = most, .init = note_init});
    fill(in, ITEMS);
    CHECK_CALL(br_pool_map(pool, own_pid, in, ITEMS, 8, pids, 8, NULL, &err));
    for (int i = 0; i < ITEMS; i++) {
        uint64_t same = 0;
        for (int k = 0; k < ITEMS; k++)
            same += pids[k] == pids[i];
        ck_assert_uint_le(same, most);
    }
    br_result *r = br_pool_map_async(pool, square, in, ITEMS, 8, out, 8, NULL, &err);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    CHECK_CALL(br_result_get(r, 0, &err));
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(out[i], i * i);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_ge(stats.starts, 2 * ITEMS / most);
    ck_assert_uint_eq(stats.deaths, 0);
    br_pool_destroy(pool);
}
END_TEST

SUITE(pool_workers)
{
    FIXTURE(set_up, tear_down);
    TEST(init_runs_once_in_each_worker);
    TEST(an_init_that_fails_in_one_worker_fails_create);
    LOOP_TEST(wait_ready_waits_for_all_workers, 2);
    LOOP_TEST(join_ends_the_workers_and_keeps_the_results, 2);
    TEST(as_many_workers_as_asked_for_and_never_more);
    TEST(an_initializer_that_hangs_is_ended_after_start_timeout);
    TEST(the_default_is_a_worker_a_usable_cpu);
    TEST(bound_workers);
    if (!SANITIZED) // whose shadow memory is beyond the limit
        TEST(limits_of_workers);
    RANGE_TEST(workers_are_replaced_after_max_tasks, 1, 3);
}

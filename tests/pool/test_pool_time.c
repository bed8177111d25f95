// SPDX-License-Identifier: BSD-3-Clause
// Time limits, cancelling, retries and priorities.
#include "pool_tests.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static br_error err;

static int ignore_term(br_task *t, const void *in, void *out)
{
    signal(SIGTERM, SIG_IGN);
    return forever(t, in, out);
}

static bool hangs(br_task *t, const void *in)
{
    return *(const int64_t *)in == 3 && br_task_attempt(t) == 1;
}

static int forever_if_three(br_task *t, const void *in, void *out)
{
    return hangs(t, in) ? forever(t, in, out) : square(t, in, out);
}

static int ignore_if_three(br_task *t, const void *in, void *out)
{
    return hangs(t, in) ? ignore_term(t, in, out) : square(t, in, out);
}

// Item 3 hangs at its first attempt. Any item may take longer than the timeout on a slow machine,
// and is tried again.
START_TEST(a_timeout_ends_that_item_alone)
{
    int64_t in[10], out[10];
    br_pool *pool = open_pool(&(br_pool_options){
        .workers = 2, .grace = 0.05, .crash_limit = UINT_MAX, .progress_thread = _i / 2 == 1});
    br_call_options options = {.timeout = 0.3, .retries = UINT_MAX - 1};
    fill(in, 10);
    br_result *r = br_pool_map_async(pool, _i % 2 ? ignore_if_three : forever_if_three, in, 10, 8,
                                     out, 8, &options, &err);
    CHECK_CALL(br_result_get(r, patience(), &err));
    ck_assert_uint_ge(shared->started, 1);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(out[i], i * i);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(an_item_that_timed_out_has_that_outcome)
{
    br_outcome o;
    br_pool *pool =
        open_pool(&(br_pool_options){.workers = 1, .grace = 0.05, .progress_thread = _i / 2 == 1});
    br_call_options options = {.timeout = 0.02};
    br_result *r =
        br_pool_apply_async(pool, _i % 2 ? ignore_term : forever, NULL, 0, NULL, 0, &options, &err);
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    ck_assert_int_eq(o.status, BR_TIMED_OUT);
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
    br_call_options options = {.soft_timeout = 0.02, .timeout = patience()};
    CHECK_CALL(br_pool_apply(pool, until_asked, NULL, 0, &out, 8, &options, &err));
    ck_assert_int_eq(out, 11);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_cancelled_item_that_is_queued_never_runs)
{
    int64_t in = 2, out = 0;
    struct noted noted = {.pid = 0};
    br_outcome o;
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = &noted};
    br_pool *pool = pool_with(1, _i);
    br_result *first = br_pool_apply_async(pool, until_go, &in, 8, &out, 8, NULL, &err);
    drive_until(pool, &shared->started, 1);
    br_result *queued = br_pool_map_async(pool, count_calls, NULL, 100, 0, NULL, 0, &options, &err);
    br_result_cancel(queued);
    ck_assert_int_eq(br_result_wait(queued, patience(), &err), 1);
    CHECK_CALL(br_result_outcome(queued, 99, &o, &err));
    ck_assert_int_eq(o.status, BR_CANCELLED);
    ck_assert_int_eq(o.worker, -1);
    set_word(&shared->go, 1);
    CHECK_CALL(br_result_get(first, BR_FOREVER, &err));
    ck_assert_int_eq(out, 4);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(shared->calls, 0);
    ck_assert_uint_eq(noted.good, 0);
    ck_assert_uint_eq(noted.bad, 1);
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
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    ck_assert_int_eq(o.status, BR_CANCELLED);
    set_word(&shared->go, 1);
    CHECK_CALL(br_result_get(other, BR_FOREVER, &err));
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
    if (br_task_attempt(t) == 2)
        abort();
    return br_task_attempt(t) < 3 ? br_fail(t, "not yet") : 0;
}

START_TEST(a_retry_has_the_next_attempt)
{
    int64_t out = 0;
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.retries = 2};
    CHECK_CALL(br_pool_apply(pool, third_time, NULL, 0, &out, 8, &options, &err));
    ck_assert_int_eq(out, 3);
    ck_assert_uint_eq(shared->calls, 3);
    options.retries = 1;
    br_result *r = br_pool_apply_async(pool, third_time, NULL, 0, NULL, 8, &options, &err);
    br_outcome o;
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    ck_assert_uint_eq(o.attempt, 2);
    ck_assert_int_eq(o.status, BR_CRASHED);
    br_pool_destroy(pool);
}
END_TEST

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
    add_word(&shared->calls);
    return br_task_attempt(t) == 1 ? br_fail(t, "at first") : 0;
}

// The only worker does other things while an item waits for its retry.
START_TEST(a_back_off_blocks_nobody)
{
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.retries = 1, .retry_delay = 1e6};
    br_result *r = br_pool_apply_async(pool, fail_once, NULL, 0, NULL, 0, &options, &err);
    drive_until(pool, &shared->calls, 1);
    for (int i = 0; i < 10; i++)
        check_square(pool);
    ck_assert(!br_result_ready(r));
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_back_off_ends)
{
    br_pool *pool = pool_with(1, _i);
    br_call_options options = {.retries = 1, .retry_delay = 0.02};
    CHECK_CALL(br_pool_apply(pool, fail_once, NULL, 0, NULL, 0, &options, &err));
    ck_assert_uint_eq(shared->calls, 2);
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
    CHECK_CALL(br_result_get(l, BR_FOREVER, &err));
    CHECK_CALL(br_result_get(h, BR_FOREVER, &err));
    ck_assert_int_lt(high[4], low[0]);
    ck_assert(first && second);
    br_pool_destroy(pool);
}
END_TEST

SUITE(pool_time)
{
    FIXTURE(set_up, tear_down);
    LOOP_TEST(a_timeout_ends_that_item_alone, 4);
    LOOP_TEST(an_item_that_timed_out_has_that_outcome, 4);
    LOOP_TEST(a_soft_timeout_is_seen_by_who_asks, 2);
    LOOP_TEST(a_cancelled_item_that_is_queued_never_runs, 2);
    LOOP_TEST(a_cancelled_item_that_runs_is_ended, 2);
    LOOP_TEST(a_retry_has_the_next_attempt, 2);
    TEST(an_item_that_kills_many_workers_is_given_up);
    LOOP_TEST(a_back_off_blocks_nobody, 2);
    LOOP_TEST(a_back_off_ends, 2);
    TEST(a_higher_priority_comes_first);
}

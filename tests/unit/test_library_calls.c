// SPDX-License-Identifier: BSD-3-Clause
// Calls of a pool of functions: order, chunks, retries and time limits.
#include "support/library_simulation.h"
#include "support/suite.h"

// ---- Order and chunks

// Later items take less time.
static struct fake_task later_is_sooner(const struct exec_grant *task)
{
    return lib_ends(FAKE_OK, (int64_t)(LIB_ITEMS - task->first) * NS_PER_MS);
}

START_TEST(results_are_in_order_whichever_ends_first)
{
    static const size_t chunks[] = {0, 1, 7, LIB_ITEMS, SIZE_MAX};
    lib_open(3, later_is_sooner);
    br_result *r = lib_submit(LIB_ITEMS, &(br_call_options){.chunk_size = chunks[_i]});
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    for (size_t i = 0; i < LIB_ITEMS; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), (int64_t)(i * i));
    ck_assert_uint_eq(lib.start_count, LIB_ITEMS);
    lib_close();
}
END_TEST

START_TEST(items_are_granted_in_chunks)
{
    lib_open(1, NULL);
    br_result *r = lib_submit(LIB_ITEMS, &(br_call_options){.chunk_size = 30});
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    ck_assert_uint_eq(lib.grant_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(lib.grants[i].first, 30 * i);
        ck_assert_uint_eq(lib.grants[i].count, i < 3 ? 30 : 10);
    }
    lib_close();
}
END_TEST

START_TEST(max_parallel_is_how_many_work_at_once)
{
    lib_open(4, NULL);
    br_result *r = lib_submit(10, &(br_call_options){.max_parallel = 2, .chunk_size = 1});
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    ck_assert_int_eq(lib_elapsed(), 5 * NS_PER_MS);
    lib_close();
}
END_TEST

START_TEST(higher_priority_comes_first)
{
    lib_open(1, NULL);
    lib_must(br_result_get(lib_submit(1, NULL), BR_FOREVER, &lib_error));
    lib_submit(1, NULL); // the running task, and one queued after it
    lib_submit(1, NULL);
    lib_submit(1, &(br_call_options){.priority = -1});
    lib_submit(1, &(br_call_options){.priority = 1});
    br_pool_close(lib.pool);
    lib_must(br_pool_join(lib.pool, BR_FOREVER, &lib_error));
    ck_assert_uint_eq(lib.start_count, 5);
    ck_assert_uint_eq(lib.starts[3].map, 5);
    ck_assert_uint_eq(lib.starts[4].map, 4);
    lib_close();
}
END_TEST

// ---- Retries

static struct fake_task third_attempt_is_good(const struct exec_grant *task)
{
    return lib_ends(task->attempt < 3 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(a_retry_comes_after_its_back_off)
{
    lib_open(1, third_attempt_is_good);
    br_result *r = lib_submit(1, &(br_call_options){.retries = 2, .retry_delay = 0.01});
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    ck_assert_uint_eq(lib.start_count, 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(lib.starts[i].attempt, i + 1);
    ck_assert_int_eq(lib_elapsed(), (1 + 10 + 1 + 20 + 1) * NS_PER_MS);
    lib_close();
}
END_TEST

START_TEST(retries_end_with_the_last_failure)
{
    lib_open(1, third_attempt_is_good);
    br_result *r = lib_submit(1, &(br_call_options){.retries = 1});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TASK);
    ck_assert_int_eq(lib_outcome(r, 0).status, BR_ERROR);
    ck_assert_uint_eq(lib_outcome(r, 0).attempt, 2);
    lib_close();
}
END_TEST

static struct fake_task third_attempt_is_good_and_long(const struct exec_grant *task)
{
    return lib_ends(task->attempt < 3 ? FAKE_ERROR : FAKE_OK, NS_PER_S);
}

START_TEST(an_outcome_has_its_attempt_and_worker)
{
    lib_open(1, third_attempt_is_good_and_long);
    br_result *r = lib_submit(2, &(br_call_options){.chunk_size = 1, .retries = 2});
    br_outcome o = lib_outcome(r, 0);
    ck_assert_int_eq(o.status, BR_PENDING);
    ck_assert_uint_eq(o.attempt, 0);
    ck_assert_int_eq(o.worker, -1);
    ck_assert_int_eq(br_result_wait(r, 0.5, &lib_error), 0);
    o = lib_outcome(r, 0);
    ck_assert_int_eq(o.status, BR_RUNNING);
    ck_assert_uint_eq(o.attempt, 1);
    ck_assert_int_eq(o.worker, 0);
    ck_assert_int_eq(lib_outcome(r, 1).status, BR_PENDING);
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    for (size_t i = 0; i < 2; i++) {
        o = lib_outcome(r, i);
        ck_assert_int_eq(o.status, BR_OK);
        ck_assert_uint_eq(o.attempt, 3);
        ck_assert_int_eq(o.worker, 0);
    }
    lib_close();
}
END_TEST

static struct fake_task first_attempt_fails(const struct exec_grant *task)
{
    return lib_ends(task->attempt == 1 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

// Each of many calls waits for its own retry delay; none waits for the delay of another.
START_TEST(many_calls_wait_for_their_next_attempt)
{
    enum {
        CALLS = 300
    };
    br_result *r[CALLS];
    lib_open(1, first_attempt_fails);
    for (int i = 0; i < CALLS; i++)
        r[i] = lib_submit(1, &(br_call_options){.retries = 1, .retry_delay = 0.0005 * (CALLS - i)});
    for (int i = 0; i < CALLS; i++)
        lib_must(br_result_get(r[i], BR_FOREVER, &lib_error));
    ck_assert_uint_eq(lib.start_count, 2 * CALLS);
    ck_assert_int_eq(lib_elapsed(), (int64_t)2 * CALLS * NS_PER_MS); // the worker was never idle
    lib_close();
}
END_TEST

static struct fake_task item_three_crashes(const struct exec_grant *task)
{
    return lib_ends(task->first == 3 ? FAKE_CRASH : FAKE_OK, NS_PER_MS);
}

START_TEST(a_crash_affects_that_item_alone)
{
    lib_open(2, item_three_crashes);
    br_result *r = lib_submit(LIB_ITEMS, &(br_call_options){.chunk_size = LIB_ITEMS});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    for (size_t i = 0; i < LIB_ITEMS; i++)
        ck_assert_int_eq(lib_outcome(r, i).status, i == 3 ? BR_CRASHED : BR_OK);
    br_pool_stats stats;
    br_pool_get_stats(lib.pool, &stats);
    ck_assert_uint_eq(stats.deaths, 1);
    lib_close();
}
END_TEST

// ---- Time

START_TEST(a_timeout_ends_that_item_and_no_other)
{
    lib_open_with(2, lib_item_three_never_ends, (br_pool_options){.grace = 0.25});
    br_result *r = lib_submit(10, &(br_call_options){.timeout = 0.5, .chunk_size = 10});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(lib_outcome(r, i).status, i == 3 ? BR_TIMED_OUT : BR_OK);
    ck_assert_int_ge(lib_elapsed(), 750 * NS_PER_MS); // it ignores SIGTERM
    ck_assert_int_lt(lib_elapsed(), 760 * NS_PER_MS);
    lib_close();
}
END_TEST

static struct fake_task heeds(const struct exec_grant *task)
{
    (void)task;
    return (struct fake_task){.ns = FAKE_FOREVER, .heeds = true};
}

START_TEST(a_soft_timeout_asks)
{
    lib_open(1, heeds);
    br_result *r = lib_submit(1, &(br_call_options){.soft_timeout = 0.5, .timeout = 5});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    ck_assert_int_eq(lib_outcome(r, 0).status, BR_ERROR);
    ck_assert_int_eq(lib_elapsed(), 500 * NS_PER_MS);
    lib_close();
}
END_TEST

START_TEST(get_waits_until_its_timeout)
{
    lib_open(1, lib_first_call_is_long);
    br_result *r = lib_submit(1, NULL);
    ck_assert_int_eq(br_result_get(r, 0.25, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(lib_elapsed(), 250 * NS_PER_MS);
    ck_assert(!br_result_ready(r));
    ck_assert_int_eq(br_result_wait(r, 0.25, &lib_error), 0);
    ck_assert_int_eq(br_result_wait(r, 10, &lib_error), 1);
    ck_assert_int_eq(lib_elapsed(), NS_PER_S);
    ck_assert(br_result_successful(r));
    lib_close();
}
END_TEST

SUITE(library_calls)
{
    LOOP_TEST(results_are_in_order_whichever_ends_first, 5);
    TEST(items_are_granted_in_chunks);
    TEST(max_parallel_is_how_many_work_at_once);
    TEST(higher_priority_comes_first);
    TEST(a_retry_comes_after_its_back_off);
    TEST(retries_end_with_the_last_failure);
    TEST(an_outcome_has_its_attempt_and_worker);
    TEST(many_calls_wait_for_their_next_attempt);
    TEST(a_crash_affects_that_item_alone);
    TEST(a_timeout_ends_that_item_and_no_other);
    TEST(a_soft_timeout_asks);
    TEST(get_waits_until_its_timeout);
}

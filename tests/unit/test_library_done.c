// SPDX-License-Identifier: BSD-3-Clause
// Results as they end (br_pool_next_done, br_pool_wait_any), what is known of a call before its
// end, and structs of other versions of the header.
#include <string.h>

#include "support/library_simulation.h"
#include "support/suite.h"

// Calls end in the order 2, 4, 1, 3; calls are counted from 1.
static struct fake_task calls_end_out_of_order(const struct exec_grant *task)
{
    static const int64_t ms[] = {0, 30, 10, 40, 20};
    return lib_ends(task->map == 2 ? FAKE_ERROR : FAKE_OK, ms[task->map % 5] * NS_PER_MS);
}

static void submit_four(br_result **r)
{
    lib_open(4, calls_end_out_of_order);
    for (int i = 0; i < 4; i++)
        r[i] = lib_submit(1, NULL);
}

START_TEST(next_done_returns_each_result_once_in_the_order_of_the_ends)
{
    br_result *r[4];
    submit_four(r);
    ck_assert_ptr_null(br_pool_next_done(lib.pool, 0.005, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_TIMEOUT);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[1]);
    ck_assert_int_eq(lib_elapsed(), 10 * NS_PER_MS);
    ck_assert_int_eq(br_result_get(r[1], 0, &lib_error), -1);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[3]);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[0]);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[2]);
    ck_assert_int_eq(lib_elapsed(), 40 * NS_PER_MS);
    ck_assert_ptr_null(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_NONE);
    lib_close();
}
END_TEST

START_TEST(next_done_does_not_return_a_freed_result)
{
    br_result *r[4];
    submit_four(r);
    br_result_free(r[3]); // before its end
    ck_assert_int_eq(br_result_wait(r[0], BR_FOREVER, &lib_error), 1);
    br_result_free(r[1]); // after its end
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[0]);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[2]);
    br_result_free(r[2]);
    ck_assert_ptr_null(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_NONE);
    lib_close();
}
END_TEST

START_TEST(wait_any_returns_the_first_of_those_that_have_ended)
{
    br_result *r[4];
    size_t index = 9;
    submit_four(r);
    br_result *some[3] = {r[2], NULL, r[3]}, *none[1] = {NULL};
    ck_assert_int_eq(br_pool_wait_any(lib.pool, some, 3, &index, 0.005, &lib_error), 0);
    ck_assert_uint_eq(index, 9);
    ck_assert_int_eq(br_pool_wait_any(lib.pool, some, 3, &index, BR_FOREVER, &lib_error), 1);
    ck_assert_uint_eq(index, 2);
    ck_assert_int_eq(lib_elapsed(), 20 * NS_PER_MS);
    some[2] = NULL;
    ck_assert_int_eq(br_pool_wait_any(lib.pool, some, 3, &index, BR_FOREVER, &lib_error), 1);
    ck_assert_uint_eq(index, 0);
    ck_assert_int_eq(br_pool_wait_any(lib.pool, none, 1, &index, BR_FOREVER, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_USAGE);
    lib_close();
}
END_TEST

static void count(br_result *r, void *user)
{
    (void)r;
    ++*(unsigned *)user;
}

static void ask_again(br_result *r, void *user)
{
    ++*(unsigned *)user;
    br_result_on_done(r, count, user);
}

START_TEST(on_done_is_called_once_before_or_after_the_end)
{
    br_result *r[4];
    unsigned calls = 0;
    submit_four(r);
    br_result_on_done(r[1], count, &calls);
    ck_assert_uint_eq(calls, 0);
    ck_assert_int_eq(br_result_wait(r[1], BR_FOREVER, &lib_error), 1);
    ck_assert_uint_eq(calls, 1);
    br_result_on_done(r[1], count, &calls);
    ck_assert_uint_eq(calls, 2);
    br_result_on_done(r[3], ask_again, &calls); // within the callback: called after it
    ck_assert_int_eq(br_result_wait(r[3], BR_FOREVER, &lib_error), 1);
    ck_assert_uint_eq(calls, 4);
    lib_close();
    ck_assert_uint_eq(calls, 4);
}
END_TEST

static void free_it(br_result *r, void *user)
{
    count(r, user);
    br_result_free(r);
}

// A sanitizer or valgrind sees whether the result is used after it was freed.
START_TEST(a_callback_set_after_the_end_may_free_the_result)
{
    br_result *r[4];
    unsigned calls = 0;
    submit_four(r);
    ck_assert_int_eq(br_result_wait(r[1], BR_FOREVER, &lib_error), 1);
    br_result_on_done(r[1], free_it, &calls);
    ck_assert_uint_eq(calls, 1);
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r[3]);
    lib_close();
}
END_TEST

static void expect_no_other(br_result *r, void *user)
{
    count(r, user);
    ck_assert_ptr_null(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_NONE);
}

START_TEST(next_done_within_a_callback_does_not_wait_for_that_callback)
{
    unsigned calls = 0;
    lib_open(1, NULL);
    br_result *r = lib_submit(1, &(br_call_options){.on_result = expect_no_other, .user = &calls});
    ck_assert_ptr_eq(br_pool_next_done(lib.pool, BR_FOREVER, &lib_error), r);
    ck_assert_uint_eq(calls, 1);
    lib_close();
}
END_TEST

static struct fake_task a_second_each(const struct exec_grant *task)
{
    (void)task;
    return lib_ends(FAKE_OK, NS_PER_S);
}

START_TEST(queued_items_are_cancelled_and_running_ones_continue)
{
    lib_open(2, a_second_each);
    br_result *r = lib_submit(10, &(br_call_options){.chunk_size = 1}),
              *other = lib_submit(3, NULL);
    ck_assert_int_eq(br_result_wait(r, 1.5, &lib_error), 0);
    if (_i == 0)
        br_result_cancel_queued(r);
    else
        br_pool_cancel_queued(lib.pool);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &lib_error), 1);
    unsigned good = 0;
    for (size_t i = 0; i < 10; i++) {
        enum br_status status = lib_outcome(r, i).status;
        good += status == BR_OK;
        ck_assert(status == BR_OK || status == BR_CANCELLED);
    }
    ck_assert_uint_ge(good, 2);
    ck_assert_uint_le(good, 4);
    ck_assert_int_eq(br_result_get(other, BR_FOREVER, &lib_error), _i == 0 ? 0 : -1);
    lib_close();
}
END_TEST

START_TEST(progress_counts_the_items_that_have_ended)
{
    lib_open(2, a_second_each);
    br_result *r = lib_submit(8, &(br_call_options){.chunk_size = 1});
    ck_assert_double_eq(br_result_progress(r), 0);
    ck_assert_int_eq(br_result_wait(r, 2.5, &lib_error), 0);
    ck_assert_double_eq(br_result_progress(r), 0.5);
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    ck_assert_double_eq(br_result_progress(r), 1);
    ck_assert_double_eq(br_result_progress(lib_submit(0, NULL)), 1);
    lib_close();
}
END_TEST

// ---- Structs of other versions

struct later_options { // of a later header
    br_call_options known;
    uint64_t later;
};

START_TEST(a_program_of_a_later_header)
{
    int64_t in = 3;
    struct later_options options = {.known = {.retries = 1}};
    lib_open(1, NULL);
    br_result *r = br_pool_map_async_sized(lib.pool, lib_square, &in, 1, 8, NULL, 8, &options.known,
                                           sizeof options, &lib_error);
    ck_assert_ptr_nonnull(r);
    options.later = 1;
    ck_assert_ptr_null(br_pool_map_async_sized(lib.pool, lib_square, &in, 1, 8, NULL, 8,
                                               &options.known, sizeof options, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(lib_error.text, br_version()));
    struct {
        br_outcome known;
        uint64_t later;
    } o = {.later = 7};
    lib_must(br_result_get(r, BR_FOREVER, &lib_error));
    lib_must(br_result_outcome_sized(r, 0, &o.known, sizeof o, &lib_error));
    ck_assert_int_eq(o.known.status, BR_OK);
    ck_assert_uint_eq(o.later, 0);
    lib_close();
}
END_TEST

START_TEST(a_program_of_an_earlier_header)
{
    br_pool_stats stats;
    lib_open(1, NULL);
    memset(&stats, 0xff, sizeof stats);
    br_pool_get_stats_sized(lib.pool, &stats, offsetof(br_pool_stats, starts));
    ck_assert_uint_eq(stats.workers, 1);
    ck_assert_uint_eq(stats.starts, UINT64_MAX); // not touched
    // An option beyond the program's struct is not read.
    br_call_options options = {.timeout = 1, .stop_on_error = true};
    ck_assert_ptr_nonnull(br_pool_map_async_sized(lib.pool, lib_square, NULL, 0, 8, NULL, 8,
                                                  &options, offsetof(br_call_options, retries),
                                                  &lib_error));
    lib_close();
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(br_version(), BR_VERSION);
    ck_assert_str_eq(br_status_name(BR_TIMED_OUT), "timed_out");
    ck_assert_str_eq(br_status_name(BR_RUNNING), "running");
    ck_assert_str_eq(br_status_name((enum br_status)(BR_RUNNING + 1)), "unknown");
    ck_assert_str_eq(br_error_kind_name(BR_ERR_FULL), "full");
    ck_assert_str_eq(br_error_kind_name((enum br_error_kind)99), "unknown");
}
END_TEST

SUITE(library_done)
{
    TEST(next_done_returns_each_result_once_in_the_order_of_the_ends);
    TEST(next_done_does_not_return_a_freed_result);
    TEST(wait_any_returns_the_first_of_those_that_have_ended);
    TEST(on_done_is_called_once_before_or_after_the_end);
    TEST(a_callback_set_after_the_end_may_free_the_result);
    TEST(next_done_within_a_callback_does_not_wait_for_that_callback);
    LOOP_TEST(queued_items_are_cancelled_and_running_ones_continue, 2);
    TEST(progress_counts_the_items_that_have_ended);
    TEST(a_program_of_a_later_header);
    TEST(a_program_of_an_earlier_header);
    TEST(names);
}

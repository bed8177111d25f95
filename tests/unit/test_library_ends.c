// SPDX-License-Identifier: BSD-3-Clause
// Cancelling, ending and joining; queues that are full.
#include <string.h>

#include "support/library_simulation.h"
#include "support/suite.h"

// ---- Cancelling and ending

START_TEST(cancel_ends_running_items_and_never_starts_queued_ones)
{
    lib_open(1, lib_item_three_never_ends);
    br_result *r = lib_submit(10, &(br_call_options){.chunk_size = 10});
    ck_assert_int_eq(br_result_wait(r, 1, &lib_error), 0);
    ck_assert_uint_eq(lib.start_count, 4);
    br_result_cancel(r);
    ck_assert_int_eq(br_result_wait(r, 0, &lib_error), 1);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(lib_outcome(r, i).status, i < 3 ? BR_OK : BR_CANCELLED);
    ck_assert_int_eq(lib_outcome(r, 4).worker, -1);
    lib_must(br_result_get(lib_submit(2, NULL), BR_FOREVER, &lib_error)); // the pool still works
    ck_assert_uint_eq(lib.start_count, 6);
    lib_close();
}
END_TEST

static struct fake_task item_three_fails(const struct exec_grant *task)
{
    return lib_ends(task->first == 3 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(a_failure_stops_the_rest_if_asked)
{
    lib_open(1, item_three_fails);
    br_result *r =
        lib_submit(LIB_ITEMS, &(br_call_options){.chunk_size = 1, .stop_on_error = true});
    br_result *other = lib_submit(LIB_ITEMS, &(br_call_options){.chunk_size = 1});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    ck_assert_int_eq(br_result_get(other, BR_FOREVER, &lib_error), -1);
    for (size_t i = 0; i < LIB_ITEMS; i++) {
        ck_assert_int_eq(lib_outcome(other, i).status, i == 3 ? BR_ERROR : BR_OK);
        if (i <= 3 || i > 10) // some may have been running
            ck_assert_int_eq(lib_outcome(r, i).status, i < 3    ? BR_OK
                                                       : i == 3 ? BR_ERROR
                                                                : BR_CANCELLED);
    }
    lib_close();
}
END_TEST

static struct fake_task item_zero_is_long_and_two_fails(const struct exec_grant *task)
{
    return task->first == 0 ? lib_ends(FAKE_OK, NS_PER_S)
                            : lib_ends(task->first == 2 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

// Item 1 waits behind item 0 and is cancelled because item 2 has failed. The error names item 2.
START_TEST(the_reason_is_the_item_that_failed)
{
    lib_open(2, item_zero_is_long_and_two_fails);
    br_result *r = lib_submit(4, &(br_call_options){.chunk_size = 1, .stop_on_error = true});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TASK);
    ck_assert_msg(strncmp(lib_error.text, "item 2: ", 8) == 0, "%s", lib_error.text);
    ck_assert_int_eq(lib_outcome(r, 1).status, BR_CANCELLED);
    lib_close();
}
END_TEST

static struct fake_task always_fails(const struct exec_grant *task)
{
    (void)task;
    return lib_ends(FAKE_ERROR, NS_PER_MS);
}

// Its items end while it is cancelled, each with a failure that would stop the rest.
START_TEST(a_call_of_which_all_waits_for_its_next_attempt_is_cancelled)
{
    lib_open(2, always_fails);
    br_call_options options = {.stop_on_error = true, .retries = 3, .retry_delay = 20};
    br_result *r = lib_submit(3, &options), *others[3];
    for (int i = 0; i < 3; i++)
        others[i] = lib_submit(3, &options);
    ck_assert_int_eq(br_result_wait(r, 1, &lib_error), 0);
    ck_assert_uint_eq(lib.start_count, 12);
    br_result_cancel(r);
    ck_assert_int_eq(br_result_wait(r, 0, &lib_error), 1);
    ck_assert_int_eq(br_result_wait(others[0], 0, &lib_error), 0);
    br_pool_terminate(lib.pool);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(lib_outcome(r, i).status, BR_CANCELLED);
        ck_assert_int_eq(lib_outcome(others[i], i).status, BR_CANCELLED);
    }
    ck_assert_int_eq(lib_elapsed(), NS_PER_S);
    lib_close();
}
END_TEST

// ---- A process that is stopped

// Item 3 never ends, the others take 3 s.
static struct fake_task three_seconds_or_for_ever(const struct exec_grant *task)
{
    return lib_ends(FAKE_OK, task->first == 3 ? FAKE_FOREVER : 3 * NS_PER_S);
}

START_TEST(a_wait_takes_what_ended_while_the_process_was_stopped)
{
    lib_open(1, three_seconds_or_for_ever);
    br_result *r = lib_submit(1, NULL);
    ck_assert_int_eq(br_result_wait(r, 1, &lib_error), 0);
    lib.stopped_ns = 10 * NS_PER_S;
    ck_assert_int_eq(br_result_wait(r, 1, &lib_error), 1);
    ck_assert_int_ge(lib_elapsed(), 10 * NS_PER_S);
    br_result_free(r);
    lib_close();
}
END_TEST

START_TEST(time_limits_stand_still_while_the_process_is_stopped)
{
    lib_open(4, three_seconds_or_for_ever);
    br_result *r = lib_submit(4, &(br_call_options){.timeout = 2});
    ck_assert_int_eq(br_result_wait(r, 1, &lib_error), 0);
    lib.stopped_ns = 10 * NS_PER_S;
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &lib_error), -1);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(lib_outcome(r, i).status, i < 3 ? BR_OK : BR_TIMED_OUT);
    ck_assert_int_gt(lib_elapsed(), 12 * NS_PER_S);
    ck_assert_int_lt(lib_elapsed(), 14 * NS_PER_S);
    br_result_free(r);
    lib_close();
}
END_TEST

START_TEST(join_waits_until_its_timeout)
{
    lib_open(1, lib_first_call_is_long);
    lib_submit(1, NULL);
    ck_assert_int_eq(br_pool_join(lib.pool, 0, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_USAGE);
    br_pool_close(lib.pool);
    ck_assert_int_eq(br_pool_join(lib.pool, 0.5, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TIMEOUT);
    lib_must(br_pool_join(lib.pool, 0.5, &lib_error));
    ck_assert_int_eq(lib_elapsed(), NS_PER_S);
    lib_close();
}
END_TEST

// ---- Back-pressure

START_TEST(a_full_queue_refuses_at_once)
{
    int64_t in = 1;
    lib_open_with(1, NULL, (br_pool_options){.max_queued = 10});
    lib_submit(7, NULL);
    lib_submit(3, NULL);
    ck_assert_ptr_null(
        br_pool_apply_async(lib.pool, lib_square, &in, 8, NULL, 8, NULL, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_FULL);
    ck_assert_int_eq(lib_elapsed(), 0);
    lib_close();
}
END_TEST

START_TEST(a_full_queue_is_waited_for)
{
    int64_t in = 1;
    lib_open_with(1, NULL, (br_pool_options){.max_queued = 10, .queue_timeout = 0.005});
    lib_submit(10, NULL);
    ck_assert_ptr_nonnull(
        br_pool_apply_async(lib.pool, lib_square, &in, 8, NULL, 8, NULL, &lib_error));
    ck_assert_int_eq(lib_elapsed(), NS_PER_MS);
    ck_assert_ptr_null(
        br_pool_map_async(lib.pool, lib_square, &in, 9, 0, NULL, 8, NULL, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_FULL);
    ck_assert_int_eq(lib_elapsed(), 6 * NS_PER_MS);
    lib_close();
}
END_TEST

SUITE(library_ends)
{
    TEST(cancel_ends_running_items_and_never_starts_queued_ones);
    TEST(a_failure_stops_the_rest_if_asked);
    TEST(the_reason_is_the_item_that_failed);
    TEST(a_call_of_which_all_waits_for_its_next_attempt_is_cancelled);
    TEST(a_wait_takes_what_ended_while_the_process_was_stopped);
    TEST(time_limits_stand_still_while_the_process_is_stopped);
    TEST(join_waits_until_its_timeout);
    TEST(a_full_queue_refuses_at_once);
    TEST(a_full_queue_is_waited_for);
}

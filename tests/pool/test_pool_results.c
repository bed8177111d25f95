// SPDX-License-Identifier: BSD-3-Clause
// Results: waiting for them, failures in them, freeing them early.
#include "pool_tests.h"

#include <stdlib.h>
#include <string.h>

static br_error err;

START_TEST(get_waits_and_ready_does_not)
{
    int64_t in = 6, out = 0;
    br_result *r = br_pool_apply_async(two_workers, until_go, &in, 8, &out, 8, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    br_outcome o;
    ck_assert(!br_result_ready(r));
    ck_assert(!br_result_successful(r));
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    ck_assert_int_eq(o.status, BR_PENDING);
    ck_assert_ptr_null(br_result_output(r, 0));
    ck_assert_int_eq(br_result_wait(r, 0, &err), 0);
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_successful(r));
    CHECK_CALL(br_result_get(r, 0, &err));
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    ck_assert_int_eq(out, 36);
    ck_assert_ptr_eq(br_result_output(r, 0), &out);
    br_result_free(r);
}
END_TEST

START_TEST(get_with_a_timeout_returns_and_the_task_continues)
{
    int64_t in = 6, out = 0;
    br_result *r = br_pool_apply_async(two_workers, until_go, &in, 8, &out, 8, NULL, &err);
    ck_assert_int_eq(br_result_get(r, 0.02, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    ck_assert_int_eq(out, 36);
    br_result_free(r);
}
END_TEST

START_TEST(one_failing_item_does_not_hide_the_others)
{
    int64_t in[10], out[10];
    br_outcome o;
    fill(in, 10);
    memset(out, -1, sizeof out);
    br_result *r = br_pool_map_async(two_workers, odd_fails, in, 10, 8, out, 8, NULL, &err);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_ptr_nonnull(strstr(err.text, "no 1"));
    ck_assert(br_result_ready(r) && !br_result_successful(r));
    for (int i = 0; i < 10; i++) {
        CHECK_CALL(br_result_outcome(r, (size_t)i, &o, &err));
        ck_assert_int_eq(o.status, i % 2 ? BR_ERROR : BR_OK);
        ck_assert_int_eq(out[i], i % 2 ? -1 : i * i);
        ck_assert((br_result_output(r, (size_t)i) == NULL) == i % 2);
    }
    ck_assert_int_eq(br_result_outcome(r, 10, &o, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    br_result_free(r);
}
END_TEST

START_TEST(map_continues_after_a_failure_unless_stop_on_error_is_set)
{
    int64_t in[500];
    fill(in, 500);
    br_pool_stats stats;
    ck_assert_int_eq(br_pool_map(two_workers, odd_fails, in, 500, 8, NULL, 8, NULL, &err), -1);
    br_pool_get_stats(two_workers, &stats);
    ck_assert_uint_eq(stats.ok, 250);
    ck_assert_uint_eq(stats.failed, 250);
    ck_assert_uint_eq(stats.queued, 0);
}
END_TEST

static int first_fails(br_task *t, const void *in, void *out)
{
    (void)in;
    (void)out;
    if (br_task_index(t) == 0)
        return br_fail(t, "the first");
    add_word(&shared->calls);
    return wait_word(&shared->go, 1) ? 0 : br_fail(t, "the first has not ended");
}

// Items that were granted with the first may run, but must not end before it has failed.
START_TEST(map_stops_at_the_first_failure_when_asked)
{
    enum {
        ITEMS = 20000
    };
    int64_t *in = malloc(ITEMS * sizeof *in);
    br_call_options options = {.stop_on_error = true, .chunk_size = 1};
    br_outcome o;
    size_t cancelled = 0;
    ck_assert_ptr_nonnull(in);
    fill(in, ITEMS);
    br_result *r =
        br_pool_map_async(two_workers, first_fails, in, ITEMS, 8, NULL, 8, &options, &err);
    drive_item(two_workers, r, 0);
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "the first"));
    for (size_t i = 0; i < ITEMS; i++) {
        CHECK_CALL(br_result_outcome(r, i, &o, &err));
        cancelled += o.status == BR_CANCELLED;
    }
    ck_assert_uint_gt(cancelled, ITEMS / 2);
    ck_assert_uint_eq(shared->calls, ITEMS - 1 - cancelled);
    br_result_free(r);
    free(in);
}
END_TEST

static int fail_at_length(br_task *t, const void *in, void *out)
{
    (void)in;
    (void)out;
    char text[501];
    memset(text, 'x', 500);
    text[500] = '\0';
    return br_fail(t, "%s\ttab \x1b[31m %s", text, "end");
}

START_TEST(a_message_arrives_whole_and_as_it_was)
{
    br_outcome o;
    br_result *r = br_pool_apply_async(two_workers, fail_at_length, NULL, 0, NULL, 0, NULL, &err);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    ck_assert_uint_eq(strspn(o.message, "x"), 500);
    ck_assert_str_eq(o.message + 500, "\ttab \x1b[31m end");
    br_result_free(r);
}
END_TEST

static int fail_in_two_bytes_each(br_task *t, const void *in, void *out)
{
    (void)in;
    (void)out;
    char text[2001] = "";
    for (int i = 0; i < 2000; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    return br_fail(t, "%s%s", br_task_index(t) % 2 ? "." : "", text);
}

START_TEST(a_long_message_is_cut_between_characters)
{
    br_outcome o;
    br_result *r =
        br_pool_map_async(two_workers, fail_in_two_bytes_each, NULL, 2, 0, NULL, 0, NULL, &err);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    for (size_t i = 0; i < 2; i++) {
        CHECK_CALL(br_result_outcome(r, i, &o, &err));
        size_t length = strlen(o.message);
        ck_assert_str_eq(o.message + length - 3, "...");
        ck_assert_uint_eq((length - 3) % 2, i);
        ck_assert_str_eq(o.message + length - 5, "\xc3\xa9...");
    }
    br_result_free(r);
}
END_TEST

static int return_three(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    return 3;
}

START_TEST(any_other_value_is_an_error_too)
{
    ck_assert_int_eq(br_pool_apply(two_workers, return_three, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_ptr_nonnull(strchr(err.text, '3'));
}
END_TEST

START_TEST(an_unread_failure_shows_in_the_figures_only)
{
    int64_t odd = 1;
    br_pool_stats stats;
    br_outcome o;
    br_result *unread = br_pool_apply_async(two_workers, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    br_result *read = br_pool_apply_async(two_workers, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    ck_assert_int_eq(br_result_wait(unread, BR_FOREVER, &err), 1);
    ck_assert_int_eq(br_result_wait(read, BR_FOREVER, &err), 1);
    CHECK_CALL(br_result_outcome(read, 0, &o, &err));
    br_result_free(unread);
    br_result_free(read);
    br_pool_get_stats(two_workers, &stats);
    ck_assert_uint_eq(stats.unread, 1);
    ck_assert_uint_eq(stats.failed, 2);
}
END_TEST

START_TEST(a_result_freed_early_counts_as_unread_when_it_fails)
{
    int64_t odd = 1;
    br_pool_stats stats;
    br_result *r = br_pool_apply_async(two_workers, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    br_result_free(r);
    br_pool_close(two_workers);
    CHECK_CALL(br_pool_join(two_workers, BR_FOREVER, &err));
    br_pool_get_stats(two_workers, &stats);
    ck_assert_uint_eq(stats.unread, 1);
}
END_TEST

START_TEST(a_result_freed_early_still_fills_the_callers_array)
{
    int64_t in[100], out[100] = {0};
    fill(in, 100);
    br_result_free(br_pool_map_async(two_workers, square, in, 100, 8, out, 8, NULL, &err));
    br_pool_close(two_workers);
    CHECK_CALL(br_pool_join(two_workers, BR_FOREVER, &err));
    ck_assert_int_eq(out[99], 9801);
}
END_TEST

START_TEST(inputs_are_copied_before_the_call_returns)
{
    enum {
        ITEMS = 20000 // larger than the inputs that are sent with a grant
    };
    static int64_t in[ITEMS], out[ITEMS];
    fill(in, ITEMS);
    br_result *first =
        br_pool_apply_async(two_workers, until_go, in + 3, 8, out + 3, 8, NULL, &err);
    br_result *r = br_pool_map_async(two_workers, square, in, ITEMS, 8, out, 8, NULL, &err);
    memset(in, 0, sizeof in);
    set_word(&shared->go, 1);
    CHECK_CALL(br_result_get(first, BR_FOREVER, &err));
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(out[i], i * i);
    br_result_free(first);
    br_result_free(r);
}
END_TEST

START_TEST(the_library_keeps_results_when_asked_to)
{
    int64_t in[100];
    fill(in, 100);
    br_result *r = br_pool_map_async(two_workers, square, in, 100, 8, NULL, 8, NULL, &err);
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), (int64_t)(i * i));
    ck_assert_ptr_null(br_result_output(r, 100));
    br_result_free(r);
}
END_TEST

SUITE(pool_results)
{
    FIXTURE(set_up_two_workers, tear_down_two_workers);
    TEST(get_waits_and_ready_does_not);
    TEST(get_with_a_timeout_returns_and_the_task_continues);
    TEST(one_failing_item_does_not_hide_the_others);
    TEST(map_continues_after_a_failure_unless_stop_on_error_is_set);
    TEST(map_stops_at_the_first_failure_when_asked);
    TEST(a_message_arrives_whole_and_as_it_was);
    TEST(a_long_message_is_cut_between_characters);
    TEST(any_other_value_is_an_error_too);
    TEST(an_unread_failure_shows_in_the_figures_only);
    TEST(a_result_freed_early_counts_as_unread_when_it_fails);
    TEST(a_result_freed_early_still_fills_the_callers_array);
    TEST(inputs_are_copied_before_the_call_returns);
    TEST(the_library_keeps_results_when_asked_to);
}

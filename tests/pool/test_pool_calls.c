// SPDX-License-Identifier: BSD-3-Clause
// Calls: sizes, counts and times, and queues that are full.
#include "pool_tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static br_error err;

START_TEST(apply_gives_the_result)
{
    int64_t in = 7, out = 0;
    CHECK_CALL(br_pool_apply(two_workers, square, &in, sizeof in, &out, sizeof out, NULL, &err));
    ck_assert_int_eq(out, 49);
}
END_TEST

START_TEST(map_equals_a_serial_loop_with_any_chunk)
{
    enum {
        ITEMS = 1001
    };
    static const size_t chunks[] = {0, 1, 2, 3, 7, 100, 1000, 1001, 1002, 1 << 21, SIZE_MAX};
    int64_t in[ITEMS], out[ITEMS];
    fill(in, ITEMS);
    memset(out, 0, sizeof out);
    CHECK_CALL(br_pool_map(two_workers, square, in, ITEMS, sizeof in[0], out, sizeof out[0],
                           &(br_call_options){.chunk_size = chunks[_i]}, &err));
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(out[i], i * i);
}
END_TEST

static int slow_when_first(br_task *t, const void *in, void *out)
{
    if (*(const int64_t *)in > 0)
        add_word(&shared->started);
    else if (!wait_word(&shared->started, 9))
        return br_fail(t, "the others did not run");
    return square(t, in, out);
}

START_TEST(map_keeps_the_order_though_the_first_ends_last)
{
    int64_t in[10], out[10];
    fill(in, 10);
    CHECK_CALL(br_pool_map(two_workers, slow_when_first, in, 10, sizeof in[0], out, sizeof out[0],
                           &(br_call_options){.chunk_size = 1}, &err));
    for (int64_t i = 0; i < 10; i++)
        ck_assert_int_eq(out[i], i * i);
}
END_TEST

START_TEST(a_long_first_item_does_not_hold_its_chunk)
{
    int64_t in[10], out[10];
    fill(in, 10);
    CHECK_CALL(br_pool_map(two_workers, slow_when_first, in, 10, sizeof in[0], out, sizeof out[0],
                           &(br_call_options){.chunk_size = 10}, &err));
    ck_assert_int_eq(out[9], 81);
}
END_TEST

static void count_result(br_result *r, void *user)
{
    (void)r;
    ++*(int *)user;
}

START_TEST(empty_input_is_ready_at_once_in_every_form)
{
    int good = 0, bad = 0;
    br_call_options options = {.on_result = count_result, .on_error = count_result};
    CHECK_CALL(br_pool_map(two_workers, square, NULL, 0, 8, NULL, 8, NULL, &err));
    options.user = &good;
    options.on_error = NULL;
    br_result *r = br_pool_map_async(two_workers, square, NULL, 0, 8, NULL, 8, &options, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_successful(r));
    ck_assert_uint_eq(br_result_count(r), 0);
    CHECK_CALL(br_result_get(r, 0, &err));
    CHECK_CALL(br_pool_dispatch(two_workers, &err));
    ck_assert_int_eq(good, 1);
    ck_assert_int_eq(bad, 0);
    br_result_free(r);
}
END_TEST

START_TEST(an_item_without_input_and_output)
{
    CHECK_CALL(br_pool_apply(two_workers, count_calls, NULL, 0, NULL, 0, NULL, &err));
    ck_assert_uint_eq(shared->calls, 1);
}
END_TEST

static int count_in_output(br_task *t, const void *in, void *out)
{
    (void)in;
    *(uint32_t *)out = (uint32_t)br_task_index(t) ^ 5;
    return 0;
}

START_TEST(many_items) // 10 million
{
    size_t count = full_size(10000000, 300000);
    uint32_t *out = malloc(count * sizeof *out);
    ck_assert_ptr_nonnull(out);
    CHECK_CALL(
        br_pool_map(two_workers, count_in_output, NULL, count, 0, out, sizeof *out, NULL, &err));
    for (size_t i = 0; i < count; i++)
        if (out[i] != ((uint32_t)i ^ 5))
            ck_abort_msg("item %zu is %u", i, out[i]);
    free(out);
}
END_TEST

static int reverse(br_task *t, const void *in, void *out)
{
    const unsigned char *from = in;
    unsigned char *to = out;
    size_t size = shared->number; // as the test set it before the call
    (void)t;
    for (size_t i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
    return 0;
}

static void check_size(size_t size, size_t count)
{
    unsigned char *in = malloc(size * count + 1), *out = calloc(size * count + 1, 1);
    ck_assert(in && out);
    for (size_t i = 0; i < size * count; i++)
        in[i] = (unsigned char)(i * 31 + i / 251);
    shared->number = size;
    CHECK_CALL(br_pool_map(two_workers, reverse, in, count, size, out, size, NULL, &err));
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < size; i++)
            if (out[k * size + i] != in[k * size + size - 1 - i])
                ck_abort_msg("item %zu, byte %zu", k, i);
    free(in);
    free(out);
}

START_TEST(item_sizes)
{
    static const size_t sizes[] = {0, 1, 8, 4096, 65536, 1000003};
    check_size(sizes[_i], 9);
}
END_TEST

START_TEST(large_items) // 100 MB
{
    check_size(full_size(100000000, 5000000), 2);
}
END_TEST

static int first_word(br_task *t, const void *in, void *out)
{
    *(int64_t *)out = *(const int64_t *)in;
    return count_calls(t, NULL, NULL);
}

// A function may end before its output is sent, if that is longer than a record or than the ring.
START_TEST(large_results_of_quick_functions)
{
    enum {
        ITEMS = 40
    };
    static const size_t sizes[] = {131072, 131080, 200000, 1000000};
    size_t size = sizes[_i];
    int64_t in[ITEMS];
    char *out = malloc(ITEMS * size);
    ck_assert_ptr_nonnull(out);
    fill(in, ITEMS);
    CHECK_CALL(br_pool_map(two_workers, first_word, in, ITEMS, sizeof in[0], out, size,
                           &(br_call_options){.chunk_size = 10}, &err));
    for (size_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(*(const int64_t *)(const void *)(out + i * size), in[i]);
    ck_assert_uint_eq(shared->calls, ITEMS); // no item ran twice
    free(out);
}
END_TEST

START_TEST(emitted_bytes_of_any_length)
{
    int64_t in[] = {0, 1, 1000, 70000, 3000000, (int64_t)full_size((1 << 30) - 8, 40000000)};
    enum {
        ITEMS = COUNT(in)
    };
    br_result *r = br_pool_map_async(two_workers, emit_pattern, in, ITEMS, sizeof in[0], NULL,
                                     sizeof in[0], NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    for (size_t i = 0; i < ITEMS; i++) {
        size_t size = 99;
        const char *bytes = br_result_emitted(r, i, &size);
        ck_assert_int_eq((int64_t)size, in[i]);
        ck_assert((bytes == NULL) == (size == 0));
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), in[i]);
        for (size_t k = 0; k < size; k++)
            if (bytes[k] != (char)(k * 7))
                ck_abort_msg("item %zu, byte %zu", i, k);
    }
    br_result_free(r);
}
END_TEST

static int emit_too_much(br_task *t, const void *in, void *out)
{
    static char few[8];
    const int64_t *n = in;
    (void)out;
    if (br_task_emit(t, few, sizeof few) != 0)
        return 1;
    return *n == 1 ? br_task_emit(t, few, (1 << 30) - sizeof few + 1)
                   : 0; // refused without reading it
}

START_TEST(an_oversized_result_is_that_items_error)
{
    int64_t in[3] = {0, 1, 2};
    br_outcome o;
    br_result *r =
        br_pool_map_async(two_workers, emit_too_much, in, 3, sizeof in[0], NULL, 0, NULL, &err);
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    for (size_t i = 0; i < 3; i++) {
        CHECK_CALL(br_result_outcome(r, i, &o, &err));
        ck_assert_int_eq(o.status, i == 1 ? BR_ERROR : BR_OK);
        ck_assert_str_eq(o.message, i == 1 ? "it emitted more than 1073741824 bytes" : "");
    }
    br_result_free(r);
    ck_assert_int_eq(br_pool_map(two_workers, square, in, 3, 8, NULL, SIZE_MAX / 4, NULL, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
}
END_TEST

START_TEST(senseless_counts_are_rejected)
{
    int64_t in = 0;
    ck_assert_ptr_null(br_pool_create(&(br_pool_options){.workers = (unsigned)-1}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, (size_t)-1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, SIZE_MAX / 4, 8, NULL, 8, NULL, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    // 3 * (SIZE_MAX / 3) does not overflow, but no array can be so large.
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, SIZE_MAX / 3, 0, NULL, 3, NULL, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, SIZE_MAX / 3, 3, NULL, 0, NULL, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, PTRDIFF_MAX, 0, NULL, 0, NULL, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, NULL, &in, 1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, NULL, 1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(br_pool_imap(two_workers, square, NULL, NULL, 8, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(two_workers, square, &in, SIZE_MAX, 8, NULL, 8, NULL, NULL), -1);
}
END_TEST

START_TEST(senseless_times_are_rejected)
{
    static const double times[] = {-2, -1e300, NAN};
    int64_t in = 0;
    br_call_options options[] = {
        {.timeout = times[_i]}, {.soft_timeout = times[_i]}, {.retry_delay = times[_i]}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(br_pool_apply(two_workers, square, &in, 8, NULL, 8, &options[i], &err),
                         -1);
        ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    }
    ck_assert_ptr_null(br_pool_create(&(br_pool_options){.grace = times[_i]}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
}
END_TEST

START_TEST(endless_times_are_no_limit)
{
    int64_t in = 3, out = 0;
    br_call_options options = {.timeout = 1e300, .soft_timeout = INFINITY, .retry_delay = 1e300};
    CHECK_CALL(br_pool_apply(two_workers, square, &in, 8, &out, 8, &options, &err));
    ck_assert_int_eq(out, 9);
    br_result *r = br_pool_apply_async(two_workers, square, &in, 8, NULL, 8, &options, &err);
    CHECK_CALL(br_result_get(r, 1e300, &err));
    br_result_free(r);
}
END_TEST

START_TEST(a_full_queue_is_an_error_and_loses_nothing)
{
    br_pool *narrow = open_pool(&(br_pool_options){.workers = 1, .max_queued = 2});
    int64_t in = 2, out[2] = {0};
    br_result *a = br_pool_apply_async(narrow, until_go, &in, 8, &out[0], 8, NULL, &err);
    br_result *b = br_pool_apply_async(narrow, until_go, &in, 8, &out[1], 8, NULL, &err);
    ck_assert(a && b);
    ck_assert_ptr_null(br_pool_apply_async(narrow, square, &in, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_FULL);
    set_word(&shared->go, 1);
    CHECK_CALL(br_result_get(a, BR_FOREVER, &err));
    CHECK_CALL(br_result_get(b, BR_FOREVER, &err));
    ck_assert_int_eq(out[0] + out[1], 8);
    br_pool_destroy(narrow);
}
END_TEST

START_TEST(a_full_queue_is_waited_for_when_asked)
{
    br_pool *narrow =
        open_pool(&(br_pool_options){.workers = 1, .max_queued = 2, .queue_timeout = BR_FOREVER});
    int64_t out[50];
    br_result *results[50];
    br_pool_stats stats;
    for (int64_t i = 0; i < 50; i++) {
        results[i] = br_pool_apply_async(narrow, square, &i, 8, &out[i], 8, NULL, &err);
        ck_assert_msg(results[i] != NULL, "%s", err.text);
        br_pool_get_stats(narrow, &stats);
        ck_assert_uint_le(stats.queued, 2);
    }
    for (int64_t i = 0; i < 50; i++) {
        CHECK_CALL(br_result_get(results[i], BR_FOREVER, &err));
        ck_assert_int_eq(out[i], i * i);
    }
    br_pool_destroy(narrow);
}
END_TEST

START_TEST(many_small_calls_at_once)
{
    size_t count = full_size(100000, 5000);
    br_result **results = malloc(count * sizeof(br_result *));
    ck_assert_ptr_nonnull(results);
    for (size_t i = 0; i < count; i++) {
        int64_t in = (int64_t)i;
        results[i] = br_pool_apply_async(two_workers, square, &in, 8, NULL, 8, NULL, &err);
        ck_assert_msg(results[i] != NULL, "%s", err.text);
    }
    for (size_t i = count; i-- > 0;) {
        CHECK_CALL(br_result_get(results[i], BR_FOREVER, &err));
        ck_assert_int_eq(*(const int64_t *)br_result_output(results[i], 0), (int64_t)(i * i));
        br_result_free(results[i]);
    }
    free(results);
}
END_TEST

SUITE(pool_calls)
{
    FIXTURE(set_up_two_workers, tear_down_two_workers);
    TEST(apply_gives_the_result);
    LOOP_TEST(map_equals_a_serial_loop_with_any_chunk, 11);
    TEST(map_keeps_the_order_though_the_first_ends_last);
    TEST(a_long_first_item_does_not_hold_its_chunk);
    TEST(empty_input_is_ready_at_once_in_every_form);
    TEST(an_item_without_input_and_output);
    TEST(many_items);
    LOOP_TEST(item_sizes, 6);
    TEST(large_items);
    LOOP_TEST(large_results_of_quick_functions, 4);
    TEST(emitted_bytes_of_any_length);
    TEST(an_oversized_result_is_that_items_error);
    TEST(senseless_counts_are_rejected);
    LOOP_TEST(senseless_times_are_rejected, 3);
    TEST(endless_times_are_no_limit);
    TEST(a_full_queue_is_an_error_and_loses_nothing);
    TEST(a_full_queue_is_waited_for_when_asked);
    TEST(many_small_calls_at_once);
}

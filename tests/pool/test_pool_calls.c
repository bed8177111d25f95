// SPDX-License-Identifier: BSD-3-Clause
// Calls, results and iterators.
#include "pool_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static br_pool *pool;
static br_error err;

static void open_two(void)
{
    pool = pool_of(2);
}

static void close_it(void)
{
    br_pool_destroy(pool);
}

#define ck_call(call) ck_assert_msg((call) == 0, "%s", err.text)

// ---- Calls

START_TEST(apply_gives_the_result)
{
    int64_t in = 7, out = 0;
    ck_call(br_pool_apply(pool, square, &in, sizeof in, &out, sizeof out, NULL, &err));
    ck_assert_int_eq(out, 49);
}
END_TEST

START_TEST(map_equals_a_serial_loop_with_any_chunk)
{
    enum {
        COUNT = 1001
    };
    static const size_t chunks[] = {0, 1, 2, 3, 7, 100, 1000, 1001, 1002, 1 << 21, SIZE_MAX};
    int64_t in[COUNT], out[COUNT];
    fill(in, COUNT);
    memset(out, 0, sizeof out);
    ck_call(br_pool_map(pool, square, in, COUNT, sizeof in[0], out, sizeof out[0],
                        &(br_call_options){.chunk = chunks[_i]}, &err));
    for (int64_t i = 0; i < COUNT; i++)
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
    ck_call(br_pool_map(pool, slow_when_first, in, 10, sizeof in[0], out, sizeof out[0],
                        &(br_call_options){.chunk = 1}, &err));
    for (int64_t i = 0; i < 10; i++)
        ck_assert_int_eq(out[i], i * i);
}
END_TEST

START_TEST(a_long_first_item_does_not_hold_its_chunk)
{
    int64_t in[10], out[10];
    fill(in, 10);
    ck_call(br_pool_map(pool, slow_when_first, in, 10, sizeof in[0], out, sizeof out[0],
                        &(br_call_options){.chunk = 10}, &err));
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
    ck_call(br_pool_map(pool, square, NULL, 0, 8, NULL, 8, NULL, &err));
    options.user = &good;
    options.on_error = NULL;
    br_result *r = br_pool_map_async(pool, square, NULL, 0, 8, NULL, 8, &options, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_successful(r));
    ck_assert_uint_eq(br_result_count(r), 0);
    ck_call(br_result_get(r, 0, &err));
    ck_call(br_pool_dispatch(pool, &err));
    ck_assert_int_eq(good, 1);
    ck_assert_int_eq(bad, 0);
    br_result_free(r);
}
END_TEST

START_TEST(an_item_without_input_and_output)
{
    ck_call(br_pool_apply(pool, count_calls, NULL, 0, NULL, 0, NULL, &err));
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
    ck_call(br_pool_map(pool, count_in_output, NULL, count, 0, out, sizeof *out, NULL, &err));
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
    ck_call(br_pool_map(pool, reverse, in, count, size, out, size, NULL, &err));
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

// A function may end sooner than what it leaves can be sent: longer than a record, than the ring.
START_TEST(large_results_of_quick_functions)
{
    enum {
        COUNT = 40
    };
    static const size_t sizes[] = {131072, 131080, 200000, 1000000};
    size_t size = sizes[_i];
    int64_t in[COUNT];
    char *out = malloc(COUNT * size);
    ck_assert_ptr_nonnull(out);
    fill(in, COUNT);
    ck_call(br_pool_map(pool, first_word, in, COUNT, sizeof in[0], out, size,
                        &(br_call_options){.chunk = 10}, &err));
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_int_eq(*(const int64_t *)(const void *)(out + i * size), in[i]);
    ck_assert_uint_eq(shared->calls, COUNT); // none again, in a worker's place
    free(out);
}
END_TEST

static int emit_pattern(br_task *t, const void *in, void *out)
{
    const int64_t *size = in;
    char *bytes = malloc((size_t)*size + 1);
    if (!bytes)
        return br_fail(t, "out of memory");
    for (int64_t i = 0; i < *size; i++)
        bytes[i] = (char)(i * 7);
    *(int64_t *)out = *size;
    int result = br_task_emit(t, bytes, (size_t)*size / 2) ||
                 br_task_emit(t, bytes + *size / 2, (size_t)(*size - *size / 2));
    free(bytes);
    return result;
}

START_TEST(emitted_bytes_of_any_length)
{
    int64_t in[] = {0, 1, 1000, 70000, 3000000, (int64_t)full_size((1 << 30) - 8, 40000000)};
    enum {
        COUNT = sizeof in / sizeof in[0]
    };
    br_result *r = br_pool_map_async(pool, emit_pattern, in, COUNT, sizeof in[0], NULL,
                                     sizeof in[0], NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_call(br_result_get(r, BR_FOREVER, &err));
    for (size_t i = 0; i < COUNT; i++) {
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
    return *n == 1 ? br_task_emit(t, few, (1 << 30) - sizeof few + 1) : 0; // refused unread
}

START_TEST(an_oversized_result_is_that_items_error)
{
    int64_t in[3] = {0, 1, 2};
    br_outcome o;
    br_result *r = br_pool_map_async(pool, emit_too_much, in, 3, sizeof in[0], NULL, 0, NULL, &err);
    ck_assert_ptr_nonnull(r);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    for (size_t i = 0; i < 3; i++) {
        ck_call(br_result_outcome(r, i, &o, &err));
        ck_assert_int_eq(o.status, i == 1 ? BR_ERROR : BR_OK);
        ck_assert_str_eq(o.message, i == 1 ? "it emitted more than 1073741824 bytes" : "");
    }
    br_result_free(r);
    ck_assert_int_eq(br_pool_map(pool, square, in, 3, 8, NULL, SIZE_MAX / 4, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
}
END_TEST

START_TEST(senseless_counts_are_rejected)
{
    int64_t in = 0;
    ck_assert_ptr_null(br_pool_create(&(br_pool_options){.workers = (unsigned)-1}, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, &in, (size_t)-1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, &in, SIZE_MAX / 4, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    // 3 * SIZE_MAX / 3 does not overflow, and is no array all the same.
    ck_assert_int_eq(br_pool_map(pool, square, &in, SIZE_MAX / 3, 0, NULL, 3, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, &in, SIZE_MAX / 3, 3, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, &in, PTRDIFF_MAX, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, NULL, &in, 1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, NULL, 1, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(br_pool_imap(pool, square, NULL, NULL, 8, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(br_pool_map(pool, square, &in, SIZE_MAX, 8, NULL, 8, NULL, NULL), -1);
}
END_TEST

START_TEST(senseless_times_are_rejected)
{
    static const double times[] = {-2, -1e300, NAN};
    int64_t in = 0;
    br_call_options options[] = {
        {.timeout = times[_i]}, {.soft_timeout = times[_i]}, {.retry_delay = times[_i]}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(br_pool_apply(pool, square, &in, 8, NULL, 8, &options[i], &err), -1);
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
    ck_call(br_pool_apply(pool, square, &in, 8, &out, 8, &options, &err));
    ck_assert_int_eq(out, 9);
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
    ck_call(br_result_get(r, 1e300, &err));
    br_result_free(r);
}
END_TEST

// ---- Iterators

struct source {
    int64_t next, end;
    int64_t fail_at; // -1: never
};

static int next_number(void *user, void *item)
{
    struct source *s = user;
    if (s->next == s->fail_at)
        return -1;
    if (s->next == s->end)
        return 0;
    *(int64_t *)item = s->next++;
    return 1;
}

// By index: chunks, each ordered and not.
static br_imap_options imap_options(int i)
{
    static const size_t chunks[] = {0, 1, 4, 10, 64};
    return (br_imap_options){.ordered = i % 2, .chunk = chunks[i / 2]};
}

START_TEST(imap_gives_every_result_once)
{
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 100, .fail_at = -1};
    bool seen[100] = {false};
    br_outcome o;
    int64_t out;
    size_t index;
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    ck_assert_msg(it != NULL, "%s", err.text);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, &o, &index, &err), 1);
        ck_assert_int_eq(o.status, BR_OK);
        ck_assert_uint_lt(index, 100);
        ck_assert(!options.ordered || index == i);
        ck_assert(!seen[index]);
        seen[index] = true;
        ck_assert_int_eq(out, (int64_t)(index * index));
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, &o, &index, &err), 0);
    br_imap_free(it);
}
END_TEST

struct place {
    uint64_t index, seed;
};

static int tell_place(br_task *t, const void *in, void *out)
{
    *(struct place *)out = (struct place){br_task_index(t), br_task_seed(t)};
    return br_task_index(t) == (uint64_t) * (const int64_t *)in ? 0
                                                                : br_fail(t, "not in its place");
}

enum {
    LARGE_ITEM = 20000 // some of which make a chunk that travels by shared memory
};

static int next_large_number(void *user, void *item)
{
    memset(item, 0, LARGE_ITEM);
    return next_number(user, item);
}

START_TEST(imap_items_have_the_index_and_the_seed_of_a_map)
{
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 100, .fail_at = -1};
    int64_t in[100];
    struct place map[100], out;
    br_outcome o;
    size_t index;
    fill(in, 100);
    ck_call(br_pool_map(pool, tell_place, in, 100, sizeof in[0], map, sizeof map[0], NULL, &err));
    bool large = options.chunk > 1;
    br_imap *it = br_pool_imap(pool, tell_place, large ? next_large_number : next_number, &source,
                               large ? LARGE_ITEM : sizeof in[0], sizeof out, &options, &err);
    ck_assert_msg(it != NULL, "%s", err.text);
    while (br_imap_next(it, BR_FOREVER, &out, &o, &index, &err) == 1) {
        ck_assert_msg(o.status == BR_OK, "%s", o.message);
        ck_assert_uint_eq(out.index, index);
        ck_assert_uint_eq(out.seed, map[index].seed);
    }
    br_imap_free(it);
}
END_TEST

START_TEST(imap_of_senseless_sizes_is_rejected)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2};
    br_imap_options options = {.chunk = sizes[_i], .lookahead = SIZE_MAX};
    struct source source = {.end = 1, .fail_at = -1};
    ck_assert_ptr_null(br_pool_imap(pool, square, next_number, &source, sizes[_i], 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(br_pool_imap(pool, square, next_number, &source, 8, sizes[_i], NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(source.next, 0);
}
END_TEST

START_TEST(imap_over_nothing)
{
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 0, .fail_at = -1};
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 0);
    br_imap_free(it);
}
END_TEST

START_TEST(imap_over_an_iterator_that_fails) // first, half-way, at a chunk's edge
{
    static const int64_t places[] = {0, 3, 4, 50, 64};
    br_imap_options options = imap_options(_i % 10);
    struct source source = {.end = 100, .fail_at = places[_i / 10]};
    int64_t got = 0, out, in = 5;
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    int more;
    while ((more = br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err)) == 1)
        got++;
    ck_assert_int_eq(more, -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(got, source.fail_at);
    br_imap_free(it);
    ck_call(br_pool_apply(pool, square, &in, 8, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 25);
}
END_TEST

START_TEST(imap_looks_ahead_no_further_than_it_may)
{
    struct source source = {.end = -1, .fail_at = -1};
    br_imap_options options = imap_options(_i);
    options.lookahead = 20;
    int64_t out, count = (int64_t)full_size(1000000, 5000);
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
        ck_assert_int_le(source.next, i + 20);
    }
    br_imap_free(it);
}
END_TEST

START_TEST(imap_takes_whole_chunks)
{
    struct source source = {.end = -1, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk = 4, .lookahead = 8};
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    for (int64_t i = 0; i < 40; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 1);
        ck_assert_int_eq(source.next, 8 + i / 4 * 4);
    }
    br_imap_free(it);
}
END_TEST

// What is lost here is found by who looks for leaks.
START_TEST(imaps_go_with_their_pool)
{
    br_pool *own = open_pool(&(br_pool_options){.workers = 1});
    struct source source[] = {{.end = 100, .fail_at = -1}, {.end = 1, .fail_at = -1}};
    br_imap *used = br_pool_imap(own, square, next_number, &source[0], 8, 8, NULL, &err);
    br_imap *freed = br_pool_imap(own, square, next_number, &source[1], 8, 8, NULL, &err);
    ck_assert_ptr_nonnull(br_pool_imap(own, square, next_number, &source[1], 8, 8, NULL, &err));
    ck_assert_int_eq(br_imap_next(used, BR_FOREVER, NULL, NULL, NULL, &err), 1);
    br_imap_free(freed);
    br_pool_destroy(own);
}
END_TEST

START_TEST(imap_yields_failures_with_their_message)
{
    struct source source = {.end = 10, .fail_at = -1};
    br_imap_options options = {.ordered = true};
    br_outcome o;
    br_imap *it = br_pool_imap(pool, odd_fails, next_number, &source, 8, 8, &options, &err);
    for (int i = 0; i < 10; i++) {
        char expected[16] = "";
        int64_t out = -1;
        if (i % 2)
            snprintf(expected, sizeof expected, "no %d", i);
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, &o, NULL, &err), 1);
        ck_assert_int_eq(o.status, i % 2 ? BR_ERROR : BR_OK);
        ck_assert_str_eq(o.message, expected);
        ck_assert_int_eq(out, i % 2 ? -1 : i * i);
    }
    br_imap_free(it);
}
END_TEST

static int first_waits_for_go(br_task *t, const void *in, void *out)
{
    if (*(const int64_t *)in == 0 && !wait_word(&shared->go, 1))
        return br_fail(t, "the others were not yielded");
    return square(t, in, out);
}

START_TEST(imap_unordered_gives_the_fast_first)
{
    struct source source = {.end = 10, .fail_at = -1};
    size_t index;
    br_outcome o;
    br_imap *it = br_pool_imap(pool, first_waits_for_go, next_number, &source, 8, 8, NULL, &err);
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, &index, &err), 1);
        ck_assert_uint_gt(index, 0);
    }
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, &o, &index, &err), 1);
    ck_assert_uint_eq(index, 0);
    ck_assert_msg(o.status == BR_OK, "%s", o.message);
    br_imap_free(it);
}
END_TEST

static int odd_waits_for_go(br_task *t, const void *in, void *out)
{
    if (*(const int64_t *)in % 2 && !wait_word(&shared->go, 1))
        return br_fail(t, "the item before was not yielded");
    return square(t, in, out);
}

START_TEST(imap_yields_an_item_whose_chunk_has_not_ended)
{
    br_pool *own = open_pool(&(br_pool_options){.workers = 1, .progress_thread = _i});
    struct source source = {.end = 2, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk = 2};
    br_outcome o;
    br_imap *it = br_pool_imap(own, odd_waits_for_go, next_number, &source, 8, 8, &options, &err);
    ck_assert_msg(it != NULL, "%s", err.text);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 1);
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, &o, NULL, &err), 1);
    ck_assert_msg(o.status == BR_OK, "%s", o.message);
    br_pool_destroy(own);
}
END_TEST

START_TEST(imap_next_with_a_timeout_loses_nothing)
{
    struct source source = {.end = 1, .fail_at = -1};
    int64_t out = 0;
    br_imap *it = br_pool_imap(pool, until_go, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, 0, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    drive_until(pool, &shared->started, 1);
    ck_assert_int_eq(br_imap_next(it, 0.01, &out, NULL, NULL, &err), -1);
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 0);
    br_imap_free(it);
}
END_TEST

START_TEST(imap_freed_half_way_leaves_the_pool_usable)
{
    struct source source = {.end = -1, .fail_at = -1};
    int64_t in = 3, out;
    br_imap *it = br_pool_imap(pool, forever, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, 0, NULL, NULL, NULL, &err), -1);
    br_imap_free(it);
    ck_call(br_pool_apply(pool, square, &in, 8, &out, 8, NULL, &err));
}
END_TEST

START_TEST(imap_gives_what_items_emit)
{
    struct source source = {.end = 100, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk = 7};
    size_t size;
    br_imap *it = br_pool_imap(pool, emit_pattern, next_number, &source, 8, 8, &options, &err);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 1);
        const char *bytes = br_imap_emitted(it, &size);
        ck_assert_uint_eq(size, i);
        for (size_t k = 0; k < size; k++)
            ck_assert_int_eq(bytes[k], (char)(k * 7));
    }
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 0);
    ck_assert_ptr_null(br_imap_emitted(it, &size));
    br_imap_free(it);
}
END_TEST

// The queue's bound is smaller than the look-ahead: fewer items are under way, none is lost.
START_TEST(imap_fits_into_a_bounded_queue)
{
    br_pool *narrow = open_pool(&(br_pool_options){.workers = 2, .max_queued = 3});
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 100, .fail_at = -1};
    int64_t out, sum = 0;
    int got, count = 0;
    br_imap *it = br_pool_imap(narrow, square, next_number, &source, 8, 8, &options, &err);
    while ((got = br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err)) == 1) {
        sum += out;
        count++;
    }
    ck_assert_msg(got == 0, "%s", err.text);
    ck_assert_int_eq(count, 100);
    ck_assert_int_eq(sum, 328350);
    br_imap_free(it);
    br_pool_destroy(narrow);
}
END_TEST

START_TEST(imap_of_a_closed_pool_yields_what_is_under_way)
{
    struct source source = {.end = -1, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk = 1, .lookahead = 5};
    int64_t out;
    br_imap *it = br_pool_imap(pool, square, next_number, &source, 8, 8, &options, &err);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    br_pool_close(pool);
    for (int64_t i = 1; i < 5; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
        ck_assert_int_eq(out, i * i);
    }
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    br_imap_free(it);
}
END_TEST

// ---- Results

START_TEST(get_waits_and_ready_tells)
{
    int64_t in = 6, out = 0;
    br_result *r = br_pool_apply_async(pool, until_go, &in, 8, &out, 8, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    br_outcome o;
    ck_assert(!br_result_ready(r));
    ck_assert(!br_result_successful(r));
    ck_call(br_result_outcome(r, 0, &o, &err));
    ck_assert_int_eq(o.status, BR_PENDING);
    ck_assert_ptr_null(br_result_output(r, 0));
    ck_assert_int_eq(br_result_wait(r, 0, &err), 0);
    set_word(&shared->go, 1);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_successful(r));
    ck_call(br_result_get(r, 0, &err));
    ck_call(br_result_get(r, BR_FOREVER, &err));
    ck_assert_int_eq(out, 36);
    ck_assert_ptr_eq(br_result_output(r, 0), &out);
    br_result_free(r);
}
END_TEST

START_TEST(get_with_a_timeout_returns_and_the_task_goes_on)
{
    int64_t in = 6, out = 0;
    br_result *r = br_pool_apply_async(pool, until_go, &in, 8, &out, 8, NULL, &err);
    ck_assert_int_eq(br_result_get(r, 0.02, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    ck_call(br_result_get(r, BR_FOREVER, &err));
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
    br_result *r = br_pool_map_async(pool, odd_fails, in, 10, 8, out, 8, NULL, &err);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_ptr_nonnull(strstr(err.text, "no 1"));
    ck_assert(br_result_ready(r) && !br_result_successful(r));
    for (int i = 0; i < 10; i++) {
        ck_call(br_result_outcome(r, (size_t)i, &o, &err));
        ck_assert_int_eq(o.status, i % 2 ? BR_ERROR : BR_OK);
        ck_assert_int_eq(out[i], i % 2 ? -1 : i * i);
        ck_assert((br_result_output(r, (size_t)i) == NULL) == i % 2);
    }
    ck_assert_int_eq(br_result_outcome(r, 10, &o, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    br_result_free(r);
}
END_TEST

START_TEST(map_goes_on_after_a_failure_unless_asked)
{
    int64_t in[500];
    fill(in, 500);
    br_pool_stats stats;
    ck_assert_int_eq(br_pool_map(pool, odd_fails, in, 500, 8, NULL, 8, NULL, &err), -1);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.ok, 250);
    ck_assert_uint_eq(stats.failed, 250);
    ck_assert_uint_eq(stats.queued, 0);
}
END_TEST

static int first_fails(br_task *t, const void *in, void *out)
{
    if (br_task_index(t) == 0)
        return br_fail(t, "the first");
    add_word(&shared->calls);
    // What was handed out with the first may run; nothing that is handed out later.
    return br_task_index(t) >= 1000 ? square(t, in, out) : 0;
}

START_TEST(map_stops_at_the_first_failure_when_asked)
{
    enum {
        COUNT = 20000
    };
    int64_t *in = malloc(COUNT * sizeof *in);
    br_call_options options = {.stop_on_error = true, .chunk = 1};
    br_outcome o;
    size_t cancelled = 0;
    ck_assert_ptr_nonnull(in);
    fill(in, COUNT);
    br_result *r = br_pool_map_async(pool, first_fails, in, COUNT, 8, NULL, 8, &options, &err);
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "the first"));
    for (size_t i = 0; i < COUNT; i++) {
        ck_call(br_result_outcome(r, i, &o, &err));
        cancelled += o.status == BR_CANCELLED;
    }
    ck_assert_uint_gt(cancelled, COUNT / 2);
    ck_assert_uint_eq(shared->calls, COUNT - 1 - cancelled);
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
    br_result *r = br_pool_apply_async(pool, fail_at_length, NULL, 0, NULL, 0, NULL, &err);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    ck_call(br_result_outcome(r, 0, &o, &err));
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
    br_result *r = br_pool_map_async(pool, fail_in_two_bytes_each, NULL, 2, 0, NULL, 0, NULL, &err);
    ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
    for (size_t i = 0; i < 2; i++) {
        ck_call(br_result_outcome(r, i, &o, &err));
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
    ck_assert_int_eq(br_pool_apply(pool, return_three, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_ptr_nonnull(strchr(err.text, '3'));
}
END_TEST

START_TEST(an_unread_failure_shows_in_the_figures_only)
{
    int64_t odd = 1;
    br_pool_stats stats;
    br_outcome o;
    br_result *unread = br_pool_apply_async(pool, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    br_result *read = br_pool_apply_async(pool, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    ck_assert_int_eq(br_result_wait(unread, BR_FOREVER, &err), 1);
    ck_assert_int_eq(br_result_wait(read, BR_FOREVER, &err), 1);
    ck_call(br_result_outcome(read, 0, &o, &err));
    br_result_free(unread);
    br_result_free(read);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.unread, 1);
    ck_assert_uint_eq(stats.failed, 2);
}
END_TEST

START_TEST(a_result_freed_early_counts_as_unread_when_it_fails)
{
    int64_t odd = 1;
    br_pool_stats stats;
    br_result *r = br_pool_apply_async(pool, odd_fails, &odd, 8, NULL, 8, NULL, &err);
    br_result_free(r);
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.unread, 1);
}
END_TEST

START_TEST(a_result_freed_early_still_fills_the_callers_array)
{
    int64_t in[100], out[100] = {0};
    fill(in, 100);
    br_result_free(br_pool_map_async(pool, square, in, 100, 8, out, 8, NULL, &err));
    br_pool_close(pool);
    ck_call(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_int_eq(out[99], 9801);
}
END_TEST

START_TEST(inputs_are_copied_before_the_call_returns)
{
    enum {
        COUNT = 20000 // beyond what travels with a grant
    };
    static int64_t in[COUNT], out[COUNT];
    fill(in, COUNT);
    br_result *first = br_pool_apply_async(pool, until_go, in + 3, 8, out + 3, 8, NULL, &err);
    br_result *r = br_pool_map_async(pool, square, in, COUNT, 8, out, 8, NULL, &err);
    memset(in, 0, sizeof in);
    set_word(&shared->go, 1);
    ck_call(br_result_get(first, BR_FOREVER, &err));
    ck_call(br_result_get(r, BR_FOREVER, &err));
    for (int64_t i = 0; i < COUNT; i++)
        ck_assert_int_eq(out[i], i * i);
    br_result_free(first);
    br_result_free(r);
}
END_TEST

START_TEST(the_library_keeps_results_when_asked_to)
{
    int64_t in[100];
    fill(in, 100);
    br_result *r = br_pool_map_async(pool, square, in, 100, 8, NULL, 8, NULL, &err);
    ck_call(br_result_get(r, BR_FOREVER, &err));
    for (size_t i = 0; i < 100; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), (int64_t)(i * i));
    ck_assert_ptr_null(br_result_output(r, 100));
    br_result_free(r);
}
END_TEST

START_TEST(a_full_queue_says_so_and_loses_nothing)
{
    br_pool *narrow = open_pool(&(br_pool_options){.workers = 1, .max_queued = 2});
    int64_t in = 2, out[2] = {0};
    br_result *a = br_pool_apply_async(narrow, until_go, &in, 8, &out[0], 8, NULL, &err);
    br_result *b = br_pool_apply_async(narrow, until_go, &in, 8, &out[1], 8, NULL, &err);
    ck_assert(a && b);
    ck_assert_ptr_null(br_pool_apply_async(narrow, square, &in, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_FULL);
    set_word(&shared->go, 1);
    ck_call(br_result_get(a, BR_FOREVER, &err));
    ck_call(br_result_get(b, BR_FOREVER, &err));
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
        ck_call(br_result_get(results[i], BR_FOREVER, &err));
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
        results[i] = br_pool_apply_async(pool, square, &in, 8, NULL, 8, NULL, &err);
        ck_assert_msg(results[i] != NULL, "%s", err.text);
    }
    for (size_t i = count; i-- > 0;) {
        ck_call(br_result_get(results[i], BR_FOREVER, &err));
        ck_assert_int_eq(*(const int64_t *)br_result_output(results[i], 0), (int64_t)(i * i));
        br_result_free(results[i]);
    }
    free(results);
}
END_TEST

static void add_calls(TCase *c)
{
    tcase_add_test(c, apply_gives_the_result);
    tcase_add_loop_test(c, map_equals_a_serial_loop_with_any_chunk, 0, 11);
    tcase_add_test(c, map_keeps_the_order_though_the_first_ends_last);
    tcase_add_test(c, a_long_first_item_does_not_hold_its_chunk);
    tcase_add_test(c, empty_input_is_ready_at_once_in_every_form);
    tcase_add_test(c, an_item_without_input_and_output);
    tcase_add_test(c, many_items);
    tcase_add_loop_test(c, item_sizes, 0, 6);
    tcase_add_test(c, large_items);
    tcase_add_loop_test(c, large_results_of_quick_functions, 0, 4);
    tcase_add_test(c, emitted_bytes_of_any_length);
    tcase_add_test(c, an_oversized_result_is_that_items_error);
    tcase_add_test(c, senseless_counts_are_rejected);
    tcase_add_loop_test(c, senseless_times_are_rejected, 0, 3);
    tcase_add_test(c, endless_times_are_no_limit);
    tcase_add_test(c, a_full_queue_says_so_and_loses_nothing);
    tcase_add_test(c, a_full_queue_is_waited_for_when_asked);
    tcase_add_test(c, many_small_calls_at_once);
}

static void add_iterators(TCase *c)
{
    tcase_add_loop_test(c, imap_gives_every_result_once, 0, 10);
    tcase_add_loop_test(c, imap_items_have_the_index_and_the_seed_of_a_map, 0, 10);
    tcase_add_loop_test(c, imap_of_senseless_sizes_is_rejected, 0, 3);
    tcase_add_loop_test(c, imap_over_nothing, 0, 10);
    tcase_add_loop_test(c, imap_over_an_iterator_that_fails, 0, 50);
    tcase_add_loop_test(c, imap_looks_ahead_no_further_than_it_may, 0, 10);
    tcase_add_test(c, imap_takes_whole_chunks);
    tcase_add_test(c, imaps_go_with_their_pool);
    tcase_add_test(c, imap_yields_failures_with_their_message);
    tcase_add_test(c, imap_unordered_gives_the_fast_first);
    tcase_add_loop_test(c, imap_yields_an_item_whose_chunk_has_not_ended, 0, 2);
    tcase_add_test(c, imap_next_with_a_timeout_loses_nothing);
    tcase_add_test(c, imap_freed_half_way_leaves_the_pool_usable);
    tcase_add_test(c, imap_gives_what_items_emit);
    tcase_add_loop_test(c, imap_fits_into_a_bounded_queue, 0, 10);
    tcase_add_test(c, imap_of_a_closed_pool_yields_what_is_under_way);
}

static void add_results(TCase *c)
{
    tcase_add_test(c, get_waits_and_ready_tells);
    tcase_add_test(c, get_with_a_timeout_returns_and_the_task_goes_on);
    tcase_add_test(c, one_failing_item_does_not_hide_the_others);
    tcase_add_test(c, map_goes_on_after_a_failure_unless_asked);
    tcase_add_test(c, map_stops_at_the_first_failure_when_asked);
    tcase_add_test(c, a_message_arrives_whole_and_as_it_was);
    tcase_add_test(c, a_long_message_is_cut_between_characters);
    tcase_add_test(c, any_other_value_is_an_error_too);
    tcase_add_test(c, an_unread_failure_shows_in_the_figures_only);
    tcase_add_test(c, a_result_freed_early_counts_as_unread_when_it_fails);
    tcase_add_test(c, a_result_freed_early_still_fills_the_callers_array);
    tcase_add_test(c, inputs_are_copied_before_the_call_returns);
    tcase_add_test(c, the_library_keeps_results_when_asked_to);
}

int main(void)
{
    Suite *suite = suite_create("pool.h: calls");
    void (*const add[])(TCase *) = {add_calls, add_iterators, add_results};
    const char *const names[] = {"calls", "iterators", "results"};
    for (size_t i = 0; i < 3; i++) {
        TCase *tcase = new_case(suite, names[i]);
        tcase_add_checked_fixture(tcase, open_two, close_it);
        add[i](tcase);
    }
    return run_suite(suite);
}

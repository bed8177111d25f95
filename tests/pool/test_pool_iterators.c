// SPDX-License-Identifier: BSD-3-Clause
// Iterators: order, end, failure, and the look-ahead.
#include "pool_tests.h"

#include <stdio.h>
#include <string.h>

static br_error err;

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

// The index chooses a chunk size, and whether the results are ordered.
static br_imap_options imap_options(int i)
{
    static const size_t chunks[] = {0, 1, 4, 10, 64};
    return (br_imap_options){.ordered = i % 2, .chunk_size = chunks[i / 2]};
}

START_TEST(imap_gives_every_result_once)
{
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 100, .fail_at = -1};
    bool seen[100] = {false};
    br_outcome o;
    int64_t out;
    size_t index;
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
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

static int give_place(br_task *t, const void *in, void *out)
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
    CHECK_CALL(br_pool_map(two_workers, give_place, in, 100, sizeof in[0], map, sizeof map[0], NULL,
                           &err));
    bool large = options.chunk_size > 1;
    br_imap *it =
        br_pool_imap(two_workers, give_place, large ? next_large_number : next_number, &source,
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
    br_imap_options options = {.chunk_size = sizes[_i], .lookahead = SIZE_MAX};
    struct source source = {.end = 1, .fail_at = -1};
    ck_assert_ptr_null(
        br_pool_imap(two_workers, square, next_number, &source, sizes[_i], 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(
        br_pool_imap(two_workers, square, next_number, &source, 8, sizes[_i], NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(
        br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(source.next, 0);
}
END_TEST

START_TEST(imap_over_nothing)
{
    br_imap_options options = imap_options(_i);
    struct source source = {.end = 0, .fail_at = -1};
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
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
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
    int more;
    while ((more = br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err)) == 1)
        got++;
    ck_assert_int_eq(more, -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(got, source.fail_at);
    br_imap_free(it);
    CHECK_CALL(br_pool_apply(two_workers, square, &in, 8, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 25);
}
END_TEST

START_TEST(imap_looks_ahead_no_further_than_it_may)
{
    struct source source = {.end = -1, .fail_at = -1};
    br_imap_options options = imap_options(_i);
    options.lookahead = 20;
    int64_t out, count = (int64_t)full_size(1000000, 5000);
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
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
    br_imap_options options = {.ordered = true, .chunk_size = 4, .lookahead = 8};
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
    for (int64_t i = 0; i < 40; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, NULL, NULL, NULL, &err), 1);
        ck_assert_int_eq(source.next, 8 + i / 4 * 4);
    }
    br_imap_free(it);
}
END_TEST

// A sanitizer or valgrind reports memory that is lost here.
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
    br_imap *it = br_pool_imap(two_workers, odd_fails, next_number, &source, 8, 8, &options, &err);
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
    br_imap *it =
        br_pool_imap(two_workers, first_waits_for_go, next_number, &source, 8, 8, NULL, &err);
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
    br_imap_options options = {.ordered = true, .chunk_size = 2};
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
    br_imap *it = br_pool_imap(two_workers, until_go, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, 0, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    drive_until(two_workers, &shared->started, 1);
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
    br_imap *it = br_pool_imap(two_workers, forever, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, 0, NULL, NULL, NULL, &err), -1);
    br_imap_free(it);
    CHECK_CALL(br_pool_apply(two_workers, square, &in, 8, &out, 8, NULL, &err));
}
END_TEST

START_TEST(imap_gives_what_items_emit)
{
    struct source source = {.end = 100, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk_size = 7};
    size_t size;
    br_imap *it =
        br_pool_imap(two_workers, emit_pattern, next_number, &source, 8, 8, &options, &err);
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

START_TEST(imap_of_a_closed_pool_yields_items_under_way)
{
    struct source source = {.end = -1, .fail_at = -1};
    br_imap_options options = {.ordered = true, .chunk_size = 1, .lookahead = 5};
    int64_t out;
    br_imap *it = br_pool_imap(two_workers, square, next_number, &source, 8, 8, &options, &err);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    br_pool_close(two_workers);
    for (int64_t i = 1; i < 5; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
        ck_assert_int_eq(out, i * i);
    }
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    br_imap_free(it);
}
END_TEST

SUITE(pool_iterators)
{
    FIXTURE(set_up_two_workers, tear_down_two_workers);
    LOOP_TEST(imap_gives_every_result_once, 10);
    LOOP_TEST(imap_items_have_the_index_and_the_seed_of_a_map, 10);
    LOOP_TEST(imap_of_senseless_sizes_is_rejected, 3);
    LOOP_TEST(imap_over_nothing, 10);
    LOOP_TEST(imap_over_an_iterator_that_fails, 50);
    LOOP_TEST(imap_looks_ahead_no_further_than_it_may, 10);
    TEST(imap_takes_whole_chunks);
    TEST(imaps_go_with_their_pool);
    TEST(imap_yields_failures_with_their_message);
    TEST(imap_unordered_gives_the_fast_first);
    LOOP_TEST(imap_yields_an_item_whose_chunk_has_not_ended, 2);
    TEST(imap_next_with_a_timeout_loses_nothing);
    TEST(imap_freed_half_way_leaves_the_pool_usable);
    TEST(imap_gives_what_items_emit);
    LOOP_TEST(imap_fits_into_a_bounded_queue, 10);
    TEST(imap_of_a_closed_pool_yields_items_under_way);
}

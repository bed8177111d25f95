// SPDX-License-Identifier: BSD-3-Clause
// Iterators over results (br_pool_imap).
#include "support/library_simulation.h"
#include "support/suite.h"

struct source {
    int64_t next, end;
};

static int next_number(void *user, void *item)
{
    struct source *s = user;
    if (s->next == s->end)
        return 0;
    *(int64_t *)item = s->next++;
    return 1;
}

// Every third item takes long, the first among them.
static struct fake_task some_are_long(const struct exec_grant *task)
{
    return lib_ends(FAKE_OK, task->first % 3 == 0 ? 10 * NS_PER_MS : NS_PER_MS);
}

START_TEST(imap_ordered_waits_for_the_next)
{
    struct source source = {.end = 30};
    int64_t out;
    size_t index;
    lib_open(4, some_are_long);
    br_imap *it =
        br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8,
                     &(br_imap_options){.ordered = true, .chunk_size = (size_t)_i}, &lib_error);
    for (size_t i = 0; i < 30; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, &index, &lib_error), 1);
        ck_assert_uint_eq(index, i);
        ck_assert_int_eq(out, (int64_t)(i * i));
    }
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, &index, &lib_error), 0);
    br_imap_free(it);
    lib_close();
}
END_TEST

START_TEST(imap_unordered_yields_items_that_have_ended)
{
    struct source source = {.end = 30};
    int64_t out, last = 0;
    size_t index, yielded = 0, misplaced = 0;
    lib_open(4, some_are_long);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8, NULL, &lib_error);
    for (; br_imap_next(it, BR_FOREVER, &out, NULL, &index, &lib_error) == 1; yielded++) {
        ck_assert_int_eq(out, (int64_t)(index * index));
        misplaced += index != yielded;
        ck_assert_int_ge(lib_elapsed(), last);
        if (yielded == 0) // the index is not 0, because item 0 takes long
            ck_assert_int_eq(lib_elapsed(), NS_PER_MS);
        last = lib_elapsed();
    }
    ck_assert_uint_eq(yielded, 30);
    ck_assert_uint_gt(misplaced, 0);
    br_imap_free(it);
    lib_close();
}
END_TEST

START_TEST(imap_looks_ahead_as_far_as_its_option)
{
    struct source source = {.end = INT64_MAX};
    int64_t out;
    lib_open(2, some_are_long);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8,
                               &(br_imap_options){.ordered = true, .chunk_size = 4, .lookahead = 9},
                               &lib_error);
    for (int64_t i = 0; i < 200; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error), 1);
        ck_assert_int_le(source.next, i + 9);
    }
    br_imap_free(it);
    lib_close();
}
END_TEST

START_TEST(imap_next_waits_until_its_timeout)
{
    struct source source = {.end = 2};
    int64_t out;
    lib_open(1, lib_first_call_is_long);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8,
                               &(br_imap_options){.ordered = true}, &lib_error);
    ck_assert_int_eq(br_imap_next(it, 0.1, &out, NULL, NULL, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(lib_elapsed(), 100 * NS_PER_MS);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error), 1);
    ck_assert_int_eq(lib_elapsed(), NS_PER_S);
    br_imap_free(it);
    lib_close();
}
END_TEST

static struct fake_task every_call_is_long(const struct exec_grant *task)
{
    (void)task;
    return lib_ends(FAKE_OK, NS_PER_S);
}

// The queue is full of items of another call, which take a second each.
START_TEST(imap_next_waits_for_room_until_its_timeout)
{
    struct source source = {.end = 2};
    int64_t out;
    lib_open_with(1, every_call_is_long, (br_pool_options){.max_queued = 1, .queue_timeout = 100});
    lib_submit(1, NULL);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8, NULL, &lib_error);
    ck_assert_int_eq(br_imap_next(it, 0.1, &out, NULL, NULL, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_FULL);
    ck_assert_int_eq(lib_elapsed(), 100 * NS_PER_MS);
    // There is room from 1 s on, and a result from 2 s on.
    ck_assert_int_eq(br_imap_next(it, 1.5, &out, NULL, NULL, &lib_error), -1);
    ck_assert_int_eq(lib_error.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(lib_elapsed(), 1600 * NS_PER_MS);
    // While a chunk is under way, an item of it is awaited, not room for the next chunk.
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error), 1);
    ck_assert_int_eq(lib_elapsed(), 2 * NS_PER_S);
    br_imap_free(it);
    lib_close();
}
END_TEST

START_TEST(imap_freed_half_way_cancels_its_items)
{
    struct source source = {.end = 100};
    int64_t out;
    lib_open(2, NULL);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8, NULL, &lib_error);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error), 1);
    br_imap_free(it);
    br_pool_close(lib.pool);
    lib_must(br_pool_join(lib.pool, BR_FOREVER, &lib_error));
    br_pool_stats stats;
    br_pool_get_stats(lib.pool, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_int_le(lib_elapsed(), 3 * NS_PER_MS);
    lib_close();
}
END_TEST

START_TEST(a_closed_pool_takes_no_item)
{
    struct source source = {.end = INT64_MAX};
    int64_t out, yielded = 0;
    lib_open(2, NULL);
    br_imap *it = br_pool_imap(lib.pool, lib_square, next_number, &source, 8, 8,
                               &(br_imap_options){.chunk_size = (size_t)_i}, &lib_error);
    for (; yielded < 10; yielded++)
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error), 1);
    int64_t taken = source.next;
    br_pool_close(lib.pool);
    while (br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &lib_error) == 1)
        yielded++;
    ck_assert_int_eq(lib_error.kind, BR_ERR_CLOSED);
    ck_assert_int_eq(source.next, taken);
    ck_assert_int_eq(yielded, taken);
    br_imap_free(it);
    lib_close();
}
END_TEST

SUITE(library_iterators)
{
    LOOP_TEST(imap_ordered_waits_for_the_next, 5);
    TEST(imap_unordered_yields_items_that_have_ended);
    TEST(imap_looks_ahead_as_far_as_its_option);
    TEST(imap_next_waits_until_its_timeout);
    TEST(imap_next_waits_for_room_until_its_timeout);
    LOOP_TEST(a_closed_pool_takes_no_item, 65);
    TEST(imap_freed_half_way_cancels_its_items);
}

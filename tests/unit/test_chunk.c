// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "base/clock.h"
#include "pool/chunk.h"
#include "support/suite.h"

// `count` successes of `ns` each.
static void learn(struct chunk_size *c, uint32_t count, uint32_t ns)
{
    uint32_t *durations = calloc(count, sizeof *durations);
    ck_assert(durations);
    for (uint32_t i = 0; i < count; i++)
        durations[i] = ns;
    struct exec_report r = {.type = REPORT_OK, .tasks.count = count};
    r.ok.duration_ns = -1;
    r.ok.durations = durations;
    chunk_learn(c, &r);
    free(durations);
}

START_TEST(fixed_is_fixed)
{
    struct chunk_size c;
    chunk_init(&c, 7);
    ck_assert_uint_eq(chunk_next(&c, 1000, 4), 7);
    learn(&c, 1000, 1000000);
    ck_assert_uint_eq(chunk_next(&c, 1000, 4), 7);
    chunk_init(&c, UINT32_MAX);
    ck_assert_uint_eq(chunk_next(&c, 1000, 4), EXECUTOR_GRANT_MAX);
}
END_TEST

START_TEST(fixed_chunks_of_no_time_are_handed_over_many_at_once)
{
    struct chunk_size c;
    chunk_init(&c, 7);
    learn(&c, 1000, 100);
    uint32_t n = chunk_next(&c, UINT64_C(1) << 40, 4);
    ck_assert_uint_eq(n % 7, 0);
    ck_assert_int_gt((int64_t)n * 100, CHUNK_AHEAD_NS / 4);
    ck_assert_int_le((int64_t)n * 100, CHUNK_AHEAD_NS / 2);
    ck_assert_uint_eq(chunk_next(&c, 80, 4), 7); // the workers are to end together
    learn(&c, 1000, 100000);
    ck_assert_uint_eq(chunk_next(&c, UINT64_C(1) << 40, 4), 7);
}
END_TEST

START_TEST(tasks_of_unknown_length_go_one_by_one)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    ck_assert_uint_eq(chunk_next(&c, 1000000, 2), 1);
}
END_TEST

START_TEST(a_chunk_takes_some_milliseconds)
{
    static const uint32_t durations[] = {100, 10000, 1000000};
    for (size_t i = 0; i < 3; i++) {
        struct chunk_size c;
        chunk_init(&c, 0);
        learn(&c, 1000, durations[i]);
        int64_t takes = (int64_t)chunk_next(&c, UINT64_C(1) << 40, 2) * durations[i];
        ck_assert_int_ge(takes, 5 * NS_PER_MS); // what is handed out wakes the coordinator
        ck_assert_int_le(takes, 10 * NS_PER_MS);
    }
}
END_TEST

START_TEST(long_tasks_go_one_by_one)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    struct exec_report r = {.type = REPORT_OK, .tasks.count = 1};
    r.ok.duration_ns = 10 * NS_PER_S;
    chunk_learn(&c, &r);
    ck_assert_uint_eq(chunk_next(&c, 1000000, 2), 1);
}
END_TEST

START_TEST(failures_are_learnt_from_too)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    struct exec_report r = {.type = REPORT_END, .tasks.count = 1};
    r.end.duration_ns = 10 * NS_PER_US;
    chunk_learn(&c, &r);
    ck_assert_uint_ge(chunk_next(&c, 1000000, 2), 100);
}
END_TEST

START_TEST(chunks_shrink_towards_the_end)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    learn(&c, 1000, 100);
    uint64_t left = 100000;
    uint32_t before = UINT32_MAX;
    while (left > 0) {
        uint32_t n = chunk_next(&c, left, 4);
        ck_assert_uint_ge(n, 1);
        ck_assert_uint_le(n, before);
        ck_assert(left < 8 || n <= left / 8);
        before = n;
        left -= n;
    }
}
END_TEST

START_TEST(tasks_of_no_time_are_no_division_by_zero)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    learn(&c, 1000, 0);
    ck_assert_uint_eq(chunk_next(&c, UINT64_MAX, 1), EXECUTOR_GRANT_MAX);
}
END_TEST

START_TEST(it_follows_tasks_that_get_slower)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    learn(&c, 100000, 100);
    for (int i = 0; i < 10; i++)
        learn(&c, 100, 1000000);
    ck_assert_uint_le(chunk_next(&c, UINT64_C(1) << 40, 2), 10);
}
END_TEST

START_TEST(few_short_tasks_are_not_worth_taking)
{
    struct chunk_size c;
    chunk_init(&c, 0);
    ck_assert(chunk_is_worth(&c, 1, 20000)); // nothing is known
    ck_assert(!chunk_is_worth(&c, 0, 20000));
    learn(&c, 100, 100);
    ck_assert(!chunk_is_worth(&c, 199, 20000));
    ck_assert(chunk_is_worth(&c, 201, 20000));
}
END_TEST

SUITE(chunk)
{
    TEST(fixed_is_fixed);
    TEST(fixed_chunks_of_no_time_are_handed_over_many_at_once);
    TEST(tasks_of_unknown_length_go_one_by_one);
    TEST(a_chunk_takes_some_milliseconds);
    TEST(long_tasks_go_one_by_one);
    TEST(failures_are_learnt_from_too);
    TEST(chunks_shrink_towards_the_end);
    TEST(tasks_of_no_time_are_no_division_by_zero);
    TEST(it_follows_tasks_that_get_slower);
    TEST(few_short_tasks_are_not_worth_taking);
}

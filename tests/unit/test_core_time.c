// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "report/core_time.h"
#include "support/suite.h"

static struct core_time c;

static void set_up(void)
{
    core_time_init(&c);
}

static void tear_down(void)
{
    ck_assert(!c.failed);
    core_time_finish(&c);
}

static void worker(uint32_t number, bool begins, int64_t time)
{
    struct event e = {.type = begins ? EVENT_WORKER_BEGIN : EVENT_WORKER_END, .time_ns = time};
    if (begins)
        e.worker_begin.worker = number;
    else
        e.worker_end.worker = number;
    core_time_take(&c, &e);
}

static void phase(uint32_t number, int64_t time)
{
    core_time_take(&c, &(struct event){.type = EVENT_PHASE_BEGIN,
                                       .time_ns = time,
                                       .phase_begin = {.phase = number}});
}

static void attempt(uint32_t in_phase, uint32_t in_worker, uint32_t number,
                    enum outcome_status status, int64_t start, int64_t end)
{
    core_time_add(&c, &(struct attempt){.phase = in_phase,
                                        .worker = in_worker,
                                        .attempt = number,
                                        .status = status,
                                        .start_ns = start,
                                        .end_ns = end});
}

static void expect(int64_t ok, int64_t failed, int64_t start, int64_t barrier, int64_t tail,
                   int64_t retry, int64_t dispatch)
{
    const int64_t expected[CORE_USES] = {ok, failed, start, barrier, tail, retry, dispatch};
    for (int i = 0; i < CORE_USES; i++)
        ck_assert_msg(c.ns[i] == expected[i], "use %d: %lld, not %lld", i, (long long)c.ns[i],
                      (long long)expected[i]);
}

START_TEST(each_moment_has_one_cause)
{
    core_time_begin(&c, 2, 0);
    phase(0, 0);
    worker(0, true, 10);
    worker(1, true, 20);
    attempt(0, 0, 1, OUTCOME_OK, 15, 100);
    attempt(0, 1, 1, OUTCOME_ERROR, 20, 60);
    attempt(0, 1, 2, OUTCOME_OK, 80, 90); // tried again
    phase(1, 110);
    attempt(1, 0, 1, OUTCOME_OK, 113, 200);
    core_time_end(&c, 250);
    expect(85 + 87 + 10, 40, 10 + 20, 10, 50 + 160, 20, 5 + 3);
}
END_TEST

START_TEST(a_worker_that_is_replaced_starts_again)
{
    core_time_begin(&c, 2, 0);
    worker(0, true, 0);
    attempt(0, 0, 1, OUTCOME_CRASHED, 0, 30);
    worker(0, false, 31);
    worker(0, true, 50);
    attempt(0, 0, 1, OUTCOME_OK, 50, 60);
    core_time_end(&c, 60); // the other worker was never ready
    expect(10, 30, 20 + 60, 0, 0, 0, 0);
}
END_TEST

START_TEST(a_resumed_run_has_other_workers)
{
    core_time_begin(&c, 1, 0);
    worker(0, true, 0);
    attempt(0, 0, 1, OUTCOME_OK, 0, 10);
    core_time_begin(&c, 3, 15);
    for (uint32_t i = 0; i < 3; i++)
        worker(i, true, 16);
    core_time_end(&c, 20);
    expect(10, 0, 3, 0, 5 + 12, 0, 0);
}
END_TEST

START_TEST(impossible_times_are_left_out)
{
    core_time_begin(&c, 1, 0);
    worker(7, true, 5);
    attempt(9, 7, 1, OUTCOME_OK, 0, 10);
    attempt(9, 0, 1, OUTCOME_OK, 0, 10);
    attempt(9, 0, 1, OUTCOME_OK, 5, 10); // each moment counts only once
    core_time_end(&c, 10);
    expect(10, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(parts_sum_to_the_whole)
{
    const int64_t thirds[CORE_USES] = {1, 1, 1};
    unsigned parts[CORE_USES];
    core_time_parts(thirds, 1000, parts);
    ck_assert_uint_eq(parts[0] + parts[1] + parts[2], 1000);
    ck_assert_uint_ge(parts[2], 333);
    const int64_t odd[CORE_USES] = {7, 11, 13, 17, 19, 23, 29};
    core_time_parts(odd, 1000, parts);
    unsigned sum = 0;
    for (int i = 0; i < CORE_USES; i++)
        sum += parts[i];
    ck_assert_uint_eq(sum, 1000);
    core_time_parts((const int64_t[CORE_USES]){0}, 1000, parts);
    ck_assert_uint_eq(parts[0], 0);
}
END_TEST

SUITE(core_time)
{
    FIXTURE(set_up, tear_down);
    TEST(each_moment_has_one_cause);
    TEST(a_worker_that_is_replaced_starts_again);
    TEST(a_resumed_run_has_other_workers);
    TEST(impossible_times_are_left_out);
    TEST(parts_sum_to_the_whole);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "report/attempts.h"
#include "support/suite.h"

static struct attempts attempts;
static struct attempt seen[16];
static int count;

static void see(void *user, const struct attempt *a)
{
    ck_assert_ptr_eq(user, &count);
    seen[count++] = *a;
}

static void take(const struct event *e)
{
    count = 0;
    attempts_take(&attempts, e, see, &count);
}

static void set_up(void)
{
    attempts_init(&attempts);
}

static void tear_down(void)
{
    attempts_finish(&attempts);
}

static struct event successes(uint32_t worker, int64_t start, int64_t time, uint64_t n,
                              const uint32_t *durations)
{
    return (struct event){.type = EVENT_TASKS_OK,
                          .time_ns = time,
                          .tasks_ok = {.phase = 2,
                                       .worker = worker,
                                       .attempt = 1,
                                       .first = 40,
                                       .count = n,
                                       .start_ns = start,
                                       .durations = durations}};
}

static void expect(int i, int64_t start, int64_t end)
{
    ck_assert_int_eq(seen[i].start_ns, start);
    ck_assert_int_eq(seen[i].end_ns, end);
}

START_TEST(successes_get_times_of_their_own)
{
    const uint32_t durations[] = {100, 50, 150};
    struct event e = successes(3, 1000, 1000, 3, durations);
    take(&e);
    ck_assert_int_eq(count, 3);
    expect(0, 1000, 1100);
    expect(1, 1100, 1150);
    expect(2, 1150, 1300);
    ck_assert_uint_eq(seen[2].index, 42);
    ck_assert_uint_eq(seen[2].phase, 2);
    ck_assert_uint_eq(seen[2].worker, 3);
    ck_assert_uint_eq(seen[2].attempt, 1);
    ck_assert_int_eq((int)seen[2].status, OUTCOME_OK);
    ck_assert(seen[2].final);
}
END_TEST

START_TEST(time_between_attempts_is_spread)
{
    const uint32_t durations[] = {100, 100};
    struct event e = successes(0, 0, 1000, 2, durations);
    take(&e);
    expect(0, 0, 100);
    expect(1, 500, 600);
    e = successes(0, 2000, 2900, 3, NULL); // durations are not known
    take(&e);
    expect(0, 2000, 2300);
    expect(2, 2600, 2900);
}
END_TEST

START_TEST(attempts_of_a_worker_do_not_overlap)
{
    const uint32_t durations[] = {100};
    struct event e = successes(0, 0, 0, 1, durations);
    take(&e);
    e.tasks_ok.start_ns = 90; // the rounding of durations
    take(&e);
    expect(0, 100, 190);
    ck_assert_int_eq(seen[0].lasted_ns, 100);
    e.tasks_ok.start_ns = 20;
    take(&e);
    expect(0, 190, 190);
    e.tasks_ok.worker = 7; // the attempts of another worker may overlap
    take(&e);
    expect(0, 20, 120);
}
END_TEST

START_TEST(an_end_is_one_attempt_unless_it_never_ran)
{
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.phase = 1,
                                   .worker = 0,
                                   .index = 9,
                                   .status = OUTCOME_CRASHED,
                                   .start_ns = 50,
                                   .duration_ns = 25}};
    take(&e);
    ck_assert_int_eq(count, 1);
    expect(0, 50, 75);
    ck_assert_ptr_eq(seen[0].event, &e.task_end);
    ck_assert(!seen[0].final);
    e.task_end.worker = UINT32_MAX;
    take(&e);
    ck_assert_int_eq(count, 0);
    e = (struct event){.type = EVENT_PHASE_BEGIN};
    take(&e);
    ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(times_out_of_all_bounds_do_not_overflow)
{
    const uint32_t durations[] = {UINT32_MAX, UINT32_MAX};
    struct event e = successes(0, INT64_MAX, INT64_MIN, 2, durations);
    take(&e);
    ck_assert_int_ge(seen[1].end_ns, seen[1].start_ns);
    e = successes(1, INT64_MIN, INT64_MAX, 2, durations);
    take(&e);
    ck_assert_int_ge(seen[0].start_ns, 0);
    e.tasks_ok.worker = UINT32_MAX - 1;
    take(&e);
    ck_assert_int_eq(count, 0);
    ck_assert(attempts.failed);
}
END_TEST

START_TEST(deaths)
{
    ck_assert(!attempts_is_death(&(struct event_worker_end){.reason = "told to end"}));
    ck_assert(attempts_is_death(&(struct event_worker_end){.signal = 11, .reason = "SIGSEGV"}));
    ck_assert(attempts_is_death(&(struct event_worker_end){.reason = "exit(0) was called"}));
}
END_TEST

SUITE(attempts)
{
    FIXTURE(set_up, tear_down);
    TEST(successes_get_times_of_their_own);
    TEST(time_between_attempts_is_spread);
    TEST(attempts_of_a_worker_do_not_overlap);
    TEST(an_end_is_one_attempt_unless_it_never_ran);
    TEST(times_out_of_all_bounds_do_not_overflow);
    TEST(deaths);
}

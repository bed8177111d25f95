// SPDX-License-Identifier: BSD-3-Clause
// The pool's rules for tasks that run too long.
#include <string.h>

#include "support/simulation.h"
#include "support/suite.h"

static struct fake_task second_hangs(struct simulation *sim, unsigned map,
                                     const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first == 1 ? FAKE_FOREVER : 1000);
}

START_TEST(a_hard_timeout_ends_the_task)
{
    struct simulation *sim = sim_open(1, second_hangs);
    struct sim_map *v =
        sim_submit(sim, 10, (struct pool_map_options){.chunk = 10, .map.limits.hard_ns = NS_PER_S});
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], SIM_BEGIN + NS_PER_S);
    ck_assert_int_le(v->ended[1], SIM_BEGIN + NS_PER_S + 10 * NS_PER_MS);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(v->starts[i], 1);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    sim_close(sim);
}
END_TEST

static struct fake_task second_is_stubborn(struct simulation *sim, unsigned map,
                                           const struct exec_grant *task)
{
    struct fake_task t = second_hangs(sim, map, task);
    t.stubborn = true;
    return t;
}

START_TEST(a_task_that_ignores_sigterm_is_killed_after_the_grace)
{
    struct simulation *sim = sim_open(1, second_is_stubborn);
    struct sim_map *v =
        sim_submit(sim, 10, (struct pool_map_options){.map.limits.hard_ns = NS_PER_S});
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], SIM_BEGIN + NS_PER_S + 100 * NS_PER_MS);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    sim_close(sim);
}
END_TEST

static struct fake_task second_is_immortal(struct simulation *sim, unsigned map,
                                           const struct exec_grant *task)
{
    struct fake_task t = second_hangs(sim, map, task);
    t.immortal = true;
    return t;
}

START_TEST(a_worker_that_cannot_be_killed_costs_its_slot_and_no_more)
{
    struct simulation *sim = sim_open(2, second_is_immortal);
    struct sim_map *v =
        sim_submit(sim, 10, (struct pool_map_options){.map.limits.hard_ns = NS_PER_S});
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    v = sim_submit(sim, 1, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1);
    ck_assert_uint_eq(sim->starts, 2); // no worker replaced it
    ck_assert_uint_eq(sim->deaths, 1);
    sim_close(sim);
}
END_TEST

START_TEST(without_any_slot_left_the_pool_ends)
{
    struct simulation *sim =
        sim_open_alike(2, (struct fake_task){.ns = FAKE_FOREVER, .immortal = true});
    br_error err = {0};
    sim_submit(sim, 10, (struct pool_map_options){.map.limits.hard_ns = NS_PER_S});
    ck_assert_ptr_nonnull(strstr(sim_run_to_error(sim, &err), "no worker is left"));
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    ck_assert_uint_eq(sim->starts, 2);
    sim_close(sim);
}
END_TEST

static struct fake_task hangs_and_heeds(struct simulation *sim, unsigned map,
                                        const struct exec_grant *task)
{
    struct fake_task t = second_hangs(sim, map, task);
    t.heeds = true;
    return t;
}

START_TEST(a_soft_timeout_asks)
{
    struct simulation *sim = sim_open(2, hangs_and_heeds);
    struct sim_map *v = sim_submit(sim, 10,
                                   (struct pool_map_options){.map.limits.soft_ns = NS_PER_S,
                                                             .map.limits.hard_ns = 2 * NS_PER_S});
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_ERROR);
    ck_assert_int_le(v->ended[1], SIM_BEGIN + NS_PER_S + 10 * NS_PER_MS);
    ck_assert_uint_eq(sim->deaths, 0);
    sim_close(sim);
}
END_TEST

START_TEST(who_does_not_heed_the_soft_timeout_meets_the_hard_one)
{
    struct simulation *sim = sim_open(2, second_hangs);
    struct sim_map *v = sim_submit(sim, 10,
                                   (struct pool_map_options){.map.limits.soft_ns = NS_PER_S,
                                                             .map.limits.hard_ns = 2 * NS_PER_S});
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], SIM_BEGIN + 2 * NS_PER_S);
    sim_close(sim);
}
END_TEST

START_TEST(a_limit_is_each_tasks_own)
{
    struct simulation *sim = sim_open_alike(1, sim_ok(100 * NS_PER_US));
    struct sim_map *v = sim_submit(
        sim, 1000, (struct pool_map_options){.chunk = 500, .map.limits.hard_ns = 200 * NS_PER_US});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    sim_close(sim);
}
END_TEST

// ---- A process that is stopped

// Without the test's help nothing happens in the pool until then.
static void sleep_until(struct simulation *sim, int64_t time)
{
    fake_advance(sim->fake, time);
}

static struct fake_task three_seconds_or_for_ever(struct simulation *sim, unsigned map,
                                                  const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first == 0 ? 3 * NS_PER_S : FAKE_FOREVER);
}

START_TEST(a_task_that_ended_before_anybody_looked_is_not_over_its_limit)
{
    struct simulation *sim = sim_open(2, three_seconds_or_for_ever);
    struct sim_map *v =
        sim_submit(sim, 2, (struct pool_map_options){.map.limits.hard_ns = 2 * NS_PER_S});
    sim_run_until(sim, SIM_BEGIN + NS_PER_S);
    sleep_until(sim, SIM_BEGIN + 10 * NS_PER_S);
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_OK);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_lt(v->ended[1], SIM_BEGIN + 11 * NS_PER_S);
    sim_close(sim);
}
END_TEST

START_TEST(a_clock_stands_still_while_the_process_is_stopped)
{
    struct simulation *sim = sim_open(2, three_seconds_or_for_ever);
    struct sim_map *v =
        sim_submit(sim, 2, (struct pool_map_options){.map.limits.hard_ns = 2 * NS_PER_S});
    for (int i = 0; i < 2; i++) { // stopped twice, for 4 s each
        int64_t stopped = SIM_BEGIN + NS_PER_S / 2 + 5 * i * NS_PER_S;
        sim_run_until(sim, stopped);
        sleep_until(sim, stopped + 4 * NS_PER_S);
        pool_stood_still(sim->pool, stopped, stopped + 4 * NS_PER_S);
    }
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_OK);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], SIM_BEGIN + 10 * NS_PER_S);
    ck_assert_int_le(v->ended[1], SIM_BEGIN + 10 * NS_PER_S + 100 * NS_PER_MS);
    sim_close(sim);
}
END_TEST

START_TEST(a_clock_does_not_stand_still_for_the_next_task)
{
    struct simulation *sim = sim_open(1, second_hangs);
    struct sim_map *v =
        sim_submit(sim, 2, (struct pool_map_options){.map.limits.hard_ns = 2 * NS_PER_S});
    pool_stood_still(sim->pool, 0, SIM_BEGIN); // before any task has started
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_le(v->ended[1], SIM_BEGIN + 2 * NS_PER_S + 10 * NS_PER_MS);
    sim_close(sim);
}
END_TEST

START_TEST(the_grace_stands_still_too)
{
    struct simulation *sim = sim_open(1, second_is_stubborn);
    struct sim_map *v =
        sim_submit(sim, 2, (struct pool_map_options){.map.limits.hard_ns = NS_PER_S});
    int64_t stopped = SIM_BEGIN + NS_PER_S + 50 * NS_PER_MS; // half of the grace is over
    sim_run_until(sim, stopped);
    pool_stood_still(sim->pool, stopped, stopped + 4 * NS_PER_S);
    sleep_until(sim, stopped + 4 * NS_PER_S);
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], SIM_BEGIN + 5 * NS_PER_S + 100 * NS_PER_MS);
    sim_close(sim);
}
END_TEST

SUITE(pool_limits)
{
    TEST(a_hard_timeout_ends_the_task);
    TEST(a_task_that_ignores_sigterm_is_killed_after_the_grace);
    TEST(a_worker_that_cannot_be_killed_costs_its_slot_and_no_more);
    TEST(without_any_slot_left_the_pool_ends);
    TEST(a_soft_timeout_asks);
    TEST(who_does_not_heed_the_soft_timeout_meets_the_hard_one);
    TEST(a_limit_is_each_tasks_own);
    TEST(a_task_that_ended_before_anybody_looked_is_not_over_its_limit);
    TEST(a_clock_stands_still_while_the_process_is_stopped);
    TEST(a_clock_does_not_stand_still_for_the_next_task);
    TEST(the_grace_stands_still_too);
}

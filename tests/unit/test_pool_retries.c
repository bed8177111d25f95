// SPDX-License-Identifier: BSD-3-Clause
// The pool's rules after failures and crashes of tasks.
#include "support/simulation.h"
#include "support/suite.h"

START_TEST(a_failing_task_is_tried_so_often)
{
    struct simulation *sim = sim_open(2, sim_third_fails);
    struct sim_map *v = sim_submit(sim, 10, sim_with_retries(3, 1U << OUTCOME_ERROR));
    sim_run(sim);
    ck_assert_uint_eq(v->starts[3], 4);
    ck_assert_uint_eq(v->again, 3);
    ck_assert_uint_eq(v->attempts[3], 4);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 1);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    // 100 + 200 + 300 ms, and the attempts themselves.
    ck_assert_int_ge(v->ended[3], SIM_BEGIN + 600 * NS_PER_MS);
    ck_assert_int_le(v->ended[3], SIM_BEGIN + 601 * NS_PER_MS);
    for (int i = 0; i < 10; i++)
        if (i != 3)
            ck_assert_int_lt(v->ended[i], SIM_BEGIN + NS_PER_MS); // a waiting retry blocks nobody
    sim_close(sim);
}
END_TEST

START_TEST(what_retries_do_not_name_is_final)
{
    struct simulation *sim = sim_open(2, sim_third_fails);
    struct sim_map *v = sim_submit(sim, 10, sim_with_retries(3, 1U << OUTCOME_CRASHED));
    sim_run(sim);
    ck_assert_uint_eq(v->starts[3], 1);
    sim_close(sim);
}
END_TEST

START_TEST(a_permanent_error_is_final)
{
    struct simulation *sim =
        sim_open_alike(2, (struct fake_task){.ending = FAKE_PERMANENT, .ns = 1000});
    struct sim_map *v = sim_submit(sim, 10, sim_with_retries(3, ~0U));
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 10);
    ck_assert_uint_eq(v->again, 0);
    sim_close(sim);
}
END_TEST

START_TEST(jitter_stays_in_its_bounds)
{
    struct simulation *sim = sim_open(2, sim_first_attempts_fail);
    struct pool_map_options options = sim_with_retries(1, ~0U);
    options.retries.jitter = 0.2;
    struct sim_map *v = sim_submit(sim, 1000, options);
    sim_run(sim);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t at = v->started[i] - SIM_BEGIN;
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    ck_assert_int_ge(least, 80 * NS_PER_MS);
    ck_assert_int_le(least, 85 * NS_PER_MS);
    ck_assert_int_ge(most, 115 * NS_PER_MS);
    ck_assert_int_le(most, 121 * NS_PER_MS);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    sim_close(sim);
}
END_TEST

static struct fake_task fifth_crashes(struct simulation *sim, unsigned map,
                                      const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return (struct fake_task){.ending = task->first == 5 ? FAKE_CRASH : FAKE_OK, .ns = 1000};
}

START_TEST(a_crash_costs_one_task)
{
    struct simulation *sim = sim_open(1, fifth_crashes);
    struct sim_map *v = sim_submit(sim, 20, (struct pool_map_options){.chunk = 20});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_CRASHED], 1);
    ck_assert_uint_eq(v->outcomes[5], OUTCOME_CRASHED);
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(v->starts[i], 1);
        ck_assert_uint_eq(v->attempts[i], 1);
    }
    ck_assert_uint_eq(sim->starts, 2);
    ck_assert_uint_eq(sim->deaths, 1);
    sim_close(sim);
}
END_TEST

START_TEST(a_task_that_killed_enough_workers_is_final)
{
    struct simulation *sim = sim_open(2, fifth_crashes);
    struct sim_map *v = sim_submit(sim, 20, sim_with_retries(100, ~0U));
    sim_run(sim);
    ck_assert_uint_eq(v->starts[5], 3);
    ck_assert_uint_eq(v->again, 2);
    for (int i = 0; i < 20; i++)
        ck_assert(i == 5 || v->starts[i] == 1);
    sim_close(sim);
}
END_TEST

START_TEST(tasks_that_all_crash_are_all_told)
{
    struct simulation *sim =
        sim_open_alike(2, (struct fake_task){.ending = FAKE_CRASH, .ns = 1000});
    struct sim_map *v = sim_submit(sim, 100, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_CRASHED], 100);
    ck_assert_uint_eq(sim->deaths, 100);
    sim_close(sim);
}
END_TEST

SUITE(pool_retries)
{
    TEST(a_failing_task_is_tried_so_often);
    TEST(what_retries_do_not_name_is_final);
    TEST(a_permanent_error_is_final);
    TEST(jitter_stays_in_its_bounds);
    TEST(a_crash_costs_one_task);
    TEST(a_task_that_killed_enough_workers_is_final);
    TEST(tasks_that_all_crash_are_all_told);
}

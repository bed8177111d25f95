// SPDX-License-Identifier: BSD-3-Clause
// Stopping and cancelling maps, and what observers may do.
#include "support/simulation.h"
#include "support/suite.h"

START_TEST(stop_skips_what_has_not_started)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(100 * NS_PER_US));
    br_error err;
    struct sim_map *v = sim_submit(sim, 1000, (struct pool_map_options){.chunk = 50});
    sim_run_until(sim, SIM_BEGIN + 1050 * NS_PER_US);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    sim_check_sums(sim);
    sim_run(sim);
    const struct ledger *l = pool_map_ledger(v->map);
    ck_assert_uint_eq(l->ended[OUTCOME_OK], 22); // the running tasks too
    ck_assert_uint_eq(l->ended[OUTCOME_SKIPPED], 978);
    ck_assert_uint_eq(sim->deaths, 0);
    sim_close(sim);
}
END_TEST

START_TEST(stop_cancels_what_waits_for_another_attempt)
{
    struct simulation *sim = sim_open(2, sim_first_attempts_fail);
    br_error err;
    struct sim_map *v = sim_submit(sim, 10, sim_with_retries(3, ~0U));
    sim_run_until(sim, SIM_BEGIN + 50 * NS_PER_MS);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    ck_assert(pool_map_done(v->map));
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 10);
    sim_close(sim);
}
END_TEST

// A task that fails after the stop could have been tried again, so it has not failed for good.
START_TEST(stop_cancels_what_fails_afterwards_and_could_be_tried_again)
{
    struct simulation *sim = sim_open(2, sim_first_attempts_fail);
    br_error err;
    struct sim_map *v = sim_submit(sim, 2, sim_with_retries(3, ~0U));
    sim_run_until(sim, SIM_BEGIN);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    ck_assert(!pool_map_done(v->map)); // both tasks are running
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 2);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 0);
    sim_close(sim);
}
END_TEST

static struct fake_task first_fails_second_is_long(struct simulation *sim, unsigned map,
                                                   const struct exec_grant *task)
{
    return task->first == 1 ? sim_first_is_long(sim, map, &(struct exec_grant){0})
                            : sim_first_attempts_fail(sim, map, task);
}

// A task that has had an attempt is not counted among those that never started.
START_TEST(stop_cancels_another_attempt_that_is_queued)
{
    struct simulation *sim = sim_open(1, first_fails_second_is_long);
    br_error err;
    struct sim_map *v = sim_submit(sim, 2, sim_with_retries(3, ~0U));
    sim_run_until(sim, SIM_BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    sim_run(sim);
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_CANCELLED);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_OK);
    ck_assert_uint_eq(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 0);
    sim_close(sim);
}
END_TEST

START_TEST(cancel_ends_what_is_in_hand)
{
    struct simulation *sim = sim_open(2, sim_first_is_long);
    br_error err;
    struct sim_map *v = sim_submit(sim, 2, (struct pool_map_options){0});
    struct sim_map *other = sim_submit(sim, 500, (struct pool_map_options){0});
    sim_run_until(sim, SIM_BEGIN + 100 * NS_PER_MS);
    ck_assert_int_eq(pool_map_cancel(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    sim_run_until(sim, fake_now(sim->fake) + NS_PER_MS);
    ck_assert(pool_map_done(v->map));
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_CANCELLED);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_OK);
    sim_run(sim);
    ck_assert_uint_eq(other->by_status[OUTCOME_OK], 500);
    sim_close(sim);
}
END_TEST

// Outcomes that were not read yet when cancel was called must not put the blame elsewhere.
START_TEST(cancel_ends_what_is_in_hand_behind_unread_outcomes)
{
    struct simulation *sim = sim_open_alike(1, sim_ok(100 * NS_PER_US));
    br_error err;
    struct sim_map *v = sim_submit(sim, 10, (struct pool_map_options){.chunk = 10});
    sim_run_until(sim, SIM_BEGIN);
    fake_advance(sim->fake, SIM_BEGIN + 350 * NS_PER_US);
    ck_assert_int_eq(pool_map_cancel(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 3);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 1);
    ck_assert_uint_eq(v->outcomes[3], OUTCOME_CANCELLED);
    ck_assert_uint_eq(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 6);
    sim_close(sim);
}
END_TEST

static void cancel_on_failure(struct simulation *sim, const struct exec_report *r)
{
    br_error err;
    if (r->type != REPORT_END || r->end.status != OUTCOME_ERROR)
        return;
    struct pool_map *m = sim->maps[0].map;
    ck_assert_int_eq(pool_map_cancel(sim->pool, m, fake_now(sim->fake), &err), 0);
}

START_TEST(an_observer_may_cancel_its_map)
{
    struct simulation *sim = sim_open(3, sim_third_fails);
    sim->on_end = cancel_on_failure;
    struct sim_map *v = sim_submit(sim, 100000, sim_with_retries(2, ~0U));
    sim_run(sim);
    ck_assert_uint_ge(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 90000);
    sim_close(sim);
}
END_TEST

static void submit_more(struct simulation *sim, const struct exec_report *r)
{
    if (sim->map_count < SIM_MAPS && r->tasks.map == sim->map_count &&
        pool_map_done(sim->maps[sim->map_count - 1].map))
        sim_submit(sim, 100, (struct pool_map_options){.priority = (int)sim->map_count});
}

START_TEST(an_observer_may_submit_a_map)
{
    struct simulation *sim = sim_open(2, NULL);
    sim->on_end = submit_more;
    sim_submit(sim, 100, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(sim->map_count, SIM_MAPS);
    sim_close(sim);
}
END_TEST

START_TEST(an_observers_error_ends_the_dispatch_and_nothing_is_counted_twice)
{
    struct simulation *sim = sim_open(3, sim_third_fails);
    struct sim_map *v = sim_submit(sim, SIM_KEPT, sim_with_retries(2, ~0U));
    sim->fail_at = 5;
    br_error err = {0};
    ck_assert_str_eq(sim_run_to_error(sim, &err), "the observer failed");
    ck_assert_uint_eq(sim->observed, 5); // the reports after it are unread
    sim_run(sim);                        // counts each task once
    ck_assert_uint_eq(v->finals, SIM_KEPT);
    sim_close(sim);
}
END_TEST

START_TEST(a_stop_that_an_observer_ended_can_be_called_again)
{
    struct simulation *sim =
        sim_open_alike(3, (struct fake_task){.ending = FAKE_ERROR, .ns = NS_PER_US});
    struct pool_map_options options = sim_with_retries(2, ~0U);
    options.retries.delay_ns = options.retries.max_ns = NS_PER_S;
    struct sim_map *v = sim_submit(sim, SIM_KEPT, options);
    sim_run_until(sim, SIM_BEGIN + NS_PER_S / 2); // all wait for their second attempt
    br_error err = {0};
    sim->fail_at = sim->observed + 2;
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), -1);
    ck_assert_uint_eq(v->finals, 2);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, fake_now(sim->fake), &err), 0);
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], SIM_KEPT);
    sim_close(sim);
}
END_TEST

START_TEST(a_pool_whose_observer_failed_can_be_destroyed)
{
    for (uint64_t at = 1; at <= 8; at++) {
        struct simulation *sim = sim_open(3, sim_third_fails);
        sim_submit(sim, SIM_KEPT, sim_with_retries(2, ~0U));
        sim->fail_at = at;
        br_error err = {0};
        ck_assert_str_eq(sim_run_to_error(sim, &err), "the observer failed");
        pool_wind_down(sim->pool);
        sim_close(sim);
    }
}
END_TEST

static struct fake_task prints(struct simulation *sim, unsigned map, const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return (struct fake_task){.ending = task->first % 7 == 3 ? FAKE_CRASH : FAKE_OK,
                              .ns = 1000,
                              .printed = (uint32_t)task->first % 5};
}

START_TEST(output_is_passed_on)
{
    struct simulation *sim = sim_open(2, prints);
    struct sim_map *v = sim_submit(sim, 100, (struct pool_map_options){.chunk = 9});
    sim_run(sim);
    ck_assert_uint_eq(v->printed, 200);
    sim_close(sim);
}
END_TEST

SUITE(pool_stop)
{
    TEST(stop_skips_what_has_not_started);
    TEST(stop_cancels_what_waits_for_another_attempt);
    TEST(stop_cancels_what_fails_afterwards_and_could_be_tried_again);
    TEST(stop_cancels_another_attempt_that_is_queued);
    TEST(cancel_ends_what_is_in_hand);
    TEST(cancel_ends_what_is_in_hand_behind_unread_outcomes);
    TEST(an_observer_may_cancel_its_map);
    TEST(an_observer_may_submit_a_map);
    TEST(an_observers_error_ends_the_dispatch_and_nothing_is_counted_twice);
    TEST(a_stop_that_an_observer_ended_can_be_called_again);
    TEST(a_pool_whose_observer_failed_can_be_destroyed);
    TEST(output_is_passed_on);
}

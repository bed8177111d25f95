// SPDX-License-Identifier: BSD-3-Clause
// The pool's rules for workers that die or are replaced.
#include <string.h>

#include "support/simulation.h"
#include "support/suite.h"

START_TEST(workers_are_replaced_after_max_tasks)
{
    struct simulation *sim = sim_open_max(2, NULL, 7);
    struct sim_map *v = sim_submit(sim, 100, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 100);
    ck_assert_uint_ge(sim->starts, 15); // 100 / 7, rounded up
    ck_assert_uint_le(sim->starts, 17);
    sim_close(sim);
}
END_TEST

START_TEST(idle_workers_end_when_the_pool_winds_down)
{
    struct simulation *sim = sim_open(3, NULL);
    sim_submit(sim, 100, (struct pool_map_options){0});
    sim_run(sim);
    unsigned ended = 0;
    struct exec_report r;
    br_error err;
    pool_wind_down(sim->pool);
    while (sim->fake->ops->next_report(sim->fake, &r, &err) > 0)
        ended += r.type == REPORT_DEAD && r.dead.expected;
    ck_assert_uint_eq(ended, 3);
    sim_close(sim);
}
END_TEST

START_TEST(the_ends_of_workers_are_reported_and_none_is_started_after_them)
{
    struct simulation *sim = sim_open(3, NULL);
    sim_submit(sim, 100, (struct pool_map_options){0});
    sim_run(sim);
    pool_wind_down(sim->pool);
    while (pool_take_ends(sim->pool, fake_now(sim->fake)))
        fake_advance(sim->fake, fake_next(sim->fake));
    ck_assert_uint_eq(sim->deaths, 3);
    ck_assert_uint_eq(sim->starts, 3);
    sim_close(sim);
}
END_TEST

START_TEST(a_worker_for_every_task)
{
    struct simulation *sim = sim_open_max(2, NULL, 1);
    struct sim_map *v = sim_submit(sim, 50, (struct pool_map_options){.chunk = 10});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 50);
    ck_assert_uint_ge(sim->starts, 50);
    for (unsigned i = 0; i < sim->grant_count; i++)
        ck_assert_uint_eq(sim->grants[i].tasks.count, 1);
    sim_close(sim);
}
END_TEST

START_TEST(a_worker_that_cannot_start_ends_the_pool)
{
    struct simulation *sim = sim_open(4, NULL);
    br_error err = {0};
    sim->worker.unfit = "no licence";
    sim_submit(sim, 10, (struct pool_map_options){0});
    ck_assert_str_eq(sim_run_to_error(sim, &err), "no licence");
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_uint_eq(sim->starts, 4);
    sim_close(sim);
}
END_TEST

START_TEST(workers_that_die_idle_are_no_storm)
{
    struct simulation *sim = sim_open(1, NULL);
    br_error err = {0};
    sim->worker.idle_ns = NS_PER_US;
    const char *text = sim_run_to_error(sim, &err);
    ck_assert_ptr_nonnull(strstr(text, "without having finished a task"));
    ck_assert_uint_le(sim->starts, 6);
    ck_assert_int_ge(fake_now(sim->fake), SIM_BEGIN + 200 * NS_PER_MS);
    sim_close(sim);
}
END_TEST

// Somebody kills the idle worker, again and again.
START_TEST(an_idle_worker_is_replaced_however_often_it_is_killed)
{
    struct simulation *sim = sim_open(1, NULL);
    for (int i = 1; i <= 20; i++) {
        sim_run_until(sim, SIM_BEGIN + i * 200 * NS_PER_MS);
        fake_kill_worker(sim->fake, 0);
    }
    struct sim_map *v = sim_submit(sim, 1, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1);
    ck_assert_uint_eq(sim->starts, 21);
    sim_close(sim);
}
END_TEST

static struct fake_worker second_dies_idle(unsigned slot)
{
    return (struct fake_worker){.idle_ns = slot == 1 ? NS_PER_US : FAKE_FOREVER};
}

START_TEST(while_others_work_a_worker_that_will_not_stay_ends_nothing)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(10 * NS_PER_S));
    sim->worker_script = second_dies_idle;
    struct sim_map *v = sim_submit(sim, 1, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1);
    ck_assert_uint_ge(sim->starts, 10);
    ck_assert_uint_le(sim->starts, 30);
    sim_close(sim);
}
END_TEST

static struct fake_worker second_starts_late(unsigned slot)
{
    return (struct fake_worker){.start_ns = slot == 1 ? 100 * NS_PER_S : 0,
                                .idle_ns = FAKE_FOREVER};
}

// Killed workers that were starting do not end the pool as long as tasks are finished in between.
START_TEST(workers_killed_while_they_start_end_nothing_while_tasks_are_finished)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(100 * NS_PER_MS));
    struct pool_map_options options = sim_with_retries(100, ~0U);
    options.chunk = 1;
    struct sim_map *v = sim_submit(sim, 100, options);
    sim->worker_script = second_starts_late;
    for (int i = 1; i <= 10; i++) {
        sim_run_until(sim, SIM_BEGIN + i * NS_PER_S);
        fake_kill_worker(sim->fake, 0);
        fake_kill_worker(sim->fake, 1);
    }
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 100);
    sim_close(sim);
}
END_TEST

START_TEST(a_worker_that_dies_idle_now_and_then_is_replaced)
{
    struct simulation *sim = sim_open(1, NULL);
    br_error err;
    sim_run_until(sim, SIM_BEGIN + NS_PER_MS);
    for (unsigned i = 0; i < SIM_MAPS; i++) {
        struct sim_map *v = sim_submit(sim, 10, (struct pool_map_options){0});
        sim_run(sim);
        ck_assert_uint_eq(v->by_status[OUTCOME_OK], 10);
        fake_kill_worker(sim->fake, 0);
        ck_assert_int_eq(pool_dispatch(sim->pool, fake_now(sim->fake), &err), 0);
    }
    ck_assert_uint_eq(sim->deaths, SIM_MAPS);
    sim_close(sim);
}
END_TEST

START_TEST(all_workers_killed_ten_times_lose_nothing)
{
    struct simulation *sim = sim_open_alike(4, sim_ok(100 * NS_PER_US));
    struct sim_map *v = sim_submit(sim, 1000, sim_with_retries(100, ~0U));
    for (int i = 1; i <= 10; i++) {
        sim_run_until(sim, SIM_BEGIN + i * 500 * NS_PER_US);
        for (unsigned slot = 0; slot < 4; slot++)
            fake_kill_worker(sim->fake, slot);
    }
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    ck_assert_uint_le(v->again, 40);
    sim_close(sim);
}
END_TEST

SUITE(pool_workers)
{
    TEST(workers_are_replaced_after_max_tasks);
    TEST(idle_workers_end_when_the_pool_winds_down);
    TEST(the_ends_of_workers_are_reported_and_none_is_started_after_them);
    TEST(a_worker_for_every_task);
    TEST(a_worker_that_cannot_start_ends_the_pool);
    TEST(workers_that_die_idle_are_no_storm);
    TEST(an_idle_worker_is_replaced_however_often_it_is_killed);
    TEST(while_others_work_a_worker_that_will_not_stay_ends_nothing);
    TEST(workers_killed_while_they_start_end_nothing_while_tasks_are_finished);
    TEST(a_worker_that_dies_idle_now_and_then_is_replaced);
    TEST(all_workers_killed_ten_times_lose_nothing);
}

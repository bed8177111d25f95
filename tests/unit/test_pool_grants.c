// SPDX-License-Identifier: BSD-3-Clause
// The pool's rules of granting: which worker gets which tasks, and when they are taken back.
#include <poll.h>

#include "support/simulation.h"
#include "support/suite.h"

START_TEST(an_empty_map_is_done_at_once)
{
    struct simulation *sim = sim_open(2, NULL);
    sim_submit(sim, 0, (struct pool_map_options){0});
    ck_assert(sim_all_done(sim));
    sim_run(sim);
    sim_close(sim);
}
END_TEST

static struct fake_task give_index(struct simulation *sim, unsigned map,
                                   const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return (struct fake_task){.ending = FAKE_OK, .ns = 1000, .result = (int64_t)task->first};
}

START_TEST(every_task_runs_once)
{
    struct simulation *sim = sim_open(3, give_index);
    struct sim_map *v = sim_submit(sim, 1000, (struct pool_map_options){0});
    sim_run(sim);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(v->starts[i], 1);
    ck_assert_double_eq(v->sum, 499500);
    sim_close(sim);
}
END_TEST

START_TEST(fixed_chunks_are_granted_in_order)
{
    struct simulation *sim = sim_open_alike(1, sim_ok(100 * NS_PER_US));
    sim_submit(sim, 103, (struct pool_map_options){.chunk = 10});
    sim_run(sim);
    ck_assert_uint_eq(sim->grant_count, 11);
    for (unsigned i = 0; i < sim->grant_count; i++) {
        ck_assert_uint_eq(sim->grants[i].tasks.first, 10 * i);
        ck_assert_uint_eq(sim->grants[i].tasks.count, i < 10 ? 10 : 3);
    }
    sim_close(sim);
}
END_TEST

static struct fake_task one_of_many_is_long(struct simulation *sim, unsigned map,
                                            const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first == 2000 ? 10 * NS_PER_S : 100);
}

// Small chunks of tasks that take no time are granted as one large one.
START_TEST(fixed_chunks_of_no_time_are_granted_many_at_once)
{
    struct simulation *sim = sim_open(2, one_of_many_is_long);
    struct sim_map *v = sim_submit(sim, 4000, (struct pool_map_options){.chunk = 1});
    sim_run(sim);
    ck_assert_uint_le(sim->grant_count, 1000);
    for (int i = 0; i < 4000; i++) // tasks granted with the long one too
        ck_assert(v->ended[i] < SIM_BEGIN + NS_PER_S || i == 2000);
    sim_close(sim);
}
END_TEST

START_TEST(auto_chunks_take_some_milliseconds)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(100 * NS_PER_US));
    sim_submit(sim, 4000, (struct pool_map_options){0});
    sim_run(sim);
    unsigned mid = sim->grant_count / 2;
    ck_assert_uint_ge(sim->grants[mid].tasks.count, 10);
    ck_assert_uint_le(sim->grants[mid].tasks.count, 100);
    sim_close(sim);
}
END_TEST

START_TEST(a_long_task_holds_nobody_up)
{
    struct simulation *sim = sim_open(2, sim_first_is_long);
    struct sim_map *v = sim_submit(sim, 100, (struct pool_map_options){.chunk = 100});
    sim_run(sim);
    for (int i = 1; i < 100; i++)
        ck_assert_int_lt(v->ended[i], SIM_BEGIN + NS_PER_S);
    ck_assert_int_eq(v->ended[0], SIM_BEGIN + 10 * NS_PER_S);
    sim_close(sim);
}
END_TEST

static struct fake_task first_is_longest(struct simulation *sim, unsigned map,
                                         const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first == 0 ? NS_PER_S : 10 * NS_PER_MS);
}

// Task 1 was granted together with the long task 0. It must not wait even while there is other
// work.
START_TEST(what_waits_behind_a_long_task_is_not_left_for_last)
{
    struct simulation *sim = sim_open(2, first_is_longest);
    struct sim_map *v = sim_submit(sim, 200, (struct pool_map_options){.chunk = 1});
    sim_run(sim);
    ck_assert_uint_eq(sim->grants[1].tasks.first, 1);
    ck_assert_uint_eq(sim->grants[1].slot, sim->grants[0].slot);
    ck_assert_int_le(v->started[1], SIM_BEGIN + 40 * NS_PER_MS);
    sim_close(sim);
}
END_TEST

// A worker whose grants take long as a whole, but whose tasks are short, keeps its tasks.
START_TEST(nothing_is_taken_from_who_gets_on_while_there_is_other_work)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(NS_PER_MS));
    sim_submit(sim, 10000, (struct pool_map_options){.chunk = 100});
    sim_run(sim);
    for (unsigned i = 0; i < 90; i++) {
        ck_assert_uint_eq(sim->grants[i].tasks.first, 100 * i);
        ck_assert_uint_eq(sim->grants[i].tasks.count, 100);
    }
    sim_close(sim);
}
END_TEST

// At the end of a map every slot asks for more while each holds tasks that have waited. The pool
// must not look at each slot for each slot.
START_TEST(a_round_looks_at_each_slot_a_few_times_at_most)
{
    enum {
        SLOTS = 64
    };
    struct simulation *sim = sim_open_alike(SLOTS, sim_ok(7 * NS_PER_MS));
    br_error err = {0};
    uint64_t most = 0;
    sim_submit(sim, 8 * SLOTS, (struct pool_map_options){.chunk = 4});
    while (!sim_all_done(sim)) {
        uint64_t before = fake_looks(sim->fake);
        ck_assert_int_eq(sim_step(sim, &err), 0);
        uint64_t looks = fake_looks(sim->fake) - before;
        most = looks > most ? looks : most;
    }
    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, 2 * SLOTS);
    sim_close(sim);
}
END_TEST

// The first 1000 tasks take no time, so the last ones seem not worth stealing.
static struct fake_task last_are_long(struct simulation *sim, unsigned map,
                                      const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first < 1000 ? 10 : NS_PER_S);
}

START_TEST(long_tasks_behind_short_ones_are_shared_too)
{
    struct simulation *sim = sim_open(4, last_are_long);
    struct sim_map *v = sim_submit(sim, 1008, (struct pool_map_options){.chunk = 8});
    sim_run(sim);
    for (int i = 1000; i < 1008; i++)
        ck_assert_int_le(v->ended[i], SIM_BEGIN + 3 * NS_PER_S);
    sim_close(sim);
}
END_TEST

START_TEST(an_idle_pool_asks_for_attention_when_a_map_comes)
{
    struct simulation *sim = sim_open(2, NULL);
    br_error err;
    ck_assert_int_le(pool_deadline(sim->pool), SIM_BEGIN);
    sim_run_until(sim, SIM_BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_deadline(sim->pool), INT64_MAX);
    struct pollfd fd = {.fd = pool_fd(sim->pool), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 0), 0);
    struct sim_map *v = sim_submit(sim, 10, (struct pool_map_options){0});
    ck_assert_int_le(pool_deadline(sim->pool), SIM_BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_dispatch(sim->pool, SIM_BEGIN + NS_PER_S, &err), 0);
    fake_advance(sim->fake, SIM_BEGIN + 2 * NS_PER_S);
    ck_assert_int_eq(poll(&fd, 1, 0), 1);
    ck_assert_int_eq(pool_map_stop(sim->pool, v->map, SIM_BEGIN + 2 * NS_PER_S, &err), 0);
    ck_assert_int_le(pool_deadline(sim->pool), SIM_BEGIN + 2 * NS_PER_S);
    sim_close(sim);
}
END_TEST

START_TEST(higher_priority_goes_first)
{
    struct simulation *sim = sim_open(1, NULL);
    sim_submit(sim, 20, (struct pool_map_options){.chunk = 5});
    sim_submit(sim, 20, (struct pool_map_options){.chunk = 5, .priority = 1});
    sim_run(sim);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(sim->grants[i].tasks.map, i < 4 ? 2 : 1);
    sim_close(sim);
}
END_TEST

START_TEST(equal_maps_share_the_workers)
{
    struct simulation *sim = sim_open_alike(4, sim_ok(100 * NS_PER_US));
    struct sim_map *a = sim_submit(sim, 1000, (struct pool_map_options){.chunk = 4});
    struct sim_map *b = sim_submit(sim, 1000, (struct pool_map_options){.chunk = 4});
    sim_run_until(sim, SIM_BEGIN + 10 * NS_PER_MS);
    ck_assert_uint_gt(a->finals, 150);
    ck_assert_uint_gt(b->finals, 150);
    ck_assert_uint_gt(a->finals + b->finals, 390);
    sim_run(sim);
    sim_close(sim);
}
END_TEST

START_TEST(max_parallel_bounds_the_workers_of_a_map)
{
    struct simulation *sim = sim_open_alike(4, sim_ok(100 * NS_PER_US));
    struct sim_map *v =
        sim_submit(sim, 100, (struct pool_map_options){.chunk = 1, .max_parallel = 2});
    sim_run(sim);
    // 100 tasks of 100 us on 2 of 4 workers.
    ck_assert_int_ge(v->ended[99], SIM_BEGIN + 5 * NS_PER_MS);
    unsigned slots = 0;
    for (unsigned i = 0; i < sim->grant_count; i++)
        slots |= 1U << sim->grants[i].slot;
    ck_assert_int_le(__builtin_popcount(slots), 2);
    sim_close(sim);
}
END_TEST

START_TEST(a_map_that_may_not_run_lets_lower_ones_run)
{
    struct simulation *sim = sim_open_alike(2, sim_ok(100 * NS_PER_US));
    sim_submit(sim, 100, (struct pool_map_options){.chunk = 1, .max_parallel = 1, .priority = 5});
    struct sim_map *low = sim_submit(sim, 100, (struct pool_map_options){.chunk = 1});
    sim_run_until(sim, SIM_BEGIN + 3 * NS_PER_MS);
    ck_assert_uint_gt(low->finals, 20);
    sim_run(sim);
    sim_close(sim);
}
END_TEST

SUITE(pool_grants)
{
    TEST(an_empty_map_is_done_at_once);
    TEST(every_task_runs_once);
    TEST(fixed_chunks_are_granted_in_order);
    TEST(fixed_chunks_of_no_time_are_granted_many_at_once);
    TEST(auto_chunks_take_some_milliseconds);
    TEST(a_long_task_holds_nobody_up);
    TEST(what_waits_behind_a_long_task_is_not_left_for_last);
    TEST(nothing_is_taken_from_who_gets_on_while_there_is_other_work);
    TEST(a_round_looks_at_each_slot_a_few_times_at_most);
    TEST(long_tasks_behind_short_ones_are_shared_too);
    TEST(an_idle_pool_asks_for_attention_when_a_map_comes);
    TEST(higher_priority_goes_first);
    TEST(equal_maps_share_the_workers);
    TEST(max_parallel_bounds_the_workers_of_a_map);
    TEST(a_map_that_may_not_run_lets_lower_ones_run);
}

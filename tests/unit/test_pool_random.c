// SPDX-License-Identifier: BSD-3-Clause
// Many tasks, and any script at all: every task has one outcome.
#include <malloc.h>
#include <stdlib.h>

#include "support/simulation.h"
#include "support/suite.h"

START_TEST(ten_million_tasks_take_no_more_memory_than_a_few)
{
    struct simulation *sim = sim_open_alike(4, sim_ok(100));
    const char *tasks = getenv("POOL_TEST_TASKS");
    uint64_t many = tasks ? strtoull(tasks, NULL, 10) : 10000000;
    struct sim_map *v = sim_submit(sim, many, (struct pool_map_options){0});
    sim_run_until(sim, SIM_BEGIN + 20 * NS_PER_MS);
    sim->stride = 100 * NS_PER_US;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    sim_run(sim);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], many);
    ck_assert_uint_le(after, before + ((size_t)4 << 20));
    sim_close(sim);
}
END_TEST

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

static struct fake_task anything(struct simulation *sim, unsigned map,
                                 const struct exec_grant *task)
{
    uint64_t x = mix(sim->seed ^ mix(task->first * SIM_MAPS + map) ^ mix(task->attempt * 77));
    struct fake_task t = {.ending = FAKE_OK, .ns = (int64_t)(x % 3000), .result = 1};
    x >>= 16;
    if (x % 8 == 0)
        t.ns = (int64_t)(x % 20) * NS_PER_MS;
    x >>= 8;
    if (x % 10 == 0)
        t.ending = FAKE_ERROR + (enum fake_ending)(x / 10 % 3);
    if (x % 97 == 0)
        t.ns = FAKE_FOREVER;
    t.heeds = x % 3 == 0;
    t.stubborn = x % 5 == 0;
    t.printed = x % 4 == 0;
    return t;
}

static struct pool_map_options any_map(uint64_t x)
{
    return (struct pool_map_options){
        .chunk = (uint32_t)(x % 3 ? 0 : x / 3 % 50 + 1),
        .priority = (int)(x / 7 % 2),
        .max_parallel = (unsigned)(x / 11 % 4),
        .map.limits.soft_ns = x / 13 % 2 ? 5 * NS_PER_MS : 0,
        .map.limits.hard_ns = 10 * NS_PER_MS,
        .retries = {.limit = (unsigned)(x / 17 % 4),
                    .on = ~0U,
                    .delay_ns = (int64_t)(x / 19 % 2) * NS_PER_MS,
                    .max_ns = 4 * NS_PER_MS,
                    .factor = 2,
                    .jitter = 0.5},
    };
}

// Kills a worker, stops a map or cancels one, now and then.
static void interfere(struct simulation *sim, uint64_t x, unsigned *killed)
{
    br_error err;
    struct pool_map *m = sim->maps[x / 64 % sim->map_count].map;
    if (x % 64 == 0 && (*killed)++ < 4) // more in a row and the pool may give up
        fake_kill_worker(sim->fake, (unsigned)(x / 64 % sim->workers));
    else if (x % 2048 == 1)
        ck_assert_int_eq(pool_map_stop(sim->pool, m, fake_now(sim->fake), &err), 0);
    else if (x % 2048 == 2)
        ck_assert_int_eq(pool_map_cancel(sim->pool, m, fake_now(sim->fake), &err), 0);
}

static void run_anything(uint64_t seed)
{
    uint64_t x = mix(seed);
    struct simulation *sim =
        sim_open_max((unsigned)(x % 5 + 1), anything, x / 5 % 3 ? 0 : x / 15 % 20 + 1);
    br_error err = {0};
    unsigned killed = 0;
    sim->seed = x;
    sim->worker.start_ns = (int64_t)(x / 31 % 2) * NS_PER_MS;
    for (unsigned i = 0; i <= x / 61 % SIM_MAPS; i++)
        sim_submit(sim, mix(x + i) % 400, any_map(mix(x ^ mix(i))));
    for (int i = 0; !sim_all_done(sim); i++) {
        if (i == SIM_STEPS || sim_step(sim, &err) != 0)
            ck_abort_msg("seed %d: %s", (int)seed, i == SIM_STEPS ? "it never ends" : err.text);
        x = mix(x + (uint64_t)i);
        interfere(sim, x, &killed);
    }
    for (unsigned i = 0; i < sim->map_count; i++) {
        const struct sim_map *v = &sim->maps[i];
        const struct ledger *l = pool_map_ledger(v->map);
        ck_assert_uint_eq(v->finals + l->ended[OUTCOME_SKIPPED], v->tasks);
        ck_assert_double_eq(v->sum, (double)l->ended[OUTCOME_OK]);
        for (int status = 0; status < OUTCOME_COUNT; status++)
            MUST(status == OUTCOME_SKIPPED || v->by_status[status] == l->ended[status]);
        for (uint64_t k = 0; k < v->tasks; k++)
            MUST(v->outcomes[k] != OUTCOME_NONE || l->ended[OUTCOME_SKIPPED] > 0);
    }
    sim_close(sim);
}

START_TEST(any_script_gives_every_task_one_outcome)
{
    const char *loops = getenv("POOL_TEST_LOOPS");
    uint64_t most = loops ? strtoull(loops, NULL, 10) : 300;
    for (uint64_t seed = 1; seed <= most; seed++)
        run_anything(seed);
}
END_TEST

SUITE(pool_random)
{
    TEST(ten_million_tasks_take_no_more_memory_than_a_few);
    TEST(any_script_gives_every_task_one_outcome);
}

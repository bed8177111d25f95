// SPDX-License-Identifier: BSD-3-Clause
#include "support/simulation.h"

#include <poll.h>
#include <stdlib.h>

#include "support/suite.h"

struct fake_task sim_ok(int64_t ns)
{
    return (struct fake_task){.ending = FAKE_OK, .ns = ns};
}

// ---- Scripts of the fake

static struct fake_task on_task(void *user, const struct exec_grant *task)
{
    struct simulation *sim = user;
    unsigned map = (unsigned)task->map - 1;
    struct sim_map *m = &sim->maps[map];
    if (task->first < SIM_KEPT) {
        m->starts[task->first]++;
        m->started[task->first] = fake_now(sim->fake);
    }
    return sim->script ? sim->script(sim, map, task) : sim->each;
}

static struct fake_worker on_worker(void *user, unsigned slot)
{
    struct simulation *sim = user;
    sim->starts++;
    return sim->worker_script ? sim->worker_script(slot) : sim->worker;
}

static void on_grant(void *user, unsigned slot, const struct exec_grant *g)
{
    struct simulation *sim = user;
    if (sim->grant_count < SIM_KEPT)
        sim->grants[sim->grant_count++] = (struct sim_grant){*g, slot};
}

// ---- Reports of the pool

static int note_worker(void *user, const struct exec_report *r, br_error *err)
{
    (void)err;
    struct simulation *sim = user;
    sim->deaths += r->type == REPORT_DEAD;
    return 0;
}

static void note_final(struct sim_map *m, uint64_t task, enum outcome_status status,
                       uint32_t attempt)
{
    m->finals++;
    m->by_status[status]++;
    if (task >= SIM_KEPT)
        return;
    MUST(m->outcomes[task] == OUTCOME_NONE);
    m->outcomes[task] = (uint8_t)status;
    m->attempts[task] = (uint8_t)attempt;
    m->ended[task] = fake_now(m->sim->fake);
}

static int note_tasks(void *user, const struct exec_report *r, bool final, br_error *err)
{
    struct sim_map *m = user;
    MUST(r->tasks.count >= 1);
    MUST(r->tasks.first + r->tasks.count <= m->tasks);
    if (r->type == REPORT_OK) {
        MUST(final);
        const double *values = r->ok.results;
        for (uint32_t i = 0; i < r->tasks.count; i++)
            note_final(m, r->tasks.first + i, OUTCOME_OK, r->tasks.attempt);
        for (size_t i = 0; i < r->ok.results_size / sizeof *values; i++)
            m->sum += values[i];
    } else if (r->type == REPORT_END && final)
        note_final(m, r->tasks.first, r->end.status, r->tasks.attempt);
    else if (r->type == REPORT_END)
        m->again++;
    else
        m->printed += r->output.length;
    if (m->sim->on_end && r->type != REPORT_OUTPUT)
        m->sim->on_end(m->sim, r);
    return ++m->sim->observed == m->sim->fail_at
               ? br_error_set(err, BR_ERR_SYSTEM, "the observer failed")
               : 0;
}

// ---- Opening and closing

static void open_pool(struct simulation *sim, uint64_t max_tasks)
{
    br_error err = {0};
    struct fake_options options = {.slots = sim->workers,
                                   .task = on_task,
                                   .worker = on_worker,
                                   .on_grant = on_grant,
                                   .user = sim};
    sim->fake = fake_create(&options, &err);
    ck_assert_msg(sim->fake, "%s", err.text);
    struct pool_options pool = {.executor = sim->fake,
                                .workers = sim->workers,
                                .crash_limit = 3,
                                .max_tasks = max_tasks,
                                .grace_ns = 100 * NS_PER_MS,
                                .on_worker = note_worker,
                                .user = sim};
    sim->pool = pool_create(&pool, &err);
    ck_assert_msg(sim->pool, "%s", err.text);
}

struct simulation *sim_open_max(unsigned workers, sim_script *script, uint64_t max_tasks)
{
    struct simulation *sim = calloc(1, sizeof *sim);
    br_error err;
    ck_assert(sim);
    sim->workers = workers;
    sim->script = script;
    sim->each = sim_ok(NS_PER_US);
    sim->worker.idle_ns = FAKE_FOREVER;
    ck_assert(schema_add(&sim->results, "y", 1, BR_F64, &err) == 0);
    open_pool(sim, max_tasks);
    return sim;
}

struct simulation *sim_open(unsigned workers, sim_script *script)
{
    return sim_open_max(workers, script, 0);
}

struct simulation *sim_open_alike(unsigned workers, struct fake_task each)
{
    struct simulation *sim = sim_open(workers, NULL);
    sim->each = each;
    return sim;
}

void sim_close(struct simulation *sim)
{
    pool_destroy(sim->pool);
    schema_finish(&sim->results);
    free(sim);
}

struct sim_map *sim_submit(struct simulation *sim, uint64_t tasks, struct pool_map_options options)
{
    br_error err = {0};
    struct sim_map *m = &sim->maps[sim->map_count++];
    *m = (struct sim_map){.sim = sim, .tasks = tasks};
    options.map.results = &sim->results;
    options.map.table_fd = -1;
    options.map.rows = tasks;
    options.map.rows_per_task = 1;
    options.map.seed = 42;
    options.tasks = tasks;
    options.observer = note_tasks;
    options.user = m;
    m->map = pool_submit(sim->pool, &options, &err);
    ck_assert_msg(m->map, "%s", err.text);
    return m;
}

// ---- Running

void sim_check_sums(const struct simulation *sim)
{
    for (unsigned i = 0; i < sim->map_count; i++) {
        const struct sim_map *m = &sim->maps[i];
        const struct ledger *l = pool_map_ledger(m->map);
        MUST(l->granted + ledger_ended(l) + ledger_left(l) == m->tasks);
        MUST(m->finals == ledger_ended(l) - l->ended[OUTCOME_SKIPPED]);
        MUST(m->by_status[OUTCOME_SKIPPED] == 0); // skipped tasks are counted, not reported
    }
}

// Returns the time at which a caller that waits for the pool's descriptor and deadline calls it
// again.
static int64_t next_time(const struct simulation *sim)
{
    int64_t now = fake_now(sim->fake);
    int64_t next = fake_next(sim->fake), deadline = pool_deadline(sim->pool);
    struct pollfd fd = {.fd = pool_fd(sim->pool), .events = POLLIN};
    next = poll(&fd, 1, 0) > 0 ? now : deadline < next ? deadline : next;
    return next > now + sim->stride ? next : now + sim->stride;
}

int sim_step(struct simulation *sim, br_error *err)
{
    int result = pool_dispatch(sim->pool, fake_now(sim->fake), err);
    sim_check_sums(sim);
    if (result != 0)
        return -1;
    int64_t next = next_time(sim);
    if (next < INT64_MAX)
        fake_advance(sim->fake, next);
    return 0;
}

bool sim_all_done(const struct simulation *sim)
{
    for (unsigned i = 0; i < sim->map_count; i++)
        if (!pool_map_done(sim->maps[i].map))
            return false;
    return true;
}

void sim_run(struct simulation *sim)
{
    br_error err = {0};
    for (int i = 0; !sim_all_done(sim); i++) {
        MUST(i < SIM_STEPS);
        if (sim_step(sim, &err) != 0)
            ck_abort_msg("%s", err.text);
    }
    for (unsigned i = 0; i < sim->map_count; i++) {
        const struct sim_map *m = &sim->maps[i];
        ck_assert_uint_eq(m->finals + pool_map_ledger(m->map)->ended[OUTCOME_SKIPPED], m->tasks);
    }
}

void sim_run_until(struct simulation *sim, int64_t time)
{
    br_error err = {0};
    for (;;) {
        if (pool_dispatch(sim->pool, fake_now(sim->fake), &err) != 0)
            ck_abort_msg("%s", err.text);
        sim_check_sums(sim);
        int64_t next = next_time(sim);
        if (next > time)
            break;
        fake_advance(sim->fake, next);
    }
    fake_advance(sim->fake, time);
}

const char *sim_run_to_error(struct simulation *sim, br_error *err)
{
    for (int i = 0; i < SIM_STEPS; i++)
        if (sim_step(sim, err) != 0)
            return err->text;
    ck_abort_msg("the pool does not give up");
}

// ---- Scripts and options that several tests use

struct fake_task sim_first_is_long(struct simulation *sim, unsigned map,
                                   const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return sim_ok(task->first == 0 ? 10 * NS_PER_S : NS_PER_MS);
}

struct fake_task sim_third_fails(struct simulation *sim, unsigned map,
                                 const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return (struct fake_task){.ending = task->first == 3 ? FAKE_ERROR : FAKE_OK, .ns = 1000};
}

struct fake_task sim_first_attempts_fail(struct simulation *sim, unsigned map,
                                         const struct exec_grant *task)
{
    (void)sim;
    (void)map;
    return (struct fake_task){.ending = task->attempt == 1 ? FAKE_ERROR : FAKE_OK, .ns = 1};
}

struct pool_map_options sim_with_retries(unsigned limit, unsigned on)
{
    return (struct pool_map_options){.retries = {.limit = limit,
                                                 .on = on,
                                                 .delay_ns = 100 * NS_PER_MS,
                                                 .max_ns = 300 * NS_PER_MS,
                                                 .factor = 2}};
}

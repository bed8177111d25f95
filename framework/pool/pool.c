// SPDX-License-Identifier: BSD-3-Clause
// A pool's life and its rounds: maps come, reports are accounted for, tasks are granted.
#include "pool/pool.h"

#include <stdlib.h>

#include "pool/pool_private.h"

// ---- A pool's life

struct pool *pool_create(const struct pool_options *options, br_error *err)
{
    struct pool *p = calloc(1, sizeof *p);
    struct slot *slots = calloc(options->workers, sizeof *slots);
    if (!p || !slots) {
        free(p);
        free(slots);
        br_error_nomem(err);
        return NULL;
    }
    p->options = *options;
    p->executor = options->executor;
    p->slots = slots;
    LIST_INIT(&p->maps);
    pool_queue_init(p);
    p->needs_dispatch = true; // to start the workers
    return p;
}

void pool_wind_down(struct pool *p)
{
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_READY || s->grant_count > 0)
            continue;
        p->executor->ops->retire(p->executor, i);
        s->state = SLOT_ENDING;
    }
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    while (!LIST_EMPTY(&p->maps))
        pool_map_release(p, LIST_FIRST(&p->maps));
    heap_finish(&p->due);
    buffer_finish(&p->message);
    p->executor->ops->destroy(p->executor, p->options.grace_ns);
    free(p->blocked);
    free(p->slots);
    free(p);
}

// ---- Maps

struct pool_map *pool_submit(struct pool *p, const struct pool_map_options *options, br_error *err)
{
    struct pool_map *m = calloc(1, sizeof *m);
    if (!m) {
        br_error_nomem(err);
        return NULL;
    }
    m->options = *options;
    m->options.map.id = p->last_id + 1;
    m->random = options->map.seed;
    ledger_init(&m->ledger, options->tasks);
    if ((options->past && ledger_resume(&m->ledger, options->past, err) != 0) ||
        heap_reserve(&p->due, p->map_count + 1, err) != 0 ||
        p->executor->ops->define(p->executor, &m->options.map, err) != 0) {
        ledger_finish(&m->ledger);
        free(m);
        return NULL;
    }
    m->options.past = NULL; // borrowed for this call, but for the set that the ledger has now
    p->last_id++;
    p->map_count++;
    LIST_INSERT_HEAD(&p->maps, m, entry);
    chunk_init(&m->chunk, options->chunk);
    pool_place_map(p, m);
    p->needs_dispatch = true;
    return m;
}

void pool_map_release(struct pool *p, struct pool_map *m)
{
    pool_remove_map(p, m);
    LIST_REMOVE(m, entry);
    p->map_count--;
    p->executor->ops->drop(p->executor, m->options.map.id);
    ledger_finish(&m->ledger);
    free(m);
}

bool pool_map_done(const struct pool_map *m)
{
    return ledger_done(&m->ledger);
}

const struct ledger *pool_map_ledger(const struct pool_map *m)
{
    return &m->ledger;
}

int pool_map_stop(struct pool *p, struct pool_map *m, int64_t now, br_error *err)
{
    if (m->stopped)
        return 0;
    m->stopped = true;
    p->needs_dispatch = true;
    ledger_stop(&m->ledger);
    int result = pool_cancel_waiting(m, now, err);
    pool_place_map(p, m);
    for (unsigned i = 0; result == 0 && i < p->options.workers; i++)
        result = pool_take_back(p, i, m, err);
    if (result != 0)
        m->stopped = false; // another call continues
    return result;
}

int pool_map_cancel(struct pool *p, struct pool_map *m, int64_t now, br_error *err)
{
    if (pool_map_stop(p, m, now, err) != 0)
        return -1;
    m->cancelled = true;
    p->needs_dispatch = true;
    return 0;
}

// ---- Slots

unsigned pool_ready(const struct pool *p)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        ready += p->slots[i].state == SLOT_READY;
    return ready;
}

bool pool_is_hungry(const struct pool *p)
{
    return p->hungry;
}

unsigned pool_lost(const struct pool *p)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        lost += p->slots[i].state == SLOT_LOST;
    return lost;
}

// ---- Reports

static int take_tasks(struct pool *p, const struct exec_report *r, br_error *err)
{
    struct slot *s = &p->slots[r->slot];
    struct pool_map *m = pool_map_of(s, r->tasks.map);
    switch (r->type) {
    case REPORT_OK:
        pool_let_go(s, m, r->tasks.count, GRANT_OLDEST);
        s->finished += r->tasks.count;
        p->finished += r->tasks.count;
        s->fruitless = 0;
        ledger_end(&m->ledger, OUTCOME_OK, r->tasks.count);
        chunk_learn(&m->chunk, r);
        return m->options.observer(m->options.user, r, true, err);
    case REPORT_END:
        pool_let_go(s, m, 1, GRANT_OLDEST);
        s->finished++;
        p->finished++;
        s->fruitless = 0;
        chunk_learn(&m->chunk, r);
        return pool_take_end(p, m, r, err);
    case REPORT_RETURNED:
        pool_let_go(s, m, r->tasks.count, GRANT_OLDEST);
        return pool_come_back(p, m, &r->tasks, err);
    default:
        return m->options.observer(m->options.user, r, false, err);
    }
}

static int take_report(struct pool *p, const struct exec_report *r, br_error *err)
{
    switch (r->type) {
    case REPORT_READY:
        if (p->slots[r->slot].state == SLOT_STARTING)
            p->slots[r->slot].state = SLOT_READY;
        p->slots[r->slot].was_ready = true;
        p->slots[r->slot].ready_ns = p->now;
        return p->options.on_worker(p->options.user, r, err);
    case REPORT_UNFIT:
        return br_error_set(err, r->unfit.kind, "%s", r->unfit.text);
    case REPORT_DEAD:
        return pool_take_dead(p, r, err);
    default:
        return take_tasks(p, r, err);
    }
}

static int take_reports(struct pool *p, br_error *err)
{
    for (;;) {
        struct exec_report r = {0};
        int got = p->executor->ops->next_report(p->executor, &r, err);
        if (got <= 0)
            return got;
        if (take_report(p, &r, err) != 0)
            return -1;
    }
}

bool pool_take_ends(struct pool *p, int64_t now)
{
    br_error err;
    p->now = now;
    p->needs_dispatch = p->steal_soon = false;
    if (take_reports(p, &err) != 0)
        return false;
    pool_wind_down(p); // of those that were starting
    for (unsigned i = 0; i < p->options.workers; i++)
        if (p->slots[i].state == SLOT_ENDING)
            return true;
    return false;
}

// ---- A round

// Queues the maps of which a waiting task may run by now.
static void wake_due(struct pool *p)
{
    for (struct pool_map *m; (m = pool_first_due(p)) && m->due_ns <= p->now;)
        pool_place_map(p, m);
}

static int grant_tasks(struct pool *p, br_error *err)
{
    wake_due(p);
    for (unsigned i = 0; i < p->options.workers; i++)
        if (pool_take_blocked(p, i, err) != 0 || pool_feed(p, i, err) != 0)
            return -1;
    for (unsigned i = 0; i < p->options.workers; i++)
        if (pool_steal(p, i, err) != 0)
            return -1;
    return 0;
}

int pool_dispatch(struct pool *p, int64_t now, br_error *err)
{
    p->now = now;
    if (take_reports(p, err) != 0)
        return -1;
    p->needs_dispatch = p->steal_soon = p->blocked_known = p->hungry = false;
    if (p->halt_to > p->halt_from)
        pool_halt_clocks(p);
    for (unsigned i = 0; i < p->options.workers; i++)
        pool_judge(p, i);
    if (pool_start_workers(p, err) != 0)
        return -1;
    return grant_tasks(p, err);
}

void pool_stood_still(struct pool *p, int64_t from, int64_t to)
{
    // Rounds follow each other, so two such times are never far apart.
    if (p->halt_to == p->halt_from)
        p->halt_from = from;
    p->halt_to = to;
    p->executor->ops->stood_still(p->executor, from, to);
}

int pool_fd(const struct pool *p)
{
    return p->executor->ops->fd(p->executor);
}

int64_t pool_deadline(const struct pool *p)
{
    if (p->needs_dispatch)
        return p->now;
    int64_t first = p->executor->ops->deadline(p->executor), at = pool_steal_deadline(p);
    if (at < first)
        first = at;
    for (unsigned i = 0; i < p->options.workers; i++) {
        at = pool_slot_deadline(p, i);
        if (at < first)
            first = at;
    }
    const struct pool_map *due = pool_first_due(p);
    return due && due->due_ns < first ? due->due_ns : first;
}

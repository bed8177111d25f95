// SPDX-License-Identifier: BSD-3-Clause
// Taking unstarted tasks from one slot for another: from blocked slots, and for idle ones.
#include <stdlib.h>

#include "base/array.h"
#include "base/clock.h"
#include "pool/pool_private.h"

// Tasks are not stolen from a worker that will have started them before another could, unless its
// running task has taken LONG_TASK_NS: then the estimate was wrong.
#define STEAL_NS     (20 * NS_PER_US)
#define LONG_TASK_NS (1 * NS_PER_MS)

// A slot is blocked if its running task has taken so long, and twice the mean time of its map's
// tasks. Tasks that have waited there as long go to the next slot that asks for more. That slot
// could have newer tasks instead, but then a long task that is started late delays the end of its
// map.
#define BLOCKED_NS (8 * NS_PER_MS)

// How many tasks of the slot's grant `k` are surely unstarted: the worker may be running the first
// task of the oldest grant.
static uint64_t unstarted(const struct slot *s, unsigned k)
{
    return s->grants[k].left - (k == 0);
}

int pool_take_back(struct pool *p, unsigned slot, struct pool_map *m, br_error *err)
{
    struct exec_grant g;
    while (pool_slot_holds(&p->slots[slot], m) &&
           p->executor->ops->take_back(p->executor, slot, m->options.map.id, UINT64_MAX, &g) > 0) {
        pool_let_go(&p->slots[slot], m, g.count, GRANT_NEWEST);
        if (pool_come_back(p, m, &g, err) != 0)
            return -1;
    }
    return 0;
}

// ---- Blocked slots

static bool is_blocked(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->grant_count == 0)
        return false;
    double least = 2 * s->grants[0].map->chunk.mean_ns;
    if (least < BLOCKED_NS)
        least = BLOCKED_NS;
    // A task has run no longer than its grant is held; that is known without the worker's memory.
    return (double)(p->now - s->grants[0].since_ns) >= least &&
           (double)pool_has_run(p, slot) >= least;
}

static bool has_waited(const struct pool *p, const struct slot *s, unsigned k)
{
    return unstarted(s, k) > 0 && p->now - s->grants[k].since_ns >= BLOCKED_NS;
}

static int note_blocked(struct pool *p, unsigned slot, br_error *err)
{
    const struct slot *s = &p->slots[slot];
    for (unsigned k = 0; k < s->grant_count; k++) {
        if (!has_waited(p, s, k))
            continue;
        if (array_reserve(&p->blocked, p->blocked_count + 1, &p->blocked_capacity,
                          sizeof *p->blocked, err) != 0)
            return -1;
        p->blocked[p->blocked_count++] =
            (struct blocked_grant){s->grants[k].since_ns, slot, s->grants[k].map};
    }
    return 0;
}

static bool holds_waiting_tasks(const struct pool *p, const struct slot *s)
{
    for (unsigned k = 0; k < s->grant_count; k++)
        if (has_waited(p, s, k))
            return true;
    return false;
}

static int compare_blocked(const void *a, const void *b)
{
    const struct blocked_grant *x = a, *y = b;
    if (x->since_ns != y->since_ns)
        return x->since_ns < y->since_ns ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

// Looks at each slot once a round, whoever asks: what is taken back later in the round leaves the
// list, and what is granted in the round has not waited.
static int find_blocked(struct pool *p, br_error *err)
{
    if (p->blocked_known)
        return 0;
    p->blocked_known = true;
    p->blocked_count = p->blocked_first = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        if (holds_waiting_tasks(p, &p->slots[i]) && is_blocked(p, i) &&
            note_blocked(p, i, err) != 0)
            return -1;
    if (p->blocked_count > 1)
        qsort(p->blocked, p->blocked_count, sizeof *p->blocked, compare_blocked);
    return 0;
}

// Several grants of one map may have come in the same round; any of them counts.
static bool still_waits(const struct pool *p, const struct blocked_grant *b)
{
    const struct slot *s = &p->slots[b->slot];
    for (unsigned k = 0; k < s->grant_count; k++)
        if (s->grants[k].map == b->map && s->grants[k].since_ns == b->since_ns &&
            unstarted(s, k) > 0)
            return true;
    return false;
}

// Returns the oldest of the blocked grants that the slot may run, or NULL.
static const struct blocked_grant *oldest_blocked(struct pool *p, unsigned asking)
{
    while (p->blocked_first < p->blocked_count && !still_waits(p, &p->blocked[p->blocked_first]))
        p->blocked_first++;
    for (size_t i = p->blocked_first; i < p->blocked_count; i++) {
        const struct blocked_grant *b = &p->blocked[i];
        if (b->slot != asking && pool_may_run(b->map, &p->slots[asking]) && still_waits(p, b))
            return b;
    }
    return NULL;
}

int pool_take_blocked(struct pool *p, unsigned slot, br_error *err)
{
    if (!pool_asks_for_more(p, slot) || is_blocked(p, slot))
        return 0;
    if (find_blocked(p, err) != 0)
        return -1;
    const struct blocked_grant *b = oldest_blocked(p, slot);
    return b ? pool_take_back(p, b->slot, b->map, err) : 0;
}

// ---- Idle slots

// Returns whether it pays to steal the unstarted tasks of a grant. If it does not yet, the pool
// looks again soon.
static bool is_worth_stealing(struct pool *p, unsigned slot, unsigned k)
{
    const struct slot *s = &p->slots[slot];
    if (chunk_is_worth(&s->grants[k].map->chunk, unstarted(s, k), STEAL_NS) ||
        pool_has_run(p, slot) >= LONG_TASK_NS)
        return true;
    p->steal_soon = true;
    return false;
}

// Returns the grant, and in *victim its slot, from which the idle slot should steal: the one with
// the most tasks left. NULL if there is none.
static struct slot_grant *find_victim(struct pool *p, const struct slot *idle, unsigned *victim)
{
    struct slot_grant *best = NULL;
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct slot *s = &p->slots[i];
        for (unsigned k = 0; s->state == SLOT_READY && k < s->grant_count; k++) {
            struct slot_grant *g = &s->grants[k];
            if (unstarted(s, k) == 0 || (best && g->left <= best->left) ||
                !pool_may_run(g->map, idle) || !is_worth_stealing(p, i, k))
                continue;
            best = g;
            *victim = i;
        }
    }
    return best;
}

int pool_steal(struct pool *p, unsigned slot, br_error *err)
{
    struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->grant_count > 0 || pool_is_used_up(p, s))
        return 0;
    unsigned victim;
    struct slot_grant *from = find_victim(p, s, &victim);
    if (!from)
        return 0;
    struct pool_map *m = from->map;
    struct exec_grant g;
    if (p->executor->ops->take_back(p->executor, victim, m->options.map.id, (from->left + 1) / 2,
                                    &g) == 0)
        return 0;
    pool_let_go(&p->slots[victim], m, g.count, GRANT_NEWEST);
    if (pool_come_back(p, m, &g, err) != 0)
        return -1;
    return pool_feed(p, slot, err);
}

int64_t pool_steal_deadline(const struct pool *p)
{
    return p->steal_soon ? p->now + LONG_TASK_NS : INT64_MAX;
}

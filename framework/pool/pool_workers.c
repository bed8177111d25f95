// SPDX-License-Identifier: BSD-3-Clause
// Starting workers, and what follows from their deaths.
#include "base/clock.h"
#include "pool/pool_private.h"

// A worker is fruitless if it dies before it has finished anything and has not been ready for long.
// After so many in a row, started at growing intervals, the pool gives up. A worker that is killed
// later, while it waits for tasks, is replaced at once, however often that happens.
enum {
    FRUITLESS_MAX = 5
};
#define FRUITLESS_DELAY_NS (20 * NS_PER_MS)
#define FRUITLESS_READY_NS (100 * NS_PER_MS)

// Number of workers that start at the same time: requests to an executor must not pile up.
enum {
    STARTING_MAX = 64
};

static bool others_work(const struct pool *p, unsigned slot)
{
    for (unsigned i = 0; i < p->options.workers; i++)
        if (i != slot && p->slots[i].state == SLOT_READY)
            return true;
    return false;
}

// Schedules a new worker after one that could not be started or was fruitless. After several in a
// row the pool gives up, unless other slots finish tasks meanwhile, or this slot's worker was ready
// once and others are working.
static int start_later(struct pool *p, unsigned slot, const char *reason, br_error *err)
{
    struct slot *s = &p->slots[slot];
    if (s->fruitless++ == 0)
        s->finished_before = p->finished;
    bool others_do = p->finished > s->finished_before || (s->was_ready && others_work(p, slot));
    if (s->fruitless >= FRUITLESS_MAX && !others_do)
        return br_error_set(
            err, BR_ERR_SYSTEM,
            "worker %u was started %u times in a row without having finished a task: %s", slot,
            s->fruitless, reason);
    unsigned doublings = s->fruitless < FRUITLESS_MAX ? s->fruitless : FRUITLESS_MAX;
    s->start_at = p->now + (FRUITLESS_DELAY_NS << doublings);
    return 0;
}

static bool all_lost(const struct pool *p)
{
    for (unsigned i = 0; i < p->options.workers; i++)
        if (p->slots[i].state != SLOT_LOST)
            return false;
    return true;
}

int pool_take_dead(struct pool *p, const struct exec_report *r, br_error *err)
{
    struct slot *s = &p->slots[r->slot];
    bool was_up = s->state != SLOT_STARTING;
    bool lasted = was_up && p->now - s->ready_ns >= FRUITLESS_READY_NS;
    if (lasted)
        s->fruitless = 0;
    s->state = r->dead.stuck ? SLOT_LOST : SLOT_DOWN;
    s->start_at = p->now;
    if (s->state == SLOT_DOWN && s->finished == 0 && !lasted && !r->dead.expected &&
        start_later(p, r->slot, r->dead.reason, err) != 0)
        return -1;
    if ((was_up || r->dead.stuck) && p->options.on_worker(p->options.user, r, err) != 0)
        return -1;
    return all_lost(p) ? br_error_set(err, BR_ERR_SYSTEM, "no worker is left: the last was %s",
                                      r->dead.reason)
                       : 0;
}

int pool_start_workers(struct pool *p, br_error *err)
{
    unsigned starting = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        starting += p->slots[i].state == SLOT_STARTING;
    for (unsigned i = 0; i < p->options.workers && starting < STARTING_MAX; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_DOWN || s->start_at > p->now)
            continue;
        br_error why = {0};
        if (p->executor->ops->start(p->executor, i, &why) != 0) {
            if (!s->was_ready) {
                *err = why;
                return -1;
            }
            if (start_later(p, i, why.text, err) != 0)
                return -1;
            continue;
        }
        *s = (struct slot){.state = SLOT_STARTING,
                           .fruitless = s->fruitless,
                           .finished_before = s->finished_before,
                           .was_ready = s->was_ready};
        starting++;
    }
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Run time: soft and hard limits of running tasks, and the killing of cancelled ones.
#include <stdio.h>

#include "base/clock.h"
#include "pool/pool_private.h"

static bool is_judged(const struct pool_map *m)
{
    const struct time_limits *limits = &m->options.map.limits;
    return m->cancelled || limits->soft_ns > 0 || limits->hard_ns > 0;
}

// Returns whether the slot runs a task that has a limit or is cancelled; *h is that task.
static bool find_judged(const struct pool *p, unsigned slot, struct exec_in_hand *h)
{
    const struct slot *s = &p->slots[slot];
    void *user;
    return s->grant_count > 0 && is_judged(s->grants[0].map) && pool_in_hand(p, slot, h, &user);
}

static bool is_task(const struct exec_grant *noted, const struct exec_in_hand *h)
{
    return noted->count > 0 && noted->map == h->task.map && noted->first == h->task.first &&
           noted->attempt == h->task.attempt;
}

static bool was_asked(const struct slot *s, const struct exec_in_hand *h)
{
    return is_task(&s->asked, h);
}

// Returns when the clock of the slot's running task has started, as if it had never stood still.
static int64_t clock_start(const struct slot *s, const struct exec_in_hand *h)
{
    return h->since_ns + (is_task(&s->halted, h) ? s->halted_ns : 0);
}

void pool_halt_clocks(struct pool *p)
{
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct slot *s = &p->slots[i];
        struct exec_in_hand h;
        if (!find_judged(p, i, &h))
            continue;
        int64_t from = h.since_ns > p->halt_from ? h.since_ns : p->halt_from;
        if (!is_task(&s->halted, &h))
            s->halted_ns = 0;
        s->halted = h.task;
        s->halted_ns += p->halt_to > from ? p->halt_to - from : 0;
    }
    p->halt_from = p->halt_to = 0;
}

static void end_overdue(struct pool *p, unsigned slot, const struct exec_in_hand *h, int64_t limit)
{
    char message[96];
    snprintf(message, sizeof message, "it ran longer than its timeout of %.6g s",
             (double)limit / (double)NS_PER_S);
    p->executor->ops->kill(p->executor, slot, &h->task, OUTCOME_TIMED_OUT, message,
                           p->options.grace_ns);
    p->slots[slot].state = SLOT_ENDING;
}

static void end_cancelled(struct pool *p, unsigned slot, const struct exec_in_hand *h)
{
    p->executor->ops->kill(p->executor, slot, &h->task, OUTCOME_CANCELLED, "it was cancelled", 0);
    p->slots[slot].state = SLOT_ENDING;
}

void pool_judge(struct pool *p, unsigned slot)
{
    struct slot *s = &p->slots[slot];
    struct exec_in_hand h;
    if (!find_judged(p, slot, &h))
        return;
    if (s->grants[0].map->cancelled) {
        end_cancelled(p, slot, &h);
        return;
    }
    const struct time_limits *limits = &s->grants[0].map->options.map.limits;
    int64_t ran = p->now - clock_start(s, &h);
    if (limits->hard_ns > 0 && ran >= limits->hard_ns)
        end_overdue(p, slot, &h, limits->hard_ns);
    else if (limits->soft_ns > 0 && ran >= limits->soft_ns && !was_asked(s, &h)) {
        p->executor->ops->ask(p->executor, slot, &h.task);
        s->asked = h.task;
    }
}

int64_t pool_slot_deadline(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    struct exec_in_hand h;
    if (s->state == SLOT_DOWN) // if it may start already, it waits for others that are starting
        return s->start_at > p->now ? s->start_at : INT64_MAX;
    if (s->state != SLOT_READY || s->grant_count == 0 || !is_judged(s->grants[0].map))
        return INT64_MAX;
    const struct time_limits *limits = &s->grants[0].map->options.map.limits;
    if (s->grants[0].map->cancelled)
        return p->now;
    // A task may run before its claim is seen: look again before it can be overdue.
    if (!find_judged(p, slot, &h))
        return p->now + (limits->soft_ns > 0 ? limits->soft_ns : limits->hard_ns);
    if (limits->soft_ns > 0 && !was_asked(s, &h))
        return clock_start(s, &h) + limits->soft_ns;
    return limits->hard_ns > 0 ? clock_start(s, &h) + limits->hard_ns : INT64_MAX;
}

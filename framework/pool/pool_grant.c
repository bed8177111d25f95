// SPDX-License-Identifier: BSD-3-Clause
// Which slot gets tasks of which map, and how many.
#include "pool/pool_private.h"

bool pool_may_run(const struct pool_map *m, const struct slot *s)
{
    return m->options.max_parallel == 0 || m->holders < m->options.max_parallel ||
           pool_slot_holds(s, m);
}

// Returns one of the maps with the highest priority that have tasks for this slot: the one that
// fewest slots hold, and of these the one that was served longest ago. So maps of the same priority
// share the workers. NULL if there is none.
static struct pool_map *choose_map(const struct pool *p, const struct slot *s)
{
    struct pool_map *best = NULL, *m;
    TAILQ_FOREACH(m, &p->queue, queue_entry)
    {
        if (best && m->options.priority < best->options.priority)
            break;
        if (!pool_may_run(m, s))
            continue;
        if (!best || m->holders < best->holders ||
            (m->holders == best->holders && m->granted_at < best->granted_at))
            best = m;
        if (best->holders == 0)
            break; // none can have fewer, and many small maps may follow
    }
    return best;
}

static int grant(struct pool *p, unsigned slot, struct pool_map *m, br_error *err)
{
    struct slot *s = &p->slots[slot];
    uint32_t most = chunk_next(&m->chunk, ledger_left(&m->ledger), p->options.workers);
    uint64_t max = p->options.max_tasks;
    if (max > 0 && max - s->granted < most)
        most = (uint32_t)(max - s->granted);
    struct ledger_work work;
    if (!ledger_take(&m->ledger, most, p->now, &work))
        return 0;
    pool_place_map(p, m);
    struct exec_grant g = pool_grant_of(m, &work);
    if (!pool_slot_holds(s, m))
        m->holders++;
    m->granted_at = ++p->grants;
    s->grants[s->grant_count++] = (struct slot_grant){m, work.count, p->now};
    s->alone = work.alone;
    s->granted += work.count;
    return p->executor->ops->grant(p->executor, slot, &g, err);
}

bool pool_is_used_up(const struct pool *p, const struct slot *s)
{
    return p->options.max_tasks > 0 && s->granted >= p->options.max_tasks;
}

// Two grants are enough, the running one and the next, unless they are over in no time.
static bool has_enough(const struct slot *s)
{
    double ns = 0;
    for (unsigned i = 0; i < s->grant_count; i++)
        ns += (double)s->grants[i].left * s->grants[i].map->chunk.mean_ns;
    return s->grant_count >= 2 && (ns <= 0 || ns >= (double)CHUNK_AHEAD_NS);
}

bool pool_asks_for_more(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    // A grant that was taken back as a whole is still in the executor's queue, so its load counts.
    return s->state == SLOT_READY && !pool_is_used_up(p, s) && !has_enough(s) &&
           p->executor->ops->load(p->executor, slot) < EXECUTOR_QUEUE;
}

int pool_feed(struct pool *p, unsigned slot, br_error *err)
{
    struct slot *s = &p->slots[slot];
    while (pool_asks_for_more(p, slot)) {
        struct pool_map *m = choose_map(p, s);
        p->hungry = p->hungry || !m;
        // A task that may damage its worker must not put the outcomes of others at stake.
        if (!m || (s->grant_count > 0 && (s->alone || ledger_next_alone(&m->ledger, p->now))))
            return 0;
        if (grant(p, slot, m, err) != 0)
            return -1;
    }
    if (s->state == SLOT_READY && pool_is_used_up(p, s) && s->grant_count == 0) {
        p->executor->ops->retire(p->executor, slot);
        s->state = SLOT_ENDING;
    }
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// What a slot holds, and what its worker runs.
#include "pool/pool_private.h"

bool pool_slot_holds(const struct slot *s, const struct pool_map *m)
{
    for (unsigned i = 0; i < s->grant_count; i++)
        if (s->grants[i].map == m)
            return true;
    return false;
}

struct pool_map *pool_map_of(const struct slot *s, uint64_t id)
{
    unsigned i = 0;
    while (s->grants[i].map->options.map.id != id)
        i++;
    return s->grants[i].map;
}

void pool_let_go(struct slot *s, struct pool_map *m, uint64_t count, enum grant_end end)
{
    unsigned at = end == GRANT_NEWEST ? s->grant_count - 1 : 0;
    while (s->grants[at].map != m)
        at = end == GRANT_NEWEST ? at - 1 : at + 1;
    s->grants[at].left -= count;
    if (end == GRANT_NEWEST)
        s->granted -= count;
    if (s->grants[at].left > 0)
        return;
    s->grant_count--;
    for (unsigned i = at; i < s->grant_count; i++)
        s->grants[i] = s->grants[i + 1];
    if (!pool_slot_holds(s, m))
        m->holders--;
}

const struct pool_map *pool_in_hand(const struct pool *p, unsigned slot, struct exec_in_hand *out,
                                    void **user)
{
    const struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->grant_count == 0 ||
        !p->executor->ops->in_hand(p->executor, slot, out) ||
        out->task.map != s->grants[0].map->options.map.id)
        return NULL;
    *user = s->grants[0].map->options.user;
    return s->grants[0].map;
}

int64_t pool_has_run(const struct pool *p, unsigned slot)
{
    struct exec_in_hand h;
    return p->executor->ops->in_hand(p->executor, slot, &h) ? p->now - h.since_ns : 0;
}

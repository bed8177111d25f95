// SPDX-License-Identifier: BSD-3-Clause
// Which maps have tasks to grant now, in the order of their priorities, and when the others will
// have some.
#include "pool/pool_private.h"

static bool is_due_before(const void *a, const void *b)
{
    return (*(struct pool_map *const *)a)->due_ns < (*(struct pool_map *const *)b)->due_ns;
}

static void note_due_index(void *element, size_t index)
{
    (*(struct pool_map **)element)->due_index = index + 1;
}

void pool_queue_init(struct pool *p)
{
    TAILQ_INIT(&p->queue);
    p->due = (struct heap){
        .size = sizeof(struct pool_map *), .before = is_due_before, .moved = note_due_index};
}

struct pool_map *pool_first_due(const struct pool *p)
{
    struct pool_map *const *first = heap_first(&p->due);
    return first ? *first : NULL;
}

// Puts the map where its time says, or takes it out: INT64_MAX.
static void set_due(struct pool *p, struct pool_map *m, int64_t due_ns)
{
    m->due_ns = due_ns;
    if (m->due_index == 0 && due_ns < INT64_MAX)
        heap_push(&p->due, &m);
    else if (m->due_index > 0 && due_ns < INT64_MAX)
        heap_update(&p->due, m->due_index - 1);
    else if (m->due_index > 0) {
        heap_take(&p->due, m->due_index - 1, &m);
        m->due_index = 0;
    }
}

static void enqueue(struct pool *p, struct pool_map *m)
{
    // Mostly all have the same priority, and the map goes to the end.
    struct pool_map *before = TAILQ_LAST(&p->queue, map_queue);
    while (before && before->options.priority < m->options.priority)
        before = TAILQ_PREV(before, map_queue, queue_entry);
    if (before)
        TAILQ_INSERT_AFTER(&p->queue, before, m, queue_entry);
    else
        TAILQ_INSERT_HEAD(&p->queue, m, queue_entry);
}

void pool_place_map(struct pool *p, struct pool_map *m)
{
    bool ready = ledger_ready(&m->ledger, p->now);
    if (ready && !m->queued)
        enqueue(p, m);
    else if (!ready && m->queued)
        TAILQ_REMOVE(&p->queue, m, queue_entry);
    m->queued = ready;
    set_due(p, m, ready ? INT64_MAX : ledger_next_due(&m->ledger));
}

void pool_remove_map(struct pool *p, struct pool_map *m)
{
    if (m->queued)
        TAILQ_REMOVE(&p->queue, m, queue_entry);
    m->queued = false;
    set_due(p, m, INT64_MAX);
}

// SPDX-License-Identifier: BSD-3-Clause
#include "pool/due.h"

#include <stdlib.h>

int due_reserve(struct due_heap *h, size_t count, br_error *err)
{
    if (count < h->capacity)
        return 0;
    size_t capacity = 2 * count + 16;
    struct due **grown = realloc(h->entries, capacity * sizeof *grown);
    if (!grown)
        return br_error_nomem(err);
    h->entries = grown;
    h->capacity = capacity;
    return 0;
}

void due_finish(struct due_heap *h)
{
    free(h->entries);
    *h = (struct due_heap){0};
}

static void put(struct due_heap *h, size_t place, struct due *d)
{
    h->entries[place] = d;
    d->place = place;
}

// Moves the entry from its place to where it is no earlier than its parent and no later than its
// children.
static void settle(struct due_heap *h, struct due *d)
{
    size_t at = d->place;
    for (; at > 1 && d->at_ns < h->entries[at / 2]->at_ns; at /= 2)
        put(h, at, h->entries[at / 2]);
    for (size_t child; (child = 2 * at) <= h->count; at = child) {
        if (child < h->count && h->entries[child + 1]->at_ns < h->entries[child]->at_ns)
            child++;
        if (d->at_ns <= h->entries[child]->at_ns)
            break;
        put(h, at, h->entries[child]);
    }
    put(h, at, d);
}

static void take_out(struct due_heap *h, struct due *d)
{
    struct due *last = h->entries[h->count--];
    if (last != d) {
        put(h, d->place, last);
        settle(h, last);
    }
    d->place = 0;
}

void due_set(struct due_heap *h, struct due *d, int64_t at_ns)
{
    d->at_ns = at_ns;
    if (at_ns == INT64_MAX) {
        if (d->place > 0)
            take_out(h, d);
        return;
    }
    if (d->place == 0)
        put(h, ++h->count, d);
    settle(h, d);
}

struct due *due_first(const struct due_heap *h)
{
    return h->count > 0 ? h->entries[1] : NULL;
}

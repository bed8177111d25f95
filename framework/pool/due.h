// SPDX-License-Identifier: BSD-3-Clause
// What is to be looked at again at a time of its own, the earliest first: a heap of entries that
// lie in whatever is due.
#ifndef BR_POOL_DUE_H
#define BR_POOL_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct due {
    int64_t at_ns;
    size_t place; // in the heap, from 1 on; 0: in none. An entry begins as all zero
    void *of;
};

struct due_heap {
    struct due **entries; // entries[0] is not used
    size_t count, capacity;
};

// Room for `count` entries in all. -1 and *err: out of memory, nothing changed.
int due_reserve(struct due_heap *h, size_t count, br_error *err);
void due_finish(struct due_heap *h);

// Puts the entry in its place for `at_ns`, or takes it out: INT64_MAX. There must be room.
void due_set(struct due_heap *h, struct due *d, int64_t at_ns);

// The earliest; NULL when there is none.
struct due *due_first(const struct due_heap *h);

#endif

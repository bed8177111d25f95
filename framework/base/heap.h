// SPDX-License-Identifier: BSD-3-Clause
// A binary heap of elements of one size, which are copied into it: the first element is the one
// that no other comes before. Pure.
#ifndef BR_BASE_HEAP_H
#define BR_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct heap {
    void *items; // an array of `count` elements; items[0] is the first
    size_t count, capacity;
    size_t size; // of an element, at most HEAP_ELEMENT_MAX
    bool (*before)(const void *a, const void *b);
    // Called with the new index of an element that has moved, or is new; NULL if nobody needs it.
    void (*moved)(void *element, size_t index);
};

enum {
    HEAP_ELEMENT_MAX = 64
};

// Frees the elements. An all-zero heap is fine.
void heap_finish(struct heap *h);

// Makes room for `count` elements in all. Returns 0; -1 and *err if there is no memory.
int heap_reserve(struct heap *h, size_t count, br_error *err);

// Adds a copy of the element; there must be room.
void heap_push(struct heap *h, const void *element);

// Copies the element at `index` (less than the count) to *out and takes it out of the heap.
void heap_take(struct heap *h, size_t index, void *out);

// Restores the order after the element at `index` has changed.
void heap_update(struct heap *h, size_t index);

// Returns the first element, or NULL if there is none. Valid until the heap changes.
static inline void *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->items : NULL;
}

#endif

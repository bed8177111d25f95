// SPDX-License-Identifier: BSD-3-Clause
#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void heap_finish(struct heap *h)
{
    free(h->items);
    h->items = NULL;
    h->count = h->capacity = 0;
}

int heap_reserve(struct heap *h, size_t count, br_error *err)
{
    return array_reserve(&h->items, count, &h->capacity, h->size, err);
}

static void *at(const struct heap *h, size_t index)
{
    return (char *)h->items + index * h->size;
}

static void put(struct heap *h, size_t index, const void *element)
{
    memcpy(at(h, index), element, h->size);
    if (h->moved)
        h->moved(at(h, index), index);
}

// Puts the element where it comes neither before its parent nor after its children. The element at
// `index` is overwritten.
static void settle(struct heap *h, size_t index, const void *element)
{
    for (; index > 0 && h->before(element, at(h, (index - 1) / 2)); index = (index - 1) / 2)
        put(h, index, at(h, (index - 1) / 2));
    for (size_t child; (child = 2 * index + 1) < h->count; index = child) {
        if (child + 1 < h->count && h->before(at(h, child + 1), at(h, child)))
            child++;
        if (!h->before(at(h, child), element))
            break;
        put(h, index, at(h, child));
    }
    put(h, index, element);
}

void heap_push(struct heap *h, const void *element)
{
    h->count++;
    settle(h, h->count - 1, element);
}

void heap_take(struct heap *h, size_t index, void *out)
{
    memcpy(out, at(h, index), h->size);
    h->count--;
    if (index < h->count)
        settle(h, index, at(h, h->count));
}

void heap_update(struct heap *h, size_t index)
{
    _Alignas(max_align_t) char element[HEAP_ELEMENT_MAX];
    memcpy(element, at(h, index), h->size);
    settle(h, index, element);
}

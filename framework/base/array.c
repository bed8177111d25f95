// SPDX-License-Identifier: BSD-3-Clause
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

// `items` is a pointer to a pointer of any type. It is read and written by memcpy, because a
// pointer to T must not be accessed as a pointer to void.
static int resize(void *items, size_t count, size_t size, br_error *err)
{
    void *memory;
    memcpy(&memory, items, sizeof memory);
    memory = reallocarray(memory, count, size);
    if (!memory)
        return br_error_nomem(err);
    memcpy(items, &memory, sizeof memory);
    return 0;
}

static void *element(const void *items, size_t index, size_t size)
{
    char *memory;
    memcpy(&memory, items, sizeof memory);
    return memory + index * size;
}

int array_reserve(void *items, size_t count, size_t *capacity, size_t size, br_error *err)
{
    if (count <= *capacity)
        return 0;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    if (wanted < count)
        wanted = count;
    if (resize(items, wanted, size, err) != 0)
        return -1;
    *capacity = wanted;
    return 0;
}

void *array_add(void *items, size_t *count, size_t size, br_error *err)
{
    if ((*count & (*count - 1)) == 0 && resize(items, *count ? 2 * *count : 1, size, err) != 0)
        return NULL;
    void *added = element(items, *count, size);
    memset(added, 0, size);
    ++*count;
    return added;
}

int array_extend(void *items, size_t *count, size_t wanted, size_t size, br_error *err)
{
    if (wanted <= *count)
        return 0;
    if (resize(items, wanted, size, err) != 0)
        return -1;
    memset(element(items, *count, size), 0, (wanted - *count) * size);
    *count = wanted;
    return 0;
}

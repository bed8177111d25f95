// SPDX-License-Identifier: BSD-3-Clause
// Arrays that grow. Each function takes the address of the caller's pointer to the first element
// (`items`; NULL while the array is empty) and the size of one element. On failure the array is
// unchanged. The caller frees it with free().
#ifndef BR_BASE_ARRAY_H
#define BR_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

// Makes room for `count` elements in all; *capacity is the number there is room for. Room at least
// doubles, so that appending one at a time costs constant time on average. New room is not
// initialized. Returns 0; -1 and *err if there is no memory.
int array_reserve(void *items, size_t count, size_t *capacity, size_t size, br_error *err);

// Appends an element of zero bytes to an array of *count elements that has no capacity of its own:
// room doubles whenever the count is a power of two. All elements of such an array are added here.
// Returns the new element; NULL and *err if there is no memory.
void *array_add(void *items, size_t *count, size_t size, br_error *err);

// Lengthens an array of *count elements by elements of zero bytes until it has `wanted`; does
// nothing if it has as many. Returns 0; -1 and *err if there is no memory.
int array_extend(void *items, size_t *count, size_t wanted, size_t size, br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The one place where const is cast away: what readers may only read is still freed or unmapped by
// its owner, and a lock in it is still taken.
#ifndef BR_BASE_OWNED_H
#define BR_BASE_OWNED_H

#include <stdint.h>

// Returns memory of the caller's own in the form that free() and munmap() take. Takes NULL.
static inline void *owned(const void *memory)
{
    return (void *)(uintptr_t)memory;
}

#endif

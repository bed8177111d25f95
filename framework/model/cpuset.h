// SPDX-License-Identifier: BSD-3-Clause
// A set of processing units by their operating-system index. Pure.
#ifndef BR_MODEL_CPUSET_H
#define BR_MODEL_CPUSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    CPUSET_MAX = 4096
};

// An all-zero set is empty.
struct cpuset {
    uint64_t words[CPUSET_MAX / 64];
};

// Adds a unit; cpu < CPUSET_MAX.
void cpuset_add(struct cpuset *set, unsigned cpu);

// Returns whether the unit is in the set; false if cpu >= CPUSET_MAX.
bool cpuset_has(const struct cpuset *set, unsigned cpu);

// Returns the number of units in the set.
unsigned cpuset_count(const struct cpuset *set);

// Returns whether both sets have the same units.
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);

// Returns the first member >= from, or -1. To visit all:
// for (int c = cpuset_next(s, 0); c >= 0; c = cpuset_next(s, (unsigned)c + 1))
int cpuset_next(const struct cpuset *set, unsigned from);

// Appends the set in the kernel's list format, "0-3,8,10-11"; "none" for the empty set.
void cpuset_text(struct buffer *out, const struct cpuset *set);

#endif

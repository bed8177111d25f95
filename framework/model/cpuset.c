// SPDX-License-Identifier: BSD-3-Clause
#include "model/cpuset.h"

#include <string.h>

void cpuset_add(struct cpuset *set, unsigned cpu)
{
    set->words[cpu / 64] |= UINT64_C(1) << cpu % 64;
}

bool cpuset_has(const struct cpuset *set, unsigned cpu)
{
    return cpu < CPUSET_MAX && (set->words[cpu / 64] >> cpu % 64 & 1);
}

unsigned cpuset_count(const struct cpuset *set)
{
    unsigned count = 0;
    for (size_t i = 0; i < CPUSET_MAX / 64; i++)
        count += (unsigned)__builtin_popcountll(set->words[i]);
    return count;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
    return memcmp(a->words, b->words, sizeof a->words) == 0;
}

int cpuset_next(const struct cpuset *set, unsigned from)
{
    if (from >= CPUSET_MAX)
        return -1;
    size_t word = from / 64;
    uint64_t bits = set->words[word] & (UINT64_MAX << from % 64);
    while (bits == 0) {
        if (++word == CPUSET_MAX / 64)
            return -1;
        bits = set->words[word];
    }
    return (int)(word * 64) + __builtin_ctzll(bits);
}

void cpuset_text(struct buffer *out, const struct cpuset *set)
{
    int first = cpuset_next(set, 0);
    if (first < 0) {
        buffer_text(out, "none");
        return;
    }
    for (const char *comma = ""; first >= 0; comma = ",") {
        int last = first;
        while (cpuset_has(set, (unsigned)last + 1))
            last++;
        buffer_format(out, last > first ? "%s%d-%d" : "%s%d", comma, first, last);
        first = cpuset_next(set, (unsigned)last + 1);
    }
}

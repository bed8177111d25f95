// SPDX-License-Identifier: BSD-3-Clause
#include "base/bits.h"

// Each word is XORed with `flip`: 0 finds numbers in the set, all ones find numbers that are
// missing.
static uint64_t next(const uint64_t *words, uint64_t from, uint64_t end, uint64_t flip)
{
    if (from >= end)
        return end;
    uint64_t word = from / 64, last = (end - 1) / 64;
    uint64_t bits = (words[word] ^ flip) & UINT64_MAX << from % 64;
    while (bits == 0) {
        if (word == last)
            return end;
        bits = words[++word] ^ flip;
    }
    uint64_t found = word * 64 + (uint64_t)__builtin_ctzll(bits);
    return found < end ? found : end;
}

uint64_t bits_next(const uint64_t *words, uint64_t from, uint64_t end)
{
    return next(words, from, end, 0);
}

uint64_t bits_next_missing(const uint64_t *words, uint64_t from, uint64_t end)
{
    return next(words, from, end, UINT64_MAX);
}

// SPDX-License-Identifier: BSD-3-Clause
// Sets of numbers, one bit a number, in an array of 64-bit words that the caller owns. Pure.
#ifndef BR_BASE_BITS_H
#define BR_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

// Number of words for a set of the numbers 0 .. count - 1; at least 1.
#define BITS_WORDS(count) ((count) / 64 + 1)

// Returns whether the number is in the set, which must have room for it.
static inline bool bits_has(const uint64_t *words, uint64_t number)
{
    return words[number / 64] >> number % 64 & 1;
}

// Adds the number to the set, which must have room for it.
static inline void bits_add(uint64_t *words, uint64_t number)
{
    words[number / 64] |= UINT64_C(1) << number % 64;
}

// Returns the first number in from .. end - 1 that is in the set; `end` if there is none.
uint64_t bits_next(const uint64_t *words, uint64_t from, uint64_t end);

// Returns the first number in from .. end - 1 that is not in the set; `end` if there is none.
uint64_t bits_next_missing(const uint64_t *words, uint64_t from, uint64_t end);

#endif

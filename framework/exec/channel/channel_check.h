// SPDX-License-Identifier: BSD-3-Clause
// The check of a channel's record. A task can write to all that its worker has mapped, including
// outcomes that are not yet read. Each record therefore carries a check over itself, its payload
// and its position in the stream of bytes. A record that was overwritten, partly or with a copy of
// another, is accepted with a probability of one in 2^32. The check does not stop a task that
// computes it on purpose. Only the two sides of the channel include this file.
#ifndef BR_EXEC_CHANNEL_CHANNEL_CHECK_H
#define BR_EXEC_CHANNEL_CHANNEL_CHECK_H

#include <string.h>

#include "exec/channel/channel_record.h"

#define CHECK_STEP UINT64_C(0x9fb21c651e98df25) // odd: a change of one word always changes the sum

// Starts the sum over the fields of a record; `place` is the record's position in the stream. Reads
// field by field, because loading as a whole what was just stored in halves is slow. The four
// products do not depend on each other.
static inline uint64_t check_begin(const struct record *r, uint64_t place)
{
    return ((uint64_t)r->size << 32 | r->kind) * CHECK_STEP +
           ((uint64_t)r->grant << 32 | r->row) * UINT64_C(0xd6e8feb86659fd93) +
           (uint64_t)r->start_ns * UINT64_C(0xc2b2ae3d27d4eb4f) +
           (place << 32 ^ r->duration_ns) * UINT64_C(0x9e3779b185ebca87);
}

// Starts the sum over a compact record: its mark, its grant and its task.
static inline uint64_t check_begin_compact(uint32_t mark, uint32_t grant, uint32_t row,
                                           uint64_t place)
{
    return (place << 32 | mark) * CHECK_STEP + ((uint64_t)grant << 32 | row);
}

// Reads a word of shared memory exactly once, even if another process changes it meanwhile.
static inline uint64_t read_word(const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    __asm__("" : "+r"(word)); // keeps the compiler from reading the memory again
    return word;
}

// Copies a part of the payload and returns the sum with the copied words added. Each word is read
// once, so the checked bytes are the copied bytes.
static inline uint64_t check_copy(uint64_t sum, char *to, const char *from, size_t size)
{
    for (; size >= 8; size -= 8, from += 8, to += 8) {
        uint64_t word = read_word(from);
        memcpy(to, &word, sizeof word);
        sum = (sum + word) * CHECK_STEP;
    }
    if (size > 0) {
        uint64_t word = 0;
        memcpy(&word, from, size); // the record's size says how many bytes these are
        __asm__("" : "+m"(word));
        memcpy(to, &word, size);
        sum = (sum + word) * CHECK_STEP;
    }
    return sum;
}

// Returns the check of a finished sum.
static inline uint32_t check_end(uint64_t sum)
{
    sum = (sum ^ sum >> 32) * CHECK_STEP;
    return (uint32_t)(sum >> 32);
}

#endif

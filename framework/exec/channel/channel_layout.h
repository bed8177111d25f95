// SPDX-License-Identifier: BSD-3-Clause
// How a channel lies in memory: what channel.c, channel_read.c (the coordinator's side),
// channel_worker.c and channel_plain.h (the worker's) share, and nobody else includes.
#ifndef BR_EXEC_CHANNEL_CHANNEL_LAYOUT_H
#define BR_EXEC_CHANNEL_CHANNEL_LAYOUT_H

#include <stdatomic.h>
#include <string.h>

#include "exec/channel/channel.h"

#define CHANNEL_MAGIC UINT64_C(0xba7c4ead0c4a1101)

enum {
    CHANNEL_PAGE = 4096,
    CHANNEL_WORDS = 2 * CHANNEL_PAGE,
    CHANNEL_UP_MAPPED = CHANNEL_WORDS + 2 * CHANNEL_RING, // see channel_map_up
    CHANNEL_UP_GUARDED = CHANNEL_UP_MAPPED + 2 * CHANNEL_PAGE,
    RECORD_ALIGN = 8,
    BRIEF_KIND_BITS = 4, // of a brief record's mark
};

struct down_grant {
    uint64_t map;
    uint64_t first;
    uint32_t count;
    uint32_t attempt;
    struct channel_call call;
    uint64_t inline_items; // whether the inputs are in the grant's part of `items`
};

// Sequence of a grant: 42 bits, which a grant a microsecond does not use up in 50 days; a flag: 1
// bit; a number of its tasks: 21 bits.
struct grant_word {
    _Alignas(64) _Atomic uint64_t word;
};

// Written by the coordinator alone. Fields that change at different times have lines of their own.
struct channel_down {
    uint64_t magic;
    uint64_t two_sided; // the coordinator's barriers are the worker's too, once it has asked for it
    _Alignas(64) _Atomic uint32_t bell; // futex: something has changed below
    _Atomic uint32_t closing;
    _Alignas(64) _Atomic uint64_t granted;
    _Alignas(64) _Atomic uint64_t read;      // bytes of the ring
    _Alignas(64) _Atomic uint64_t cancelled; // grant's sequence (low half) and row
    struct grant_word ends[EXECUTOR_QUEUE];  // flag: decided
    _Alignas(64) struct down_grant grants[EXECUTOR_QUEUE];
    _Alignas(CHANNEL_PAGE) char items[EXECUTOR_QUEUE][EXECUTOR_INLINE];
};

struct channel_up {
    // A grant word: behind the task in hand. Flag: always, so that zero is none.
    _Alignas(64) _Atomic uint64_t cursor;
    _Atomic uint64_t written; // bytes of the ring
    _Atomic uint64_t looked;  // the cursor when it was last looked for what tasks print
    _Alignas(64) _Atomic uint32_t sleeping;
    // On a page of its own: a task in a child of its worker has this one, and none of the rest.
    _Alignas(CHANNEL_PAGE) _Atomic uint32_t progress; // of the task in hand, in millionths
};

_Static_assert(sizeof(struct channel_up) == CHANNEL_WORDS, "one page each");
_Static_assert(sizeof(struct record) == 32, "no holes");
_Static_assert(EXECUTOR_GRANT_MAX + 1 < 1 << 21, "a grant word holds it");

#define GRANT_WORD_FLAG (UINT64_C(1) << 21)

// `flag`: GRANT_WORD_FLAG or 0.
static inline uint64_t grant_word(uint64_t sequence, uint64_t flag, uint32_t tasks)
{
    return sequence << 22 | flag | tasks;
}

static inline uint32_t grant_word_tasks(uint64_t word)
{
    return word & (GRANT_WORD_FLAG - 1);
}

static inline bool grant_word_is_of(uint64_t word, uint64_t sequence)
{
    return word >> 22 == sequence;
}

static inline size_t record_span(uint32_t payload)
{
    return sizeof(struct record) +
           (((size_t)payload + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1));
}

// ---- A record's check
//
// A task can write to all that its worker has mapped, outcomes not yet read among it. Every record
// carries a check over itself, its payload and its place in the stream of bytes, so that one that
// was written over, in part or with a copy of another, is not believed: one in 2^32 passes. It is
// no defence against a task that computes it.

#define CHECK_STEP UINT64_C(0x9fb21c651e98df25) // odd: a change of one word always changes the sum

// Of a record's own fields; `place` is where it begins in the stream. Field by field: what was just
// stored in halves is slow to load as a whole. The four products do not wait for each other.
static inline uint64_t check_begin(const struct record *r, uint64_t place)
{
    return ((uint64_t)r->size << 32 | r->kind) * CHECK_STEP +
           ((uint64_t)r->grant << 32 | r->row) * UINT64_C(0xd6e8feb86659fd93) +
           (uint64_t)r->start_ns * UINT64_C(0xc2b2ae3d27d4eb4f) +
           (place << 32 ^ r->duration_ns) * UINT64_C(0x9e3779b185ebca87);
}

// The same of a brief one's mark, its grant and its task.
static inline uint64_t check_begin_brief(uint32_t mark, uint32_t grant, uint32_t row,
                                         uint64_t place)
{
    return (place << 32 | mark) * CHECK_STEP + ((uint64_t)grant << 32 | row);
}

// Reads a word of shared memory, once, whatever becomes of it meanwhile.
static inline uint64_t read_word(const char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    __asm__("" : "+r"(word)); // keeps the compiler from reading again what it has
    return word;
}

// Copies a part of the payload and adds to the sum what arrives: each word is read once, so what
// was checked is what was copied.
static inline uint64_t check_copy(uint64_t sum, char *to, const char *from, size_t size)
{
    for (; size >= 8; size -= 8, from += 8, to += 8) {
        uint64_t word = read_word(from);
        memcpy(to, &word, sizeof word);
        sum = (sum + word) * CHECK_STEP;
    }
    if (size > 0) {
        uint64_t word = 0;
        memcpy(&word, from, size); // how many bytes these are stands in the record's size
        __asm__("" : "+m"(word));
        memcpy(to, &word, size);
        sum = (sum + word) * CHECK_STEP;
    }
    return sum;
}

static inline uint32_t check_end(uint64_t sum)
{
    sum = (sum ^ sum >> 32) * CHECK_STEP;
    return (uint32_t)(sum >> 32);
}

// Maps the worker's half: pages of words, then the ring; the ring's pages once more behind it, so
// that a record is contiguous wherever it begins; before and behind it pages that nobody can touch,
// so that who runs over the end of other memory does not run into it. NULL and *err on failure.
void *channel_map_up(int fd, br_error *err);
void channel_unmap_up(void *up);

// ---- The coordinator's two files

static inline struct channel_granted *channel_granted_at(struct channel *c, uint64_t sequence)
{
    return &c->queue[sequence % EXECUTOR_QUEUE];
}

static inline _Atomic uint64_t *channel_end_at(const struct channel *c, uint64_t sequence)
{
    return &c->down->ends[sequence % EXECUTOR_QUEUE].word;
}

// Where the worker is, if it is somewhere that an honest one can be: tasks of grant `sequence` that
// it has claimed. All are, as far as anyone can tell, where it is not.
static inline uint32_t channel_claimed(const struct channel_granted *g, uint64_t sequence,
                                       uint64_t cursor)
{
    uint32_t next = cursor >> 22 < sequence ? 0 : grant_word_tasks(cursor);
    bool possible =
        (cursor & GRANT_WORD_FLAG) && cursor >> 22 <= sequence && next >= g->done && next <= g->end;
    return possible ? next : g->end;
}

// Task `row` of the grant.
static inline struct exec_grant channel_task_at(const struct channel_granted *g, uint32_t row)
{
    struct exec_grant task = g->grant;
    task.first += row;
    task.count = 1;
    return task;
}

// Leaves out of account grants of which nothing is outstanding.
static inline void channel_retire_done(struct channel *c)
{
    while (c->retired < c->granted &&
           channel_granted_at(c, c->retired)->done == channel_granted_at(c, c->retired)->end)
        c->retired++;
}

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The shared memory of a channel and the protocol of its words. A channel joins the coordinator to
// one worker without locks: grants go down to the worker, outcomes come up from it. It has two
// memories, so that each side can write only its own:
//   down: the coordinator writes the grants, their ends, how far it has read the outcomes, and
//         which task to cancel. The worker maps it read-only; if the kernel can seal it so, the
//         worker can never write to it.
//   up:   the worker writes its cursor and the ring of outcomes (channel_record.h).
//
// A grant is `count` tasks. The worker claims them one by one: it advances its cursor, then checks
// that the task lies before the end of the grant. The coordinator takes back tasks that have not
// started: it lowers the end, then reads the cursor.
//
//   worker:      cursor = {grant, n + 1};          then  n < end[grant]?  run n
//   coordinator: end[grant] = {lower, undecided};  then  read the cursor, and decide:
//                end[grant] = {the lower end, or what the cursor has reached}
//
// This is Dekker's algorithm, as work-stealing queues use it (Frigo, Leiserson and Randall, The
// Implementation of the Cilk-5 Multithreaded Language, 1998): if each side's store is visible
// before its load, at least one side sees the other. A worker whose task lies at or after an
// undecided end waits for the decision. Claims are frequent and taking back is rare, so the
// coordinator alone pays for the order: it calls membarrier(2), which is a barrier on the worker's
// CPU too. If the kernel has no membarrier, the worker issues a fence of its own with each claim.
//
// Both words carry the grant's sequence number, so that a late worker notices when the place of its
// grant already serves a later one. No word is written by both sides.
//
// The worker publishes one outcome for every task, in order, and moves the end of the ring with
// each, so its death loses at most the outcome of the running task. The coordinator treats all that
// it reads as a claim: it keeps its own copy of what it granted and rejects what does not fit.
//
// tests/models/claims.pml and wakeup.pml model this protocol.
#ifndef BR_EXEC_CHANNEL_CHANNEL_MEMORY_H
#define BR_EXEC_CHANNEL_CHANNEL_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/channel/channel_record.h"
#include "exec/executor.h"

#define CHANNEL_MAGIC UINT64_C(0xba7c4ead0c4a1101)

enum {
    CHANNEL_PAGE = 4096,
    CHANNEL_WORDS = 2 * CHANNEL_PAGE,
    CHANNEL_UP_MAPPED = CHANNEL_WORDS + 2 * CHANNEL_RING, // see channel_map_up
    CHANNEL_UP_GUARDED = CHANNEL_UP_MAPPED + 2 * CHANNEL_PAGE,
};

// A call of a function of the calling program, which travels with the grant.
struct channel_call {
    int (*function)(br_task *, const void *in, void *out);
    uint64_t in_size, out_size; // bytes of one item and of one result
    uint64_t first_index;       // index that br_task_index gives for task 0 of the map
    struct time_limits limits;  // of one task
};

struct down_grant {
    uint64_t map;
    uint64_t first; // index of the first task within the map
    uint32_t count;
    uint32_t attempt;
    struct channel_call call;
    uint64_t inline_items; // 1 if the inputs are in the grant's part of `items`, else 0
};

// A grant word packs the sequence number of a grant (42 bits, which last 50 days at one grant per
// microsecond), a flag (1 bit) and a number of tasks of this grant (21 bits). It has a cache line
// of its own.
struct grant_word {
    _Alignas(64) _Atomic uint64_t word;
};

// Written by the coordinator alone. Fields that change at different times have cache lines of their
// own.
struct channel_down {
    uint64_t magic;
    uint64_t remote_barrier; // 1 if the coordinator's barriers reach workers that register for them
    _Alignas(64) _Atomic uint32_t bell;      // futex that the worker sleeps on; counts the wake-ups
    _Atomic uint32_t closing;                // 1 if the worker shall end after its grants
    _Alignas(64) _Atomic uint64_t granted;   // number of grants so far
    _Alignas(64) _Atomic uint64_t read;      // bytes of the ring read so far
    _Alignas(64) _Atomic uint64_t cancelled; // (sequence + 1) << 32 | row of the task to cancel
    struct grant_word ends[EXECUTOR_QUEUE];  // the flag is set if the end is decided
    _Alignas(64) struct down_grant grants[EXECUTOR_QUEUE];
    _Alignas(CHANNEL_PAGE) char items[EXECUTOR_QUEUE][EXECUTOR_INLINE];
};

// Written by the worker alone.
struct channel_up {
    // Grant word of the number of claimed tasks: one past the row of the running task. Its flag is
    // always set, so that 0 is not a cursor.
    _Alignas(64) _Atomic uint64_t cursor;
    _Atomic uint64_t written;     // bytes of the ring written so far
    _Atomic uint64_t output_seen; // the cursor when the worker last collected what tasks printed
    _Alignas(64) _Atomic uint32_t sleeping; // 1 if the worker may be asleep on `bell`
    // On a page of its own, because a task in a forked child maps this page and none of the others.
    _Alignas(CHANNEL_PAGE) _Atomic uint32_t progress; // of the running task, in millionths
};

_Static_assert(sizeof(struct channel_up) == CHANNEL_WORDS, "one page each");
_Static_assert(EXECUTOR_GRANT_MAX + 1 < 1 << 21, "a grant word holds it");

#define GRANT_WORD_FLAG (UINT64_C(1) << 21)

// Returns the word; `flag` is GRANT_WORD_FLAG or 0.
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

// Maps the up memory of `fd`: the pages of words, then the ring, then the ring's pages a second
// time, so that a record is contiguous wherever it begins. Inaccessible pages before and after stop
// whoever overruns other memory. Returns the start of struct channel_up, or NULL and *err
// (BR_ERR_SYSTEM). channel_unmap_up releases it.
void *channel_map_up(int fd, br_error *err);
void channel_unmap_up(void *up);

#endif

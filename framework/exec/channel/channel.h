// SPDX-License-Identifier: BSD-3-Clause
// The channel between the coordinator and one worker: grants one way, outcomes the other, in shared
// memory, without locks.
//
// Two memories, so that each side can write only what is its own:
//   down: the coordinator writes, the worker maps it read-only and (where the kernel can seal it
//         so) can never write it: grants, their ends, how far outcomes were read, whom to cancel.
//   up:   the worker writes: its cursor, the outcome ring.
//
// A grant is `count` tasks. The worker claims them one by one: it moves its cursor, then looks
// whether that task lies before the grant's end. The coordinator takes unstarted ones back: it
// lowers the end, then looks where the cursor is.
//
//   worker:      cursor = {grant, n + 1};          then  n < end[grant]?  run n
//   coordinator: end[grant] = {lower, undecided};  then  look at the cursor, and decide:
//                end[grant] = {the lower end, or what the cursor has reached}
//
// That is Dekker's way, as work-stealing queues have it (Frigo, Leiserson and Randall, The
// Implementation of the Cilk-5 Multithreaded Language, 1998): if each side's store is seen before
// its look, at least one sees the other. A worker that finds its task behind an undecided end waits
// for the decision. Of the two the worker is in a hurry, so the coordinator alone pays for the
// order: its barrier is membarrier(2)'s, one on the worker's CPU too. Where the kernel has none the
// worker has a fence of its own.
//
// Both words bear the grant's sequence number, which tells a worker that is late to see its grant
// used up: the place may already serve a later one. No word is written by both sides.
//
// The worker publishes an outcome for every task, in order; the ring's tail moves with each, so a
// worker's death loses at most the task in hand. All that the coordinator reads is a claim: it
// keeps its own copy of what was granted and believes nothing that does not fit it.
#ifndef BR_EXEC_CHANNEL_CHANNEL_H
#define BR_EXEC_CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "exec/executor.h"

// ---- Records of the ring

//
// In 8-byte words. A task that took less than a millisecond, and whose row is a fixed number of
// words of which any bits are valid, has a record of its check, its time and its row, where it
// began as the one before it ended: struct record_brief. All others are a struct record and what
// follows it.

enum channel_record_kind {
    RECORD_OK = 1,   // payload: one packed row of results
    RECORD_LONG_OK,  // payload: struct record_long, then one packed row: a task worth measuring
    RECORD_END,      // payload: struct record_end, then the message
    RECORD_OUTPUT,   // payload: struct record_output; comes before the row's outcome
    RECORD_FRAGMENT, // payload: a piece of the row of the RECORD_LONG_OK that follows
    RECORD_BRIEF,    // as RECORD_OK, of the next task, which began when the one before it ended
};

struct record {
    uint32_t size; // of the payload
    uint32_t kind;
    uint32_t grant; // low half of the grant's sequence number
    uint32_t row;   // task within the grant
    int64_t start_ns;
    uint32_t duration_ns; // saturating
    uint32_t check;       // set when it is published; over all of it, its payload and its place
};

struct record_brief {
    uint32_t check; // as a record's; over its grant and task as well, which are not told
    uint32_t mark;  // kind: 4 bits, duration in nanoseconds: 28 bits
};

struct record_long {
    int64_t duration_ns;
    int64_t cpu_ns;
    int32_t cpu;
    uint32_t zero;
};

struct record_end {
    struct record_long times;
    uint32_t status; // enum outcome_status
    uint32_t permanent;
    int64_t peak_memory; // of a child of its own, else -1
    int32_t signal;      // that ended this child, or 0
    int32_t exit_code;
    int32_t process; // this child
    uint32_t zero;
};

struct record_output {
    uint64_t offset;
    uint64_t length;
    uint32_t rows; // how many tasks, up to the one in hand, may have printed it
    uint32_t stream;
};

enum {
    CHANNEL_RING = 1 << 19,
    CHANNEL_PAYLOAD_MAX = CHANNEL_RING / 4, // longer payloads travel as fragments
    CHANNEL_RESULT_MAX = 1 << 30,
    CHANNEL_BRIEF_NS = 1 << 28, // what a brief record's duration is less than
    CHANNEL_RECORD_MIN = sizeof(struct record_brief) + 8,
};

// How many words a row is whose bits may be any: of i64 and f64 alone, or a function's. 0: rows are
// of several sizes, or empty, or not whole words, or too long for one record, or are to be checked.
size_t channel_row_words(const struct schema *results, size_t out_size);

// ---- The worker's side

struct channel_down;
struct channel_up;

struct channel_worker {
    const struct channel_down *down;
    struct channel_up *up;
    char *ring;                  // mapped twice in a row: a record never wraps
    int doorbell;                // eventfd that wakes the coordinator
    uint64_t grants;             // taken up so far
    uint64_t cursor;             // as last told: behind the task in hand
    const _Atomic uint64_t *end; // of the grant in work
    bool at_last;                // the task in hand is the last of its grant
    bool fenced;                 // order is ours to keep: the coordinator has no barrier for two
    uint64_t written;
    uint64_t free_until;  // how far `written` may get before there is something to look at
    uint64_t brief_grant; // whose last record may be followed by a brief one, or UINT64_MAX
    int64_t brief_ns;     // that begins then
    uint64_t rung;        // `written` at the last ring of the bell
    int64_t rung_ns;      // and when that was
    int64_t idle_spin_ns; // how long to look for a grant before sleeping
};

// A call of a function of the calling program, which travels with the grant.
struct channel_call {
    int (*function)(br_task *, const void *in, void *out);
    uint64_t in_size, out_size, first_index;
    int64_t soft_ns, hard_ns;
};

struct channel_claim { // the grant in work
    struct exec_grant grant;
    uint64_t sequence;
    struct channel_call call;
    const void *items; // of the call's inputs, the grant's part; NULL when the map's table has them
    bool few_behind;   // few or no grants were queued behind it: the coordinator should know
};

int channel_attach(struct channel_worker *c, int down_fd, int up_fd, int doorbell, br_error *err);
void channel_detach(struct channel_worker *c);

// Waits for the next grant. false: the coordinator wants this worker to end.
bool channel_next_grant(struct channel_worker *c, struct channel_claim *claim);

// channel_plain.h has the two steps that every plain task takes: claiming and publishing.

// Appends a record; waits while the ring is full. `now` is used to ring the bell now and then.
void channel_publish(struct channel_worker *c, struct record *r, const void *head, size_t head_size,
                     const void *data, size_t size, int64_t now);

// How much of the task in hand is done, for whoever watches.
void channel_progress(struct channel_worker *c, double fraction);

// What the tasks up to the one in hand have printed was looked for.
void channel_looked(struct channel_worker *c);

void channel_ring_bell(struct channel_worker *c, int64_t now);

bool channel_cancelled(const struct channel_worker *c, const struct channel_claim *claim,
                       uint32_t row);

// ---- The coordinator's side

struct channel_granted { // private: what the worker holds, in order
    struct exec_grant grant;
    const struct schema *results; // NULL: a function's
    size_t out_size;              // of a function's result
    size_t row_words;             // as channel_row_words
    uint32_t end;                 // tasks not taken back
    uint32_t done;                // outcomes received
    int64_t given_ns;
};

struct channel {
    int down_fd, up_fd;
    struct channel_down *down;
    struct channel_up *up;
    const char *ring;
    uint64_t read;
    uint64_t granted; // sequence: grants given
    uint64_t retired; // grants fully accounted for
    struct channel_granted queue[EXECUTOR_QUEUE];
    bool two_sided; // its barrier is the worker's too
    int64_t
        last_end_ns; // of the newest outcome, and as its worker says, when a brief record begins
    int64_t brief_ns;
    uint32_t suspects; // tasks yet to come back that a damaged ring may have held outcomes of
    // The last record or run of records, copied out of shared memory.
    struct buffer fragments, payload, durations, cells;
};

int channel_create(struct channel *c, br_error *err);
void channel_destroy(struct channel *c);

// Grants not accounted for yet.
unsigned channel_load(const struct channel *c);

// Room for it is the caller's duty (channel_load < EXECUTOR_QUEUE). Wakes the worker if it sleeps.
// `map` is the grant's; what it borrows must stay until the grant is accounted for.
void channel_grant(struct channel *c, const struct exec_grant *g, const struct exec_map *map,
                   int64_t now);

// Takes back up to `most` unstarted tasks of the newest grant of `map` (0 = any); *out says which.
// The number taken: 0 when there are none.
uint32_t channel_take_back(struct channel *c, uint64_t map, uint64_t most, struct exec_grant *out);

// The task in hand, by what has been read; false when nothing is claimed.
bool channel_in_hand(const struct channel *c, struct exec_in_hand *out);

void channel_cancel(struct channel *c, const struct exec_grant *task);

// Asks the worker to end when it has done what it holds, and wakes it.
void channel_close(struct channel *c);

enum channel_read {
    CHANNEL_EMPTY,
    CHANNEL_BATCH,
    CHANNEL_FAULT,  // the worker broke the protocol
    CHANNEL_FAILED, // the coordinator is out of memory; the records are still there
};

// What was read: one record, or a run of RECORD_OK and RECORD_BRIEF of one grant and attempt.
struct channel_batch {
    enum channel_record_kind kind;
    struct exec_grant tasks;
    int64_t start_ns; // of the first
    union {
        struct record_long times; // LONG_OK
        struct record_end end;    // END
        struct record_output output;
    };
    const uint32_t *durations; // OK: tasks.count of them
    const char *payload;       // OK, LONG_OK: packed rows; END: the message, NUL-terminated
    size_t size;
};

// Reads the next records, each checked against what was granted: right grant, next row, a row that
// fits the schema. Outcomes advance the private account. *out points into the channel until the
// next call. A fault leaves the channel as it is: nothing more can be read from it, and *text says
// what was wrong.
enum channel_read channel_read(struct channel *c, int64_t now, struct channel_batch *out,
                               const char **text);

// Publishes how far was read, so that a worker that waits for room goes on.
void channel_read_done(struct channel *c);

// After the worker's death and the last read: the task that was in hand (false when none), then
// every range without an outcome, one a call. Both account for what they return.
//
// `damaged`: reading ended with a fault. Then outcomes may be lost of which nobody can tell, and
// what did the damage may have ended long before it was found. Nobody is blamed but a task that was
// granted alone, and those that may have been started come back to run alone.
bool channel_blamed(struct channel *c, bool damaged, struct exec_in_hand *out);

// Before that: the task that was in hand and those before it that may have printed what the worker
// has not told of. None when the worker holds no grant; means nothing when none was in hand.
struct exec_grant channel_printers(const struct channel *c);

bool channel_unreported(struct channel *c, bool damaged, struct exec_grant *out);

#endif

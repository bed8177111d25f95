// SPDX-License-Identifier: BSD-3-Clause
// The coordinator's side of a channel: it grants tasks to one worker, takes back those that have
// not started, reads the outcomes, and accounts for every granted task even if the worker dies or
// damages the channel. No function blocks. One thread uses a struct channel. Times are those of
// clock_now, in nanoseconds.
#ifndef BR_EXEC_CHANNEL_CHANNEL_COORDINATOR_H
#define BR_EXEC_CHANNEL_CHANNEL_COORDINATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "exec/channel/channel_record.h"
#include "exec/executor.h"

struct channel_down;
struct channel_up;

// The private account of one grant. No worker can change it.
struct channel_granted {
    struct exec_grant grant;
    const struct schema *results; // borrowed; NULL for a function's grant
    size_t out_size;              // bytes of a function's result
    size_t row_words;             // see channel_row_words
    uint32_t end;                 // number of tasks that were not taken back
    uint32_t done;                // number of outcomes received
    int64_t given_ns;             // time of the grant
};

// All fields but the two descriptors are private to the coordinator's side.
struct channel {
    int down_fd, up_fd; // for channel_attach in the worker; owned by the channel
    struct channel_down *down;
    struct channel_up *up;
    const char *ring;
    uint64_t read;    // bytes of the ring read so far
    uint64_t granted; // number of grants so far; a grant's sequence number is its index
    uint64_t retired; // number of grants fully accounted for
    struct channel_granted queue[EXECUTOR_QUEUE];
    bool remote_barrier; // this side's barriers reach workers that register for them
    int64_t last_end_ns; // end of the newest outcome, as far as it can be believed
    int64_t room_ns;     // when a worker that may have waited for room in the ring got some
    int64_t compact_ns;  // start time of the next compact record, as the worker reports it
    uint32_t suspects;   // tasks to be returned alone, at most, if the ring is damaged
    struct buffer fragments, payload, durations, cells; // copies of the records read last
};

// Creates both memories of a channel. Returns 0; or -1 and *err (BR_ERR_SYSTEM), and then *c needs
// no destroy. channel_destroy takes a channel that was destroyed before.
int channel_create(struct channel *c, br_error *err);
void channel_destroy(struct channel *c);

// Returns the number of grants that are not fully accounted for.
unsigned channel_load(const struct channel *c);

// Grants tasks of `map` and wakes the worker if it sleeps. The caller makes sure that
// channel_load < EXECUTOR_QUEUE. map->results is borrowed until the grant is accounted for.
void channel_grant(struct channel *c, const struct exec_grant *g, const struct exec_map *map,
                   int64_t now);

// Takes back up to `most` tasks that have not started, from the end of the newest grant of `map`
// (0 = any map) that has such tasks. Returns how many, and sets *out to them; or 0 if there are
// none. They are accounted for.
uint32_t channel_take_back(struct channel *c, uint64_t map, uint64_t most, struct exec_grant *out);

// Returns true and sets *out to the running task, as far as outcomes have been read; false if no
// task is claimed.
bool channel_in_hand(const struct channel *c, struct exec_in_hand *out);

// Asks the task to stop (channel_cancelled) if it is the next one without an outcome.
void channel_cancel(struct channel *c, const struct exec_grant *task);

// Asks the worker to end after its grants, and wakes it.
void channel_close(struct channel *c);

enum channel_read {
    CHANNEL_EMPTY,  // nothing is left to read
    CHANNEL_BATCH,  // *out was filled
    CHANNEL_FAULT,  // the worker broke the protocol; nothing more can be read, ever
    CHANNEL_FAILED, // the coordinator has no memory for them; the records are still unread
};

// What was read: one record, or a run of RECORD_OK and RECORD_COMPACT of one grant.
struct channel_batch {
    enum channel_record_kind kind; // RECORD_OK for a run
    struct exec_grant tasks;
    int64_t start_ns; // of the first task
    union {
        struct record_long times;    // RECORD_LONG_OK
        struct record_end end;       // RECORD_END
        struct record_output output; // RECORD_OUTPUT
    };
    const uint32_t *durations; // RECORD_OK: tasks.count of them, in nanoseconds, saturating
    const char
        *payload; // RECORD_OK, RECORD_LONG_OK: packed rows; RECORD_END: the message, with NUL
    size_t size;  // bytes of the payload, without the NUL
};

// Reads the next records and checks each against the private account: it must be of the right
// grant and of the next task, and its row must fit the schema. Accounts for the outcomes. *out
// points into private copies of *c and is valid until the next call. After CHANNEL_FAULT *fault is
// a static text that says what was wrong, and the account is as it was after the last good record.
enum channel_read channel_read(struct channel *c, int64_t now, struct channel_batch *out,
                               const char **fault);

// Tells the worker how far the ring was read, and wakes it if it waits for room.
void channel_read_done(struct channel *c);

// ---- After the worker's death and the last read
//
// If reading ended with a fault (`damaged`), outcomes may be lost without a trace, and the task
// that did the damage may have ended long before. No task is then blamed, except one that was
// granted alone, and tasks that may have started are returned with `alone` set, to be run on their
// own.

// Returns the running task and those before it that may have printed what the worker has not
// attributed to a task. Returns a count of 0 if the worker holds no grant. Call it before
// channel_blamed; meaningless if channel_blamed then returns false.
struct exec_grant channel_printers(const struct channel *c);

// Returns true, sets *out to the running task and accounts for it; false if no task is to blame.
bool channel_blamed(struct channel *c, bool damaged, struct exec_in_hand *out);

// Returns true, sets *out to the next range of tasks without an outcome and accounts for it; false
// if none is left. Call it after channel_blamed, until it returns false.
bool channel_unreported(struct channel *c, bool damaged, struct exec_grant *out);

#endif

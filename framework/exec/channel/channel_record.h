// SPDX-License-Identifier: BSD-3-Clause
// The records of a channel's ring: the bytes in which a worker publishes outcomes and the
// coordinator reads them. They are part of the contracts of both sides, channel_worker.h and
// channel_coordinator.h.
//
// Records begin at multiples of 8 bytes. A task that took less than CHANNEL_COMPACT_NS, started
// when the task before it ended, and whose row is a fixed number of 8-byte words of which any bits
// are valid has a compact record: a struct record_compact and the row. All others have a struct
// record and its payload.
#ifndef BR_EXEC_CHANNEL_CHANNEL_RECORD_H
#define BR_EXEC_CHANNEL_CHANNEL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "model/schema.h"

enum channel_record_kind {
    RECORD_OK = 1,   // payload: one packed row of results
    RECORD_LONG_OK,  // payload: struct record_long, then one packed row
    RECORD_END,      // payload: struct record_end, then the message
    RECORD_OUTPUT,   // payload: struct record_output; precedes the outcome of the newest task in it
    RECORD_FRAGMENT, // payload: a piece of the row of the RECORD_LONG_OK that follows
    RECORD_COMPACT,  // the same as RECORD_OK for the next task, which started when the last ended
};

struct record {
    uint32_t size;  // bytes of payload
    uint32_t kind;  // enum channel_record_kind
    uint32_t grant; // low half of the grant's sequence number
    uint32_t row;   // index of the task within the grant
    int64_t start_ns;
    uint32_t duration_ns; // UINT32_MAX if it was longer
    uint32_t check;       // over the record, its payload and its position in the ring's stream
};

struct record_compact {
    uint32_t check; // over `mark`, the row, the position, and the grant and task that are not sent
    uint32_t mark;  // kind in the low COMPACT_KIND_BITS bits, duration in nanoseconds above
};

struct record_long {
    int64_t duration_ns;
    int64_t cpu_ns; // -1 if it was not measured
    int32_t cpu;    // -1 if it was not measured
    uint32_t zero;
};

struct record_end {
    struct record_long times;
    uint32_t status;     // enum outcome_status
    uint32_t permanent;  // 1 if the task must not be retried
    int64_t peak_memory; // bytes, of the forked child that ran the task; -1 if there was none
    int32_t signal;      // signal that ended this child, or 0
    int32_t exit_code;   // exit code of this child
    int32_t process;     // process id of this child
    uint32_t zero;
};

struct record_output {
    uint64_t offset; // where the output starts in the log of its stream, in bytes
    uint64_t length;
    uint32_t rows;   // number of tasks, up to the running one, that may have printed it
    uint32_t stream; // 1 or 2
};

enum {
    CHANNEL_RING = 1 << 19,                 // bytes
    CHANNEL_PAYLOAD_MAX = CHANNEL_RING / 4, // longer payloads travel as fragments
    CHANNEL_RESULT_MAX = 1 << 30,           // bytes of one row, over all its fragments
    CHANNEL_COMPACT_NS = 1 << 28,           // durations of compact records are less than this
    CHANNEL_RECORD_MIN = sizeof(struct record_compact) + 8,
    RECORD_ALIGN = 8,
    COMPACT_KIND_BITS = 4,
};

_Static_assert(sizeof(struct record) == 32, "no holes");

// Returns how many 8-byte words a row is if rows need no validation: those of i64 and f64 columns
// alone (`results`), or a function's results (`results` is NULL) of `out_size` bytes. Returns 0 if
// rows vary in size, are empty, are not whole words, do not fit in one record, or must be checked.
size_t channel_row_words(const struct schema *results, size_t out_size);

// Returns the bytes that a record with this payload occupies in the ring.
static inline size_t record_span(uint32_t payload)
{
    return sizeof(struct record) +
           (((size_t)payload + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1));
}

#endif

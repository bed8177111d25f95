// SPDX-License-Identifier: BSD-3-Clause
// The journal's bytes: the file's header, a record's frame, an event's payload. Described for other
// readers in docs/journal-format.md; the two change together. Pure: no file is touched here.
#ifndef BR_JOURNAL_JOURNAL_FORMAT_H
#define BR_JOURNAL_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"

enum {
    JOURNAL_VERSION = 3, // another one with every change of what is written
    JOURNAL_HEADER_SIZE = 64,
    JOURNAL_FRAME_SIZE = 40, // in front of every payload
    JOURNAL_PAYLOAD_MAX = 1 << 30,
    JOURNAL_MARK_AT = 16, // where a frame's mark stands
    JOURNAL_MARK_SIZE = 8,
};

struct journal_identity {
    uint64_t salt; // of the run: tells its records from leftovers of other files
};

struct journal_frame {
    uint64_t checksum; // of all that follows it in the record
    uint64_t previous; // the checksum of the record before, or of the header
    uint64_t sequence; // 1, 2, ...
    uint32_t type;
    uint32_t length; // of the payload, without the zeros that fill it up to a multiple of 8
};

void journal_header_encode(unsigned char out[JOURNAL_HEADER_SIZE],
                           const struct journal_identity *id);

// Reads `size` untrusted bytes (fewer than a header's, where the file is short). -1 and *err in
// words that go on after the file's name: "is not a journal of batchrun".
int journal_header_decode(const unsigned char *data, size_t size, struct journal_identity *id,
                          br_error *err);

// The header's own checksum: what the first record's `previous` must be.
uint64_t journal_header_checksum(const unsigned char header[JOURNAL_HEADER_SIZE]);

// The bytes that every frame of a run has at JOURNAL_MARK_AT.
void journal_mark(unsigned char out[JOURNAL_MARK_SIZE], uint64_t salt);

// Whole bytes that a record with this payload takes in the file.
size_t journal_record_size(uint32_t length);

// Around a payload's encoding: reserves the frame, and fills it in. `out` holds whole records. The
// second gives the record's checksum, or 0 when `out` has failed.
size_t journal_record_begin(struct buffer *out);
uint64_t journal_record_end(struct buffer *out, size_t start, enum event_type type, uint64_t salt,
                            uint64_t sequence, uint64_t previous);

// Reads a frame from JOURNAL_FRAME_SIZE untrusted bytes; false when it has not the run's mark or
// the length is beyond any record's.
bool journal_frame_decode(const unsigned char *data, uint64_t salt, struct journal_frame *out);

// Whether a whole record in memory has the checksum that it says.
bool journal_record_valid(const unsigned char *data, const struct journal_frame *frame);

// Appends an event's payload. EVENT_TASKS_OK takes its durations from `codes` (NULL = not known),
// not from the event, so that they are encoded once, when they arrive.
void journal_encode(struct buffer *out, const struct event *event, const unsigned char *codes);

// Reads `size` untrusted bytes (8-aligned) as the payload of an event. Its pointers lead into
// `data` and into *durations, which is overwritten. 0, or -1 with *err in words.
int journal_decode(uint32_t type, const unsigned char *data, size_t size, struct event *out,
                   struct buffer *durations, br_error *err);

// A duration in one byte: exact below 8 ns, within 6.25 % above; UINT32_MAX stays what it is.
static inline unsigned char journal_duration_encode(uint32_t ns)
{
    if (ns < 8)
        return (unsigned char)ns;
    unsigned top = 31 - (unsigned)__builtin_clz(ns);
    // The leading one adds a step of eight: 8 is the first beyond what stands for itself.
    unsigned code = ((top - 3) << 3) + (ns >> (top - 3));
    return (unsigned char)(ns == UINT32_MAX ? 255 : code);
}

uint32_t journal_duration_decode(unsigned char code);

#endif

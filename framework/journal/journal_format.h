// SPDX-License-Identifier: BSD-3-Clause
// Encodes and decodes the bytes of a journal: the header of the file, the frame of a record, the
// payload of an event. journal_format.c has a sketch of the format, docs/journal-format.md the
// whole; they change together. No file is touched here.
#ifndef BR_JOURNAL_JOURNAL_FORMAT_H
#define BR_JOURNAL_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"

enum {
    JOURNAL_VERSION = 5, // changes whenever the bytes that are written change
    JOURNAL_HEADER_SIZE = 64,
    JOURNAL_FRAME_SIZE = 40, // comes before every payload
    JOURNAL_PAYLOAD_MAX = 1 << 30,
    JOURNAL_MARK_AT = 16, // offset of the mark in a frame
    JOURNAL_MARK_SIZE = 8,
};

struct journal_identity {
    uint64_t salt; // drawn for each run: distinguishes its records from those of other files
};

struct journal_frame {
    uint64_t checksum; // of everything after it in the record
    uint64_t previous; // checksum of the record before, or of the header
    uint64_t sequence; // 1, 2, ...
    uint32_t type;     // enum event_type, unchecked
    uint32_t length;   // bytes of the payload, without the zeros up to a multiple of 8
};

void journal_header_encode(unsigned char out[JOURNAL_HEADER_SIZE],
                           const struct journal_identity *id);

// Decodes `size` untrusted bytes, which are fewer than a header if the file is short. Returns -1
// and *err with a text that continues the name of the file: "is not a journal of batchrun".
int journal_header_decode(const unsigned char *data, size_t size, struct journal_identity *id,
                          br_error *err);

// Returns the checksum in the header, which is `previous` of the first record.
uint64_t journal_header_checksum(const unsigned char header[JOURNAL_HEADER_SIZE]);

// Sets *out to the bytes that every frame of a run has at JOURNAL_MARK_AT.
void journal_mark(unsigned char out[JOURNAL_MARK_SIZE], uint64_t salt);

// Returns the bytes of a record whose payload has `length` bytes.
size_t journal_record_size(uint32_t length);

// Reserves a frame at the end of `out`, which holds whole records, before a payload is appended.
// Returns its offset.
size_t journal_record_begin(struct buffer *out);

// Completes the record at offset `start` after its payload was appended. Returns its checksum, or 0
// if `out` has failed.
uint64_t journal_record_end(struct buffer *out, size_t start, enum event_type type, uint64_t salt,
                            uint64_t sequence, uint64_t previous);

// Decodes JOURNAL_FRAME_SIZE untrusted bytes. Returns false, with *out as it was, if they do not
// have the run's mark or the length is too large.
bool journal_frame_decode(const unsigned char *data, uint64_t salt, struct journal_frame *out);

// Returns whether a whole record in memory has the checksum that its frame says.
bool journal_record_valid(const unsigned char *data, const struct journal_frame *frame);

// Appends the payload of an event. The durations of EVENT_TASKS_OK come from `codes` (NULL = not
// known), one for each task, not from the event, so that each is encoded once, when it arrives.
void journal_encode(struct buffer *out, const struct event *event, const unsigned char *codes);

// Decodes `size` untrusted bytes (8-aligned) as the payload of an event. Pointers of *out lead into
// `data` and into *durations, which is overwritten. Returns -1 and *err if they are no such
// payload.
int journal_decode(uint32_t type, const unsigned char *data, size_t size, struct event *out,
                   struct buffer *durations, br_error *err);

// Returns a duration as one byte: exact below 8 ns, within 6.25 % above. UINT32_MAX has its own
// code.
static inline unsigned char journal_duration_encode(uint32_t ns)
{
    if (ns < 8)
        return (unsigned char)ns;
    unsigned top = 31 - (unsigned)__builtin_clz(ns);
    // The leading bit adds 8, so that the first code of this kind is 8, for 8 ns.
    unsigned code = ((top - 3) << 3) + (ns >> (top - 3));
    return (unsigned char)(ns == UINT32_MAX ? 255 : code);
}

// Returns the duration in ns: the middle of those that have the code.
uint32_t journal_duration_decode(unsigned char code);

#endif

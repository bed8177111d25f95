// SPDX-License-Identifier: BSD-3-Clause
// What the formats of result files (output_csv.c, output_jsonl.c, output_npy.c) write, and the
// stream they write it to. output.c owns the file.
#ifndef BR_RESULTS_OUTPUT_FORMAT_H
#define BR_RESULTS_OUTPUT_FORMAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/table.h"
#include "results/results.h"

enum {
    OUTPUT_ROOM = 4096 // bytes that output_room gives at most
};

// A large buffer before a descriptor.
struct output_stream {
    int fd;
    char *data;                  // STREAM_SIZE bytes, from output_begin; the owner frees it
    size_t length;               // bytes in the buffer
    const char *path;            // for messages
    bool terminal;               // control characters in text are escaped
    bool closed;                 // the reader of standard output has closed it: output is discarded
    const atomic_bool *given_up; // becomes true if the rest is not to be written; or NULL
};

// The functions below return -1 (NULL) and *err on failure. A full disk is BR_ERR_INTERRUPTED.

// Allocates the buffer.
int output_begin(struct output_stream *s, br_error *err);

// Returns room for `count` (<= OUTPUT_ROOM) bytes at the end of the buffer. output_used then says
// how many bytes were filled.
char *output_room(struct output_stream *s, size_t count, br_error *err);

static inline void output_used(struct output_stream *s, size_t count)
{
    s->length += count;
}

int output_bytes(struct output_stream *s, const void *data, size_t count, br_error *err);
int output_base64(struct output_stream *s, const char *data, size_t count, br_error *err);

// Writes the buffer to the descriptor and empties it.
int output_flush(struct output_stream *s, br_error *err);

// Fills *err from errno for an operation on the stream's file that failed. Returns -1.
int output_failed(const struct output_stream *s, br_error *err);

// The content of a result file. All pointers are borrowed.
struct output_rows {
    const struct result_layout *layout;
    const struct table *inputs; // NULL: a reduced row
    const struct results *results;
    struct cell *cells; // room for the cells of one row of results
};

// Each writes the whole file.
int output_csv(struct output_stream *s, const struct output_rows *rows, br_error *err);
int output_jsonl(struct output_stream *s, const struct output_rows *rows, br_error *err);
int output_npy(struct output_stream *s, const struct output_rows *rows, br_error *err);

// Calls row(...) for every row that succeeded, in their order, with rows->cells filled. Returns -1
// as soon as a call does; 0 at the end, or when the stream is closed.
int output_each(struct output_stream *s, const struct output_rows *rows,
                int (*row)(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                           br_error *err),
                br_error *err);

#endif

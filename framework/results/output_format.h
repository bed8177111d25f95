// SPDX-License-Identifier: BSD-3-Clause
// Between output.c, which owns the file, and the formats, which fill it.
#ifndef BR_RESULTS_OUTPUT_FORMAT_H
#define BR_RESULTS_OUTPUT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/table.h"
#include "results/results.h"

// Where bytes go: a large buffer before a descriptor.
struct output_stream {
    int fd;
    char *data;
    size_t length;
    const char *path; // for messages
    bool terminal;    // text is shown without control characters
    bool closed;      // nobody reads it any more: all that follows is dropped
};

// Room for `count` (<= OUTPUT_ROOM) bytes at the end, of which output_used then takes some. NULL
// and *err when writing fails.
enum {
    OUTPUT_ROOM = 4096
};
char *output_room(struct output_stream *s, size_t count, br_error *err);

static inline void output_used(struct output_stream *s, size_t count)
{
    s->length += count;
}

int output_bytes(struct output_stream *s, const void *data, size_t count, br_error *err);
int output_base64(struct output_stream *s, const char *data, size_t count, br_error *err);

// What there is to write.
struct output_rows {
    const struct result_layout *layout;
    const struct table *inputs; // NULL: a reduced row
    const struct results *results;
    struct cell *cells; // room for a row of results
};

// Each writes the whole file.
int output_csv(struct output_stream *s, const struct output_rows *rows, br_error *err);
int output_jsonl(struct output_stream *s, const struct output_rows *rows, br_error *err);
int output_npy(struct output_stream *s, const struct output_rows *rows, br_error *err);

// Calls row(...) for every row that succeeded, with rows->cells filled, until one returns -1.
int output_each(struct output_stream *s, const struct output_rows *rows,
                int (*row)(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                           br_error *err),
                br_error *err);

#endif

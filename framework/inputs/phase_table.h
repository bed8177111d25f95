// SPDX-License-Identifier: BSD-3-Clause
// A phase's input table in sealed shared memory, which workers map and the coordinator reads.
#ifndef BR_INPUTS_PHASE_TABLE_H
#define BR_INPUTS_PHASE_TABLE_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/table.h"

struct phase_table {
    int fd;             // the sealed memory, for workers
    void *memory;       // its mapping, read-only
    size_t size;        // in bytes
    struct table table; // reads `memory`
};

#define PHASE_TABLE_NONE ((struct phase_table){.fd = -1})

// Copies the image into shared memory and empties the buffer, in each case. Returns -1 and *err on
// failure, with *out set to PHASE_TABLE_NONE.
int phase_table_make(struct phase_table *out, struct buffer *image, br_error *err);
void phase_table_finish(struct phase_table *t);

// Makes a table of `batches` rows without columns. It takes the place of the inputs next to the
// results of batches, because a batch belongs to no single row. `image` must be empty; *out borrows
// it. Returns -1 and *err on failure.
int phase_table_make_batches(uint64_t batches, struct buffer *image, struct table *out,
                             br_error *err);

// Appends the inputs of a task for a person, at most 200 bytes: "r=-1 unit=cm", or "rows 0 to 9".
void phase_table_describe(const struct phase_table *t, uint64_t task, uint64_t rows_per_task,
                          struct buffer *out);

#endif

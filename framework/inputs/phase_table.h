// SPDX-License-Identifier: BSD-3-Clause
// An input table in sealed shared memory, as workers get it and the coordinator reads it.
#ifndef BR_INPUTS_PHASE_TABLE_H
#define BR_INPUTS_PHASE_TABLE_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/table.h"

struct phase_table {
    int fd;
    void *memory;
    size_t size;
    struct table table;
};

#define PHASE_TABLE_NONE ((struct phase_table){.fd = -1})

// Moves the image into shared memory; the buffer is left empty. -1 and *err leave *out as
// PHASE_TABLE_NONE.
int phase_table_make(struct phase_table *out, struct buffer *image, br_error *err);
void phase_table_finish(struct phase_table *t);

// A table of so many rows without columns: what stands beside the results of batches, which belong
// to no one row of the inputs. `image` must be empty; *out borrows it.
int batch_table_make(uint64_t batches, struct buffer *image, struct table *out, br_error *err);

// Appends "r=-1 unit=cm": a task's inputs for a person, at most 200 bytes.
void phase_table_describe(const struct phase_table *t, uint64_t task, uint64_t rows_per_task,
                          struct buffer *out);

#endif

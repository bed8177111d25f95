// SPDX-License-Identifier: BSD-3-Clause
// Hashes of the rows of a phase's inputs: written into the journal when a run begins, and compared
// when a changed input is accepted. The columns of `args` are not part of them: they belong to the
// job. All calls come from the thread of the run.
#ifndef BR_RUN_ROW_HASHES_H
#define BR_RUN_ROW_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"
#include "run/prepare.h"

// What a journal has of a phase's rows.
struct past_rows {
    uint64_t hash; // of the source that they belong to
    uint64_t rows;
    uint64_t got;     // number of rows whose hashes have come
    uint64_t *hashes; // or NULL if there is an image
    struct buffer image;
    uint32_t columns; // of the image
};

// Takes the next block. Returns -1 and *err if memory runs out.
int past_rows_take(struct past_rows *past, const struct event_input_rows *e, br_error *err);
bool past_rows_whole(const struct past_rows *past, uint64_t hash);
void past_rows_finish(struct past_rows *past); // takes a zeroed one

// Returns the hash of a loaded phase's inputs as a whole.
uint64_t row_hashes_all(const struct prepared *p, size_t place);

// Emits the rows of a loaded phase, as one or several events. `hash` is row_hashes_all's. Returns
// -1 and *err if memory runs out or the sink refuses an event.
int row_hashes_emit(const struct prepared *p, size_t place, const char *what, uint64_t hash,
                    int64_t time_ns, struct event_sink *sink, br_error *err);

// Which tasks of a phase have the same rows as before.
struct row_changes {
    uint64_t old_rows, rows;
    uint64_t changed;         // number of rows that are new or differ
    struct buffer text;       // for a person: "3 of 100 rows: 4, 17-18"
    struct event_span *spans; // tasks that have the same rows, ascending
    size_t span_count;
};

// Compares a loaded phase with its past; without whole hashes of the past, all rows count as
// changed. `batch` of the past is that of the job: else the phase's signature differs. Returns -1
// and *err if memory runs out; *out is to be finished in each case.
int row_hashes_compare(const struct past_rows *past, uint64_t past_hash, const struct prepared *p,
                       size_t place, struct row_changes *out, br_error *err);
void row_changes_finish(struct row_changes *c); // takes a zeroed one

#endif

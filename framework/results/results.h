// SPDX-License-Identifier: BSD-3-Clause
// The results of one phase as they come in, and the table they make together with its inputs.
#ifndef BR_RESULTS_RESULTS_H
#define BR_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/schema.h"
#include "model/table.h"

// One row of `schema` for each task that succeeded. Memory is taken as rows come; the room for
// `rows` of them is only address space.
struct results;

// `schema` is borrowed until results_destroy. NULL and *err on failure.
struct results *results_create(const struct schema *schema, uint64_t rows, br_error *err);
void results_destroy(struct results *r);

// Rows first .. first + count - 1 succeeded, with `count` packed rows (model/table.h) back to back.
// In any order; a row that comes twice keeps what came last. -1 and *err when the rows lie outside,
// the bytes are not exactly such rows, or memory is out: rows before the failure may have been
// taken.
int results_put(struct results *r, uint64_t first, uint64_t count, const void *packed, size_t size,
                br_error *err);

const struct schema *results_schema(const struct results *r);
uint64_t results_rows(const struct results *r);
uint64_t results_count(const struct results *r); // rows that succeeded
bool results_has(const struct results *r, uint64_t row);

// The first row >= from that succeeded, or results_rows. Walk: for (row = results_next(r, 0); row <
// results_rows(r); row = results_next(r, row + 1)).
uint64_t results_next(const struct results *r, uint64_t from);

// The first run of consecutive rows from `from` on that succeeded, packed as they were put; NULL
// behind the last. Walk: for (at = 0; (rows = results_run(r, at, &first, &count, &size)); at =
// first
// + count).
const void *results_run(const struct results *r, uint64_t from, uint64_t *first, uint64_t *count,
                        size_t *size);

// The cells of a row that succeeded; text is borrowed until the next results_put.
void results_cells(const struct results *r, uint64_t row, struct cell *cells);

// ---- Inputs and results side by side
//
// What a result file holds and what a phase that reads `from` another gets: `index`, the input
// columns, the result columns; a result that bears an input's name takes its place. An input column
// `index` (of a result file that was read again) gives way to the task's own. A reduced row has the
// result columns alone.

enum result_source {
    RESULT_INDEX,
    RESULT_INPUT,
    RESULT_RESULT
};

struct result_layout {
    struct schema schema;
    struct result_place {
        enum result_source source;
        size_t column; // of the inputs or the results
    } * places;        // schema.count of them
};

// `inputs` NULL: a reduced row. *out is to be finished only after success.
int result_layout_make(const struct schema *inputs, const struct schema *results,
                       struct result_layout *out, br_error *err);
void result_layout_finish(struct result_layout *layout);

// The cell of column `column` in row `row`. `inputs` is what the layout was made of; `cells` are
// the row's results_cells.
struct cell result_cell(const struct result_layout *layout, size_t column,
                        const struct table *inputs, uint64_t row, const struct cell *cells);

// Columns of a table as a schema that the caller finishes.
int table_schema(const struct table *t, struct schema *out, br_error *err);

// The table image of the rows that succeeded, in input order, for phases that read from this one.
// `inputs` NULL: a reduced row.
int results_table(const struct results *r, const struct table *inputs, struct buffer *image,
                  br_error *err);

#endif

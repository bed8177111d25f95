// SPDX-License-Identifier: BSD-3-Clause
// Collects the results of one phase, and makes one table of its inputs and results.
#ifndef BR_RESULTS_RESULTS_H
#define BR_RESULTS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/schema.h"
#include "model/table.h"

// Holds one row of a schema for each task that succeeded.
struct results;

// `schema` is borrowed until results_destroy. Room for `rows` rows is only reserved as address
// space; memory is used as rows are put. Returns NULL and *err on failure.
struct results *results_create(const struct schema *schema, uint64_t rows, br_error *err);
void results_destroy(struct results *r);

// Stores the rows first .. first + count - 1, which succeeded. `packed` has them back to back, as
// model/table.h packs rows. Rows may come in any order; a row that comes twice keeps the last
// values. Returns -1 and *err if the rows are out of range, the bytes are not exactly such rows, or
// memory runs out; rows before the one that failed may have been stored.
int results_put(struct results *r, uint64_t first, uint64_t count, const void *packed, size_t size,
                br_error *err);

const struct schema *results_schema(const struct results *r); // borrowed
uint64_t results_rows(const struct results *r);               // rows of the phase
uint64_t results_count(const struct results *r);              // rows that succeeded
bool results_has(const struct results *r, uint64_t row);      // whether the row succeeded

// Returns the first row >= `from` that succeeded, or results_rows(r) if there is none. A walk is
// for (row = results_next(r, 0); row < results_rows(r); row = results_next(r, row + 1)).
uint64_t results_next(const struct results *r, uint64_t from);

// Finds the first run of consecutive rows at or after `from` that succeeded. Returns its packed
// rows, borrowed until the next results_put, or NULL if there is none; sets *first and *count, and
// *size in bytes. The next run begins at or after *first + *count.
const void *results_run(const struct results *r, uint64_t from, uint64_t *first, uint64_t *count,
                        size_t *size);

// Unpacks a row that succeeded. Text is borrowed until the next results_put.
void results_cells(const struct results *r, uint64_t row, struct cell *cells);

// ---- Inputs and results in one table
//
// A result file, and a phase that reads `from` another, have these columns: `index`, the inputs,
// the results. A result that has the name of an input replaces it. An input column `index` (of a
// result file that is read as inputs) is left out, and so are settings (model/command_line.h). A
// reduced row has the result columns alone.

enum result_source {
    RESULT_INDEX,
    RESULT_INPUT,
    RESULT_RESULT
};

struct result_layout {
    struct schema schema;
    struct result_place {
        enum result_source source;
        size_t column; // of the inputs or of the results
        bool written;  // the input's cells can have another table_text than cell_text
    } * places;        // one for each column of the schema
};

// `inputs` is NULL for a reduced row. Returns -1 and *err on failure; *out is to be finished only
// after success.
int result_layout_make(const struct schema *inputs, const struct schema *results,
                       struct result_layout *out, br_error *err);
void result_layout_finish(struct result_layout *layout);

// Sets `written` of the layout's columns. `inputs` is the table whose schema the layout was made
// of.
void result_layout_mark_written(struct result_layout *layout, const struct table *inputs);

// Returns the cell of a column in row `row`. `inputs` is the table whose schema the layout was made
// of; `cells` are the row's results_cells.
struct cell result_cell(const struct result_layout *layout, size_t column,
                        const struct table *inputs, uint64_t row, const struct cell *cells);

// Sets *out to the schema of a table's columns, which the caller finishes. Returns -1 and *err when
// out of memory.
int results_schema_of_table(const struct table *t, struct schema *out, br_error *err);

// Appends the image of the table of the rows that succeeded, in the order of the inputs, for phases
// that read from this one. `inputs` is NULL for a reduced row. Returns -1 and *err on failure.
int results_table(const struct results *r, const struct table *inputs, struct buffer *image,
                  br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A table of typed columns in one position-independent image. A builder (model/table_builder.h)
// makes it once; then it lies in sealed shared memory, and every process that maps it reads it in
// place. Pure.
//
// A column is either a range (first + row * step, computed, never stored) or cells. Row r of a cell
// column is cell (r / divisor) % length: a stored column has divisor 1 and as many cells as rows, a
// constant has length 1, an axis of a matrix repeats. The cells of a range of decimals are the
// doubles that are nearest to its exact values.
//
// A column of numbers or bools can also hold its cells as they were written, such as 1.10 or TRUE.
#ifndef BR_MODEL_TABLE_H
#define BR_MODEL_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "model/cell_text.h"
#include "model/schema.h"

struct table_head;

// A view of an image that the caller owns and keeps.
struct table {
    const struct table_head *head;
    size_t size;
};

// Opens an image of `size` bytes at `data`, which must be aligned to 8 bytes. Checks the whole
// layout (bounds, alignment, types), so that no later read can leave the image. Returns 0; -1 and
// *err.
int table_open(struct table *t, const void *data, size_t size, br_error *err);

// Return the number of rows, and of columns.
uint64_t table_rows(const struct table *t);
size_t table_columns(const struct table *t);

// Return the column's name, which points into the image, and its type.
const char *table_column_name(const struct table *t, size_t column);
enum br_type table_column_type(const struct table *t, size_t column);

// Returns the index of the column of that name, or -1.
int table_find(const struct table *t, const char *name);

// Returns the cell at `row` < table_rows, `column` < table_columns, in a few nanoseconds. Its text
// points into the image and is NUL-terminated.
struct cell table_cell(const struct table *t, size_t column, uint64_t row);

// Returns how many cells the image stores for a column of a table with rows: 1 for a constant, one
// for each value of an axis. Cell i is what table_cell returns for row i * *step. A range counts as
// one cell for each row.
uint64_t table_stored_cells(const struct table *t, size_t column, uint64_t *step);

// Returns whether a cell of the column can have another table_text than cell_text.
bool table_is_written(const struct table *t, size_t column);

// Returns the cell as text, with a NUL after its *length bytes: as it was written if the column
// holds that, as a decimal for a range, else cell_text. It lies in the image or in *room.
const char *table_text(const struct table *t, size_t column, uint64_t row, struct cell_room *room,
                       size_t *length);

// A step of a hash function: returns `hash`, continued with `size` bytes.
typedef uint64_t table_hasher(uint64_t hash, const void *data, size_t size);

// Returns a hash of row `row` of the first `columns` columns: names, types, values and how they
// were written, but neither the order of the columns nor how they are stored.
uint64_t table_hash_row(const struct table *t, size_t columns, uint64_t row, table_hasher *hasher);

// Returns a hash of all rows of the first `columns` columns, in a time that depends on the size of
// the image and not on the number of rows. Tables with the same rows may have different hashes if
// they are stored in different ways.
uint64_t table_hash(const struct table *t, size_t columns, table_hasher *hasher);

// Direct access to a column that is read very often: a range, or one cell a row, of i64 or f64.
struct table_column_view {
    enum br_type type;     // BR_TYPE_NONE: the column is of another kind; use table_cell
    const uint64_t *cells; // the bits of each cell; NULL for a range
    uint64_t first, step;  // the bits of a range of whole numbers
    double divisor;        // of the values of an f64 range
};

// Returns a view of the column, valid as long as the image.
struct table_column_view table_view(const struct table *t, size_t column);

// Returns the bits of the cell at `row` < table_rows in the view of an i64 column. They are
// unsigned, so that a range that overflows wraps, whatever the image holds.
static inline uint64_t table_view_i64(const struct table_column_view *v, uint64_t row)
{
    return v->cells ? v->cells[row] : v->first + row * v->step;
}

// Returns the cell at `row` < table_rows in the view of an f64 column.
static inline double table_view_f64(const struct table_column_view *v, uint64_t row)
{
    double cell;
    if (v->cells) {
        memcpy(&cell, &v->cells[row], sizeof cell);
        return cell;
    }
    cell = (double)(int64_t)(v->first + row * v->step);
    return v->divisor == 1 ? cell : cell / v->divisor;
}

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A table of typed columns in one position-independent image: made once by a builder, put into
// sealed shared memory, then read in place by every process that maps it.
//
// A column is either a range (first + row * step, computed, never stored) or cells. Row r of a cell
// column is cell (r / divisor) % length: a stored column has divisor 1 and length rows, a constant
// has length 1, an axis of a matrix repeats.
#ifndef BR_MODEL_TABLE_H
#define BR_MODEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/schema.h"

// ---- Reading

struct table_head; // the image's layout, in table.c

// A view of an image that somebody else owns and keeps.
struct table {
    const struct table_head *head;
    size_t size;
};

// Checks the whole layout of an image (bounds, alignment of `data` to 8 bytes, types), so that no
// later read can leave it. 0, or -1 with *err.
int table_open(struct table *t, const void *data, size_t size, br_error *err);

uint64_t table_rows(const struct table *t);
size_t table_columns(const struct table *t);
const char *table_column_name(const struct table *t, size_t column);
enum br_type table_column_type(const struct table *t, size_t column);

// The column's place, or -1.
int table_find(const struct table *t, const char *name);

// The cell at `row` < table_rows, `column` < table_columns. Cheap: a few nanoseconds. Text points
// into the image and is NUL-terminated.
struct cell table_cell(const struct table *t, size_t column, uint64_t row);

// Columns that are read all the time: i64 and f64, a range or a cell for each row. How to get at a
// cell without the table.
struct table_column_view {
    enum br_type type;     // BR_TYPE_NONE: of another kind, for table_cell
    const uint64_t *cells; // the bits of each; NULL: a range's
    uint64_t first, step;  // the bits of a range's
};

struct table_column_view table_view(const struct table *t, size_t column);

// The bits of the cell at `row` < table_rows of a column of type BR_I64. Unsigned: a range that
// would overflow wraps, whatever the image holds.
static inline uint64_t table_view_i64(const struct table_column_view *v, uint64_t row)
{
    return v->cells ? v->cells[row] : v->first + row * v->step;
}

// The same of a column of type BR_F64.
static inline double table_view_f64(const struct table_column_view *v, uint64_t row)
{
    double cell, step;
    memcpy(&cell, v->cells ? &v->cells[row] : &v->first, sizeof cell);
    if (v->cells)
        return cell;
    memcpy(&step, &v->step, sizeof step);
    return cell + (double)row * step;
}

// ---- Building

struct table_builder;

// NULL and *err when out of memory.
struct table_builder *table_builder_create(uint64_t rows, br_error *err);
void table_builder_destroy(struct table_builder *b);

// Each adds a column, behind those before it. A name that is already there is replaced in place:
// what comes later wins. Errors are out of memory and more than SCHEMA_MAX columns; using the
// builder in another way than said here is an "internal error" (BR_ERR_SYSTEM).
int table_add_range_i64(struct table_builder *b, const char *name, int64_t first, int64_t step,
                        br_error *err);
int table_add_range_f64(struct table_builder *b, const char *name, double first, double step,
                        br_error *err);

// A cell column: exactly `length` calls of table_add_cell must follow before the next column, each
// with a cell of this type. `length` is 0 only where the table has no rows.
int table_add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                    uint64_t length, br_error *err);
int table_add_cell(struct table_builder *b, struct cell cell, br_error *err);

// A column of one cell a row, for rows that come one by one: several such columns are added first
// and then filled side by side, each from its first row to its last. `text_size` is the sum of the
// cells' lengths (str and bytes; else 0).
int table_add_sized(struct table_builder *b, const char *name, enum br_type type, size_t text_size,
                    br_error *err);
int table_put_cell(struct table_builder *b, size_t column, struct cell cell, br_error *err);

// Moves the image to *out, which must be empty. The builder can only be destroyed afterwards, also
// after a failure.
int table_builder_finish(struct table_builder *b, struct buffer *out, br_error *err);

// ---- Packed rows
//
// A task's result columns in a row of bytes, in schema order: i64, f64 and bool are 8 bytes (native
// order; a bool is 0 or 1), str and bytes are a 64-bit length and then the bytes and one NUL,
// padded with zeros to 8. A str holds no other NUL.

void row_pack(struct buffer *out, const struct cell *cells, size_t count);

// Reads `size` untrusted bytes as one row of `schema` into cells[schema->count], which point into
// `data`. false when they are not exactly such a row.
bool row_unpack(const struct schema *schema, const void *data, size_t size, struct cell *cells);

// As row_unpack, of rows back to back: *used tells how many bytes the first of them takes.
bool row_unpack_first(const struct schema *schema, const void *data, size_t size,
                      struct cell *cells, size_t *used);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Builds the image of a table (model/table.h): create, add columns, finish. Each function that adds
// returns 0; -1 and *err for lack of memory or for more than SCHEMA_MAX columns. A wrong use of the
// builder is an "internal error" (BR_ERR_SYSTEM). After a failure the builder can only be
// destroyed.
#ifndef BR_MODEL_TABLE_BUILDER_H
#define BR_MODEL_TABLE_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/exact.h"
#include "model/schema.h"

struct table_builder;

// Returns a builder of a table of so many rows; NULL and *err if there is no memory.
struct table_builder *table_builder_create(uint64_t rows, br_error *err);
void table_builder_destroy(struct table_builder *b);

// Each function below that takes a name adds a column after those before it. A column that has the
// name already is replaced at its position.

// Adds a column whose row r is first + r * step. It is computed, not stored.
int table_add_range_i64(struct table_builder *b, const char *name, int64_t first, int64_t step,
                        br_error *err);

// The same for f64: row r is the double nearest to (first + r * step) * 10^exponent, where each sum
// has at most DECIMAL_DIGITS digits.
int table_add_range_f64(struct table_builder *b, const char *name, i128 first, i128 step,
                        int exponent, br_error *err);

// Adds a column of `length` cells whose row r is cell (r / divisor) % length. Exactly `length`
// calls of table_add_cell must follow before the next column. `length` is 0 only in a table without
// rows.
int table_add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                    uint64_t length, br_error *err);

// As table_add_cells, but a column of numbers or bools also keeps its cells as they were written
// (table_text).
int table_add_written_cells(struct table_builder *b, const char *name, enum br_type type,
                            uint64_t divisor, uint64_t length, br_error *err);

// Appends a cell, which must have the column's type. Its text is copied.
int table_add_cell(struct table_builder *b, struct cell cell, br_error *err);

// Appends a cell with the text that a column of table_add_written_cells keeps for it. Other columns
// ignore that text.
int table_add_written(struct table_builder *b, struct cell cell, const char *text, size_t length,
                      br_error *err);

// Adds a column of one cell a row, for rows that come one by one. Several such columns are added
// first; then table_put_cell fills them side by side, each from its first row to its last.
// `text_size` is the sum of the lengths of the texts of a str or bytes column, or of one that keeps
// its cells as they were `written`; else it is ignored.
int table_add_sized(struct table_builder *b, const char *name, enum br_type type, bool written,
                    size_t text_size, br_error *err);
int table_put_cell(struct table_builder *b, size_t column, struct cell cell, br_error *err);
int table_put_written(struct table_builder *b, size_t column, struct cell cell, const char *text,
                      size_t length, br_error *err);

// Moves the image to *out, which must be empty. The builder can only be destroyed afterwards.
int table_builder_finish(struct table_builder *b, struct buffer *out, br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Packed rows: a task's result columns as bytes, in the order of the schema. i64, f64 and bool are
// 8 bytes in native byte order (a bool is 0 or 1); str and bytes are a 64-bit length, then the
// bytes and one NUL, padded with zeros to a multiple of 8. A str holds no other NUL. Pure.
#ifndef BR_MODEL_ROW_H
#define BR_MODEL_ROW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "model/schema.h"

// Appends a row of `count` cells.
void row_pack(struct buffer *out, const struct cell *cells, size_t count);

// Reads `size` untrusted bytes as one row into cells[0..schema->count), which then point into
// `data`. Returns whether the bytes are exactly such a row.
bool row_unpack(const struct schema *schema, const void *data, size_t size, struct cell *cells);

// Reads the first of several rows in the same way, and sets *used to the number of its bytes.
// Returns whether the bytes begin with such a row.
bool row_unpack_first(const struct schema *schema, const void *data, size_t size,
                      struct cell *cells, size_t *used);

#endif

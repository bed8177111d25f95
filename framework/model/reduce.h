// SPDX-License-Identifier: BSD-3-Clause
// The built-in reductions: they fold the rows of a phase into one as the rows arrive. The rows may
// arrive in any order; the result has the same bits in each. Memory does not grow with the number
// of rows. Pure.
//
// Sums of f64 (and means) follow a fixed tree over the task indices: level 0 adds each block of
// fan_in consecutive rows in index order, level 1 each block of fan_in sums of level 0 in order,
// and so on until one is left. A row that did not succeed adds nothing. All else is exact: i64 and
// bool are added in 128 bits.
//
// Result columns: `count` gives one column, `count` i64, of the rows that succeeded. The others
// give a column for each numeric one, of its name: sum i64 (of bool: the number of true ones) or
// f64, min and max the column's own type, mean f64. str and bytes are left out. A NaN makes the
// result NaN, min and max too; -0.0 is less than 0.0. No row at all: count and sum are 0, the
// others an error.
//
// Memory: a block of which some rows have arrived and some have not keeps its values. If rows
// arrive in order, that is one block a level; if not, at most one a level for each gap.
#ifndef BR_MODEL_REDUCE_H
#define BR_MODEL_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/job_phase.h"
#include "model/schema.h"

enum {
    REDUCE_FAN_IN_MAX = 65536
};

struct reduce;

// Creates a reduction of `rows` rows of the columns `results` (which need not outlive the call).
// `kind` is sum, min, max, mean or count. Returns NULL and *err: BR_ERR_USAGE if fan_in is not 2 to
// REDUCE_FAN_IN_MAX, or if there is no numeric column and `kind` is not count.
struct reduce *reduce_create(enum job_reduce_kind kind, unsigned fan_in, uint64_t rows,
                             const struct schema *results, br_error *err);
void reduce_destroy(struct reduce *r);

// Takes rows first .. first + count - 1, which succeeded. `data` holds them one after the other,
// packed (model/row.h) and checked. Returns 0; -1 and *err (BR_ERR_SYSTEM) for lack of memory, for
// a row that came before or is not one of the rows, and for a size that does not fit. After a
// failure the reduction can only be destroyed.
int reduce_rows(struct reduce *r, uint64_t first, uint64_t count, const void *data, size_t size,
                br_error *err);

// Takes rows that did not succeed. Returns as reduce_rows does. A whole block costs as much as one
// row.
int reduce_skip(struct reduce *r, uint64_t first, uint64_t count, br_error *err);

// Returns whether every row has come.
bool reduce_done(const struct reduce *r);

// Returns the number of blocks of which some rows have arrived and some have not. The reduction's
// memory is proportional to it.
size_t reduce_open_blocks(const struct reduce *r);

// Returns the columns of the result, which belong to the reduction.
const struct schema *reduce_schema(const struct reduce *r);

// Writes the result of a reduction that is done to cells[0..reduce_schema(r)->count). Returns 0; -1
// and *err (BR_ERR_USAGE) if there is none (no row succeeded) or it does not fit (an i64 sum).
int reduce_result(const struct reduce *r, struct cell *cells, br_error *err);

#endif

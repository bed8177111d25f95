// SPDX-License-Identifier: BSD-3-Clause
// The built-in reductions: the rows of a phase folded into one as they arrive, in any order, in
// memory that does not grow with their number, to the same bits whatever the order was.
//
// Sums of f64 (and means) follow a fixed tree over the task indices: level 0 adds each block of
// fan_in consecutive rows in index order, level 1 each block of fan_in sums of level 0 in order,
// and so on until one is left. A row that did not succeed adds nothing. All else is exact: i64 and
// bool are added in 128 bits.
//
// Result columns: `count` gives one column, `count` i64, of the rows that succeeded. The others
// give a column for each numeric one, by its name: sum i64 (of bool: how many are true) or f64, min
// and max the column's own type, mean f64. str and bytes are left out. A NaN makes the result NaN,
// min and max too; -0.0 is less than 0.0. No row at all: count and sum are 0, the others an error.
//
// Memory: a block that is begun but not whole keeps its values. In order, that is one block a
// level; else at most one a level for each gap among the rows that have arrived.
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

// For `rows` rows of `results` (which need not outlive the call). NULL and BR_ERR_USAGE where
// fan_in is not 2 to REDUCE_FAN_IN_MAX, or there is no numeric column and `kind` is not count.
// `kind` is one of sum min max mean count.
struct reduce *reduce_create(enum job_reduce_kind kind, unsigned fan_in, uint64_t rows,
                             const struct schema *results, br_error *err);
void reduce_destroy(struct reduce *r);

// Rows first .. first + count - 1 succeeded: `data` holds them one behind the other, packed as
// model/table.h says, and already checked to be such rows. After a failure (out of memory; a row
// that came before, or is not one of the rows, or a size that does not fit: BR_ERR_SYSTEM) the
// reduction can only be destroyed.
int reduce_rows(struct reduce *r, uint64_t first, uint64_t count, const void *data, size_t size,
                br_error *err);

// As reduce_rows, for rows that did not succeed. Whole blocks cost as much as one row.
int reduce_skip(struct reduce *r, uint64_t first, uint64_t count, br_error *err);

// Whether every row has come.
bool reduce_done(const struct reduce *r);

// The blocks that are begun and not whole: what the reduction's memory is proportional to.
size_t reduce_open_blocks(const struct reduce *r);

// The columns of the result; the reduction's own.
const struct schema *reduce_schema(const struct reduce *r);

// The result, when done: cells[0 .. reduce_schema(r)->count). BR_ERR_USAGE where it does not exist
// (no row succeeded) or does not fit (an i64 sum).
int reduce_result(const struct reduce *r, struct cell *cells, br_error *err);

#endif

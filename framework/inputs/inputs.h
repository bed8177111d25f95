// SPDX-License-Identifier: BSD-3-Clause
// From what a job file says of a phase's inputs to the table its tasks read: the columns of
// `inputs` in their order, then those of `args` (the same in every row), each in the type that the
// task declares.
//
//     range   one column, never stored unless it must become text
//     list    a column without a declared type: i64, f64 (numbers of both kinds), bool, or str
//     lines   `line`, str; an empty line is a row too
//     csv     the header's names; a column without a declared type becomes i64, f64 or bool where
//             every value is one, else str
//     glob    `path`, str, sorted bytewise; what the pattern matched, relative patterns joined to
//             the job file's directory, so that it can be opened from where batchrun was started
//     matrix  a column an axis; the last axis varies fastest
//     from    `index` (in the other phase), its inputs, its results
//
// Columns that the task does not declare are carried along: it may look at them, and the result
// file has them. `index` is the result file's own column: the job file cannot give that name to an
// input; a csv file or another phase may have one, which the task can read, and the result file's
// own takes its place.
//
// A mistake is BR_ERR_USAGE; a column that the task wants and does not get is BR_ERR_PLUGIN.
#ifndef BR_INPUTS_INPUTS_H
#define BR_INPUTS_INPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "jobfile/diagnostic.h"
#include "model/job.h"
#include "model/schema.h"
#include "model/table.h"

// Reads the inputs of job->phases[phase] and appends their table's image to *image, which must be
// empty; *rows is how many there are. `sig` NULL takes whatever columns there are, as they are.
// `from` is the table of the other phase's results (INPUT_FROM, else NULL). Mistakes are added to
// *d. -1 and *err when there were any (*err then counts them) or the system failed; nothing is
// appended then. Files are read as a stream, twice; standard input is copied to memory first.
int inputs_load(const struct job *job, size_t phase, const struct signature *sig,
                const struct table *from, struct diagnostics *d, struct buffer *image,
                uint64_t *rows, br_error *err);

// What can be known of a `from` phase before the other has run: `from` is the schema of its results
// (result_layout_make). Mistakes and failures as in inputs_load. *columns (unless NULL) becomes the
// schema of this phase's inputs, which the caller finishes.
int inputs_check_from(const struct job *job, size_t phase, const struct signature *sig,
                      const struct schema *from, struct diagnostics *d, struct schema *columns,
                      br_error *err);

#endif

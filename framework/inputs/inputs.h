// SPDX-License-Identifier: BSD-3-Clause
// Makes the table that a phase's tasks read: the columns of `inputs` in their order, then those of
// `args` (the same value in every row), each in the type that the task declares.
//
//     range   one column, exact decimals, stored only if it must become text
//     list    a column without a declared type is i64, f64 (numbers of both kinds), bool, or str
//     lines   `line`, str; an empty line is a row too
//     csv     the names of the header; a column without a declared type becomes i64, f64 or bool if
//             every value is one, else str
//     glob    `path`, str, sorted bytewise: the files that match the pattern, in which ** matches
//             directories of any depth. A relative pattern is joined to the job file's directory,
//             so that the paths can be opened from where batchrun was started. A path that begins
//             with - gets ./ before it
//     matrix  a column for each axis; the last axis varies fastest
//     from    `index` (in the other phase), its inputs, its results
//
// Columns that the task does not declare are kept: a task can read them, and the result file has
// them. Numbers and bools among them keep the text that they were written as (table_text), if some
// would be printed in another way. `index` is the result file's own column. The job file cannot
// give that name to an input; a csv file or another phase can have such a column. A task can read
// it, and the result file has its own `index` instead.
//
// An error in the inputs is BR_ERR_USAGE; a column that the task wants and does not get is
// BR_ERR_PLUGIN.
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

// Reads the inputs of job->phases[phase], appends the image of their table to *image, which must be
// empty, and sets *rows to their number. `sig` NULL accepts any columns, in their own types. `from`
// is the table of the other phase's results for INPUT_FROM, else NULL. Errors in the inputs are
// added to *d. Returns -1 and *err if there were any (*err then has their number) or the system
// failed; *image and *rows are then as they were. Files are read twice, as a stream; standard input
// is copied to memory first.
int inputs_load(const struct job *job, size_t phase, const struct signature *sig,
                const struct table *from, struct diagnostics *d, struct buffer *image,
                uint64_t *rows, br_error *err);

// Checks the inputs of a `from` phase before the other phase has run. `from` is the schema of its
// results (result_layout_make). Returns as inputs_load. On success *columns (unless NULL) is the
// schema of this phase's inputs, which the caller finishes.
int inputs_check_from(const struct job *job, size_t phase, const struct signature *sig,
                      const struct schema *from, struct diagnostics *d, struct schema *columns,
                      br_error *err);

#endif

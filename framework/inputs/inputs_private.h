// SPDX-License-Identifier: BSD-3-Clause
// What the files of the inputs share: inputs.c is above inputs_matrix.c, inputs_plain.c,
// inputs_files.c, inputs_glob.c and inputs_columns.c, each of which calls only those after it.
#ifndef BR_INPUTS_INPUTS_PRIVATE_H
#define BR_INPUTS_INPUTS_PRIVATE_H

#include <stdbool.h>

#include "base/error.h"
#include "inputs/convert.h"
#include "jobfile/diagnostic.h"
#include "model/job.h"
#include "model/schema.h"
#include "model/table.h"
#include "model/table_builder.h"

enum {
    ERRORS_MAX = DIAGNOSTICS_SHOWN // after so many errors in the values of a phase reading ends
};

// The state of reading the inputs of one phase. All pointers are borrowed.
struct loader {
    const struct job *job;
    const struct job_phase *phase;
    const struct signature *signature; // of the phase's task, or NULL
    const struct table *from;          // the results of the other phase, or NULL
    struct diagnostics *d;
    size_t before; // number of errors in *d that the phase did not cause
    br_error *err;
};

// The rows of the inputs, or of one axis of a matrix. The caller destroys the builder, in each
// case.
struct loaded {
    struct table_builder *builder; // NULL if errors left no table
    uint64_t rows;
};

// ---- The kinds of inputs
//
// Each reads `in` into *out. With `axis` NULL they are the phase's inputs, whose columns must fit
// its task; else they are one column of that name. Returns -1 and *l->err only if the system fails.
// An error in the inputs is added to l->d, and reading continues as far as that makes sense.

int inputs_read_lines(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out);
int inputs_read_csv(struct loader *l, const struct job_inputs *in, const char *axis,
                    struct loaded *out);
int inputs_read_glob(struct loader *l, const struct job_inputs *in, const char *axis,
                     struct loaded *out);

// Reads a range, a list, lines, csv or glob.
int inputs_read_plain(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out);

int inputs_read_matrix(struct loader *l, const struct job_inputs *in, struct loaded *out);

// Returns a hint for a path that leads to no file, or NULL.
const char *inputs_path_hint(const struct job_inputs *in);

// ---- Columns

// Returns the type that the task declares for the column, or `natural` if it declares none.
enum br_type inputs_wanted_type(const struct loader *l, const char *name, enum br_type natural);

// Returns whether the task declares a type for the column. A column of which it does not keeps its
// cells as they were written.
bool inputs_takes(const struct loader *l, const char *name);

// Returns whether the cell, read from `text`, has to be kept as it was written, because printing it
// would give another text, or because it is NaN or infinite, which JSON has no number for.
bool inputs_must_keep(const struct cell *cell, const char *text, size_t length);

// Checks that the columns and the phase's args are those that the task wants; adds the errors.
void inputs_fit_columns(struct loader *l, const char *const *names, size_t count);

// Returns the value in that type. If it cannot be converted, adds an error and returns
// inputs_empty_cell. Text of the cell lies in the value or in *text.
struct cell inputs_convert_value(struct loader *l, const struct job_value *value,
                                 const char *column, enum br_type type, struct cell_room *text);

// Values of the job file that become one column: values[0], values[stride], ...
struct value_list {
    const struct job_value *values;
    size_t count, stride;
};

// Adds a column of the values, whose type is the one that the task declares, else i64, f64 (numbers
// of both kinds), bool or str. `b` NULL only checks the values. Returns -1 and *l->err if the
// system fails.
int inputs_add_values(struct loader *l, struct table_builder *b, const char *name,
                      const struct value_list *list);

// Adds the next cell of a column of table_add_written_cells or table_add_cells, which has the type
// of `from`.
int inputs_copy_cell(struct loader *l, struct table_builder *b, const struct table *from,
                     size_t column, uint64_t row);

// Returns zero, "" or false.
struct cell inputs_empty_cell(enum br_type type);

// Returns whether ERRORS_MAX errors were found.
bool inputs_gave_up(const struct loader *l);

#endif

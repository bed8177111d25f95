// SPDX-License-Identifier: BSD-3-Clause
// Between inputs.c and the kinds of inputs that have a file of their own.
//
// Loaders return -1 and *l->err only when the system fails. A mistake is added to l->d and loading
// goes on as far as it makes sense; *out stays NULL where there is no table to speak of.
#ifndef BR_INPUTS_INPUTS_LOAD_H
#define BR_INPUTS_INPUTS_LOAD_H

#include <stdbool.h>

#include "inputs/convert.h"
#include "inputs/inputs.h"
#include "model/table_builder.h"

enum {
    MISTAKES_MAX = DIAGNOSTICS_SHOWN // reading on would only cost time
};

struct loader {
    const struct job *job;
    const struct job_phase *phase;
    const struct signature *signature; // or NULL
    const struct table *from;          // or NULL
    struct diagnostics *d;
    size_t before; // mistakes in *d that are not ours
    br_error *err;
};

// Rows as they are being read, or as one axis of a matrix.
struct loaded {
    struct table_builder *builder; // NULL: mistakes
    uint64_t rows;
};

// Reads `in`. `axis` NULL: as the phase's inputs, which must fit its signature. Else as one column
// of that name.
int load_inputs(struct loader *l, const struct job_inputs *in, const char *axis,
                struct loaded *out);

int load_lines(struct loader *l, const struct job_inputs *in, const char *axis, struct loaded *out);
int load_csv(struct loader *l, const struct job_inputs *in, const char *axis, struct loaded *out);
int load_glob(struct loader *l, const struct job_inputs *in, const char *axis, struct loaded *out);
int load_matrix(struct loader *l, const struct job_inputs *in, struct loaded *out);

// The type that the task declares for the column, or `natural`.
enum br_type wanted_type(const struct loader *l, const char *name, enum br_type natural);

// Whether the columns, with the phase's args, are what the task wants; adds what is not.
void fit_columns(struct loader *l, const char *const *names, size_t count);

// The value in that type; adds a mistake and gives a zero where it cannot be.
struct cell convert_value(struct loader *l, const struct job_value *value, const char *column,
                          enum br_type type, struct convert_text *text);

// A zero, "" or false.
struct cell empty_cell(enum br_type type);

// Whether so many mistakes were found that reading on makes no sense.
bool gave_up(const struct loader *l);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Values of a job file, and where in the file they stand.
#ifndef BR_MODEL_JOB_VALUE_H
#define BR_MODEL_JOB_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "model/cell_text.h"
#include "model/schema.h"

// A position in the job file, from 1 on. Line 0 means that it is not in the file (a default).
struct mark {
    uint32_t line;
    uint32_t column;
};

// A scalar of the file with its YAML 1.2 core-schema type (i64, f64, bool or str).
struct job_value {
    struct cell cell;    // its text belongs to the job
    const char *written; // a number or a bool as the file has it, if cell_text differs; else NULL
    struct mark mark;
};

// A key with a value that only a plugin or a task knows: args, a plugin's config.
struct job_setting {
    const char *name; // belongs to the job
    struct job_value value;
    struct mark mark;
};

struct job_settings {
    struct job_setting *items;
    size_t count;
};

// Returns the text of a value as the file has it; *length is its length. It lies in the value or in
// *room.
const char *job_value_text(const struct job_value *value, struct cell_room *room, size_t *length);

// Frees what a value or settings hold.
void job_value_finish(struct job_value *value);
void job_settings_finish(struct job_settings *settings);

#endif

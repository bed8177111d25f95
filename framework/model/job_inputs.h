// SPDX-License-Identifier: BSD-3-Clause
// The inputs of a phase, as the job file gives them.
#ifndef BR_MODEL_JOB_INPUTS_H
#define BR_MODEL_JOB_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/exact.h"
#include "model/job_value.h"

enum job_input_kind {
    INPUT_RANGE,
    INPUT_LIST,
    INPUT_LINES,
    INPUT_CSV,
    INPUT_GLOB,
    INPUT_MATRIX,
    INPUT_FROM
};

struct job_inputs;

// Values given in the file: `rows` rows of `columns` columns, row by row.
struct job_grid {
    char **names;
    size_t columns;
    size_t rows;
    struct job_value *values;
};

struct job_axis {
    char *name;
    struct job_inputs *values; // one column: a list (names[0] = name), a range, lines, csv or glob
    struct mark mark;
};

// A number as the file has it, exact.
struct job_number {
    struct decimal value;
    bool is_f64; // it has a point or an exponent
    struct mark mark;
};

// A row of a matrix's exclude or include. Exclude drops rows that equal every column named; include
// adds a row after all others, and must name every axis.
struct job_match {
    struct job_settings columns;
    struct mark mark;
};

struct job_inputs {
    enum job_input_kind kind;
    struct mark mark;
    union {
        struct {                                 // row n is start + n * step
            struct job_number start, stop, step; // each as written
            char *as;                            // the column's name, "i" by default
            bool is_f64;                         // any of the three is f64
        } range;
        struct job_grid list;
        char *path; // lines, csv: as written, "-" is standard input (lines). glob: the pattern
        struct {
            struct job_axis *axes;
            size_t axis_count;
            struct job_match *exclude;
            size_t exclude_count;
            struct job_match *include;
            size_t include_count;
        } matrix;
        size_t
            from; // index in job.phases of the phase whose results these are; less than this one's
    };
};

// Frees what the inputs hold.
void job_inputs_finish(struct job_inputs *inputs);

// Row numbers up to this are exact as f64.
#define JOB_ROWS_MAX (INT64_C(1) << 53)

// The numbers of a range as whole numbers of one unit: 10^exponent.
struct job_range_digits {
    i128 start, stop, step;
    int exponent;
};

// Returns false if one of them has more than DECIMAL_DIGITS digits in the unit of the finest.
bool job_range_digits(const struct job_inputs *inputs, struct job_range_digits *out);

// Returns the number of rows of an INPUT_RANGE, which is exact; UINT64_MAX if the step never leads
// from start to stop, if more than JOB_ROWS_MAX rows would be needed, or if the range has no
// job_range_digits.
uint64_t job_range_rows(const struct job_inputs *inputs);

#endif

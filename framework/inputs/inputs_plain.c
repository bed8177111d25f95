// SPDX-License-Identifier: BSD-3-Clause
// Reads inputs that are not made of other inputs, which an axis of a matrix can be too. Ranges and
// lists are read here, files in inputs_files.c.
#include "inputs/inputs_private.h"

// ---- Range

static struct decimal range_value(const struct job_range_digits *d, uint64_t row)
{
    return (struct decimal){d->start + (i128)row * d->step, d->exponent};
}

// Stores the numbers of a range one by one, because the task wants another type.
static int add_range_cells(struct loader *l, const struct job_inputs *in, const char *name,
                           enum br_type type, const struct job_range_digits *d,
                           const struct loaded *out)
{
    if (table_add_cells(out->builder, name, type, 1, out->rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < out->rows; row++) {
        struct decimal number = range_value(d, row);
        struct cell_room text, room;
        struct job_value value = {.mark = in->range.start.mark};
        if (in->range.is_f64) {
            text.data[decimal_text(text.data, number)] = '\0';
            value.cell = (struct cell){.type = BR_F64, .f64 = decimal_value(number)};
            value.written = text.data;
        } else
            value.cell = (struct cell){.type = BR_I64, .i64 = (int64_t)number.digits};
        struct cell cell = inputs_gave_up(l) ? inputs_empty_cell(type)
                                             : inputs_convert_value(l, &value, name, type, &room);
        if (table_add_cell(out->builder, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

// Returns whether all numbers of the range are i64; *first and *step are then set.
static bool is_whole(const struct job_range_digits *d, uint64_t rows, int64_t *first, int64_t *step)
{
    i128 start, difference, last;
    if (!decimal_at((struct decimal){d->start, d->exponent}, 0, &start) ||
        !decimal_at((struct decimal){d->step, d->exponent}, 0, &difference))
        return false;
    last = start + difference * (i128)(rows > 0 ? rows - 1 : 0);
    if (start < INT64_MIN || start > INT64_MAX || last < INT64_MIN || last > INT64_MAX ||
        difference < INT64_MIN || difference > INT64_MAX)
        return false;
    *first = (int64_t)start;
    *step = (int64_t)difference;
    return true;
}

static int read_range(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out)
{
    const char *name = axis ? axis : in->range.as;
    struct job_range_digits d;
    int64_t first, step;
    if (!axis)
        inputs_fit_columns(l, &name, 1);
    if (!job_range_digits(in, &d))
        return br_error_set(l->err, BR_ERR_SYSTEM, "internal error: a range of too many digits");
    out->rows = job_range_rows(in);
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    enum br_type type = inputs_wanted_type(l, name, in->range.is_f64 ? BR_F64 : BR_I64);
    if (type == BR_F64)
        return table_add_range_f64(out->builder, name, d.start, d.step, d.exponent, l->err);
    if (type == BR_I64 && is_whole(&d, out->rows, &first, &step))
        return table_add_range_i64(out->builder, name, first, step, l->err);
    return add_range_cells(l, in, name, type, &d, out);
}

// ---- List

static int read_list(struct loader *l, const struct job_inputs *in, const char *axis,
                     struct loaded *out)
{
    const struct job_grid *grid = &in->list;
    if (!axis)
        inputs_fit_columns(l, (const char *const *)grid->names, grid->columns);
    out->rows = grid->rows;
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    for (size_t i = 0; i < grid->columns; i++) {
        const struct value_list list = {grid->values + i, grid->rows, grid->columns};
        if (inputs_add_values(l, out->builder, axis ? axis : grid->names[i], &list) != 0)
            return -1;
    }
    return 0;
}

int inputs_read_plain(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out)
{
    switch (in->kind) {
    case INPUT_RANGE:
        return read_range(l, in, axis, out);
    case INPUT_LIST:
        return read_list(l, in, axis, out);
    case INPUT_LINES:
        return inputs_read_lines(l, in, axis, out);
    case INPUT_CSV:
        return inputs_read_csv(l, in, axis, out);
    case INPUT_GLOB:
        return inputs_read_glob(l, in, axis, out);
    case INPUT_MATRIX:
    case INPUT_FROM:
        break;
    }
    return br_error_set(l->err, BR_ERR_SYSTEM, "internal error: inputs of no kind");
}

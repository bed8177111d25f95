// SPDX-License-Identifier: BSD-3-Clause
// Reads inputs that are not made of other inputs, which an axis of a matrix can be too. Ranges and
// lists are read here, files in inputs_files.c.
#include "inputs/inputs_private.h"

// ---- Range

static double value_f64(const struct job_value *value)
{
    return value->cell.type == BR_I64 ? (double)value->cell.i64 : value->cell.f64;
}

static struct cell range_value(const struct job_inputs *in, uint64_t row)
{
    if (in->range.is_f64)
        return (struct cell){.type = BR_F64,
                             .f64 = value_f64(&in->range.start) +
                                    (double)row * value_f64(&in->range.step)};
    uint64_t value = (uint64_t)in->range.start.cell.i64 + row * (uint64_t)in->range.step.cell.i64;
    return (struct cell){.type = BR_I64, .i64 = (int64_t)value};
}

// Stores the numbers of a range one by one, because the task wants another type.
static int add_range_cells(struct loader *l, const struct job_inputs *in, const char *name,
                           enum br_type type, const struct loaded *out)
{
    if (table_add_cells(out->builder, name, type, 1, out->rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < out->rows; row++) {
        struct job_value value = {.cell = range_value(in, row), .mark = in->range.start.mark};
        struct convert_text text;
        struct cell cell = inputs_gave_up(l) ? inputs_empty_cell(type)
                                             : inputs_convert_value(l, &value, name, type, &text);
        if (table_add_cell(out->builder, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

static int read_range(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out)
{
    const char *name = axis ? axis : in->range.as;
    const struct job_value *start = &in->range.start, *step = &in->range.step;
    bool is_f64 = in->range.is_f64;
    if (!axis)
        inputs_fit_columns(l, &name, 1);
    out->rows = job_range_rows(in);
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    enum br_type type = inputs_wanted_type(l, name, is_f64 ? BR_F64 : BR_I64);
    struct cell first, step_cell;
    struct convert_text text;
    if (type == BR_F64)
        return table_add_range_f64(out->builder, name, value_f64(start), value_f64(step), l->err);
    if (type == BR_I64 && convert_cell(&start->cell, BR_I64, &text, &first) &&
        convert_cell(&step->cell, BR_I64, &text, &step_cell))
        return table_add_range_i64(out->builder, name, first.i64, step_cell.i64, l->err);
    return add_range_cells(l, in, name, type, out);
}

// ---- List

static enum br_type common_type(enum br_type a, enum br_type b)
{
    if (a == b || b == BR_TYPE_NONE)
        return a;
    bool numbers = (a == BR_I64 || a == BR_F64) && (b == BR_I64 || b == BR_F64);
    return a == BR_TYPE_NONE ? b : numbers ? BR_F64 : BR_STR;
}

static int add_list_column(struct loader *l, const struct job_grid *grid, size_t column,
                           const char *name, struct table_builder *b)
{
    enum br_type natural = BR_TYPE_NONE;
    for (size_t row = 0; row < grid->rows; row++)
        natural = common_type(natural, grid->values[row * grid->columns + column].cell.type);
    enum br_type type = inputs_wanted_type(l, name, natural ? natural : BR_STR);
    if (table_add_cells(b, name, type, 1, grid->rows, l->err) != 0)
        return -1;
    for (size_t row = 0; row < grid->rows; row++) {
        struct convert_text text;
        struct cell cell =
            inputs_convert_value(l, &grid->values[row * grid->columns + column], name, type, &text);
        if (table_add_cell(b, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

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
    for (size_t i = 0; i < grid->columns; i++)
        if (add_list_column(l, grid, i, axis ? axis : grid->names[i], out->builder) != 0)
            return -1;
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

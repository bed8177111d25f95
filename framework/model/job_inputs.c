// SPDX-License-Identifier: BSD-3-Clause
#include "model/job_inputs.h"

#include <limits.h>
#include <stdlib.h>

static void grid_finish(struct job_grid *grid)
{
    for (size_t i = 0; grid->values && i < grid->rows * grid->columns; i++)
        job_value_finish(&grid->values[i]);
    free(grid->values);
    for (size_t i = 0; grid->names && i < grid->columns; i++)
        free(grid->names[i]);
    free(grid->names);
}

static void matches_finish(struct job_match *matches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        job_settings_finish(&matches[i].columns);
    free(matches);
}

static void plain_inputs_finish(struct job_inputs *inputs)
{
    switch (inputs->kind) {
    case INPUT_RANGE:
        free(inputs->range.as);
        break;
    case INPUT_LIST:
        grid_finish(&inputs->list);
        break;
    case INPUT_LINES:
    case INPUT_CSV:
    case INPUT_GLOB:
        free(inputs->path);
        break;
    case INPUT_MATRIX: // an axis is never a matrix
    case INPUT_FROM:
        break;
    }
}

void job_inputs_finish(struct job_inputs *inputs)
{
    if (inputs->kind != INPUT_MATRIX) {
        plain_inputs_finish(inputs);
        return;
    }
    for (size_t i = 0; i < inputs->matrix.axis_count; i++) {
        struct job_axis *axis = &inputs->matrix.axes[i];
        free(axis->name);
        if (axis->values)
            plain_inputs_finish(axis->values);
        free(axis->values);
    }
    free(inputs->matrix.axes);
    matches_finish(inputs->matrix.exclude, inputs->matrix.exclude_count);
    matches_finish(inputs->matrix.include, inputs->matrix.include_count);
}

static int min_exponent(const struct job_number *a, int exponent)
{
    return a->value.digits != 0 && a->value.exponent < exponent ? a->value.exponent : exponent;
}

bool job_range_digits(const struct job_inputs *inputs, struct job_range_digits *out)
{
    const struct job_number *start = &inputs->range.start, *stop = &inputs->range.stop,
                            *step = &inputs->range.step;
    int exponent = min_exponent(start, min_exponent(stop, min_exponent(step, INT_MAX)));
    struct job_range_digits d = {.exponent = exponent == INT_MAX ? 0 : exponent};
    if (!decimal_at(start->value, d.exponent, &d.start) ||
        !decimal_at(stop->value, d.exponent, &d.stop) ||
        !decimal_at(step->value, d.exponent, &d.step))
        return false;
    *out = d;
    return true;
}

uint64_t job_range_rows(const struct job_inputs *inputs)
{
    struct job_range_digits d;
    if (!job_range_digits(inputs, &d))
        return UINT64_MAX;
    i128 span = d.stop - d.start;
    if (span == 0)
        return 0;
    if (d.step == 0 || (d.step > 0) != (span > 0))
        return UINT64_MAX;
    i128 rows = span / d.step + (span % d.step != 0);
    return rows > JOB_ROWS_MAX ? UINT64_MAX : (uint64_t)rows;
}

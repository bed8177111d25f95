// SPDX-License-Identifier: BSD-3-Clause
#include "model/job_inputs.h"

#include <math.h>
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

static double as_f64(const struct job_value *value)
{
    return value->cell.type == BR_I64 ? (double)value->cell.i64 : value->cell.f64;
}

static uint64_t rows_i64(int64_t start, int64_t stop, int64_t step)
{
    if (start == stop)
        return 0;
    if (step == 0 || (step > 0) != (stop > start))
        return UINT64_MAX;
    __int128 span = (__int128)stop - start;
    __int128 rows = (span + step + (step > 0 ? -1 : 1)) / step;
    return rows > JOB_ROWS_MAX ? UINT64_MAX : (uint64_t)rows;
}

static uint64_t rows_f64(double start, double stop, double step)
{
    if (start == stop)
        return 0;
    double guess = ceil((stop - start) / step);
    if (!(guess >= 0 && guess <= (double)JOB_ROWS_MAX))
        return UINT64_MAX;
    // The division rounds, but the rows are computed as start + n * step. So the number of rows is
    // corrected by that formula.
    uint64_t rows = (uint64_t)guess;
    bool up = step > 0;
    while (rows > 0 && (up ? start + (double)(rows - 1) * step >= stop
                           : start + (double)(rows - 1) * step <= stop))
        rows--;
    while (rows < (uint64_t)guess + 2 &&
           (up ? start + (double)rows * step < stop : start + (double)rows * step > stop))
        rows++;
    return rows;
}

uint64_t job_range_rows(const struct job_inputs *inputs)
{
    const struct job_value *start = &inputs->range.start;
    const struct job_value *stop = &inputs->range.stop;
    const struct job_value *step = &inputs->range.step;
    if (inputs->range.is_f64)
        return rows_f64(as_f64(start), as_f64(stop), as_f64(step));
    return rows_i64(start->cell.i64, stop->cell.i64, step->cell.i64);
}

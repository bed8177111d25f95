// SPDX-License-Identifier: BSD-3-Clause
#include "model/job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *job_binding_name(enum job_binding binding)
{
    static const char *const names[] = {
        [BIND_NONE] = "none", [BIND_PU] = "pu",     [BIND_CORE] = "core",
        [BIND_L3] = "l3",     [BIND_NUMA] = "numa", [BIND_PACKAGE] = "package",
    };
    return names[binding];
}

const char *job_layout_name(enum job_layout layout)
{
    return layout == LAYOUT_SCATTER ? "scatter" : "compact";
}

const char *job_input_kind_name(enum job_input_kind kind)
{
    static const char *const names[] = {
        [INPUT_RANGE] = "range", [INPUT_LIST] = "list", [INPUT_LINES] = "lines",
        [INPUT_CSV] = "csv",     [INPUT_GLOB] = "glob", [INPUT_MATRIX] = "matrix",
        [INPUT_FROM] = "from",
    };
    return names[kind];
}

static void value_finish(struct job_value *value)
{
    if (value->cell.type == BR_STR || value->cell.type == BR_BYTES)
        free((char *)value->cell.text.data);
}

static void settings_finish(struct job_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].name);
        value_finish(&settings->items[i].value);
    }
    free(settings->items);
}

static void grid_finish(struct job_grid *grid)
{
    for (size_t i = 0; grid->values && i < grid->rows * grid->columns; i++)
        value_finish(&grid->values[i]);
    free(grid->values);
    for (size_t i = 0; grid->names && i < grid->columns; i++)
        free(grid->names[i]);
    free(grid->names);
}

static void matches_finish(struct job_match *matches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        settings_finish(&matches[i].columns);
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

static void inputs_finish(struct job_inputs *inputs)
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

void job_phase_finish(struct job_phase *phase)
{
    free(phase->name);
    free(phase->task);
    free(phase->needs);
    inputs_finish(&phase->inputs);
    settings_finish(&phase->args);
    free(phase->reduce.task);
    free(phase->output);
}

static void plugin_finish(struct job_plugin *plugin)
{
    free(plugin->name);
    free(plugin->path);
    settings_finish(&plugin->config);
}

void job_destroy(struct job *job)
{
    if (!job)
        return;
    int saved = errno;
    free(job->file);
    free(job->directory);
    free(job->text);
    free(job->name);
    for (size_t i = 0; i < job->plugin_count; i++)
        plugin_finish(&job->plugins[i]);
    free(job->plugins);
    for (size_t i = 0; i < job->env_count; i++) {
        free(job->env[i].name);
        free(job->env[i].value);
    }
    free(job->env);
    for (size_t i = 0; i < job->phase_count; i++)
        job_phase_finish(&job->phases[i]);
    free(job->phases);
    free(job);
    errno = saved;
}

void job_phases_before(const struct job *job, size_t p, bool *before)
{
    const struct job_phase *phase = &job->phases[p];
    for (size_t i = 0; i < job->phase_count; i++)
        before[i] = i < p && (phase->mode == MODE_SYNC || job->phases[i].mode == MODE_SYNC);
    for (size_t i = 0; i < phase->need_count; i++)
        before[phase->needs[i]] = true;
    if (phase->inputs.kind == INPUT_FROM)
        before[phase->inputs.from] = true;
}

int job_find_task(const struct job *job, const char *plugin_task, const char **task)
{
    const char *dot = strchr(plugin_task, '.');
    if (!dot)
        return -1;
    size_t length = (size_t)(dot - plugin_task);
    for (size_t i = 0; i < job->plugin_count; i++) {
        const char *name = job->plugins[i].name;
        if (name && strlen(name) == length && !memcmp(name, plugin_task, length)) {
            *task = dot + 1;
            return (int)i;
        }
    }
    return -1;
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
        return JOB_UNLIMITED;
    __int128 span = (__int128)stop - start;
    __int128 rows = (span + step + (step > 0 ? -1 : 1)) / step;
    return rows > JOB_ROWS_MAX ? JOB_UNLIMITED : (uint64_t)rows;
}

static uint64_t rows_f64(double start, double stop, double step)
{
    if (start == stop)
        return 0;
    double guess = ceil((stop - start) / step);
    if (!(guess >= 0 && guess <= (double)JOB_ROWS_MAX))
        return JOB_UNLIMITED;
    // The division rounds; the rows are what start + n * step says, which is how they are computed.
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

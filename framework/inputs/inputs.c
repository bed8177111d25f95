// SPDX-License-Identifier: BSD-3-Clause
#include "inputs/inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "inputs/inputs_load.h"
#include "model/table_builder.h"
#include "results/results.h"

// ---- Helpers of all kinds

bool gave_up(const struct loader *l)
{
    return l->d->count - l->before >= MISTAKES_MAX;
}

struct cell empty_cell(enum br_type type)
{
    struct cell cell = {.type = type};
    if (type == BR_STR || type == BR_BYTES)
        cell.text.data = "";
    return cell;
}

enum br_type wanted_type(const struct loader *l, const char *name, enum br_type natural)
{
    const struct signature *s = l->signature;
    int at = s ? schema_find(&s->inputs, name) : -1;
    if (at >= 0)
        return s->inputs.columns[at].type;
    return s && s->any_type ? s->any_type : natural;
}

struct cell convert_value(struct loader *l, const struct job_value *value, const char *column,
                          enum br_type type, struct convert_text *text)
{
    struct cell cell;
    if (cell_convert(&value->cell, type, text, &cell))
        return cell;
    struct buffer problem = BUFFER_EMPTY;
    convert_problem(&problem, &value->cell, type);
    buffer_char(&problem, '\0');
    diagnostics_add(l->d, BR_ERR_USAGE, value->mark, convert_width(&value->cell), NULL,
                    "column `%s`: %s", column, problem.failed ? "wrong value" : problem.data);
    buffer_finish(&problem);
    return empty_cell(type);
}

// ---- Fit with the task's signature

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static bool is_arg(const struct job_phase *phase, const char *name)
{
    for (size_t i = 0; i < phase->args.count; i++)
        if (!strcmp(phase->args.items[i].name, name))
            return true;
    return false;
}

static void append_names(struct buffer *list, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 12) {
            buffer_format(list, " and %zu more", count - i);
            return;
        }
        buffer_format(list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    if (count == 0)
        buffer_text(list, "no column");
}

// How inputs that name their one column themselves are given the name that the task wants.
static void cure_missing(struct buffer *cure, const struct loader *l, const char *name,
                         const char *const *names, size_t count)
{
    const struct job_inputs *in = &l->phase->inputs;
    const char *near = text_nearest(name, names, count);
    if (near)
        buffer_format(cure, "is `%s` meant?", near);
    else if (in->kind == INPUT_RANGE)
        buffer_format(cure, "name the range's column: `as: %s`", name);
    else if (in->kind == INPUT_LINES || in->kind == INPUT_GLOB)
        buffer_format(cure, "name the column: `matrix: {%s: {%s: ...}}`", name,
                      in->kind == INPUT_LINES ? "lines" : "glob");
    else if (in->kind == INPUT_CSV && count == 1 && strpbrk(names[0], ";\t|"))
        buffer_text(cure, "have commas between the file's columns");
    else
        buffer_format(cure, "rename a column, or add `args: {%s: ...}`", name);
}

static void add_missing(struct loader *l, const struct column *want, const char *const *names,
                        size_t count)
{
    struct buffer list = BUFFER_EMPTY, cure = BUFFER_EMPTY;
    append_names(&list, names, count);
    buffer_char(&list, '\0');
    cure_missing(&cure, l, want->name, names, count);
    bool cured = cure.length > 0;
    buffer_char(&cure, '\0');
    diagnostics_add(l->d, BR_ERR_PLUGIN, l->phase->inputs_mark, 1,
                    cured && !cure.failed ? cure.data : NULL,
                    "task %s wants column `%s` (%s); inputs give %s", l->phase->task, want->name,
                    schema_type_name(want->type), list.failed ? "others" : list.data);
    buffer_finish(&list);
    buffer_finish(&cure);
}

static void add_unknown_arg(struct loader *l, const struct job_setting *arg)
{
    const struct schema *inputs = &l->signature->inputs;
    const char **names = calloc(inputs->count + 1, sizeof *names);
    for (size_t i = 0; names && i < inputs->count; i++)
        names[i] = inputs->columns[i].name;
    const char *near = names ? text_nearest(arg->name, names, inputs->count) : NULL;
    struct buffer cure = BUFFER_EMPTY;
    if (near)
        buffer_format(&cure, "did you mean `%s`?", near);
    buffer_char(&cure, '\0');
    diagnostics_add(l->d, BR_ERR_USAGE, arg->mark, strlen(arg->name),
                    near && !cure.failed ? cure.data : "leave it out", "task %s has no input `%s`",
                    l->phase->task, arg->name);
    buffer_finish(&cure);
    free(names);
}

void fit_columns(struct loader *l, const char *const *names, size_t count)
{
    const struct job_phase *phase = l->phase;
    for (size_t i = 0; i < phase->args.count; i++) {
        const struct job_setting *arg = &phase->args.items[i];
        if (is_among(arg->name, names, count))
            diagnostics_add(l->d, BR_ERR_USAGE, arg->mark, strlen(arg->name),
                            "leave out one of the two", "`%s` is a column of the inputs already",
                            arg->name);
        else if (l->signature && !l->signature->any_input &&
                 schema_find(&l->signature->inputs, arg->name) < 0)
            add_unknown_arg(l, arg);
    }
    for (size_t i = 0; l->signature && i < l->signature->inputs.count; i++) {
        const struct column *want = &l->signature->inputs.columns[i];
        if (!is_among(want->name, names, count) && !is_arg(phase, want->name))
            add_missing(l, want, names, count);
    }
}

static void fit_one(struct loader *l, const char *axis, const char *name)
{
    if (!axis)
        fit_columns(l, &name, 1);
}

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

// A range that cannot stay virtual: its numbers one by one.
static int add_range_cells(struct loader *l, const struct job_inputs *in, const char *name,
                           enum br_type type, const struct loaded *out)
{
    if (table_add_cells(out->builder, name, type, 1, out->rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < out->rows; row++) {
        struct job_value value = {.cell = range_value(in, row), .mark = in->range.start.mark};
        struct convert_text text;
        struct cell cell =
            gave_up(l) ? empty_cell(type) : convert_value(l, &value, name, type, &text);
        if (table_add_cell(out->builder, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

static int load_range(struct loader *l, const struct job_inputs *in, const char *axis,
                      struct loaded *out)
{
    const char *name = axis ? axis : in->range.as;
    const struct job_value *start = &in->range.start, *step = &in->range.step;
    bool is_f64 = in->range.is_f64;
    fit_one(l, axis, name);
    out->rows = job_range_rows(in);
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    enum br_type type = wanted_type(l, name, is_f64 ? BR_F64 : BR_I64);
    struct cell first, step_cell;
    struct convert_text text;
    if (type == BR_F64)
        return table_add_range_f64(out->builder, name, value_f64(start), value_f64(step), l->err);
    if (type == BR_I64 && cell_convert(&start->cell, BR_I64, &text, &first) &&
        cell_convert(&step->cell, BR_I64, &text, &step_cell))
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
    enum br_type type = wanted_type(l, name, natural ? natural : BR_STR);
    if (table_add_cells(b, name, type, 1, grid->rows, l->err) != 0)
        return -1;
    for (size_t row = 0; row < grid->rows; row++) {
        struct convert_text text;
        struct cell cell =
            convert_value(l, &grid->values[row * grid->columns + column], name, type, &text);
        if (table_add_cell(b, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

static int load_list(struct loader *l, const struct job_inputs *in, const char *axis,
                     struct loaded *out)
{
    const struct job_grid *grid = &in->list;
    if (!axis)
        fit_columns(l, (const char *const *)grid->names, grid->columns);
    out->rows = grid->rows;
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    for (size_t i = 0; i < grid->columns; i++)
        if (add_list_column(l, grid, i, axis ? axis : grid->names[i], out->builder) != 0)
            return -1;
    return 0;
}

// ---- From another phase

// Names are borrowed from the schema. NULL and *l->err when out of memory.
static const char **schema_names(struct loader *l, const struct schema *schema)
{
    const char **names = calloc(schema->count + 1, sizeof *names);
    if (!names)
        br_error_nomem(l->err);
    for (size_t i = 0; names && i < schema->count; i++)
        names[i] = schema->columns[i].name;
    return names;
}

// Fits the other phase's columns; false when any type can never be converted.
static int fit_from(struct loader *l, const struct schema *from, bool *sound)
{
    const char *other = l->job->phases[l->phase->inputs.from].name;
    const char **names = schema_names(l, from);
    if (!names)
        return -1;
    fit_columns(l, names, from->count);
    free(names);
    *sound = true;
    for (size_t i = 0; i < from->count; i++) {
        const struct column *c = &from->columns[i];
        enum br_type type = wanted_type(l, c->name, c->type);
        if (c->type == BR_TYPE_NONE || type_converts(c->type, type))
            continue;
        *sound = false;
        diagnostics_add(l->d, BR_ERR_PLUGIN, l->phase->inputs_mark, 1, NULL,
                        "task %s wants column `%s` as %s; phase `%s` gives %s", l->phase->task,
                        c->name, schema_type_name(type), other, schema_type_name(c->type));
    }
    return 0;
}

static struct cell convert_from(struct loader *l, size_t column, uint64_t row, enum br_type type,
                                struct convert_text *text)
{
    struct cell cell = table_cell(l->from, column, row), got;
    if (cell_convert(&cell, type, text, &got))
        return got;
    if (gave_up(l))
        return empty_cell(type);
    int index = table_find(l->from, "index");
    uint64_t task = index < 0 ? row : (uint64_t)table_cell(l->from, (size_t)index, row).i64;
    struct buffer problem = BUFFER_EMPTY;
    convert_problem(&problem, &cell, type);
    buffer_char(&problem, '\0');
    diagnostics_add(
        l->d, BR_ERR_USAGE, l->phase->inputs_mark, 1, NULL,
        "phase `%s`, task %" PRIu64 ": column `%s`: %s", l->job->phases[l->phase->inputs.from].name,
        task, table_column_name(l->from, column), problem.failed ? "wrong value" : problem.data);
    buffer_finish(&problem);
    return empty_cell(type);
}

static int add_from_column(struct loader *l, size_t column, struct table_builder *b)
{
    const char *name = table_column_name(l->from, column);
    enum br_type type = wanted_type(l, name, table_column_type(l->from, column));
    uint64_t rows = table_rows(l->from);
    if (table_add_cells(b, name, type, 1, rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < rows; row++) {
        struct convert_text text;
        if (table_add_cell(b, convert_from(l, column, row, type, &text), l->err) != 0)
            return -1;
    }
    return 0;
}

static int add_from_columns(struct loader *l, struct loaded *out)
{
    out->rows = table_rows(l->from);
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder)
        return -1;
    for (size_t i = 0; i < table_columns(l->from); i++)
        if (add_from_column(l, i, out->builder) != 0)
            return -1;
    return 0;
}

static int load_from(struct loader *l, struct loaded *out)
{
    struct schema from = {0};
    bool sound = false;
    int result = table_schema(l->from, &from, l->err);
    if (result == 0)
        result = fit_from(l, &from, &sound);
    schema_finish(&from);
    return result == 0 && sound ? add_from_columns(l, out) : result;
}

// ---- All kinds

int load_inputs(struct loader *l, const struct job_inputs *in, const char *axis, struct loaded *out)
{
    switch (in->kind) {
    case INPUT_RANGE:
        return load_range(l, in, axis, out);
    case INPUT_LIST:
        return load_list(l, in, axis, out);
    case INPUT_LINES:
        return load_lines(l, in, axis, out);
    case INPUT_CSV:
        return load_csv(l, in, axis, out);
    case INPUT_GLOB:
        return load_glob(l, in, axis, out);
    case INPUT_MATRIX:
        return load_matrix(l, in, out);
    case INPUT_FROM:
        return load_from(l, out);
    }
    return br_error_set(l->err, BR_ERR_SYSTEM, "internal error: inputs of no kind");
}

static int add_args(struct loader *l, struct table_builder *b)
{
    for (size_t i = 0; i < l->phase->args.count; i++) {
        const struct job_setting *arg = &l->phase->args.items[i];
        enum br_type type = wanted_type(l, arg->name, arg->value.cell.type);
        struct convert_text text;
        struct cell cell = convert_value(l, &arg->value, arg->name, type, &text);
        if (b && (table_add_cells(b, arg->name, type, 1, 1, l->err) != 0 ||
                  table_add_cell(b, cell, l->err) != 0))
            return -1;
    }
    return 0;
}

static int count_mistakes(const struct loader *l, br_error *err)
{
    size_t count = l->d->count - l->before;
    if (count == 0)
        return 0;
    return br_error_set(err, l->before == 0 ? l->d->kind : BR_ERR_USAGE,
                        "phase `%s`: %zu mistake%s in its inputs", l->phase->name, count,
                        count == 1 ? "" : "s");
}

int inputs_load(const struct job *job, size_t phase, const struct signature *sig,
                const struct table *from, struct diagnostics *d, struct buffer *image,
                uint64_t *rows, br_error *err)
{
    struct loader l = {.job = job,
                       .phase = &job->phases[phase],
                       .signature = sig,
                       .from = from,
                       .d = d,
                       .before = d->count,
                       .err = err};
    struct loaded loaded = {0};
    int result = load_inputs(&l, &l.phase->inputs, NULL, &loaded);
    if (result == 0)
        result = add_args(&l, loaded.builder);
    if (result == 0)
        result = count_mistakes(&l, err);
    if (result == 0)
        result = table_builder_finish(loaded.builder, image, err);
    if (result == 0)
        *rows = loaded.rows;
    table_builder_destroy(loaded.builder);
    return result;
}

static int from_schema(struct loader *l, const struct schema *from, struct schema *out)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct column *c = &from->columns[i];
        if (schema_add(out, c->name, strlen(c->name), wanted_type(l, c->name, c->type), l->err))
            return -1;
    }
    for (size_t i = 0; i < l->phase->args.count; i++) {
        const struct job_setting *arg = &l->phase->args.items[i];
        enum br_type type = wanted_type(l, arg->name, arg->value.cell.type);
        if (schema_add(out, arg->name, strlen(arg->name), type, l->err) != 0)
            return -1;
    }
    return 0;
}

int inputs_check_from(const struct job *job, size_t phase, const struct signature *sig,
                      const struct schema *from, struct diagnostics *d, struct schema *columns,
                      br_error *err)
{
    struct loader l = {.job = job,
                       .phase = &job->phases[phase],
                       .signature = sig,
                       .d = d,
                       .before = d->count,
                       .err = err};
    struct schema made = {0};
    bool sound;
    if (fit_from(&l, from, &sound) != 0 || add_args(&l, NULL) != 0 || count_mistakes(&l, err) != 0)
        return -1;
    if (columns && from_schema(&l, from, &made) != 0) {
        schema_finish(&made);
        return -1;
    }
    if (columns)
        *columns = made;
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Inputs as a whole: the results of another phase, the phase's args, and what is checked before.
#include "inputs/inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inputs/inputs_private.h"
#include "results/results.h"

// ---- From another phase

// Returns the names of the columns, borrowed from the schema, in an array that the caller frees.
// NULL and *l->err when out of memory.
static const char **schema_names(struct loader *l, const struct schema *schema)
{
    const char **names = calloc(schema->count + 1, sizeof *names);
    if (!names)
        br_error_nomem(l->err);
    for (size_t i = 0; names && i < schema->count; i++)
        names[i] = schema->columns[i].name;
    return names;
}

// Checks the other phase's columns. *sound is false if a type can never be converted. Returns -1
// and *l->err when out of memory.
static int fit_from(struct loader *l, const struct schema *from, bool *sound)
{
    const char *other = l->job->phases[l->phase->inputs.from].name;
    const char **names = schema_names(l, from);
    if (!names)
        return -1;
    inputs_fit_columns(l, names, from->count);
    free(names);
    *sound = true;
    for (size_t i = 0; i < from->count; i++) {
        const struct column *c = &from->columns[i];
        enum br_type type = inputs_wanted_type(l, c->name, c->type);
        if (c->type == BR_TYPE_NONE || convert_is_possible(c->type, type))
            continue;
        *sound = false;
        diagnostics_add(l->d, BR_ERR_PLUGIN, l->phase->inputs_mark, 1, NULL,
                        "task %s needs column `%s` as %s; phase `%s` returns it as %s",
                        l->phase->task, c->name, schema_type_name(type), other,
                        schema_type_name(c->type));
    }
    return 0;
}

static struct cell convert_from(struct loader *l, size_t column, uint64_t row, enum br_type type,
                                struct cell_room *text)
{
    struct cell cell = table_cell(l->from, column, row), got = {.type = type};
    if (type == BR_STR && !schema_type_is_text(cell.type)) {
        got.text.data = table_text(l->from, column, row, text, &got.text.length);
        return got;
    }
    if (convert_cell(&cell, type, text, &got))
        return got;
    if (inputs_gave_up(l))
        return inputs_empty_cell(type);
    int index = table_find(l->from, "index");
    uint64_t task = index < 0 ? row : (uint64_t)table_cell(l->from, (size_t)index, row).i64;
    struct buffer problem = BUFFER_EMPTY;
    diagnostics_add(l->d, BR_ERR_USAGE, l->phase->inputs_mark, 1, NULL,
                    "phase `%s`, task %" PRIu64 ": column `%s`: %s",
                    l->job->phases[l->phase->inputs.from].name, task,
                    table_column_name(l->from, column), convert_problem(&problem, &cell, type));
    buffer_finish(&problem);
    return inputs_empty_cell(type);
}

static int add_from_column(struct loader *l, size_t column, struct table_builder *b)
{
    const char *name = table_column_name(l->from, column);
    enum br_type type = inputs_wanted_type(l, name, table_column_type(l->from, column));
    uint64_t rows = table_rows(l->from);
    bool keep = !inputs_takes(l, name) && table_is_written(l->from, column);
    if ((keep ? table_add_written_cells : table_add_cells)(b, name, type, 1, rows, l->err) != 0)
        return -1;
    for (uint64_t row = 0; row < rows; row++) {
        struct cell_room text;
        int added = keep ? inputs_copy_cell(l, b, l->from, column, row)
                         : table_add_cell(b, convert_from(l, column, row, type, &text), l->err);
        if (added != 0)
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

static int read_from(struct loader *l, struct loaded *out)
{
    struct schema from = {0};
    bool sound = false;
    int result = results_schema_of_table(l->from, &from, l->err);
    if (result == 0)
        result = fit_from(l, &from, &sound);
    schema_finish(&from);
    return result == 0 && sound ? add_from_columns(l, out) : result;
}

// ---- All kinds

static int read_inputs(struct loader *l, const struct job_inputs *in, struct loaded *out)
{
    if (in->kind == INPUT_MATRIX)
        return inputs_read_matrix(l, in, out);
    if (in->kind == INPUT_FROM)
        return read_from(l, out);
    return inputs_read_plain(l, in, NULL, out);
}

static int add_args(struct loader *l, struct table_builder *b)
{
    for (size_t i = 0; i < l->phase->args.count; i++) {
        const struct job_setting *arg = &l->phase->args.items[i];
        const struct value_list one = {&arg->value, 1, 1};
        if (inputs_add_values(l, b, arg->name, &one) != 0)
            return -1;
    }
    return 0;
}

static int count_errors(const struct loader *l, br_error *err)
{
    size_t count = l->d->count - l->before;
    if (count == 0)
        return 0;
    return br_error_set(err, l->before == 0 ? l->d->kind : BR_ERR_USAGE,
                        "phase `%s`: %zu error%s in its inputs", l->phase->name, count,
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
    int result = read_inputs(&l, &l.phase->inputs, &loaded);
    if (result == 0)
        result = add_args(&l, loaded.builder);
    if (result == 0)
        result = count_errors(&l, err);
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
        if (schema_add(out, c->name, strlen(c->name), inputs_wanted_type(l, c->name, c->type),
                       l->err))
            return -1;
    }
    for (size_t i = 0; i < l->phase->args.count; i++) {
        const struct job_setting *arg = &l->phase->args.items[i];
        enum br_type type = inputs_wanted_type(l, arg->name, arg->value.cell.type);
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
    if (fit_from(&l, from, &sound) != 0 || add_args(&l, NULL) != 0 || count_errors(&l, err) != 0)
        return -1;
    if (columns && from_schema(&l, from, &made) != 0) {
        schema_finish(&made);
        return -1;
    }
    if (columns)
        *columns = made;
    return 0;
}

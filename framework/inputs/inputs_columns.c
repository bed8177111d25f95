// SPDX-License-Identifier: BSD-3-Clause
// Columns of all kinds of inputs: the types that the task wants, and whether they fit.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "inputs/inputs_private.h"

bool inputs_gave_up(const struct loader *l)
{
    return l->d->count - l->before >= ERRORS_MAX;
}

struct cell inputs_empty_cell(enum br_type type)
{
    struct cell cell = {.type = type};
    if (type == BR_STR || type == BR_BYTES)
        cell.text.data = "";
    return cell;
}

enum br_type inputs_wanted_type(const struct loader *l, const char *name, enum br_type natural)
{
    const struct signature *s = l->signature;
    int at = s ? schema_find(&s->inputs, name) : -1;
    if (at >= 0)
        return s->inputs.columns[at].type;
    return s && s->any_type ? s->any_type : natural;
}

const char *inputs_path_hint(const struct job_inputs *in)
{
    return in->path && in->path[0] != '/' ? "paths are relative to the job file" : NULL;
}

bool inputs_takes(const struct loader *l, const char *name)
{
    const struct signature *s = l->signature;
    return s && (s->any_type || schema_find(&s->inputs, name) >= 0);
}

bool inputs_must_keep(const struct cell *cell, const char *text, size_t length)
{
    if (schema_type_is_text(cell->type))
        return false;
    return (cell->type == BR_F64 && !isfinite(cell->f64)) || !cell_prints_as(cell, text, length);
}

struct cell inputs_convert_value(struct loader *l, const struct job_value *value,
                                 const char *column, enum br_type type, struct cell_room *text)
{
    struct cell cell = {.type = type};
    if (value->written && schema_type_is_text(type)) {
        cell.text.data = job_value_text(value, text, &cell.text.length);
        return cell;
    }
    if (convert_cell(&value->cell, type, text, &cell))
        return cell;
    struct buffer problem = BUFFER_EMPTY;
    size_t width = value->written ? strlen(value->written) : convert_width(&value->cell);
    diagnostics_add(l->d, BR_ERR_USAGE, value->mark, width, NULL, "column `%s`: %s", column,
                    convert_problem(&problem, &value->cell, type));
    buffer_finish(&problem);
    return inputs_empty_cell(type);
}

// ---- Values of the job file

static enum br_type common_type(enum br_type a, enum br_type b)
{
    if (a == b || b == BR_TYPE_NONE)
        return a;
    bool numbers = (a == BR_I64 || a == BR_F64) && (b == BR_I64 || b == BR_F64);
    return a == BR_TYPE_NONE ? b : numbers ? BR_F64 : BR_STR;
}

static bool must_keep_any(const struct value_list *list, enum br_type type)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct job_value *value = &list->values[i * list->stride];
        struct cell_room text_room, cell_room;
        struct cell cell;
        size_t length;
        const char *text = job_value_text(value, &text_room, &length);
        if (convert_cell(&value->cell, type, &cell_room, &cell) &&
            inputs_must_keep(&cell, text, length))
            return true;
    }
    return false;
}

int inputs_add_values(struct loader *l, struct table_builder *b, const char *name,
                      const struct value_list *list)
{
    enum br_type natural = BR_TYPE_NONE;
    for (size_t i = 0; i < list->count; i++)
        natural = common_type(natural, list->values[i * list->stride].cell.type);
    enum br_type type = inputs_wanted_type(l, name, natural ? natural : BR_STR);
    bool keep = !inputs_takes(l, name) && must_keep_any(list, type);
    if (b && (keep ? table_add_written_cells : table_add_cells)(b, name, type, 1, list->count,
                                                                l->err) != 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const struct job_value *value = &list->values[i * list->stride];
        struct cell_room cell_room, text_room;
        struct cell cell = inputs_convert_value(l, value, name, type, &cell_room);
        size_t length;
        const char *text = job_value_text(value, &text_room, &length);
        if (b && table_add_written(b, cell, text, length, l->err) != 0)
            return -1;
    }
    return 0;
}

int inputs_copy_cell(struct loader *l, struct table_builder *b, const struct table *from,
                     size_t column, uint64_t row)
{
    struct cell_room room;
    size_t length;
    if (!table_is_written(from, column))
        return table_add_cell(b, table_cell(from, column, row), l->err);
    const char *text = table_text(from, column, row, &room, &length);
    return table_add_written(b, table_cell(from, column, row), text, length, l->err);
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

// Appends a hint how to give the task the column `name`.
static void hint_missing(struct buffer *hint, const struct loader *l, const char *name,
                         const char *const *names, size_t count)
{
    const struct job_inputs *in = &l->phase->inputs;
    const char *near = text_nearest(name, names, count);
    if (near)
        buffer_format(hint, "is `%s` meant?", near);
    else if (in->kind == INPUT_RANGE)
        buffer_format(hint, "name the range's column: `as: %s`", name);
    else if (in->kind == INPUT_LINES || in->kind == INPUT_GLOB)
        buffer_format(hint, "name the column: `matrix: {%s: {%s: ...}}`", name,
                      in->kind == INPUT_LINES ? "lines" : "glob");
    else if (in->kind == INPUT_CSV && count == 1 && strpbrk(names[0], ";\t|"))
        buffer_text(hint, "have commas between the file's columns");
    else
        buffer_format(hint, "rename a column, or add `args: {%s: ...}`", name);
}

static void add_missing(struct loader *l, const struct column *want, const char *const *names,
                        size_t count)
{
    struct buffer list = BUFFER_EMPTY, hint = BUFFER_EMPTY;
    append_names(&list, names, count);
    buffer_char(&list, '\0');
    hint_missing(&hint, l, want->name, names, count);
    bool hinted = hint.length > 0;
    buffer_char(&hint, '\0');
    diagnostics_add(l->d, BR_ERR_PLUGIN, l->phase->inputs_mark, 1,
                    hinted && !hint.failed ? hint.data : NULL,
                    "task %s needs column `%s` (%s); the inputs have %s", l->phase->task,
                    want->name, schema_type_name(want->type), list.failed ? "others" : list.data);
    buffer_finish(&list);
    buffer_finish(&hint);
}

static void add_unknown_arg(struct loader *l, const struct job_setting *arg)
{
    const struct schema *inputs = &l->signature->inputs;
    const char **names = calloc(inputs->count + 1, sizeof *names);
    for (size_t i = 0; names && i < inputs->count; i++)
        names[i] = inputs->columns[i].name;
    const char *near = names ? text_nearest(arg->name, names, inputs->count) : NULL;
    struct buffer hint = BUFFER_EMPTY;
    if (near)
        buffer_format(&hint, "did you mean `%s`?", near);
    buffer_char(&hint, '\0');
    diagnostics_add(l->d, BR_ERR_USAGE, arg->mark, strlen(arg->name),
                    near && !hint.failed ? hint.data : "leave it out", "task %s has no input `%s`",
                    l->phase->task, arg->name);
    buffer_finish(&hint);
    free(names);
}

void inputs_fit_columns(struct loader *l, const char *const *names, size_t count)
{
    const struct job_phase *phase = l->phase;
    for (size_t i = 0; i < phase->args.count; i++) {
        const struct job_setting *arg = &phase->args.items[i];
        if (is_among(arg->name, names, count))
            diagnostics_add(l->d, BR_ERR_USAGE, arg->mark, strlen(arg->name),
                            "leave out one of the two", "the inputs already have a column `%s`",
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

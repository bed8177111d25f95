// SPDX-License-Identifier: BSD-3-Clause
// Checks the command lines and settings of a phase, whether they are in the job file or in a
// column.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jobfile/spec_place.h"
#include "run/check_command_private.h"

static const char *column_name(const void *user, size_t index)
{
    const struct schema *columns = user;
    return index < columns->count ? columns->columns[index].name : NULL;
}

// ---- Templates

// Returns false after reporting an error.
static bool check_piece(struct command_check *c, const struct command_piece *p, bool splits)
{
    if (p->kind >= PIECE_UNKNOWN) {
        command_check_error(c, p);
        return false;
    }
    if (p->kind == PIECE_COLUMN && !splits && c->phase->batch > 1) {
        command_check_complain(c, p->text, p->length, "leave it out, or use command.run",
                               "a batch has many rows, and this setting has one value");
        return false;
    }
    bool is_brace = p->kind == PIECE_TEXT && *p->text == '{';
    return !is_brace || (p->text > c->text && p->text[-1] == '\\') ||
           !command_check_braces(c, p->text);
}

static bool check_line(struct command_check *c, struct command_line line)
{
    struct command_piece p;
    bool has_word = false, sound = true;
    for (command_line_next(&line, &p); p.kind != PIECE_END; command_line_next(&line, &p)) {
        has_word = true;
        sound &= check_piece(c, &p, line.splits);
        if (p.kind > PIECE_FOREIGN)
            return false;
    }
    if (!has_word)
        command_check_complain(c, c->text, 1, "write a command", "the command is empty");
    return has_word && sound;
}

// Checks the text that is set in *c, a command line. Returns false after reporting an error.
static bool check_text(struct command_check *c)
{
    if (c->is_shell)
        return command_check_script(c);
    return check_line(c, command_line_words(c->text, &c->names));
}

// ---- Command lines that are a column

// Returns the file whose lines are the axis `command` of a matrix of all combinations, or NULL.
static const char *lines_of_axis(const struct job_inputs *in)
{
    if (in->kind != INPUT_MATRIX || in->matrix.exclude_count + in->matrix.include_count > 0)
        return NULL;
    for (size_t i = 0; i < in->matrix.axis_count; i++)
        if (strcmp(in->matrix.axes[i].name, "command") == 0 &&
            in->matrix.axes[i].values->kind == INPUT_LINES)
            return in->matrix.axes[i].values->path;
    return NULL;
}

// Appends the name of the place of a command line: of its row, or of its cell in an axis.
static void name_row(const struct command_check *c, uint64_t row, uint64_t cell, struct buffer *out)
{
    const struct job_inputs *in = &c->phase->inputs;
    const char *lines = lines_of_axis(in);
    if (in->kind == INPUT_CSV)
        buffer_format(out, "%s: record %" PRIu64 " after the header", in->path, row + 1);
    else if (lines)
        buffer_format(out, "%s:%" PRIu64, lines, cell + 1);
    else
        buffer_format(out, "phase `%s`, row %" PRIu64, c->phase->name, row);
    buffer_text(out, ": column `command`");
}

// Finds the value of a list of the job file that has the text, and sets c->mark to its place.
static void find_value(struct command_check *c, const struct job_inputs *in)
{
    for (size_t i = 0; in->kind == INPUT_LIST && i < in->list.rows * in->list.columns; i++) {
        const struct job_value *v = &in->list.values[i];
        if (v->cell.type == BR_STR && v->mark.line > 0 && strcmp(v->cell.text.data, c->text) == 0)
            c->mark = v->mark;
    }
    for (size_t i = 0; in->kind == INPUT_MATRIX && i < in->matrix.axis_count; i++)
        if (c->mark.line == 0 && strcmp(in->matrix.axes[i].name, "command") == 0)
            find_value(c, in->matrix.axes[i].values);
}

static void check_row(struct command_check *c, uint64_t row, uint64_t cell)
{
    struct buffer place = BUFFER_EMPTY;
    c->mark = (struct mark){0};
    find_value(c, &c->phase->inputs);
    name_row(c, row, cell, &place);
    char *name = buffer_take_string(&place, NULL);
    c->row_name = c->mark.line > 0 ? NULL : name;
    check_text(c);
    c->row_name = NULL;
    free(name);
}

static bool is_among(const char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

// Reports each different text once, and stops after as many as are shown. A sound text costs one
// reading; only errors need a message.
static void check_column(struct command_check *c, const struct table *table)
{
    const char *wrong[DIAGNOSTICS_SHOWN];
    size_t count = 0;
    int column = table_find(table, "command");
    if (column < 0 || table_column_type(table, (size_t)column) != BR_STR)
        return;
    uint64_t step, cells = table_stored_cells(table, (size_t)column, &step);
    struct diagnostics silent;
    struct diagnostics *d = c->d;
    for (uint64_t i = 0; i < cells && count < DIAGNOSTICS_SHOWN; i++) {
        c->text = table_cell(table, (size_t)column, i * step).text.data;
        diagnostics_init(&silent, d->file, "", 0);
        c->d = &silent;
        bool sound = check_text(c);
        diagnostics_finish(&silent);
        c->d = d;
        if (sound || is_among(c->text, wrong, count))
            continue;
        wrong[count++] = c->text;
        check_row(c, i * step, i);
    }
}

// ---- All of it

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

// Refuses columns of the inputs that the plugin would take for settings.
static void check_names(struct command_check *c)
{
    for (size_t i = 0; i < c->columns->count; i++) {
        const char *name = c->columns->columns[i].name;
        if (command_check_is_setting(name) && !command_check_arg(c, name))
            diagnostics_add(c->d, BR_ERR_USAGE, c->phase->inputs_mark, 1, "rename it",
                            "phase `%s`: column `%s` begins with a control character",
                            c->phase->name, name);
    }
}

static void check_settings(struct command_check *c)
{
    for (size_t i = 0; i < c->phase->args.count; i++) {
        const struct job_setting *arg = &c->phase->args.items[i];
        bool is_template = strcmp(arg->name, COMMAND_CWD) == 0 ||
                           strcmp(arg->name, COMMAND_STDIN) == 0 ||
                           begins_with(arg->name, COMMAND_SET_PREFIX);
        bool is_command = strcmp(arg->name, "command") == 0;
        if (arg->value.cell.type != BR_STR || !(is_template || is_command))
            continue;
        c->text = arg->value.cell.text.data;
        c->mark = arg->value.mark;
        if (is_command)
            check_text(c);
        else if (*c->text)
            check_line(c, command_line_template(c->text, &c->names));
    }
}

void check_command(const struct job *job, size_t phase, const struct schema *columns,
                   const struct table *table, struct diagnostics *d)
{
    struct command_check c = {.job = job,
                              .phase = &job->phases[phase],
                              .columns = columns,
                              .names = {column_name, columns},
                              .d = d};
    const char *task;
    int plugin = job_find_task(job, c.phase->task, &task);
    if (plugin < 0 || strcmp(job->plugins[plugin].name, "command") != 0 ||
        job->plugins[plugin].path)
        return;
    const struct job_setting *prefix = command_check_arg(&c, COMMAND_PREFIX);
    c.prefix = prefix ? prefix->value.cell.text.data : NULL;
    c.is_shell = strcmp(task, "shell") == 0;
    check_names(&c);
    check_settings(&c);
    if (c.is_shell)
        command_check_variables(&c);
    if (table && !command_check_arg(&c, "command"))
        check_column(&c, table);
}

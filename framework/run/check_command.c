// SPDX-License-Identifier: BSD-3-Clause
#include "run/check_command_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jobfile/spec_place.h"

static const char *column_name(const void *user, size_t index)
{
    const struct schema *columns = user;
    return index < columns->count ? columns->columns[index].name : NULL;
}

static bool is_setting(const char *name)
{
    return name[0] == COMMAND_SETTING;
}

// Returns whether the column can be meant by a reference.
bool command_check_is_value(const char *name)
{
    return *name && !is_setting(name) && strcmp(name, "command") != 0;
}

const struct job_setting *command_check_arg(const struct command_check *c, const char *name)
{
    for (size_t i = 0; i < c->phase->args.count; i++)
        if (strcmp(c->phase->args.items[i].name, name) == 0)
            return &c->phase->args.items[i];
    return NULL;
}

// ---- Messages

// Adds an error at `length` bytes of the text from `at`.
void command_check_complain(struct command_check *c, const char *at, size_t length,
                            const char *hint, const char *format, ...)
{
    struct buffer message = BUFFER_EMPTY;
    va_list args;
    va_start(args, format);
    buffer_formatv(&message, format, args);
    va_end(args);
    char *text = buffer_take_string(&message, NULL);
    if (!text)
        c->d->text.failed = true;
    else if (c->row_name)
        diagnostics_add_plain(c->d, BR_ERR_USAGE, "%s: %s%s%s", c->row_name, text, hint ? "; " : "",
                              hint ? hint : "");
    else
        diagnostics_add(c->d, BR_ERR_USAGE,
                        spec_place_within(c->d, c->mark, c->text, (size_t)(at - c->text)), length,
                        hint, "phase `%s`: %s", c->phase->name, text);
    free(text);
}

// Returns the first column that a reference can name, or "column".
static const char *first_column(const struct command_check *c)
{
    for (size_t i = 0; i < c->columns->count; i++)
        if (command_check_is_value(c->columns->columns[i].name))
            return c->columns->columns[i].name;
    return "column";
}

// Returns the name of that column in a reference, or of its variable, in `room`.
static const char *first_name(const struct command_check *c, char room[COMMAND_VARIABLE_MAX])
{
    const char *column = first_column(c), *prefix = c->prefix ? c->prefix : "";
    if (c->is_shell && command_variable(prefix, column, room, COMMAND_VARIABLE_MAX))
        return room;
    return column;
}

// Returns the column, or the built-in name, that is nearest to `text`; NULL if none is near.
static const char *nearest(const struct command_check *c, const char *text)
{
    static const char *const builtins[] = {"task.index", "task.attempt", "task.seed", "run.dir"};
    size_t count = 0, own = sizeof builtins / sizeof builtins[0];
    const char **words = calloc(c->columns->count + own, sizeof *words);
    if (!words)
        return NULL;
    for (size_t i = 0; i < c->columns->count; i++)
        if (command_check_is_value(c->columns->columns[i].name))
            words[count++] = c->columns->columns[i].name;
    for (size_t i = 0; i < own; i++)
        words[count++] = builtins[i];
    const char *near = text_nearest(text, words, count);
    free(words);
    return near;
}

static void complain_part(struct command_check *c, const struct command_piece *p,
                          const char *column, const char *part)
{
    static const char *const parts[] = {"stem", "name", "dir", "suffix"};
    const char *near = text_nearest(part, parts, 4);
    struct buffer hint = BUFFER_EMPTY;
    if (near)
        buffer_format(&hint, "did you mean `{%s.%s}`?", column, near);
    else
        buffer_format(&hint, "write {%s.stem}, .name, .dir or .suffix; or \\{ for text", column);
    char *text = buffer_take_string(&hint, NULL);
    command_check_complain(c, p->text, p->length, text, "a column has no part `%s`", part);
    free(text);
}

static void complain_name(struct command_check *c, const struct command_piece *p, const char *name)
{
    const char *near = nearest(c, name), *part = "";
    char *base = strndup(name, strcspn(name, "."));
    if (!near && base && name[strlen(base)]) {
        near = nearest(c, base);
        part = near ? name + strlen(base) : "";
    }
    struct buffer hint = BUFFER_EMPTY;
    if (near)
        buffer_format(&hint, "did you mean `{%s%s}`?", near, part);
    else
        buffer_format(&hint, "write \\{%s} if it is text", name);
    char *text = buffer_take_string(&hint, NULL);
    command_check_complain(c, p->text, p->length, text, "there is no column `%s`", name);
    free(text);
    free(base);
}

static void complain_unknown(struct command_check *c, const struct command_piece *p)
{
    char *name = strndup(p->text + 1, p->length - 2);
    char *dot = name ? strchr(name, '.') : NULL;
    if (!name) {
        c->d->text.failed = true;
        return;
    }
    if (dot)
        *dot = '\0';
    bool has_part = dot && command_check_is_value(name) && schema_find(c->columns, name) >= 0;
    if (has_part) {
        complain_part(c, p, name, dot + 1);
    } else {
        if (dot)
            *dot = '.';
        complain_name(c, p, name);
    }
    free(name);
}

// What this program has in place of GNU parallel's references; %s is a column.
void command_check_foreign(struct command_check *c, const struct command_piece *p)
{
    static const struct {
        const char *theirs, *run, *shell;
    } ours[] = {{"{}", "{%s}", "\"$%s\""},
                {"{.}", "{%s.dir}/{%s.stem}", "\"${%s%%.*}\""},
                {"{/}", "{%s.name}", "\"${%s##*/}\""},
                {"{//}", "{%s.dir}", "\"${%s%%/*}\""},
                {"{/.}", "{%s.stem}", "${%s##*/}, then %%.*"},
                {"{#}", "{task.index}, which counts from 0", "command.run's {task.index}"},
                {"{%}", "nothing: workers have no number that a command could use", NULL}};
    const char *instead = c->is_shell ? "\"$%s\"" : "{%s}";
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strlen(ours[i].theirs) == p->length && strncmp(ours[i].theirs, p->text, p->length) == 0)
            instead = c->is_shell && ours[i].shell ? ours[i].shell : ours[i].run;
    struct buffer hint = BUFFER_EMPTY;
    char room[COMMAND_VARIABLE_MAX];
    buffer_text(&hint, "write ");
    for (const char *at = instead; *at; at++) {
        if (*at != '%') {
            buffer_char(&hint, *at);
            continue;
        }
        at++;
        buffer_text(&hint, *at == 's' ? first_name(c, room) : "%");
    }
    if (!c->is_shell)
        buffer_text(&hint, "; quote it if it is text");
    char *text = buffer_take_string(&hint, NULL);
    command_check_complain(c, p->text, p->length, text,
                           "`%.*s` is a replacement string of GNU parallel", (int)p->length,
                           p->text);
    free(text);
}

static void complain_error(struct command_check *c, const struct command_piece *p)
{
    static const char shell[] = "use the task command.shell, or quote it to pass it as text";
    switch (p->kind) {
    case PIECE_UNKNOWN:
        complain_unknown(c, p);
        return;
    case PIECE_FOREIGN:
        command_check_foreign(c, p);
        return;
    case PIECE_SHELL:
        command_check_complain(c, p->text, 1, shell,
                               "`%c` needs a shell, and command.run starts none", *p->text);
        return;
    case PIECE_ASSIGNMENT:
        command_check_complain(
            c, p->text, p->length, "write `command: {env: {NAME: value}}`, or use command.shell",
            "`%.*s` sets a variable, which needs a shell", (int)p->length, p->text);
        return;
    default:
        command_check_complain(c, p->text, 1, "close it", "a %c in the command is not closed",
                               *p->text);
    }
}

// Reports braces that hold a misspelt name of a column with blanks or other signs in its name.
// `at` is a brace that is text. Returns whether it did.
static bool check_braces(struct command_check *c, const char *at)
{
    size_t length = strcspn(at + 1, "}{\n");
    char *name = at[1 + length] == '}' && length <= 100 ? strndup(at + 1, length) : NULL;
    const char *near = name ? nearest(c, name) : NULL;
    bool found = near && strpbrk(near, " \t-/()[]%#:,;+*&'\"");
    struct command_piece p = {.kind = PIECE_UNKNOWN, .text = at, .length = length + 2};
    if (found)
        complain_name(c, &p, name);
    free(name);
    return found;
}

// ---- Templates

// Returns false after reporting an error.
static bool check_piece(struct command_check *c, const struct command_piece *p, bool splits)
{
    if (p->kind >= PIECE_UNKNOWN) {
        complain_error(c, p);
        return false;
    }
    if (p->kind == PIECE_COLUMN && !splits && c->phase->batch > 1) {
        command_check_complain(c, p->text, p->length, "leave it out, or use command.run",
                               "a batch has many rows, and this setting has one value");
        return false;
    }
    bool is_brace = p->kind == PIECE_TEXT && *p->text == '{';
    return !is_brace || (p->text > c->text && p->text[-1] == '\\') || !check_braces(c, p->text);
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
        if (is_setting(name) && !command_check_arg(c, name))
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

// SPDX-License-Identifier: BSD-3-Clause
// The errors that a check of command lines reports, each with a hint.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "jobfile/spec_place.h"
#include "run/check_command_private.h"

bool command_check_is_setting(const char *name)
{
    return name[0] == COMMAND_SETTING;
}

bool command_check_is_value(const char *name)
{
    return *name && !command_check_is_setting(name) && strcmp(name, "command") != 0;
}

const struct job_setting *command_check_arg(const struct command_check *c, const char *name)
{
    for (size_t i = 0; i < c->phase->args.count; i++)
        if (strcmp(c->phase->args.items[i].name, name) == 0)
            return &c->phase->args.items[i];
    return NULL;
}

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

static const char *const builtins[] = {"task.index", "task.attempt", "task.seed", "run.dir"};
#define BUILTINS (sizeof builtins / sizeof builtins[0])

// Returns the next character that is not punctuation, in lower case, or NUL.
static char next_sign(const char **at)
{
    while (ispunct((unsigned char)**at) || isspace((unsigned char)**at))
        ++*at;
    return **at ? (char)tolower((unsigned char)*(*at)++) : '\0';
}

// Returns the word that differs from `text` only in case, blanks and punctuation, or NULL. Neither
// is like a word without letters.
static const char *alike(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *a = text, *b = words[i];
        char first = next_sign(&a), sign = first;
        while (sign && sign == next_sign(&b))
            sign = next_sign(&a);
        if (first && !sign && !next_sign(&b))
            return words[i];
    }
    return NULL;
}

// Returns the column, or the built-in name, that is nearest to `text`; NULL if none is near.
static const char *nearest(const struct command_check *c, const char *text)
{
    size_t count = 0;
    const char **words = calloc(c->columns->count + BUILTINS, sizeof *words);
    if (!words)
        return NULL;
    for (size_t i = 0; i < c->columns->count; i++)
        if (command_check_is_value(c->columns->columns[i].name))
            words[count++] = c->columns->columns[i].name;
    for (size_t i = 0; i < BUILTINS; i++)
        words[count++] = builtins[i];
    const char *near = alike(text, words, count);
    if (!near)
        near = text_nearest(text, words, count);
    free(words);
    return near;
}

// `name` is `column.part`.
static void complain_part(struct command_check *c, const struct command_piece *p, const char *name,
                          const char *column, const char *part)
{
    static const char *const parts[] = {"stem", "name", "suffix", "dir"};
    // `{run.dir}` and `{task.dir}` are not parts of a column.
    bool reserved = strcmp(column, "run") == 0 || strcmp(column, "task") == 0;
    const char *near = text_nearest(part, parts, reserved ? 3 : 4);
    const char *builtin = reserved ? text_nearest(name, builtins, BUILTINS) : NULL;
    struct buffer hint = BUFFER_EMPTY;
    if (builtin)
        buffer_format(&hint, "did you mean `{%s}`?", builtin);
    else if (near)
        buffer_format(&hint, "did you mean `{%s.%s}`?", column, near);
    else
        buffer_format(&hint, "write {%s.stem}, .name%s.suffix; or \\{ for text", column,
                      reserved ? " or " : ", .dir or ");
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
    char *column = has_part ? strdup(name) : NULL;
    if (dot)
        *dot = '.';
    if (column)
        complain_part(c, p, name, column, dot + 1);
    else
        complain_name(c, p, name);
    free(column);
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

void command_check_error(struct command_check *c, const struct command_piece *p)
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

bool command_check_braces(struct command_check *c, const char *at)
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

// SPDX-License-Identifier: BSD-3-Clause
// Checks what a shell gets: the text of its command, and the names of its variables.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/check_command_private.h"

enum {
    NEAR_MIN = 4 // letters of a variable's name that can be a misspelt column
};

static const char *prefix_of(const struct command_check *c)
{
    return c->prefix ? c->prefix : "";
}

// ---- Variables

// Returns whether the phase's `env` sets or unsets the variable; *set tells which.
static bool is_in_settings(const struct command_check *c, const char *name, bool *set)
{
    static const char *const kinds[] = {COMMAND_UNSET_PREFIX, COMMAND_SET_PREFIX};
    for (size_t i = 0; i < c->phase->args.count; i++)
        for (int k = 0; k < 2; k++) {
            const char *setting = c->phase->args.items[i].name;
            size_t length = strlen(kinds[k]);
            if (strncmp(setting, kinds[k], length) == 0 && strcmp(setting + length, name) == 0) {
                *set = k == 1;
                return true;
            }
        }
    return false;
}

// Returns whether the command has the variable, apart from the columns.
static bool is_in_environment(const struct command_check *c, const char *name)
{
    bool set;
    if (is_in_settings(c, name, &set))
        return set;
    for (size_t i = 0; i < c->job->env_count; i++)
        if (strcmp(c->job->env[i].name, name) == 0)
            return c->job->env[i].value != NULL;
    return getenv(name) != NULL;
}

static struct mark column_mark(const struct command_check *c, const char *name)
{
    const struct job_setting *arg = command_check_arg(c, name);
    return arg ? arg->mark : c->phase->inputs_mark;
}

// Returns why the column cannot be a variable of the shell, or NULL if it can.
static const char *why_not(const struct command_check *c, const char *column, char *name)
{
    if (!command_variable(prefix_of(c), column, name, COMMAND_VARIABLE_MAX))
        return "is not the name of a shell variable";
    if (command_variable_is_reserved(name))
        return "means something to the shell or the loader";
    if (is_in_environment(c, name))
        return "is a variable of the environment already";
    return NULL;
}

void command_check_variables(struct command_check *c)
{
    char name[COMMAND_VARIABLE_MAX], other[COMMAND_VARIABLE_MAX];
    for (size_t i = 0; i < c->columns->count; i++) {
        const char *column = c->columns->columns[i].name;
        if (!command_check_is_value(column))
            continue;
        struct mark mark = column_mark(c, column);
        const char *why = why_not(c, column, name);
        if (why && c->prefix)
            diagnostics_add(c->d, BR_ERR_USAGE, mark, 1, "choose another `export_prefix`",
                            "phase `%s`: column `%s`: the variable `%s` %s", c->phase->name, column,
                            name, why);
        else if (why)
            diagnostics_add(c->d, BR_ERR_USAGE, mark, 1,
                            "rename it, or write `command: {export_prefix: COL_}` in the phase",
                            "phase `%s`: column `%s` %s", c->phase->name, column, why);
        for (size_t k = 0; c->prefix && !why && k < i; k++)
            if (command_check_is_value(c->columns->columns[k].name) &&
                command_variable(c->prefix, c->columns->columns[k].name, other, sizeof other) &&
                strcmp(name, other) == 0)
                diagnostics_add(c->d, BR_ERR_USAGE, mark, 1, "rename one",
                                "phase `%s`: columns `%s` and `%s` would both be the variable `%s`",
                                c->phase->name, c->columns->columns[k].name, column, name);
    }
}

// ---- The command

// The text of a shell's command while its variables are looked for.
struct script {
    const char *at;
    char quote; // the open quote, or NUL
};

static size_t name_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return isdigit((unsigned char)*at) ? 0 : length;
}

// Finds the next $name or ${name} that the shell replaces. Returns the name's length, and 0 at the
// end. A reference that says what to do without a value, such as ${name:-none}, is left out.
static size_t next_variable(struct script *s, const char **name)
{
    for (; *s->at; s->at++) {
        char c = *s->at;
        if (c == '\\' && s->at[1] && s->quote != '\'')
            s->at++;
        else if (s->quote ? c == s->quote : c == '\'' || c == '"')
            s->quote = s->quote ? '\0' : c;
        else if (c == '$' && s->quote != '\'') {
            bool braces = s->at[1] == '{';
            *name = s->at + 1 + braces;
            size_t length = name_length(*name);
            if (length == 0 || (braces && !strchr("}%#/", (*name)[length])))
                continue;
            s->at = *name + length;
            return length;
        }
    }
    return 0;
}

// Returns whether the text has the name also without `$`: then the script may set the variable.
static bool is_mentioned(const char *text, const char *name, size_t length)
{
    for (const char *at = text; (at = strstr(at, name)); at += length) {
        bool begins = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        bool ends = !(isalnum((unsigned char)at[length]) || at[length] == '_');
        bool used =
            at > text && (at[-1] == '$' || (at > text + 1 && at[-1] == '{' && at[-2] == '$'));
        if (begins && ends && !used)
            return true;
    }
    return false;
}

// Finds a column whose variable is `name`, or with `near` one whose variable is similar, and writes
// the variable to `found`. Returns whether there is one.
static bool find_variable(const struct command_check *c, const char *name, bool near,
                          char found[COMMAND_VARIABLE_MAX])
{
    for (size_t i = 0; i < c->columns->count; i++) {
        const char *column = c->columns->columns[i].name;
        const char *words[] = {found};
        if (!command_check_is_value(column) ||
            !command_variable(prefix_of(c), column, found, COMMAND_VARIABLE_MAX))
            continue;
        bool meant = near && (strcmp(column, name) == 0 || text_nearest(name, words, 1));
        if (strcmp(found, name) == 0 || meant)
            return true;
    }
    return false;
}

// Reports a variable that nothing sets, and whose name is almost a column's. Returns false if it
// did.
static bool check_variable(struct command_check *c, const char *at, size_t length)
{
    char found[COMMAND_VARIABLE_MAX], hint[COMMAND_VARIABLE_MAX + 32];
    char *name = strndup(at, length);
    if (!name) {
        c->d->text.failed = true;
        return true;
    }
    // A prefix has renamed the variables of the columns: also the name of a short one is an error.
    bool renamed = c->prefix && schema_find(c->columns, name) >= 0;
    bool sound = (length < NEAR_MIN && !renamed) || find_variable(c, name, false, found) ||
                 is_in_environment(c, name) || command_variable_is_reserved(name) ||
                 is_mentioned(c->text, name, length) || !find_variable(c, name, true, found);
    if (!sound) {
        snprintf(hint, sizeof hint, "did you mean `$%s`?", found);
        command_check_complain(c, at, length, hint, "nothing sets the variable `%s`", name);
    }
    free(name);
    return sound;
}

static bool check_script_variables(struct command_check *c)
{
    struct script s = {.at = c->text};
    const char *name;
    bool sound = true;
    if (strstr(c->text, "eval") || strstr(c->text, "source") || strstr(c->text, ". "))
        return true; // what they read may set variables
    for (size_t length; (length = next_variable(&s, &name)) > 0;)
        sound &= check_variable(c, name, length);
    return sound;
}

bool command_check_script(struct command_check *c)
{
    struct command_piece p;
    char name[COMMAND_VARIABLE_MAX];
    if (!command_shell_reference(c->text, &c->names, &p))
        return check_script_variables(c);
    if (p.kind == PIECE_FOREIGN) {
        command_check_foreign(c, &p);
        return false;
    }
    if (!command_variable(prefix_of(c), c->columns->columns[p.column].name, name, sizeof name))
        return true; // reported with the names of the variables
    struct buffer hint = BUFFER_EMPTY;
    buffer_format(&hint, "write \"$%s\"", name);
    char *text = buffer_take_string(&hint, NULL);
    command_check_complain(c, p.text, p.length, text,
                           "`%.*s`: in a shell command, columns are variables", (int)p.length,
                           p.text);
    free(text);
    return false;
}

// SPDX-License-Identifier: BSD-3-Clause
// Command lines as tasks: what `xargs -P` and `parallel` are used for.
//
// command.run splits `command` into words and replaces {column} by the row's value, which is never
// read as anything but text. command.shell gives `command` to /bin/sh unchanged, with the row's
// values in variables named after the columns, so no value is ever read as shell either.
//
// `batchrun check` has read the command lines with the same code (model/command_line.h). Errors are
// found here only in what no check has seen, such as `batchrun task command.run command=...`.
#include <batchrun/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_child.h"
#include "model/command_line.h"

extern char **environ;

// Texts, each with its NUL, one after the other; then pointers to them.
struct texts {
    FILE *stream;
    char *data;
    size_t size;
    char **list;
};

static int no_memory(br_task *t)
{
    return br_fail(t, "out of memory for the command");
}

static int texts_open(br_task *t, struct texts *s)
{
    *s = (struct texts){0};
    s->stream = open_memstream(&s->data, &s->size);
    return s->stream ? 0 : no_memory(t);
}

// Ends writing; s->list then ends in NULL, after room for `more` pointers.
static int texts_close(br_task *t, struct texts *s, size_t more)
{
    int closed = fclose(s->stream);
    s->stream = NULL;
    if (closed != 0)
        return no_memory(t);
    size_t count = 0;
    for (size_t i = 0; i < s->size; i++)
        count += s->data[i] == '\0';
    s->list = calloc(count + more + 1, sizeof *s->list);
    if (!s->list)
        return no_memory(t);
    char *at = s->data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        s->list[i] = at;
    return 0;
}

static void texts_free(struct texts *s)
{
    if (s->stream)
        fclose(s->stream);
    free(s->data);
    free(s->list);
}

// ---- Templates

static const char *name_of_column(const void *user, size_t index)
{
    return br_arg_name((br_task *)(uintptr_t)user, index);
}

static struct command_columns columns_of(br_task *t)
{
    return (struct command_columns){name_of_column, t};
}

static bool has_column(br_task *t, const char *name)
{
    const char *at;
    for (size_t i = 0; (at = br_arg_name(t, i)); i++)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

static int refuse(br_task *t, const struct command_piece *p)
{
    switch (p->kind) {
    case PIECE_SHELL:
        return br_fail_permanent(t,
                                 "`%c` needs a shell: use the task command.shell, or quote it to "
                                 "pass it as text",
                                 *p->text);
    case PIECE_ASSIGNMENT:
        return br_fail_permanent(t, "`%.*s` sets a variable, which needs a shell", (int)p->length,
                                 p->text);
    case PIECE_QUOTE:
        return br_fail_permanent(t, "a %c in the command is not closed", *p->text);
    default:
        return br_fail_permanent(t, "there is no column for `%.*s`", (int)p->length, p->text);
    }
}

static int put_builtin(br_task *t, enum command_builtin builtin, FILE *out)
{
    const char *directory = getenv("BATCHRUN_RUN_DIR");
    switch (builtin) {
    case BUILTIN_INDEX:
        fprintf(out, "%llu", (unsigned long long)br_task_index(t));
        return 0;
    case BUILTIN_ATTEMPT:
        fprintf(out, "%u", (unsigned)br_task_attempt(t));
        return 0;
    case BUILTIN_SEED:
        fprintf(out, "%llu", (unsigned long long)br_task_seed(t));
        return 0;
    case BUILTIN_RUN_DIR:
        break;
    }
    if (!directory)
        return br_fail_permanent(t, "`{run.dir}`: this task has no run");
    fputs(directory, out);
    return 0;
}

// Writes what a piece stands for in the row.
static int put_piece(br_task *t, const struct command_piece *p, uint64_t row, FILE *out)
{
    const char *value = p->text;
    size_t length = p->length;
    if (p->kind >= PIECE_UNKNOWN)
        return refuse(t, p);
    if (p->kind == PIECE_BUILTIN)
        return put_builtin(t, p->builtin, out);
    if (p->kind == PIECE_COLUMN)
        length = command_path_part(br_row_str(t, row, br_arg_name(t, p->column)), p->part, &value);
    fwrite(value, 1, length, out);
    return 0;
}

// Writes the next word with the values of one row. *has_column is set if it has any.
static int put_word(br_task *t, struct command_line *line, uint64_t row, bool *has_column,
                    FILE *out)
{
    struct command_piece p;
    for (command_line_next(line, &p); p.kind != PIECE_WORD_END; command_line_next(line, &p)) {
        *has_column |= p.kind == PIECE_COLUMN;
        if (put_piece(t, &p, row, out) != 0)
            return 1;
    }
    putc_unlocked('\0', out);
    return 0;
}

// A word with a column in it stands once for each row of the task.
static int put_words(br_task *t, const char *command, FILE *out)
{
    struct command_columns columns = columns_of(t);
    struct command_line line = command_line_words(command, &columns);
    size_t count = 0;
    for (;; count++) {
        struct command_line word = line, end = line;
        struct command_piece p;
        bool repeats = false;
        command_line_next(&end, &p);
        if (p.kind == PIECE_END)
            break;
        if (put_word(t, &line, 0, &repeats, out) != 0)
            return 1;
        for (uint64_t row = 1; repeats && row < br_rows(t); row++) {
            end = word;
            if (put_word(t, &end, row, &repeats, out) != 0)
                return 1;
        }
    }
    return count > 0 ? 0 : br_fail_permanent(t, "the command is empty");
}

// Sets *out to a setting's text with the values of the first row, malloc'd; NULL if the phase has
// no such setting. Returns not 0 if the task has failed.
static int fill_setting(br_task *t, const char *name, char **out)
{
    struct command_columns columns = columns_of(t);
    struct command_piece p;
    size_t size;
    *out = NULL;
    if (!has_column(t, name))
        return 0;
    FILE *stream = open_memstream(out, &size);
    if (!stream)
        return no_memory(t);
    struct command_line line = command_line_template(br_arg_str(t, name), &columns);
    int result = 0;
    for (command_line_next(&line, &p); result == 0 && p.kind != PIECE_END;
         command_line_next(&line, &p))
        result = put_piece(t, &p, 0, stream);
    return fclose(stream) == 0 ? result : no_memory(t);
}

// ---- The environment

// Returns the text behind `start` if the name begins with it, else NULL.
static const char *after(const char *name, const char *start)
{
    size_t length = strlen(start);
    return strncmp(name, start, length) == 0 ? name + length : NULL;
}

// Writes the variables of the phase's `env`. A variable that is unset has no `=`.
static int put_settings(br_task *t, FILE *out)
{
    const char *name, *variable;
    for (size_t i = 0; (name = br_arg_name(t, i)); i++) {
        if ((variable = after(name, COMMAND_UNSET_PREFIX))) {
            fputs(variable, out);
            putc_unlocked('\0', out);
        } else if ((variable = after(name, COMMAND_SET_PREFIX))) {
            char *value;
            int result = fill_setting(t, name, &value);
            if (result == 0) {
                fprintf(out, "%s=%s", variable, value);
                putc_unlocked('\0', out);
            }
            free(value);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

// Writes the columns as variables for a shell.
static void put_columns(br_task *t, FILE *out)
{
    const char *prefix = has_column(t, COMMAND_PREFIX) ? br_arg_str(t, COMMAND_PREFIX) : "";
    const char *name;
    char variable[COMMAND_VARIABLE_MAX];
    for (size_t i = 0; (name = br_arg_name(t, i)); i++)
        if (*name != COMMAND_SETTING && strcmp(name, "command") != 0 &&
            command_variable(prefix, name, variable, sizeof variable) &&
            !command_variable_is_reserved(variable)) {
            fprintf(out, "%s=%s", variable, br_arg_str(t, name));
            putc_unlocked('\0', out);
        }
}

static bool is_set(char *const *list, size_t count, const char *variable)
{
    size_t length = strcspn(variable, "=");
    for (size_t i = 0; i < count; i++)
        if (strncmp(list[i], variable, length) == 0 &&
            (list[i][length] == '=' || list[i][length] == '\0'))
            return true;
    return false;
}

static bool has_environment(br_task *t)
{
    const char *name;
    for (size_t i = 0; (name = br_arg_name(t, i)); i++)
        if (after(name, COMMAND_SET_PREFIX) || after(name, COMMAND_UNSET_PREFIX))
            return true;
    return false;
}

// Makes the environment: what the phase sets, the columns for a shell, and the rest of what the
// worker has. Leaves `env` empty if the command gets the worker's.
static int make_environment(br_task *t, bool is_shell, struct texts *env)
{
    size_t others = 0, own = 0;
    if (!is_shell && !has_environment(t))
        return 0;
    while (environ[others])
        others++;
    if (texts_open(t, env) != 0 || put_settings(t, env->stream) != 0)
        return 1;
    if (is_shell)
        put_columns(t, env->stream);
    if (texts_close(t, env, others) != 0)
        return 1;
    while (env->list[own])
        own++;
    size_t count = own, kept = 0;
    for (size_t i = 0; i < others; i++)
        if (!is_set(env->list, own, environ[i]))
            env->list[count++] = environ[i];
    for (size_t i = 0; i < count; i++)
        if (strchr(env->list[i], '='))
            env->list[kept++] = env->list[i];
    env->list[kept] = NULL;
    return 0;
}

// ---- The tasks

static const char *optional(br_task *t, const char *name)
{
    return has_column(t, name) ? br_arg_str(t, name) : NULL;
}

// Runs the words with the settings of the phase. `script` is what words[0], a shell, runs, or NULL.
static int run_words(br_task *t, char *const *words, const char *script)
{
    struct texts env = {0};
    char *cwd = NULL, *input = NULL;
    int result = make_environment(t, script != NULL, &env);
    if (result == 0)
        result = fill_setting(t, COMMAND_CWD, &cwd);
    if (result == 0)
        result = fill_setting(t, COMMAND_STDIN, &input);
    if (result == 0) {
        struct command_start s = {.words = words,
                                  .env = env.list ? env.list : environ,
                                  .script = script,
                                  .cwd = cwd,
                                  .input = input,
                                  .accept = optional(t, COMMAND_ACCEPT)};
        result = command_run(t, &s);
    }
    free(cwd);
    free(input);
    texts_free(&env);
    return result;
}

static int run(br_task *t)
{
    struct texts words;
    int result = texts_open(t, &words);
    if (result == 0)
        result = put_words(t, br_arg_str(t, "command"), words.stream);
    if (result == 0)
        result = texts_close(t, &words, 0);
    if (result == 0)
        result = run_words(t, words.list, NULL);
    texts_free(&words);
    return result;
}

// Refuses {column}, which command.run would replace: to a shell it means nothing.
static int refuse_reference(br_task *t, const char *command)
{
    struct command_columns columns = columns_of(t);
    struct command_piece p;
    if (!command_shell_reference(command, &columns, &p))
        return 0;
    return br_fail_permanent(t, "`%.*s`: in a shell command, columns are variables", (int)p.length,
                             p.text);
}

static int shell(br_task *t)
{
    char program[] = "/bin/sh", flag[] = "-c", *command = strdup(br_arg_str(t, "command"));
    char *words[] = {program, flag, command, NULL};
    if (!command)
        return no_memory(t);
    int result = refuse_reference(t, command);
    if (result == 0)
        result = run_words(t, words, command);
    free(command);
    return result;
}

BATCHRUN_PLUGIN("command", "1.0",
                BR_TASK("run", run, "command:str ...:str -> exit_code:i64 stdout:str",
                        "a command, {column} replaced by the row's value; no shell"),
                BR_TASK("shell", shell, "command:str ...:str -> exit_code:i64 stdout:str",
                        "a command for /bin/sh, with the columns as variables"),
                BR_TASK("pack", run, "[command:str ...:str] -> exit_code:i64 stdout:str",
                        "as run, for many rows: a word with {column} stands once for each"));

// SPDX-License-Identifier: BSD-3-Clause
#include "model/command_line.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

// ---- References

static const char *const part_names[] = {"", ".stem", ".name", ".dir", ".suffix"};

static const struct {
    const char *name;
    enum command_builtin builtin;
} builtins[] = {
    {"task.index", BUILTIN_INDEX}, {"task.attempt", BUILTIN_ATTEMPT}, {"task.seed", BUILTIN_SEED},
    {"run.dir", BUILTIN_RUN_DIR},  {"index", BUILTIN_INDEX},          {"attempt", BUILTIN_ATTEMPT},
    {"seed", BUILTIN_SEED},
};

// Finds the longest column name behind the brace at `at` that `ending` and a brace follow.
static bool find_column(const char *at, const struct command_columns *columns, const char *ending,
                        struct command_piece *out)
{
    const char *name;
    size_t best = 0, tail = strlen(ending);
    for (size_t i = 0; (name = columns->name(columns->user, i)); i++) {
        size_t length = strlen(name);
        if (length <= best || *name == COMMAND_SETTING || !begins_with(at + 1, name) ||
            !begins_with(at + 1 + length, ending) || at[1 + length + tail] != '}')
            continue;
        best = length;
        out->column = i;
    }
    out->length = best + tail + 2;
    return best > 0;
}

static bool find_builtin(const char *at, struct command_piece *out)
{
    for (size_t i = 0; i < COUNT(builtins); i++) {
        size_t length = strlen(builtins[i].name);
        if (!begins_with(at + 1, builtins[i].name) || at[1 + length] != '}')
            continue;
        out->builtin = builtins[i].builtin;
        out->length = length + 2;
        return true;
    }
    return false;
}

// Returns the length of a word at `at`: a letter or a character that is not ASCII, then also digits
// and dashes.
static size_t word_length(const char *at)
{
    size_t length = 0;
    while (is_letter(at[length]) || (unsigned char)at[length] >= 0x80 ||
           (length > 0 && (is_digit(at[length]) || at[length] == '-')))
        length++;
    return length;
}

// Returns the length of {word} or {word.property} at `at`, or 0.
static size_t identifier_length(const char *at)
{
    size_t length = word_length(at + 1);
    if (length > 0 && at[1 + length] == '.') {
        size_t property = word_length(at + 2 + length);
        length = property > 0 ? length + 1 + property : 0;
    }
    return length > 0 && at[1 + length] == '}' ? length + 2 : 0;
}

// Reads what begins with the brace at `at`. Returns false if it is text.
static bool read_reference(const char *at, const struct command_columns *columns,
                           struct command_piece *out)
{
    *out = (struct command_piece){.kind = PIECE_COLUMN, .text = at};
    if (find_column(at, columns, "", out))
        return true;
    // `{run.dir}` means the same in every job, also if a column is called `run`. `{task.dir}` is
    // never a part of a column either, so that it can get a meaning of its own.
    bool reserved = begins_with(at + 1, "task.dir}") || begins_with(at + 1, "run.dir}");
    for (size_t i = 1; !reserved && i < COUNT(part_names); i++)
        if (find_column(at, columns, part_names[i], out)) {
            out->part = (enum command_part)i;
            return true;
        }
    out->kind = PIECE_BUILTIN;
    if (find_builtin(at, out))
        return true;
    out->kind = PIECE_UNKNOWN;
    out->length = identifier_length(at);
    return out->length > 0;
}

// Returns the length of a reference of GNU parallel at `at`, or 0. {1} is one only as a whole word:
// elsewhere it is text, such as the interval of a regular expression.
static size_t foreign_length(const char *at, bool begins_word)
{
    static const char *const words[] = {"{}", "{.}", "{/}", "{//}", "{/.}", "{#}", "{%}"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (begins_with(at, words[i]))
            return strlen(words[i]);
    size_t digits = 0;
    while (is_digit(at[1 + digits]))
        digits++;
    bool ends =
        digits > 0 && at[1 + digits] == '}' && (at[2 + digits] == '\0' || is_blank(at[2 + digits]));
    return begins_word && ends ? digits + 2 : 0;
}

// ---- Words

struct command_line command_line_words(const char *text, const struct command_columns *columns)
{
    return (struct command_line){.at = text, .columns = columns, .splits = true};
}

struct command_line command_line_template(const char *text, const struct command_columns *columns)
{
    return (struct command_line){.at = text, .columns = columns, .in_word = true};
}

static void take(struct command_line *l, struct command_piece *out, enum command_piece_kind kind,
                 const char *text, size_t length, size_t step)
{
    *out = (struct command_piece){.kind = kind, .text = text, .length = length};
    l->at += step;
}

// Returns whether \{ begins an interval of a basic regular expression, such as \{3,\}.
static bool is_interval(const char *at)
{
    const char *end = at + 2;
    while (is_digit(*end) || *end == ',')
        end++;
    return end > at + 2 && end[0] == '\\' && end[1] == '}';
}

// Returns whether the backslash at l->at escapes what follows.
static bool is_escape(const struct command_line *l)
{
    char next = l->at[1], quote = l->quote ? *l->quote : '\0';
    if (*l->at != '\\' || !next)
        return false;
    if (next == '{')
        return (l->splits && !quote) || !is_interval(l->at);
    return l->splits && (!quote || (quote == '"' && strchr("\"\\$`", next)));
}

// Returns the length of NAME= at the start of the command, or 0.
static size_t assignment_length(const char *at)
{
    size_t length = 0;
    while (is_letter(at[length]) || (length > 0 && is_digit(at[length])))
        length++;
    return length > 0 && at[length] == '=' ? length + 1 : 0;
}

// Begins a word, and ends the text or a word. Returns whether *out is such a piece or an error.
static bool read_border(struct command_line *l, struct command_piece *out)
{
    bool begins = l->splits && !l->in_word;
    while (begins && is_blank(*l->at))
        l->at++;
    if (!*l->at && l->quote)
        take(l, out, PIECE_QUOTE, l->quote, 1, 0);
    else if (!*l->at && !(l->splits && l->in_word))
        take(l, out, PIECE_END, l->at, 0, 0);
    else if (l->splits && l->in_word && !l->quote && (!*l->at || is_blank(*l->at))) {
        take(l, out, PIECE_WORD_END, l->at, 0, 0);
        l->in_word = false;
    } else if (begins && !l->after_first && assignment_length(l->at) > 0)
        take(l, out, PIECE_ASSIGNMENT, l->at, assignment_length(l->at), 0);
    else if (begins && *l->at == '~' && (!l->at[1] || l->at[1] == '/' || is_blank(l->at[1])))
        take(l, out, PIECE_SHELL, l->at, 1, 0);
    else
        return false;
    return true;
}

// Reads what begins with a brace. Returns false if it is text.
static bool read_brace(struct command_line *l, bool begins_word, struct command_piece *out)
{
    size_t foreign = l->splits && !l->quote ? foreign_length(l->at, begins_word) : 0;
    bool known = read_reference(l->at, l->columns, out);
    if (foreign > 0 && (!known || out->kind == PIECE_UNKNOWN)) {
        take(l, out, PIECE_FOREIGN, l->at, foreign, foreign);
        return true;
    }
    if (known)
        l->at += out->length;
    return known;
}

// Returns the length of the text at l->at that means nothing but itself; at least 1.
static size_t plain_length(const struct command_line *l)
{
    const char *ends = !l->splits ? "\\{$" : l->quote ? "\\{$'\"" : "\\{'\"|&;<>()$`*? \t\n\r";
    size_t length = strcspn(l->at, ends);
    if (length > 0)
        return length;
    return l->at[0] == '$' && l->at[1] == '{' ? 2 : 1; // ${x} is a shell's, not a reference
}

void command_line_next(struct command_line *l, struct command_piece *out)
{
    for (;;) {
        bool begins_word = !l->in_word;
        if (read_border(l, out))
            return;
        l->in_word = l->after_first = true;
        char c = *l->at;
        if (is_escape(l)) {
            take(l, out, PIECE_TEXT, l->at + 1, 1, 2);
            return;
        }
        if (l->splits && (l->quote ? c == *l->quote : c == '\'' || c == '"')) {
            l->quote = l->quote ? NULL : l->at;
            l->at++;
            continue;
        }
        if (c == '{' && read_brace(l, begins_word, out))
            return;
        if (l->splits && !l->quote && strchr("|&;<>()$`*?", c)) {
            take(l, out, PIECE_SHELL, l->at, 1, 0);
            return;
        }
        size_t length = plain_length(l);
        take(l, out, PIECE_TEXT, l->at, length, length);
        return;
    }
}

// ---- Paths

size_t command_path_part(const char *path, enum command_part part, const char **begin)
{
    const char *end = path + strlen(path);
    *begin = path;
    if (part == PART_WHOLE)
        return (size_t)(end - path);
    while (end > path + 1 && end[-1] == '/')
        end--;
    const char *name = end;
    while (name > path && name[-1] != '/')
        name--;
    if (part == PART_DIR) {
        const char *last = name;
        while (last > path + 1 && last[-1] == '/')
            last--;
        if (last == path)
            *begin = ".";
        return last == path ? 1 : (size_t)(last - path);
    }
    const char *dot = end; // of the suffix; a name that begins with its only dot has none
    for (const char *c = end; c > name + 1; c--)
        if (c[-1] == '.') {
            dot = c - 1;
            break;
        }
    *begin = part == PART_SUFFIX ? dot : name;
    return (size_t)((part == PART_STEM ? dot : end) - *begin);
}

// ---- Shells

bool command_shell_reference(const char *text, const struct command_columns *columns,
                             struct command_piece *out)
{
    char quote = '\0';
    for (const char *at = text; *at; at++) {
        if (*at == '\\' && at[1] && quote != '\'') {
            at++;
        } else if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? '\0' : *at;
        } else if (*at == '{' && (at == text || at[-1] != '$')) {
            if (read_reference(at, columns, out) && out->kind == PIECE_COLUMN)
                return true;
            size_t foreign = quote ? 0 : foreign_length(at, false);
            *out = (struct command_piece){.kind = PIECE_FOREIGN, .text = at, .length = foreign};
            if (foreign > 2) // {} is what find -exec and xargs -I replace
                return true;
        }
    }
    return false;
}

static bool is_variable(const char *name)
{
    if (!is_letter(*name))
        return false;
    while (is_letter(*name) || is_digit(*name))
        name++;
    return *name == '\0';
}

bool command_variable(const char *prefix, const char *column, char *out, size_t size)
{
    size_t used = strlen(prefix);
    if (used + strlen(column) >= size)
        return false;
    memcpy(out, prefix, used);
    for (const char *c = column; *c; c++) {
        bool fits = !*prefix || is_letter(*c) || is_digit(*c);
        if (fits || ((unsigned char)*c & 0xC0) != 0x80) // one `_` for a character of several bytes
            out[used++] = fits ? *c : '_';
    }
    out[used] = '\0';
    return is_variable(out);
}

// Names of variables, each between blanks.
static const char reserved[] =
    " "
    "BASH BASHOPTS CDPATH CHILD_MAX COLUMNS COPROC DIRSTACK EGID ENV EPOCHREALTIME "
    "EPOCHSECONDS ERRNO EUID EXECIGNORE FCEDIT FIGNORE FPATH FUNCNAME FUNCNEST "
    "GCONV_PATH GETCONF_DIR GID GLOBIGNORE GLIBC_TUNABLES GLOBSORT GROUPS HISTCMD "
    "HISTCONTROL HISTFILE HISTFILESIZE HISTIGNORE HISTSIZE HISTTIMEFORMAT HOME "
    "HOSTALIASES HOSTNAME HOSTTYPE IFS IGNOREEOF INPUTRC LANG LANGUAGE LINENO LINES "
    "LOCALDOMAIN LOCPATH LOGNAME MACHTYPE MAIL MAILCHECK MAILPATH MAPFILE NLSPATH OLDPWD "
    "OPTARG OPTERR OPTIND OSTYPE PATH PIPESTATUS POSIXLY_CORRECT PPID PROMPT_COMMAND PS0 "
    "PS1 PS2 PS3 PS4 PWD RANDOM REPLY RES_OPTIONS SECONDS SHELL SHELLOPTS SHLVL SRANDOM "
    "TERM TIMEFORMAT TMOUT TMPDIR TZ TZDIR UID USER _ ";

bool command_variable_is_reserved(const char *name)
{
    static const char *const starts[] = {"LD_", "BASH_", "LC_", "MALLOC_", "BATCHRUN_"};
    for (size_t i = 0; i < COUNT(starts); i++)
        if (begins_with(name, starts[i]))
            return true;
    size_t length = strlen(name);
    for (const char *at = reserved; length > 0 && (at = strstr(at, name)); at++)
        if (at > reserved && at[-1] == ' ' && at[length] == ' ')
            return true;
    return false;
}

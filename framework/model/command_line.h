// SPDX-License-Identifier: BSD-3-Clause
// Command lines and templates of the plugin `command`: how they are read, and which variables a
// shell gets. The coordinator checks them with this code before a task runs, and the plugin is
// compiled with it, so that both read them alike. Pure; needs nothing but the C library.
//
// A reference is
//     {column}                   the value; the column can have any name
//     {column.stem}              data/a.tar.gz: a.tar
//     {column.name}              a.tar.gz
//     {column.dir}               data; . if there is no slash
//     {column.suffix}            .gz
//     {task.index} {task.attempt} {task.seed} {run.dir}
//     {index} {attempt} {seed}   if no column has that name
//
// Another word in braces ({smaple}, {path.base}) is an error. All else is text, such as {print $1},
// {"a": 1} or ${x}. \{ is a brace that begins no reference.
#ifndef BR_MODEL_COMMAND_LINE_H
#define BR_MODEL_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

// Columns whose names begin with this character are settings of the phase: `command: {accept: 1}`
// of the job file is the column "\001accept". Inputs with such a column are refused.
#define COMMAND_SETTING      '\001'
#define COMMAND_ACCEPT       "\001accept"
#define COMMAND_CWD          "\001cwd"
#define COMMAND_STDIN        "\001stdin"
#define COMMAND_PREFIX       "\001export_prefix"
#define COMMAND_SET_PREFIX   "\001set "   // a variable's name follows
#define COMMAND_UNSET_PREFIX "\001unset " // a variable's name follows

// The columns of a phase: returns the name of the column at `index`, or NULL after the last one.
struct command_columns {
    const char *(*name)(const void *user, size_t index);
    const void *user;
};

enum command_piece_kind {
    PIECE_END,      // of the text
    PIECE_WORD_END, // of a word of a command line
    PIECE_TEXT,
    PIECE_COLUMN,
    PIECE_BUILTIN,
    // What follows is an error.
    PIECE_UNKNOWN,    // a reference to nothing
    PIECE_FOREIGN,    // a reference of GNU parallel, such as {.}
    PIECE_SHELL,      // a character that only a shell understands
    PIECE_ASSIGNMENT, // NAME=value in place of the command
    PIECE_QUOTE       // a quote that is not closed
};

enum command_part {
    PART_WHOLE,
    PART_STEM,
    PART_NAME,
    PART_DIR,
    PART_SUFFIX
};

enum command_builtin {
    BUILTIN_INDEX,
    BUILTIN_ATTEMPT,
    BUILTIN_SEED,
    BUILTIN_RUN_DIR
};

struct command_piece {
    enum command_piece_kind kind;
    const char *text; // the piece in the command line, or what it stands for (PIECE_TEXT); borrowed
    size_t length;
    size_t column;                // PIECE_COLUMN
    enum command_part part;       // PIECE_COLUMN
    enum command_builtin builtin; // PIECE_BUILTIN
};

struct command_line {
    const char *at; // what is not read yet
    const struct command_columns *columns;
    bool splits; // the text is split into words, in a shell's quoting; else it is one template
    bool in_word, after_first;
    const char *quote; // the open quote, or NULL
};

// Begins to read a command line. A copy of the reader reads on from the same place.
struct command_line command_line_words(const char *text, const struct command_columns *columns);

// Begins to read a template, which has no words and no quotes.
struct command_line command_line_template(const char *text, const struct command_columns *columns);

// Reads the next piece. The reader must not be used after PIECE_END, nor after an error that is not
// PIECE_UNKNOWN or PIECE_FOREIGN.
void command_line_next(struct command_line *l, struct command_piece *out);

// Finds the part of a path. Returns its length, and the part in *begin.
size_t command_path_part(const char *path, enum command_part part, const char **begin);

// Finds, in the text of a shell command, a reference that only command.run would replace: {column}
// without `$` before it, or one of GNU parallel's outside quotes. Returns whether there is one.
bool command_shell_reference(const char *text, const struct command_columns *columns,
                             struct command_piece *out);

enum {
    COMMAND_VARIABLE_MAX = 4096 // bytes of a variable's name, with its NUL
};

// Writes the name of the variable that a shell gets for a column: the prefix and the name, in which
// each character that a variable cannot have becomes `_`. Without a prefix ("") the name is left as
// it is. Returns false if the result is not the name of a variable or does not fit.
bool command_variable(const char *prefix, const char *column, char *out, size_t size);

// Returns whether the variable means something to the loader, the C library or a shell.
bool command_variable_is_reserved(const char *name);

#endif

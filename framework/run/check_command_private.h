// SPDX-License-Identifier: BSD-3-Clause
// The state of checking one phase's command lines, shared by check_command.c, check_command_shell.c
// and check_command_report.c.
#ifndef BR_RUN_CHECK_COMMAND_PRIVATE_H
#define BR_RUN_CHECK_COMMAND_PRIVATE_H

#include "model/command_line.h"
#include "run/check_command.h"

struct command_check {
    const struct job *job;
    const struct job_phase *phase;
    const struct schema *columns;
    struct command_columns names;
    bool is_shell;
    const char *prefix; // of the shell's variables; NULL if the job gives none
    struct diagnostics *d;
    // The text that is checked, and where it stands.
    const char *text;
    struct mark mark;     // line 0: it is not written in the job file
    const char *row_name; // names the row that has the text; NULL if the mark does
};

// Returns the phase's argument or setting of that name, or NULL.
const struct job_setting *command_check_arg(const struct command_check *c, const char *name);

// Returns whether a reference can mean the column: it is neither a setting nor the command line.
bool command_check_is_value(const char *name);

// Adds an error about `length` bytes of c->text from `at`, which is in it.
void command_check_complain(struct command_check *c, const char *at, size_t length,
                            const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

// Adds an error about a reference of GNU parallel, with what to write instead.
void command_check_foreign(struct command_check *c, const struct command_piece *p);

// Adds the error that a piece of a command line is, with a hint.
void command_check_error(struct command_check *c, const struct command_piece *p);

// Adds an error if the brace at `at`, which is text, begins the misspelt name of a column with
// blanks or other signs in its name. Returns whether it did.
bool command_check_braces(struct command_check *c, const char *at);

// Returns whether the column holds a setting of the phase.
bool command_check_is_setting(const char *name);

// Checks c->text, the text of a shell's command. Returns false after reporting an error.
bool command_check_script(struct command_check *c);

// Checks the names of the variables that a shell gets.
void command_check_variables(struct command_check *c);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The program's commands, one cmd_*.c each.
#ifndef BR_TOOLS_COMMANDS_H
#define BR_TOOLS_COMMANDS_H

#include "options.h"
#include "run/prepare.h"

extern const struct command command_run;
extern const struct command command_check;
extern const struct command command_plan;
extern const struct command command_topo;
extern const struct command command_exec;
extern const struct command command_new;
extern const struct command command_trace;

// Prints "batchrun: ..." to standard error; the exit status that fits.
int report_error(const br_error *err);

// Flushes standard output. The exit status: 1, with a message, where not all could be written; a
// reader that went away is no failure.
int finish_output(int status);

// The one operand that a command takes; NULL and *err when it is missing or not alone.
const char *only_operand(const struct command *command, char **argv, int count, br_error *err);

// The one run that a command may be given: *path, or NULL for the newest. -1 and *err for several.
int optional_run(char **argv, int count, const char **path, br_error *err);

// The whole of a command that looks at one job and runs nothing: prepares it, has `show` print,
// says what is wrong. `without` (NULL: an error) is what to do when no job is given.
int look_at_job(const struct command *command, int argc, char **argv,
                void (*show)(const struct prepared *), int (*without)(void));

#endif

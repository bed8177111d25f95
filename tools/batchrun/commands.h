// SPDX-License-Identifier: BSD-3-Clause
// The program's commands, one cmd_*.c each.
#ifndef BR_TOOLS_COMMANDS_H
#define BR_TOOLS_COMMANDS_H

#include "journal/rundir.h"
#include "options.h"
#include "run/prepare.h"
#include "views/task_name.h"

extern const struct command command_run;
extern const struct command command_check;
extern const struct command command_plan;
extern const struct command command_topo;
extern const struct command command_exec;
extern const struct command command_new;
extern const struct command command_report;
extern const struct command command_trace;
extern const struct command command_show;
extern const struct command command_logs;
extern const struct command command_events;

// Prints "batchrun: ..." to standard error; the exit status that fits.
int report_error(const br_error *err);

// Flushes standard output. The exit status: 1, with a message, where not all could be written; a
// reader that went away is no failure.
int finish_output(int status);

// For output in pieces: prints what is in the buffer. -1 and *err when nothing more can be printed:
// BR_ERR_NONE where the reader went away, which finish_printing takes for a good end.
int print_piece(const struct buffer *piece, br_error *err);

// The same for text that has others' words in it: on a terminal control characters are escaped.
int print_answer(const struct buffer *answer, br_error *err);

// Writes what a command has made of a run to the file `output` ("-": to standard output), or, when
// that is NULL, as `name` into the run's directory; prints the path of what was written.
int write_view(const struct rundir *run, const char *name, const char *output,
               const struct buffer *view, br_error *err);

// The row that says so in a command's table of options.
#define OPTION_OUTPUT(to)                                                                          \
    {                                                                                              \
        "output", 'o', "FILE", OPTION_TEXT, to, "write FILE, not into RUN; `-`: standard output",  \
            NULL                                                                                   \
    }

// The exit status after output in pieces: `result` is 0, or -1 with *err.
int finish_printing(int result, const br_error *err);

// The one operand that a command takes; NULL and *err when it is missing or not alone.
const char *only_operand(const struct command *command, char **argv, int count, br_error *err);

// The one run that a command may be given: *path, or NULL for the newest. -1 and *err for several.
int optional_run(char **argv, int count, const char **path, br_error *err);

// The run and the task, PHASE#INDEX, that a command may be given, in this order: *path is NULL for
// the newest run, `*has_task` tells of the other. -1 and *err.
int optional_run_and_task(char **argv, int count, const char **path, struct task_name *task,
                          bool *has_task, br_error *err);

// The whole of a command that looks at one job and runs nothing: prepares it, has `show` print,
// says what is wrong. `without` (NULL: an error) is what to do when no job is given.
int look_at_job(const struct command *command, int argc, char **argv,
                void (*show)(const struct prepared *), int (*without)(void));

#endif

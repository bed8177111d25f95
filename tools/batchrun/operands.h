// SPDX-License-Identifier: BSD-3-Clause
// The job, run or task that a command is given.
#ifndef BR_TOOLS_OPERANDS_H
#define BR_TOOLS_OPERANDS_H

#include <stdbool.h>

#include "base/error.h"
#include "options.h"
#include "run/prepare.h"
#include "views/task_name.h"

// Returns the one operand of a command that needs exactly one, or NULL and *err.
const char *only_operand(const struct command *command, char **argv, int count, br_error *err);

// Sets *path to the run that the command is given, or to NULL, which means the newest one. Returns
// -1 and *err for several operands.
int optional_run(char **argv, int count, const char **path, br_error *err);

// As optional_run, for a run and a task, PHASE#INDEX, in this order; both may be missing. *task
// borrows from argv and is set if *has_task is true.
int optional_run_and_task(char **argv, int count, const char **path, struct task_name *task,
                          bool *has_task, br_error *err);

// Runs a command that looks at one job and starts no worker: prepares the job, calls `show` to
// print it, and reports errors in it. Without an operand calls `without`; if that is NULL, a
// missing job is an error. Returns the exit status.
int look_at_job(const struct command *command, int argc, char **argv,
                void (*show)(const struct prepared *), int (*without)(void));

#endif

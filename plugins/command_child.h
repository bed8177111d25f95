// SPDX-License-Identifier: BSD-3-Clause
// Runs a command of the plugin `command` as a child of the worker: finds the program, starts it,
// keeps what it prints, ends it in time, and says why if it cannot run.
#ifndef PLUGINS_COMMAND_CHILD_H
#define PLUGINS_COMMAND_CHILD_H

#include <batchrun/plugin.h>

struct command_start {
    char *const *words; // the program and its arguments
    char *const *env;
    const char *script; // the text that the program, a shell, runs; NULL if it is no shell
    const char *cwd;    // directory to run in; NULL: the worker's
    const char *input;  // file to read as standard input; NULL: none
    const char *accept; // exit statuses that are no failure, such as "0 1", or "any"; NULL: 0
};

// Runs the command to its end and sets the results `exit_code` and `stdout` of the task. Returns 0,
// or not 0 after the task has failed. The command leads a process group of its own; processes that
// it leaves in that group are killed.
int command_run(br_task *t, const struct command_start *s);

#endif

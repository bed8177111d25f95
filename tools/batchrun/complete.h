// SPDX-License-Identifier: BSD-3-Clause
// Completion of command lines. The completions of the three shells (tools/completions) call
// `batchrun __complete WORD...`, so that all of them follow the tables of options and commands.
#ifndef BR_TOOLS_COMPLETE_H
#define BR_TOOLS_COMPLETE_H

#include <stddef.h>

#include "options.h"

// Prints every candidate for the last of words[0..count), which follow `batchrun` and may be
// reordered, as "candidate TAB description". Candidates are the options of a command's table, their
// values if the table names them ("a|b|c", DIR, FILE), and operands by their names in the command:
// job.yaml, RUN, PHASE. The shell adds no space after a candidate that ends in /, = or #. Errors
// are ignored. Returns 0.
int complete(const struct command *const *commands, size_t command_count, char **words, int count);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What can stand at the end of a command line. `batchrun __complete WORD...` is what the shells'
// completions (tools/completions) call, so that all three know what the tables here know.
#ifndef BR_TOOLS_COMPLETE_H
#define BR_TOOLS_COMPLETE_H

#include <stddef.h>

#include "options.h"

// Prints every candidate for the last of words[0..count), which follow `batchrun` and may be
// reordered, as "candidate TAB description". Offers options from a command's table, values where
// the table names them ("a|b|c", DIR, FILE), and for operands what the command calls them:
// job.yaml, RUN, PHASE. A candidate that ends in /, = or # is to be gone on with. Says nothing of
// mistakes.
int complete(const struct command *const *commands, size_t command_count, char **words, int count);

#endif

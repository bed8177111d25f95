// SPDX-License-Identifier: BSD-3-Clause
// The parts of the manual pages that are made from tables: `batchrun __manual commands|keys`, which
// the build puts into the pages of docs/man.
#ifndef BR_TOOLS_MANUAL_H
#define BR_TOOLS_MANUAL_H

#include <stddef.h>

#include "options.h"

// Prints the part in mdoc(7). false when there is none of that name.
bool manual_print(const char *part, const struct command *const *commands, size_t count);

#endif

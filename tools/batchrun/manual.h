// SPDX-License-Identifier: BSD-3-Clause
// Documents that are made from tables: `batchrun __manual commands|keys` prints mdoc(7), which the
// build puts into the pages of docs/man, and `batchrun __manual schema` prints
// docs/job.schema.json.
#ifndef BR_TOOLS_MANUAL_H
#define BR_TOOLS_MANUAL_H

#include <stddef.h>

#include "options.h"

// Prints the part of that name to standard output. Returns false if there is none.
bool manual_print(const char *part, const struct command *const *commands, size_t count);

#endif

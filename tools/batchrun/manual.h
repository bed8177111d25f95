// SPDX-License-Identifier: BSD-3-Clause
// What is made from tables: `batchrun __manual commands|keys`, in mdoc(7), which the build puts
// into the pages of docs/man; and `batchrun __manual schema`, which is docs/job.schema.json.
#ifndef BR_TOOLS_MANUAL_H
#define BR_TOOLS_MANUAL_H

#include <stddef.h>

#include "options.h"

// Prints the part. false when there is none of that name.
bool manual_print(const char *part, const struct command *const *commands, size_t count);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The plan of a job, as `plan` and `run --dry-run` print it.
#ifndef BR_TOOLS_PLAN_H
#define BR_TOOLS_PLAN_H

#include "run/prepare.h"

// Prints the plan to standard output.
void plan_print(const struct prepared *p);

// Returns the width of standard output in columns; 80 if it is not a terminal.
unsigned plan_columns(void);

#endif

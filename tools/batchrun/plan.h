// SPDX-License-Identifier: BSD-3-Clause
// The plan of a prepared job on standard output: for `plan` and `run --dry-run`.
#ifndef BR_TOOLS_PLAN_H
#define BR_TOOLS_PLAN_H

#include "run/prepare.h"

void plan_print(const struct prepared *p);

// What standard output shows in a line.
unsigned plan_columns(void);

#endif

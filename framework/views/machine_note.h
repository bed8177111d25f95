// SPDX-License-Identifier: BSD-3-Clause
// The machine as a run's journal keeps it: a line for each processing unit, in logical order, of
// its number by the system and those of its package, NUMA node, L3 (-1: none) and core.
#ifndef BR_VIEWS_MACHINE_NOTE_H
#define BR_VIEWS_MACHINE_NOTE_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/plan.h"

void machine_note_put(struct buffer *out, const struct machine *m);

// Reads it; which units the run was allowed is not told. -1 and *err when it is none (BR_ERR_USAGE)
// or without memory.
int machine_note_read(const char *text, struct machine *out, br_error *err);

#endif

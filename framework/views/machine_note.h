// SPDX-License-Identifier: BSD-3-Clause
// The text form in which a run's journal keeps its machine: a line for each processing unit, in
// logical order, with its number by the system and the numbers of its package, NUMA node, L3 (-1:
// none) and core.
#ifndef BR_VIEWS_MACHINE_NOTE_H
#define BR_VIEWS_MACHINE_NOTE_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/plan.h"

void machine_note_put(struct buffer *out, const struct machine *m);

// Reads the text into *out; it does not have which units the run was allowed to use. Returns -1 and
// *err if it is not such a text (BR_ERR_USAGE) or when out of memory.
int machine_note_read(const char *text, struct machine *out, br_error *err);

#endif

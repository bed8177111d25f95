// SPDX-License-Identifier: BSD-3-Clause
// The machine note of a run's journal: one line for each processing unit in logical order, with the
// unit's number in the system and the numbers of its package, NUMA node, L3 (-1: none) and core.
// Pure functions.
#ifndef BR_VIEWS_MACHINE_NOTE_H
#define BR_VIEWS_MACHINE_NOTE_H

#include "base/buffer.h"
#include "base/error.h"
#include "model/plan.h"

// Appends the note.
void machine_note_put(struct buffer *out, const struct machine *m);

// Reads a note into *out, which machine_finish frees. The note does not have which units the run
// was allowed to use. Returns -1 and *err if the text is not such a note (BR_ERR_USAGE) or memory
// runs out.
int machine_note_read(const char *text, struct machine *out, br_error *err);

#endif

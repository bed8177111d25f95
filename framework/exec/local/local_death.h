// SPDX-License-Identifier: BSD-3-Clause
// Reports of a worker's end, and of a worker that cannot start.
#ifndef BR_EXEC_LOCAL_LOCAL_DEATH_H
#define BR_EXEC_LOCAL_LOCAL_DEATH_H

#include "exec/local/local_state.h"

// Fills *out with the next report of a slot that is SLOT_DYING; the last one is DEAD and empties
// the slot. Returns 1; 0 if it waits for symbol names; -1 and *err if memory ran out.
int local_report_death(struct local *l, unsigned slot, struct exec_report *out, br_error *err);

// Fills *out with UNFIT; `text` is copied into l->text.
void local_report_unfit(struct local *l, unsigned slot, enum br_error_kind kind, const char *text,
                        struct exec_report *out);

#endif

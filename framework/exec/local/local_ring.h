// SPDX-License-Identifier: BSD-3-Clause
// Reports of what workers publish in their rings.
#ifndef BR_EXEC_LOCAL_LOCAL_RING_H
#define BR_EXEC_LOCAL_LOCAL_RING_H

#include "exec/local/local_state.h"

// Fills *out with the next report from the slot's ring. Returns 1; 0 if the ring is empty or
// damaged, or if the report is held until symbol names are known (then slot.held is set); -1 and
// *err if memory ran out. *out points into the channel until the next call.
int local_read_ring(struct local *l, unsigned slot, struct exec_report *out, br_error *err);

// The same for the rings of all workers, from l->cursor on: each has its share of a round.
int local_read_rings(struct local *l, struct exec_report *out, br_error *err);

#endif

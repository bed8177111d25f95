// SPDX-License-Identifier: BSD-3-Clause
// The reduction of a phase: built in, or by a plugin's task along a tree (run/phases.h). Each
// function returns 0, or -1 and *err if memory runs out, a sink refuses an event, or a file cannot
// be written. A reduction without a result (a sum that does not fit, no task that succeeded) is not
// such an error: it is recorded as a task that failed.
#ifndef BR_RUN_PHASE_REDUCTION_H
#define BR_RUN_PHASE_REDUCTION_H

#include "run/phase.h"

// Computes the one row of a built-in reduction. To be called once every task has its outcome.
int phase_finish_builtin(struct phase *p, int64_t now, br_error *err);

// Starts the first level of a plugin's reduction. To be called once every task has its outcome.
int phase_start_reduction(struct phase *p, int64_t now, br_error *err);

// Starts the next level when one is done; after the last, writes the result and closes the phase.
int phase_next_level(struct phase *p, int64_t now, br_error *err);

// Ends a reduction whose row was written: the end of phase_next_level, or of WRITING.
int phase_end_reduction(struct phase *p, int64_t now, br_error *err);

// Frees a level; releases its map if it has one.
void phase_free_levels(struct phase *p);

#endif

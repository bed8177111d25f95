// SPDX-License-Identifier: BSD-3-Clause
// The tasks of a phase, from their table to their results. Each function returns 0, or -1 and *err
// if memory runs out, inputs do not fit, a sink refuses an event, or a file cannot be written.
#ifndef BR_RUN_PHASE_ROWS_H
#define BR_RUN_PHASE_ROWS_H

#include "run/phase.h"

// Makes the phase's table and submits its tasks; those that an earlier process ended are recovered
// instead. The phase is RUNNING then.
int phase_start_rows(struct phase *p, int64_t now, br_error *err);

// Ends a phase whose tasks all have their outcome: writes its results, and starts its reduction by
// a plugin's task or closes it. Files are written before the event that says the phase has ended,
// so whoever finds that event need not write them again.
int phase_finish_rows(struct phase *p, int64_t now, br_error *err);

// Ends a phase whose rows were written: the end of phase_finish_rows, or of WRITING.
int phase_end_rows(struct phase *p, int64_t now, br_error *err);

#endif

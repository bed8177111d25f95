// SPDX-License-Identifier: BSD-3-Clause
// The events of a phase: its begin and end, and the reports of the pool about its tasks. All go to
// the sink of the run. Each function returns 0, or -1 and *err if the sink refuses the event.
#ifndef BR_RUN_PHASE_EVENTS_H
#define BR_RUN_PHASE_EVENTS_H

#include "run/phase.h"

// Describes where reports of the pool come from: the tasks of a phase, or a level of its reduction.
struct phase_reporter {
    struct phases *ph;
    uint32_t number; // of the phase in events
    uint64_t offset; // added to task indices
    const struct phase_table *table;
    uint64_t rows_per_task;
};

// Sets the event's time to `now`, and emits it.
int phase_emit(struct phases *ph, struct event *e, int64_t now, br_error *err);

// Emit the begin of a phase or of its reduction, and the end of either by its number, unless an
// earlier process has.
int phase_emit_begin(struct phase *p, uint64_t tasks, int64_t now, br_error *err);
int phase_emit_begin_reduction(struct phase *p, uint64_t tasks, int64_t now, br_error *err);
int phase_emit_end(struct phases *ph, uint32_t number, enum phase_end how, uint64_t skipped,
                   int64_t now, br_error *err);

// Emits a report of the pool (OK, END, OUTPUT) as an event.
int phase_report(const struct phase_reporter *r, const struct exec_report *report, bool final,
                 br_error *err);

#endif

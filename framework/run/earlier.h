// SPDX-License-Identifier: BSD-3-Clause
// What a run's earlier processes left to go on from, folded from its journal: of each phase, which
// tasks have their outcome, the rows that succeeded, and which attempt the others are at.
//
// A phase is known by its number in events: its place in the job, or that plus the number of phases
// for its reduction (run/phases.h).
#ifndef BR_RUN_EARLIER_H
#define BR_RUN_EARLIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "model/ledger.h"
#include "results/results.h"
#include "run/prepare.h"

struct earlier_phase;

struct earlier {
    struct event_sink sink; // take: -1 and *err when events contradict each other or the job
    const struct prepared *prepared;
    struct earlier_phase *phases; // two for each of the job
    size_t job_phases;
    bool begun;    // there was an event
    bool finished; // the run came to its own end: nothing was left to do
    int64_t last_ns;
    uint64_t ended;  // tasks that have an outcome, of all phases
    uint64_t failed; // of them
};

// `prepared` is borrowed. -1 and *err when out of memory.
int earlier_init(struct earlier *earlier, const struct prepared *prepared, br_error *err);
void earlier_finish(struct earlier *earlier);

// All of these take NULL for a run that no earlier process has begun.

bool earlier_begun(const struct earlier *earlier, uint32_t number); // a phase
bool earlier_over(const struct earlier *earlier, uint32_t number, enum phase_end *how);
uint64_t earlier_tasks(const struct earlier *earlier, uint32_t number);
uint64_t earlier_failed(const struct earlier *earlier, uint32_t number);

// Of tasks first .. first + count - 1 of a phase, numbered from 0. Without them everything is 0.
struct history {
    struct results *results; // those that succeeded; NULL when no task had begun
    struct ledger_past ledger;
    uint64_t *known;  // for `ledger`
    uint64_t *failed; // which ones, for good
    size_t failed_count;
    struct ledger_work *again; // for `ledger`
};

// *out is to be finished; its `results`, taken out before that, are the caller's. A phase is asked
// once for all of its tasks, or for parts that do not overlap. -1 and *err.
int earlier_history(struct earlier *earlier, uint32_t number, uint64_t first, uint64_t count,
                    struct history *out, br_error *err);
void history_finish(struct history *h);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What a run's earlier processes left to go on from, folded from its journal: of each phase, which
// tasks have their outcome, the rows that succeeded, and which attempt the others are at.
//
// A phase is known by its number in events: its place in the job, or that plus the number of phases
// for its reduction (run/phases.h).
#ifndef BR_RUN_RESUME_STATE_H
#define BR_RUN_RESUME_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "model/ledger.h"
#include "results/results.h"
#include "run/prepare.h"

struct resume_phase;

struct resume_state {
    struct event_sink sink; // take: -1 and *err when events contradict each other or the job
    const struct prepared *prepared;
    struct resume_phase *phases; // two for each of the job
    size_t job_phases;
    bool begun;    // there was an event
    bool finished; // the run came to its own end: nothing was left to do
    int64_t last_ns;
    uint64_t ended;  // tasks that have an outcome, of all phases
    uint64_t failed; // of them
};

// `prepared` is borrowed. -1 and *err when out of memory.
int resume_state_init(struct resume_state *state, const struct prepared *prepared, br_error *err);
void resume_state_finish(struct resume_state *state);

// All of these take NULL for a run that no earlier process has begun.

bool resume_state_begun(const struct resume_state *state, uint32_t number); // a phase
bool resume_state_over(const struct resume_state *state, uint32_t number, enum phase_end *how);
uint64_t resume_state_tasks(const struct resume_state *state, uint32_t number);
uint64_t resume_state_failed(const struct resume_state *state, uint32_t number);

// Of tasks first .. first + count - 1 of a phase, numbered from 0. Without them everything is 0.
struct resume_history {
    struct results *results; // those that succeeded; NULL when no task had begun
    struct ledger_past ledger;
    uint64_t *known;  // for `ledger`
    uint64_t *failed; // which ones, for good
    size_t failed_count;
    struct ledger_work *again; // for `ledger`
};

// *out is to be finished; its `results`, taken out before that, are the caller's. A phase is asked
// once for all of its tasks, or for parts that do not overlap. -1 and *err.
int resume_state_history(struct resume_state *state, uint32_t number, uint64_t first,
                         uint64_t count, struct resume_history *out, br_error *err);
void resume_history_finish(struct resume_history *h);

#endif

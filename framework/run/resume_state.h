// SPDX-License-Identifier: BSD-3-Clause
// The state that a run's earlier processes left, folded from its journal: for each phase, which
// tasks have their outcome, the rows that succeeded, and the attempt that comes next for the other
// tasks.
//
// A phase is given by its number in events: its index in the job, or that plus the number of phases
// for its reduction (run/phases.h). All calls come from the thread of the run.
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
    struct event_sink sink; // take: -1 and *err if events contradict each other or the job
    const struct prepared *prepared;
    struct resume_phase *phases; // two for each of the job
    size_t job_phases;
    bool begun;      // the journal has an event
    bool finished;   // the run came to its own end: nothing was left to do
    int64_t last_ns; // time of the latest event
    uint64_t ended;  // tasks of all phases that have an outcome
    uint64_t failed; // how many of these have failed
};

// Borrows `prepared`. Returns -1 and *err if memory runs out.
int resume_state_init(struct resume_state *state, const struct prepared *prepared, br_error *err);
void resume_state_finish(struct resume_state *state);

// The functions below take NULL for a run that no earlier process has started.

// Return whether a phase had started, and whether it was over; *how (may be NULL) is then how it
// ended.
bool resume_state_begun(const struct resume_state *state, uint32_t number);
bool resume_state_over(const struct resume_state *state, uint32_t number, enum phase_end *how);

// Return the number of tasks of a phase, and how many of them failed for good; 0 if it had not
// started.
uint64_t resume_state_tasks(const struct resume_state *state, uint32_t number);
uint64_t resume_state_failed(const struct resume_state *state, uint32_t number);

// What is known of tasks first .. first + count - 1 of a phase, which have the indices 0 .. count -
// 1 here. All zero if the phase had not started.
struct resume_history {
    struct results *results;   // rows that succeeded; NULL if the phase had not started
    struct ledger_past ledger; // for a map of these tasks
    uint64_t *known;           // borrowed by `ledger`
    uint64_t *failed;          // indices of the tasks that failed for good
    size_t failed_count;
    struct ledger_work *again; // borrowed by `ledger`
};

// Sets *out, which is to be finished if 0 is returned. The caller may take `results` or `known`
// over by setting them to NULL. A phase is asked once for all of its tasks, or for parts that do
// not overlap. Returns -1 and *err if memory runs out or the journal contradicts itself.
int resume_state_history(struct resume_state *state, uint32_t number, uint64_t first,
                         uint64_t count, struct resume_history *out, br_error *err);
void resume_history_finish(struct resume_history *h);

#endif

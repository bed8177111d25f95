// SPDX-License-Identifier: BSD-3-Clause
// The state that a run's earlier processes left, folded from its journal: for each phase, which
// tasks have their outcome, the rows that succeeded, and the attempt that comes next for the other
// tasks.
//
// A phase is given by its number in events, a reduction by a number of its own. Phases keep their
// numbers as long as the run has them; so if the job has changed since, a number is not an index in
// the job. Events of a phase that the job as it is now does not have, by its name and its signature
// (run/phase_signature.h), are ignored. All calls come from the thread of the run.
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
#include "run/row_hashes.h"

struct resume_phase;

struct resume_state {
    struct event_sink sink; // take: -1 and *err if events contradict each other
    const struct prepared *prepared;
    struct resume_phase *phases; // by number
    size_t phase_count;
    uint16_t accepts; // number of EVENT_ACCEPT
    bool begun;       // the journal has an event
    bool is_try;      // the run is a part of a job
    bool any_phase;   // a phase had started, perhaps one that the job does not have any more
    bool finished;    // the run came to its own end: nothing was left to do
    int64_t last_ns;  // time of the latest event
    uint64_t ended;   // tasks of all phases that have an outcome
    uint64_t failed;  // how many of these have failed
};

void resume_state_init(struct resume_state *state, const struct prepared *prepared); // borrowed
void resume_state_finish(struct resume_state *state);

// Forgets phases whose signature has changed, and all that was computed from them. To be called
// once the journal was read, and after changes were accepted.
void resume_state_settle(struct resume_state *state);

// Finds the first phase or reduction with a number >= *number that the job does not have any more.
// Returns false if there is none.
bool resume_state_next_dropped(const struct resume_state *state, uint32_t *number);

// Fills in what stays of a phase whose inputs have changed, as `rows` says. Returns 1, and the
// caller frees *made, from which *out borrows; 0 if the phase has not started, so that nothing of
// it is there; -1 and *err if memory runs out.
int resume_state_keep(const struct resume_state *state, const char *phase,
                      const struct row_changes *rows, uint64_t tasks, struct event_phase_keep *out,
                      struct event_made **made, br_error *err);

// The functions below take NULL for a run that no earlier process has started.

// Sets numbers[i] to the number of the job's phase i in events, and numbers[phase_count + i] to
// that of its reduction. Phases that the journal has keep their numbers; others get free ones.
void resume_state_numbers(const struct resume_state *state, const struct job *job,
                          uint32_t *numbers);

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

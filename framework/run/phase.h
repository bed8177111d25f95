// SPDX-License-Identifier: BSD-3-Clause
// One phase of a run, as the files that implement run/phases.h share it, and the steps that more
// than one of them takes. Each of these files may use those before it:
//
//   phase, phase_events, phase_files, phase_reduction, phase_rows, phases
//
// All calls come from the thread of the run. `now` is clock_now()'s.
#ifndef BR_RUN_PHASE_H
#define BR_RUN_PHASE_H

#include "inputs/phase_table.h"
#include "model/reduce.h"
#include "results/output.h"
#include "results/results.h"
#include "run/phases.h"

enum phase_state {
    WAITING,
    RUNNING,
    REDUCING,
    WRITING, // all is done but its rows, which wait for the reader of standard output
    OVER
};

// One level of a reduction by a plugin's task, and what all levels share.
struct levels {
    struct pool_map *map; // NULL while no level runs
    struct phase_table table;
    struct results *results;
    uint64_t *known; // tasks of this level that an earlier process knew of; outlives the map
    uint64_t tasks;  // of this level
    uint64_t before; // tasks of the levels before this one: an event's index counts through all
    bool failed;     // a task of this level has failed: the reduction has no result
    char *name;      // "NAME (reduce)"
};

// The rows of a phase, or its one reduced row, on their way to standard output.
struct standard_rows {
    struct writer_job job; // first
    enum output_format format;
    const struct table *inputs; // or NULL
    const struct results *results;
    atomic_bool written;
    br_error error; // once written; BR_ERR_NONE if all is well
};

struct phase {
    struct phases *owner;
    uint32_t place;     // in the job
    uint32_t number;    // that events give the phase
    uint32_t reduction; // that events give its reduction
    const struct job_phase *spec;
    const struct prepared_phase *prepared;
    enum phase_state state;
    bool *before;         // by place: phases that must be over before this one starts
    bool is_read;         // a later phase reads its results
    bool has_written;     // its result file, in this process
    bool cut;             // it was stopped before its end, or never started
    struct pool_map *map; // NULL unless the phase is RUNNING
    struct phase_table table;
    struct buffer batch_image; // with a batch of more than one row: a table without columns
    struct table batches;
    uint64_t *known; // tasks that an earlier process knew of; outlives the map
    uint64_t tasks;
    uint64_t left_out; // tasks that a try does not run; its ledger has them as skipped
    uint64_t failed;
    struct results *results; // rows of its tasks; NULL unless somebody wants them
    struct reduce *reduce;   // NULL unless the phase has a built-in reduction
    struct results *reduced; // the one row that is left; NULL without one
    struct levels levels;
    struct standard_rows standard; // WRITING
};

struct phases {
    struct phases_options options;
    struct phase *phases;
    size_t count;
    uint32_t *numbers; // of phases, then of reductions, in events (run/resume_state.h)
    bool stopping;     // nothing more is started
    bool cut;          // a phase was cut
    bool late;         // tasks were not started because the time would not have been enough
    bool all_ok;       // no task has failed, and no phase was cut or skipped
    struct buffer text;
};

// Returns whether an earlier process did the whole phase, its reduction included.
bool phase_was_done(const struct phase *p);

// Returns whether the phase has a reduction that needs no plugin.
bool phase_has_builtin(const struct phase *p);

// Adds to the failures of the phase; the run stops if they are more than its job file allows.
void phase_count_failures(struct phase *p, uint64_t count);

// Returns the options that all maps of the phase have in common.
struct pool_map_options phase_map_options(struct phase *p);

// Submits a map for the phase or its reduction. No task of it starts if phase_stops. Returns a map
// that belongs to the pool, or NULL and *err.
struct pool_map *phase_submit(struct phase *p, struct pool_map_options *o,
                              const struct ledger_past *past, int64_t now, br_error *err);

// Returns the columns that stand beside the results of the phase's tasks: their inputs. A batch has
// no row of its own there, so its table has no columns. The table belongs to the phase.
const struct table *phase_inputs(const struct phase *p);

// Returns the latest time at which a task of the phase, or of its reduction, may start; INT64_MAX
// if the run has no end.
int64_t phase_last_start(const struct phase *p);
bool phase_is_late(const struct phase *p, int64_t now); // whether that time has come

// Returns whether no more tasks of the phase are to be started. false for a phase that an earlier
// process has done: its results are recovered in any case.
bool phase_stops(const struct phase *p, int64_t now);

// Notes that the phase does not come to its end.
void phase_cut(struct phase *p, int64_t now);

// Returns whether the phases after this one may start.
bool phase_lets_others_start(const struct phase *p);

// Ends the phase and frees all that no later phase reads.
void phase_close(struct phase *p);

#endif

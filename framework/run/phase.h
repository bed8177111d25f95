// SPDX-License-Identifier: BSD-3-Clause
// What the files that make up run/phases.h share: a phase, its reduction, its events.
#ifndef BR_RUN_PHASE_H
#define BR_RUN_PHASE_H

#include "inputs/phase_table.h"
#include "model/reduce.h"
#include "results/results.h"
#include "run/phases.h"

enum phase_state {
    WAITING,
    RUNNING,
    REDUCING,
    OVER
};

// One level of a reduction by a plugin's task, and what all levels share.
struct levels {
    struct pool_map *map;
    struct phase_table table;
    struct results *results;
    uint64_t *known; // tasks of this level that an earlier process ended
    uint64_t tasks;  // of this level
    uint64_t before; // of the levels before it: an event's index counts through all
    bool failed;     // a task of it has: there will be no result
    char *name;
};

struct phase {
    struct phases *owner;
    size_t place;
    const struct job_phase *spec;
    const struct prepared_phase *prepared;
    enum phase_state state;
    bool *before; // phases that must be over first
    bool is_read; // a later phase reads its results
    bool cut;     // stopped before its end, or before it began
    struct pool_map *map;
    struct phase_table table;
    struct buffer batch_image; // with a batch of more than one row: a table without columns
    struct table batches;
    uint64_t *known; // tasks that an earlier process ended
    uint64_t tasks;
    uint64_t failed;
    struct results *results; // of its rows, where anybody wants them
    struct reduce *reduce;   // built-in
    struct results *reduced; // the one row
    struct levels levels;
};

struct phases {
    struct phases_options options;
    struct phase *phases;
    size_t count;
    bool stopping;
    bool cut;  // some phase was
    bool late; // for want of time
    bool all_ok;
    struct buffer text;
};

// What the pool reports of a map's tasks, as events of phase `number`.
struct phase_reporter {
    struct phases *ph;
    uint32_t number;
    uint64_t offset; // added to task indices
    const struct phase_table *table;
    uint64_t rows_per_task;
};

// ---- Events (phase_events.c)

int phase_emit(struct phases *ph, struct event *e, int64_t now, br_error *err);
int phase_emit_begin(struct phases *ph, uint32_t number, const char *name, const char *task,
                     uint64_t tasks, int64_t now, br_error *err);
int phase_emit_end(struct phases *ph, uint32_t number, enum phase_end how, uint64_t skipped,
                   int64_t now, br_error *err);

// Passes a report of the pool on as an event.
int phase_report(const struct phase_reporter *r, const struct exec_report *report, bool final,
                 br_error *err);

// ---- Reductions (phase_reduction.c)

bool phase_has_builtin(const struct phase *p);

// When every row of a phase has its outcome. The reduction of a plugin's task begins, level by
// level.
int phase_finish_builtin(struct phase *p, int64_t now, br_error *err);
int phase_start_reduction(struct phase *p, int64_t now, br_error *err);
int phase_next_level(struct phase *p, int64_t now, br_error *err);
void phase_free_levels(struct phase *p);

// ---- Result files (phase_files.c)

// Where an earlier process had done the phase, those that are missing are written.
int phase_write_results(const struct phase *p, br_error *err);

// Whether all that the phase gives is there: its result files, or none since its reduction failed.
int phase_has_files(const struct phase *p, bool *there, br_error *err);

// ---- What an earlier process did (phase_earlier.c)

// Whether it did the phase, its reduction included.
bool phase_was_done(const struct phase *p);

// Feeds a built-in reduction with it. `rows` may be NULL.
int phase_reduce_earlier(struct reduce *r, const struct results *rows, const struct history *h,
                         br_error *err);

// ---- The phase itself (phases.c)

uint64_t phase_seed(const struct phases *ph, const char *phase);
struct pool_map_options phase_map_options(const struct phase *p);

// Submits a map for the phase or its reduction; nothing of it starts when the run is stopping or
// short of time.
struct pool_map *phase_submit(struct phase *p, struct pool_map_options *o,
                              const struct ledger_past *past, int64_t now, br_error *err);

// What stands beside the results of the phase's tasks: their inputs. A batch's results belong to no
// one row of them; it has its number alone.
const struct table *phase_inputs(const struct phase *p);

// Notes that the phase does not come to its end.
void phase_cut(struct phase *p, int64_t now);

// Whether a task of the phase, or of its reduction, would no longer fit before the end.
bool phase_is_late(const struct phase *p, int64_t now);

// Whether no more of the phase is to be started: what an earlier process did is recalled all the
// same.
bool phase_stops(const struct phase *p, int64_t now);

// The phase is over: frees what no later phase reads.
void phase_close(struct phase *p);

#endif

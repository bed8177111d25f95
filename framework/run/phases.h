// SPDX-License-Identifier: BSD-3-Clause
// The phases of a run: decides which may start, runs their tasks and reductions through the pool,
// turns the pool's reports into events, and writes result files.
//
// All calls come from the thread of the run. `now` is clock_now()'s. Functions that return int
// return 0, or -1 and *err if the run cannot continue: memory runs out, the pool failed, a sink
// refused an event, or a file cannot be written.
//
// A phase's life:
//
//   WAITING ─ all before it are over ─► RUNNING ─ every task has its outcome ─► REDUCING ─► OVER
//      │                                   │       (without a reduction: OVER)      │
//      └─ the run stops: OVER, skipped     └─ the run stops: OVER, stopped ◄────────┘
//
// A phase whose rows go to a pipe or a terminal is WRITING before it is OVER, until they are read.
// Phases after it start all the same.
//
// A reduction by a plugin's task runs level by level along a tree of fixed shape: level 0 takes the
// rows that succeeded, `fan_in` consecutive ones a task, each further level the results of the one
// before, until one row is left. In events it is a phase of its own, "NAME (reduce)".
//
// If an earlier process has started the run, a phase starts as usual, but its tasks that have their
// outcome are not given to the pool, and events that the journal has are not emitted again. A phase
// that was done, and whose result files exist, is over at once.
//
// In a try, phases without chosen tasks are over from the beginning, without events. The other
// tasks of a phase are not given to the pool.
#ifndef BR_RUN_PHASES_H
#define BR_RUN_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/writer.h"
#include "journal/event.h"
#include "pool/pool.h"
#include "run/prepare.h"
#include "run/resume_state.h"
#include "run/selection.h"
#include "views/running_task.h"

struct phases;

struct phases_options {
    struct prepared *prepared;         // borrowed; the images of input tables are moved out of it
    struct pool *pool;                 // borrowed
    struct event_sink *sink;           // borrowed
    struct resume_state *resume_state; // of earlier processes, or NULL for a new run; borrowed
    const struct selection *part;      // of a try; NULL for a whole run; borrowed
    int64_t begin_ns;                  // time 0 of events, by clock_now
    int64_t end_ns;                    // time at which tasks must be over; INT64_MAX = never
    int64_t grace_ns;                  // time before end_ns for a task that requests none
    const char *tag;                   // of the run, for temporary files; borrowed
    const char *results_directory;     // for result files that name no `output`; borrowed
    struct writer *standard;           // writes to standard output; NULL: it has no slow reader
    void (*before_output)(void *);     // called before rows go to standard output
    // Called with each END of a task that failed, crashed or was over a limit, before it counts.
    // Returns 0; -1 and *err if the cause lies outside of the task: then the run ends, and the task
    // has no outcome.
    int (*before_failure)(void *, const struct exec_report *, br_error *);
    void *user;
};

// Returns NULL and *err if memory runs out.
struct phases *phases_create(const struct phases_options *options, br_error *err);

// Takes NULL. The pool, which owns the maps, may have been destroyed before.
void phases_destroy(struct phases *ph);

// Removes result files in the run's directory that belong to phases which an earlier process did
// and which are done again. They hold old rows, and the phase may end without new ones. To be
// called before the first phases_advance, once `resume_state` has taken what the run keeps. A run
// that is killed before or after it leaves nothing wrong: the next process finds the same phases.
int phases_remove_old_files(struct phases *ph, br_error *err);

// Ends the phases that are done and starts those that may start. To be called after every
// pool_dispatch.
int phases_advance(struct phases *ph, int64_t now, br_error *err);

// Appends a line for each `output` that holds earlier rows because its phase has no result. To be
// called once phases_done.
void phases_describe_old_outputs(const struct phases *ph, struct buffer *out);

// Returns whether all phases are over.
bool phases_done(const struct phases *ph);

// Returns the time at which phases_advance must be called again, because tasks of some phase no
// longer fit before end_ns from then on; INT64_MAX if there is none.
int64_t phases_deadline(const struct phases *ph, int64_t now);

// Returns whether nothing is left but rows that wait for the reader of standard output.
bool phases_only_write(const struct phases *ph);

// Leaves the rows that are left unwritten: their phases end as stopped, and a resumed run writes
// all of their rows. To be called only if phases_only_write.
int phases_give_up_writing(struct phases *ph, int64_t now, br_error *err);

// Returns whether a task may still have to run. If not, the next phases_advance ends all phases, or
// fails.
bool phases_need_workers(const struct phases *ph);

// Sets *out to the task that the worker runs. Returns false if it runs none, as far as is known.
bool phases_in_hand(const struct phases *ph, unsigned worker, struct running_task *out);

// Returns whether tasks were not started because the time left was too short for them.
bool phases_late(const struct phases *ph);

// Starts no more tasks; running ones continue to their ends.
int phases_stop(struct phases *ph, int64_t now, br_error *err);

// Starts no more tasks, and kills running ones with the next pool_dispatch.
int phases_cancel(struct phases *ph, int64_t now, br_error *err);

// To be asked once phases_done: whether tasks were left out because the run was stopped.
bool phases_cut(const struct phases *ph);

// To be asked once phases_done: whether every task of every phase has succeeded.
bool phases_succeeded(const struct phases *ph);

#endif

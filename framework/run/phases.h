// SPDX-License-Identifier: BSD-3-Clause
// The phases of a run: which may start, what their tasks give, their reductions, their result
// files. Turns what the pool reports into events; steers the pool.
//
// A phase's life:
//
//   WAITING ─ all before it are over ─► RUNNING ─ every task has its outcome ─► REDUCING ─► OVER
//      │                                   │       (without a reduction: OVER)      │
//      └─ the run stops: OVER, skipped     └─ the run stops: OVER, stopped ◄────────┘
//
// A reduction by a plugin's task runs level by level along a tree of fixed shape: level 0 takes the
// rows that succeeded, `fan_in` consecutive ones a task, each further level the results of the one
// before, until one row is left. In events it is a phase of its own, "NAME (reduce)", whose number
// is that of the phase plus the number of phases.
//
// If an earlier process has begun the run, a phase starts as usual, but its tasks that have their
// outcome are not given to the pool, and events that the journal has are not emitted again. A phase
// that was done, and whose result files exist, is over at once.
#ifndef BR_RUN_PHASES_H
#define BR_RUN_PHASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "pool/pool.h"
#include "run/prepare.h"
#include "run/resume_state.h"
#include "views/in_hand.h"

struct phases;

struct phases_options {
    struct prepared *prepared;         // borrowed; images of input tables are taken out of it
    struct pool *pool;                 // borrowed
    struct event_sink *sink;           // borrowed
    struct resume_state *resume_state; // what an earlier process left, or NULL; borrowed
    int64_t begin_ns;                  // time 0 of events, by clock_now
    int64_t end_ns;                    // tasks must be over then; INT64_MAX = there is no end
    int64_t grace_ns;                  // what a task that requests no time is given before it
    const char *tag;                   // of the run, for temporary files; borrowed
    const char *results_directory;     // for result files that name no `output`; borrowed
    void (*before_output)(void *);     // called before rows go to standard output
    void *user;
};

// NULL and *err when out of memory.
struct phases *phases_create(const struct phases_options *options, br_error *err);
void phases_destroy(struct phases *ph); // takes NULL

// After every pool_dispatch: ends what is done, starts what may start. -1 and *err when the run
// cannot go on.
int phases_advance(struct phases *ph, int64_t now, br_error *err);

bool phases_done(const struct phases *ph);

// When phases_advance has to look again at what still fits before the end (INT64_MAX: need not).
int64_t phases_deadline(const struct phases *ph, int64_t now);

// Whether a task may still have to be run. Where not, the next phases_advance ends what is left, or
// fails.
bool phases_need_workers(const struct phases *ph);

// What a worker has in hand now; false when nothing, as far as is known.
bool phases_in_hand(const struct phases *ph, unsigned worker, struct task_in_hand *out);

// Whether tasks were not started for want of time.
bool phases_late(const struct phases *ph);

// Nothing more is started; what is in hand goes on to its end.
int phases_stop(struct phases *ph, int64_t now, br_error *err);

// And what is in hand is killed.
int phases_cancel(struct phases *ph, int64_t now, br_error *err);

// Whether something was left undone because the run was stopped, when done.
bool phases_cut(const struct phases *ph);

// Whether every task of every phase has succeeded, when done.
bool phases_succeeded(const struct phases *ph);

#endif

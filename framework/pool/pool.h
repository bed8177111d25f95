// SPDX-License-Identifier: BSD-3-Clause
// The pool: maps of tasks over workers that an executor runs. It decides which worker gets which
// tasks, when a task has run too long, whether it is tried again, and when a worker is replaced. It
// knows nothing of phases, files or people. It reads no clock: `now` comes from the caller, in
// nanoseconds, and must not go back.
//
// Single-threaded: all calls on a pool come from one thread. No call waits, except pool_destroy.
// Observers are called from within pool_dispatch, pool_map_stop and pool_map_cancel. They may stop,
// cancel and submit maps; they must not release maps or destroy the pool.
//
// An observer returns 0, or -1 and *err. The call that it was called from then returns that error
// at once: later reports stay unread, and no work is granted. The report itself counts: a task that
// has ended has ended for the pool. After that the caller may dispatch again, wind down or destroy
// the pool.
#ifndef BR_POOL_POOL_H
#define BR_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/executor.h"
#include "model/ledger.h"
#include "model/policy.h"

// Number of workers that a task may kill before it is final, unless a caller sets another.
#define POOL_CRASH_LIMIT 3

struct pool;
struct pool_map;

// Is called with what happened to tasks of a map (OK, END, OUTPUT). `final` is true for an OK or
// END that is the task's outcome, and false if another attempt follows. The report is valid during
// the call. Skipped tasks are not reported; the ledger counts them.
typedef int pool_map_observer(void *user, const struct exec_report *report, bool final,
                              br_error *err);

// Is called with what happened to workers (READY, DEAD).
typedef int pool_worker_observer(void *user, const struct exec_report *report, br_error *err);

struct pool_options {
    struct executor *executor; // belongs to the pool: pool_destroy destroys it
    unsigned workers;          // number of workers, at most executor->slots
    unsigned crash_limit;      // a task that has killed so many workers is final
    uint64_t max_tasks;        // a worker is replaced after so many tasks; 0 = never
    int64_t grace_ns;          // time between SIGTERM and SIGKILL
    pool_worker_observer *on_worker;
    void *user;
};

struct pool_map_options {
    struct exec_map map;   // the pool sets its id; what it borrows must outlive the map
    uint64_t tasks;        // number of tasks
    uint32_t chunk;        // number of tasks to grant at a time; 0 = automatic
    int priority;          // higher first
    unsigned max_parallel; // number of workers at once; 0 = all
    struct retry_policy retries;
    // Tasks that an earlier process ran, or NULL. past->known is borrowed until the map is
    // released, the rest for the call.
    const struct ledger_past *past;
    pool_map_observer *observer;
    void *user;
};

// Creates a pool. Workers start with the first pool_dispatch. Returns NULL and *err if there is no
// memory; the executor then still belongs to the caller.
struct pool *pool_create(const struct pool_options *options, br_error *err);

// Lets idle workers end when no work is left, so that pool_destroy waits less for them. Only
// pool_take_ends, pool_map_release and pool_destroy may follow.
void pool_wind_down(struct pool *p);

// Takes the reports of workers that pool_wind_down lets end, and starts no others. Returns whether
// some have yet to end; false, too, if the executor or on_worker has failed.
bool pool_take_ends(struct pool *p, int64_t now);

// Ends the workers, within the grace, and frees the pool and all its maps. Outcomes that were not
// dispatched are lost. NULL is fine.
void pool_destroy(struct pool *p);

// Queues all tasks of a map. Returns the map, which pool_map_release or pool_destroy frees; NULL
// and *err.
struct pool_map *pool_submit(struct pool *p, const struct pool_map_options *options, br_error *err);

// Starts no more tasks of the map. Tasks that have not started end as skipped, tasks that wait for
// another attempt as cancelled; running tasks continue to their ends, and the map is done after
// them. Returns 0; -1 and *err if there is no memory or an observer fails. Another call then
// continues.
int pool_map_stop(struct pool *p, struct pool_map *m, int64_t now, br_error *err);

// Stops the map, and lets the next pool_dispatch kill the workers of its running tasks, which end
// as cancelled. Returns as pool_map_stop does.
int pool_map_cancel(struct pool *p, struct pool_map *m, int64_t now, br_error *err);

// Returns whether every task of the map has ended.
bool pool_map_done(const struct pool_map *m);

// Returns the map's account, which belongs to the map.
const struct ledger *pool_map_ledger(const struct pool_map *m);

// Frees a map that is done.
void pool_map_release(struct pool *p, struct pool_map *m);

// Returns the map of the task that the slot's worker is running, as far as is known, the task in
// *out, and the map's `user` in *user; NULL if none is known to run.
const struct pool_map *pool_in_hand(const struct pool *p, unsigned slot, struct exec_in_hand *out,
                                    void **user);

// Accounts for all that has happened, calls the observers, and grants tasks. Returns 0; -1 and *err
// if the pool cannot continue: no worker can start, the executor has failed, there is no memory, or
// an observer failed.
int pool_dispatch(struct pool *p, int64_t now, br_error *err);

// Notes that this process did not run from time `from` to time `to`, because it was stopped: it was
// woken long after pool_deadline (clock_stood_still), or got SIGCONT. The
// clocks of tasks that run, and the deadlines of workers, stood still meanwhile.
void pool_stood_still(struct pool *p, int64_t from, int64_t to);

// Returns a descriptor that is readable when pool_dispatch has something to do. It belongs to the
// executor.
int pool_fd(const struct pool *p);

// Returns when pool_dispatch must be called even if the descriptor is not readable; INT64_MAX:
// never.
int64_t pool_deadline(const struct pool *p);

// Returns the number of workers that take grants now.
unsigned pool_ready(const struct pool *p);

// Returns whether a worker could have taken more tasks in the last round. If not, a new map need
// not be dispatched before the next report.
bool pool_is_hungry(const struct pool *p);

// Returns the number of slots that get no more workers, because the last one did not end.
unsigned pool_lost(const struct pool *p);

#endif

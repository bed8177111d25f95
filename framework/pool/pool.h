// SPDX-License-Identifier: BSD-3-Clause
// The pool: maps of tasks over workers that an executor runs. It decides which worker gets which
// tasks, when a task has had its time, whether it is tried again, and when a worker is replaced; it
// knows nothing of phases, files or people. It reads no clock: `now` is the caller's.
//
// Single-threaded: all calls from one thread. Observers are called from within pool_dispatch,
// pool_map_stop and pool_map_cancel; they may stop and submit maps, not release them or destroy the
// pool.
//
// An observer returns 0, or -1 and *err. The call that it was called from then returns that error
// at once: later reports stay unread, and no work is handed out. The report itself counts: a task
// that has ended has ended for the pool. After that the caller may dispatch again, wind down or
// destroy the pool.
#ifndef BR_POOL_POOL_H
#define BR_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/executor.h"
#include "model/ledger.h"

struct pool;
struct pool_map;

// What happened to tasks of a map (OK, END, OUTPUT). `final`: OK and END that are the task's one
// outcome; false when another attempt follows.
typedef int pool_map_observer(void *user, const struct exec_report *report, bool final,
                              br_error *err);

// What happened to workers (READY, DEAD).
typedef int pool_worker_observer(void *user, const struct exec_report *report, br_error *err);

struct pool_options {
    struct executor *executor; // the pool's from now on: pool_destroy destroys it
    unsigned workers;          // to start, at most executor->slots
    unsigned crash_limit;      // a task that killed so many workers is final
    uint64_t max_tasks;        // a worker is replaced after so many; 0 = never
    int64_t grace_ns;          // between SIGTERM and SIGKILL
    pool_worker_observer *on_worker;
    void *user;
};

struct pool_retries {
    unsigned limit;           // attempts beyond the first
    unsigned on;              // bit 1u << enum outcome_status
    int64_t delay_ns, max_ns; // before attempt k: delay * factor^(k-1), at most max, jittered
    double factor, jitter;
};

struct pool_map_options {
    struct exec_map map; // its id is set by the pool; what it borrows must outlive the map
    uint64_t tasks;
    uint32_t chunk;        // 0 = auto
    int priority;          // higher first
    unsigned max_parallel; // workers at once, 0 = all
    struct pool_retries retries;
    const struct ledger_past *past; // of tasks that an earlier process ran, or NULL
    pool_map_observer *observer;
    void *user;
};

// NULL and *err on failure; the executor is then still the caller's. Workers start with the first
// pool_dispatch.
struct pool *pool_create(const struct pool_options *options, br_error *err);

// Lets idle workers end, so that pool_destroy waits less for them: for when no work is left. Only
// calls that free may follow.
void pool_wind_down(struct pool *p);

// Ends workers (within the grace), frees all maps. Outcomes not yet dispatched are lost. Takes
// NULL.
void pool_destroy(struct pool *p);

// Queues all tasks of a map. NULL and *err on failure. Freed by pool_map_release or pool_destroy.
struct pool_map *pool_submit(struct pool *p, const struct pool_map_options *options, br_error *err);

// Starts no more tasks of the map: those not started end as skipped, those that wait for another
// attempt as cancelled, and running ones continue to their ends. The map is done when they have
// ended. Returns -1 and *err if memory is out or an observer fails; another call continues then.
int pool_map_stop(struct pool *p, struct pool_map *m, int64_t now, br_error *err);

// As pool_map_stop, and the next pool_dispatch ends the map's tasks in hand by killing their
// workers: they are cancelled.
int pool_map_cancel(struct pool *p, struct pool_map *m, int64_t now, br_error *err);

// What a worker has in hand now, for whoever watches: its map, and *user that map's; NULL when
// nothing, as far as is known.
const struct pool_map *pool_in_hand(const struct pool *p, unsigned slot, struct exec_in_hand *out,
                                    void **user);

bool pool_map_done(const struct pool_map *m);
const struct ledger *pool_map_ledger(const struct pool_map *m);

// Forgets a map that is done.
void pool_map_release(struct pool *p, struct pool_map *m);

// Takes what has happened, calls the observers, hands out work. Never waits. Returns -1 and *err if
// no worker can start, the executor is broken, or an observer fails.
int pool_dispatch(struct pool *p, int64_t now, br_error *err);

// Readable when pool_dispatch has something to do; and when it has, whatever fd says (INT64_MAX:
// never).
int pool_fd(const struct pool *p);
int64_t pool_deadline(const struct pool *p);

// Workers that take grants now.
unsigned pool_ready(const struct pool *p);

#endif

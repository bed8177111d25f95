// SPDX-License-Identifier: BSD-3-Clause
// The pool's state, shared by the files of this folder. Nobody else includes it.
//
// Words:
//   slot       the place of one worker; when the worker ends, the slot gets another
//   grant      consecutive tasks of one map that a worker was given at once, to run in order
//   to hold    a slot holds a grant until each of its tasks has ended or has come back
//   unstarted  tasks of a held grant that the worker has not begun
//   take back  to withdraw unstarted tasks from a slot, so that another slot can be given them
//   steal      to take back half of what a busy slot has not started, for an idle one
//   blocked    said of a slot whose running task has taken long, while others wait after it
//   fruitless  said of a worker that ended before it had finished a task
//   round      one call of pool_dispatch
#ifndef BR_POOL_POOL_PRIVATE_H
#define BR_POOL_POOL_PRIVATE_H

#include <sys/queue.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "pool/chunk.h"
#include "pool/pool.h"

struct slot_grant { // a grant that a slot holds
    struct pool_map *map;
    uint64_t left; // tasks that have neither ended nor come back; the worker may be running one
    int64_t since_ns;
};

// A slot's life: DOWN -start-> STARTING -READY-> READY -kill, retire-> ENDING; DEAD in any -> DOWN,
// or LOST if the worker's process could not be ended.
struct slot {
    enum {
        SLOT_DOWN,
        SLOT_STARTING,
        SLOT_READY,
        SLOT_ENDING,
        SLOT_LOST
    } state;
    struct slot_grant grants[EXECUTOR_QUEUE]; // oldest first; the worker runs tasks of grants[0]
    unsigned grant_count;
    bool alone;               // the newest grant must run with no other beside it
    uint64_t granted;         // number of tasks granted to this worker, for max_tasks
    uint64_t finished;        // number of attempts that this worker finished
    unsigned fruitless;       // number of fruitless workers of this slot in a row
    uint64_t finished_before; // the pool's `finished` when the first of those ended
    bool was_ready;           // a worker of this slot has been ready
    int64_t start_at;         // DOWN: when the next worker may start
    struct exec_grant asked;  // the task that was asked to stop at its soft limit; count 0: none
};

// A map stands in the pool's queue while it has tasks that could be granted now. Otherwise, while
// some of its tasks wait for another attempt, it stands in the pool's heap.
struct pool_map {
    LIST_ENTRY(pool_map) entry; // of all maps
    TAILQ_ENTRY(pool_map) queue_entry;
    bool queued;
    int64_t due_ns;   // when the first of the waiting tasks may run
    size_t due_index; // in the heap, from 1 on; 0: not in it
    struct pool_map_options options;
    struct ledger ledger;
    struct chunk_size chunk;
    unsigned holders;    // number of slots that hold a grant of it
    uint64_t granted_at; // the pool's `grants` when it was last granted tasks
    bool stopped;        // no task of it starts any more
    bool cancelled;      // its running tasks are to be killed
    uint64_t random;     // state of the generator for jitter
};

struct blocked_grant { // unstarted tasks of a blocked slot
    int64_t since_ns;
    unsigned slot;
    struct pool_map *map;
};

struct pool {
    struct pool_options options;
    struct executor *executor;
    struct slot *slots; // options.workers of them
    LIST_HEAD(, pool_map) maps;
    TAILQ_HEAD(map_queue, pool_map) queue; // by priority, then in order of arrival
    struct heap due;                       // of struct pool_map *, the earliest first
    size_t map_count;
    uint64_t last_id;
    uint64_t grants;               // number of grants so far
    uint64_t finished;             // number of attempts finished so far
    int64_t now;                   // of this round
    bool needs_dispatch;           // something has changed since the last round
    bool steal_soon;               // an idle slot could steal as soon as that pays
    struct blocked_grant *blocked; // of this round, oldest first
    size_t blocked_count, blocked_capacity;
    size_t blocked_first;  // those before it were taken
    bool blocked_known;    // false: this round has not looked yet
    struct buffer message; // of the report last passed on
};

// ---- pool.c

// Puts the map into the queue or the heap, or takes it out. Called after each change of its ledger.
void pool_place_map(struct pool *p, struct pool_map *m);

// Returns whether the slot holds a grant of the map.
bool pool_slot_holds(const struct slot *s, const struct pool_map *m);

enum grant_end {
    GRANT_OLDEST,
    GRANT_NEWEST
};

// Notes that `count` tasks of the map have left the slot: of its oldest grant of the map when they
// ended, of its newest when they were taken back.
void pool_let_go(struct slot *s, struct pool_map *m, uint64_t count, enum grant_end end);

// For how many nanoseconds the slot's running task has run; 0 if none is known to run.
int64_t pool_has_run(const struct pool *p, unsigned slot);

// ---- pool_retry.c: the ends of tasks

// A grant and the same tasks as the ledger of its map counts them.
struct ledger_work pool_work_of(const struct exec_grant *grant);
struct exec_grant pool_grant_of(const struct pool_map *m, const struct ledger_work *work);

// Accounts for an END report: the task is tried again or has its outcome. -1 and *err: no memory,
// or an observer failed.
int pool_take_end(struct pool *p, struct pool_map *m, const struct exec_report *r, br_error *err);

// Accounts for granted tasks that come back. If the map is stopped they end here, as skipped or
// cancelled. -1 and *err: no memory, or an observer failed.
int pool_come_back(struct pool *p, struct pool_map *m, const struct exec_grant *g, br_error *err);

// Ends every task of the map that waits for another attempt, as cancelled. -1 and *err: an observer
// failed; the tasks that it was not called with still wait.
int pool_cancel_waiting(struct pool_map *m, int64_t now, br_error *err);

// ---- pool_workers.c: starting and replacing workers

// Starts workers in slots without one. -1 and *err: the pool gives up.
int pool_start_workers(struct pool *p, br_error *err);

// Accounts for a DEAD report. -1 and *err: the pool gives up, or the observer failed.
int pool_take_dead(struct pool *p, const struct exec_report *r, br_error *err);

// ---- pool_limits.c: run time

// Kills the slot's running task if it is over its hard limit or cancelled, and asks it to stop if
// it is over its soft limit.
void pool_judge(struct pool *p, unsigned slot);

// When the slot needs a round even if nothing is reported; INT64_MAX: never.
int64_t pool_slot_deadline(const struct pool *p, unsigned slot);

// ---- pool_grant.c: which slot gets which tasks

// Returns whether max_parallel lets the slot have tasks of the map.
bool pool_may_run(const struct pool_map *m, const struct slot *s);

// Returns whether the slot should be granted more tasks now.
bool pool_asks_for_more(const struct pool *p, unsigned slot);

// Returns whether the slot's worker has had its max_tasks. It is replaced when it has finished
// them.
bool pool_is_used_up(const struct pool *p, const struct slot *s);

// Grants tasks to the slot until it has enough; retires its worker if that is used up.
int pool_feed(struct pool *p, unsigned slot, br_error *err);

// ---- pool_steal.c: taking tasks from one slot for another

// Takes back from the slot all unstarted tasks of the map.
int pool_take_back(struct pool *p, unsigned slot, struct pool_map *m, br_error *err);

// Takes back tasks that wait in a blocked slot if this slot could run them, so that pool_feed
// grants them before newer ones.
int pool_take_blocked(struct pool *p, unsigned slot, br_error *err);

// Gives an idle slot half of what another has not started, so that no task waits after a long one
// while a worker is idle.
int pool_steal(struct pool *p, unsigned slot, br_error *err);

// When to try again to steal what did not pay in this round; INT64_MAX if there was nothing.
int64_t pool_steal_deadline(const struct pool *p);

#endif

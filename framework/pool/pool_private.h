// SPDX-License-Identifier: BSD-3-Clause
// What the files of the pool call of each other. Functions that return an int return 0; -1 and *err
// if the pool cannot continue (no memory, no worker, the executor has failed) or an observer
// failed.
#ifndef BR_POOL_POOL_PRIVATE_H
#define BR_POOL_POOL_PRIVATE_H

#include "pool/pool_state.h"

// ---- pool_queue.c: maps with tasks to grant, and maps whose tasks wait

void pool_queue_init(struct pool *p);

// Puts the map into the queue or the heap, or takes it out. Called after each change of its ledger.
void pool_place_map(struct pool *p, struct pool_map *m);

// Takes the map out of both, before it is freed.
void pool_remove_map(struct pool *p, struct pool_map *m);

// The map whose tasks are the first to wait no longer; NULL if none waits.
struct pool_map *pool_first_due(const struct pool *p);

// ---- pool_slots.c: what a slot holds

// Returns whether the slot holds a grant of the map.
bool pool_slot_holds(const struct slot *s, const struct pool_map *m);

// The map with that id, of which the slot holds a grant.
struct pool_map *pool_map_of(const struct slot *s, uint64_t id);

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

// Accounts for an END report: the task is tried again or has its outcome.
int pool_take_end(struct pool *p, struct pool_map *m, const struct exec_report *r, br_error *err);

// Accounts for granted tasks that come back. If the map is stopped they end here, as skipped or
// cancelled.
int pool_come_back(struct pool *p, struct pool_map *m, const struct exec_grant *g, br_error *err);

// Ends every task of the map that waits for another attempt, as cancelled. If the observer fails,
// the tasks that it was not called with still wait.
int pool_cancel_waiting(struct pool_map *m, int64_t now, br_error *err);

// ---- pool_workers.c: starting and replacing workers

// Starts workers in slots without one.
int pool_start_workers(struct pool *p, br_error *err);

// Accounts for a DEAD report.
int pool_take_dead(struct pool *p, const struct exec_report *r, br_error *err);

// ---- pool_limits.c: run time

// Kills the slot's running task if it is over its hard limit or cancelled, and asks it to stop if
// it is over its soft limit.
void pool_judge(struct pool *p, unsigned slot);

// Stops the clock of each running task for the time in which the process did not run. To be called
// when all reports are read: tasks that have ended meanwhile keep their outcomes.
void pool_halt_clocks(struct pool *p);

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

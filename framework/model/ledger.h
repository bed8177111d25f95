// SPDX-License-Identifier: BSD-3-Clause
// The account of one map's tasks: which are new, granted, waiting for another attempt, ended. Pure.
// Its memory grows with the number of tasks that are returned or waiting, not with the number of
// all tasks.
//
// A task's life:
//
//   new ──take──► granted ──end──► ended (with one outcome, once)
//                   │ ▲
//      give_back    ▼ │ take
//                 returned          it never started: no attempt is charged
//     retry         ▼ │ take, when its time has come
//                 waiting           for another attempt; if that is given back, it waits again
#ifndef BR_MODEL_LEDGER_H
#define BR_MODEL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/heap.h"
#include "model/outcome.h"

// Consecutive tasks with the same history. Tasks that have had an attempt come one by one.
struct ledger_work {
    uint64_t first;
    uint32_t count;
    uint32_t attempt; // 1 is the first
    uint32_t crashes; // number of workers that they have killed
    bool alone;       // one of them may have damaged its worker: each must be granted alone
};

struct ledger_retry { // a waiting task
    int64_t due_ns;   // when it may be taken
    struct ledger_work work;
};

// What became of a map's tasks in an earlier process. The ledger borrows `known` for its whole
// life, the rest for one call.
struct ledger_past {
    const uint64_t *known; // a set (base/bits.h) of the tasks that have ended or are in `again`
    uint64_t ended[OUTCOME_COUNT];
    const struct ledger_work *again; // single tasks that are to run at once, as this attempt
    size_t again_count;
};

struct ledger {
    uint64_t tasks;
    uint64_t cursor;       // tasks from here on are new, except those in `known`
    const uint64_t *known; // see ledger_past; or NULL
    uint64_t known_left;   // number of tasks in `known` from the cursor on
    uint64_t granted;      // number of tasks that were taken and have not ended
    uint64_t ended[OUTCOME_COUNT];
    struct ledger_work *returned; // a stack
    size_t returned_count, returned_capacity;
    uint64_t returned_tasks; // number of tasks in `returned`
    struct heap waiting;     // of struct ledger_retry, the earliest first
};

// Makes a ledger of so many new tasks; ledger_finish frees its memory.
void ledger_init(struct ledger *l, uint64_t tasks);

// Continues where an earlier ledger of as many tasks stopped. Called right after ledger_init.
// Returns 0; -1 and *err if there is no memory.
int ledger_resume(struct ledger *l, const struct ledger_past *past, br_error *err);

void ledger_finish(struct ledger *l);

// Takes the next tasks: returned ones first, then waiting ones whose time has come by `now`, then
// new ones. At most `most` (>= 1); one if it must run alone. Returns false if there are none now.
bool ledger_take(struct ledger *l, uint32_t most, int64_t now, struct ledger_work *out);

// Returns whether ledger_take would return a task that must run alone.
bool ledger_next_alone(const struct ledger *l, int64_t now);

// Gives back granted tasks that have not started. A task that has had an attempt may be taken again
// at once. Returns 0; -1 and *err, with nothing changed, if there is no memory.
int ledger_give_back(struct ledger *l, const struct ledger_work *work, br_error *err);

// Lets one granted task run once more, as work->attempt, from `due_ns` on. Returns 0; -1 and *err,
// with nothing changed, if there is no memory.
int ledger_retry(struct ledger *l, const struct ledger_work *work, int64_t due_ns, br_error *err);

// Notes that `count` granted tasks have ended.
void ledger_end(struct ledger *l, enum outcome_status status, uint64_t count);

// Returns the number of tasks that could be taken now or later: new, returned and waiting ones.
uint64_t ledger_left(const struct ledger *l);

// Returns whether a task could be taken now.
bool ledger_ready(const struct ledger *l, int64_t now);

// Returns when the first waiting task may be taken; INT64_MAX if none waits.
int64_t ledger_next_due(const struct ledger *l);

// Stops the map: new and returned tasks end as skipped. Returns their number. The caller then takes
// the waiting ones out by ledger_drop_waiting.
uint64_t ledger_stop(struct ledger *l);

// Takes out one waiting task, which ends as cancelled. Returns false if none waits.
bool ledger_drop_waiting(struct ledger *l, struct ledger_work *out);

// Returns the number of tasks that have ended with any outcome.
uint64_t ledger_ended(const struct ledger *l);

// Returns whether every task has ended.
bool ledger_done(const struct ledger *l);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The account of one map's tasks: which are new, given out, waiting for another attempt, ended.
// Pure, and flat: it grows with what is out of order, never with the number of tasks.
//
// A task's life:
//
//   new ──take──► out ──end──► ended (one of the outcomes, once)
//                 │ ▲
//    give_back    ▼ │ take
//               returned          never started: no attempt is charged
//   retry         ▼ │ take, when due
//               waiting           for another attempt; one that is given back waits again
#ifndef BR_MODEL_LEDGER_H
#define BR_MODEL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/heap.h"
#include "model/outcome.h"

struct ledger_work { // consecutive tasks of the same history; one, when it has had an attempt
    uint64_t first;
    uint32_t count;
    uint32_t attempt;
    uint32_t crashes; // workers they have killed
    bool alone;       // one of them may have damaged its worker: each runs with nothing beside it
};

struct ledger_retry {
    int64_t due_ns;
    struct ledger_work work; // count 1
};

// What became of a map's tasks in an earlier process. The ledger borrows `known` for its life, the
// rest for the call.
struct ledger_past {
    const uint64_t *known; // a bit a task (base/bits.h): it has ended, or is among `again`
    uint64_t ended[OUTCOME_COUNT];
    const struct ledger_work *again; // each of one task, to be run as this attempt, at once
    size_t again_count;
};

struct ledger {
    uint64_t tasks;
    uint64_t cursor;       // tasks from here on are new
    const uint64_t *known; // but these are not; or NULL
    uint64_t known_left;   // how many of them are at the cursor or behind it
    uint64_t out;
    uint64_t ended[OUTCOME_COUNT];
    struct ledger_work *returned; // a stack
    size_t returned_count, returned_capacity;
    uint64_t returned_tasks;
    struct heap waiting; // of struct ledger_retry, the earliest first
};

void ledger_init(struct ledger *l, uint64_t tasks);

// Goes on where an earlier ledger of as many tasks stopped; right after ledger_init. -1 and *err:
// out of memory.
int ledger_resume(struct ledger *l, const struct ledger_past *past, br_error *err);

void ledger_finish(struct ledger *l);

// The next tasks to run, at most `most` (>= 1), and one where it is to run alone: returned ones,
// then waiting ones that are due, then new ones. false when there are none now.
bool ledger_take(struct ledger *l, uint32_t most, int64_t now, struct ledger_work *out);

// Tasks that are out come back without having started; one that has had an attempt is due at once.
// -1 and *err: out of memory, nothing changed.
int ledger_give_back(struct ledger *l, const struct ledger_work *work, br_error *err);

// Whether what ledger_take would give now is to run alone.
bool ledger_next_alone(const struct ledger *l, int64_t now);

// `count` tasks that are out have ended for good.
void ledger_end(struct ledger *l, enum outcome_status status, uint64_t count);

// A task that is out is to be run once more, as work->attempt, from `due_ns` on.
int ledger_retry(struct ledger *l, const struct ledger_work *work, int64_t due_ns, br_error *err);

// Tasks that could be taken now or later: new, returned and waiting.
uint64_t ledger_left(const struct ledger *l);

// Tasks that could be taken now.
bool ledger_ready(const struct ledger *l, int64_t now);

// When the next waiting task is due; INT64_MAX without one.
int64_t ledger_next_due(const struct ledger *l);

// Nothing more is to be started. New and returned tasks end as skipped; their number. Waiting ones
// come out one by one by ledger_drop_waiting, which ends each as cancelled.
uint64_t ledger_stop(struct ledger *l);
bool ledger_drop_waiting(struct ledger *l, struct ledger_work *out);

uint64_t ledger_ended(const struct ledger *l); // of any outcome

bool ledger_done(const struct ledger *l);

#endif

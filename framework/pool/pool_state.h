// SPDX-License-Identifier: BSD-3-Clause
// The pool's state and its words, shared by the files of this folder. Nobody else includes it.
//
// Words:
//   slot       holds one worker at a time; when the worker ends, the slot gets another
//   grant      consecutive tasks of one map that a worker was given at once, to run in order
//   to hold    a slot holds a grant until each of its tasks has ended or has come back
//   unstarted  tasks of a held grant that the worker has not started
//   take back  to withdraw unstarted tasks from a slot, so that another slot can be given them
//   steal      to take back half of what a busy slot has not started, for an idle one
//   blocked    said of a slot whose running task has taken long, while others wait after it
//   fruitless  said of a worker that ended soon, before it had finished a task
//   round      one call of pool_dispatch
#ifndef BR_POOL_POOL_STATE_H
#define BR_POOL_POOL_STATE_H

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
    int64_t ready_ns;         // READY: since when
    int64_t start_at;         // DOWN: when the next worker may start
    struct exec_grant halted; // the task whose clock stood still for halted_ns; count 0: none
    int64_t halted_ns;
    struct exec_grant asked; // the task that was asked to stop at its soft limit; count 0: none
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
    bool hungry;                   // in the last round a slot could have taken more tasks
    int64_t halt_from, halt_to;    // time in which the process did not run; equal: none
    bool needs_dispatch;           // something has changed since the last round
    bool steal_soon;               // an idle slot could steal as soon as that pays
    struct blocked_grant *blocked; // of this round, oldest first
    size_t blocked_count, blocked_capacity;
    size_t blocked_first;  // those before it were taken
    bool blocked_known;    // false: this round has not looked yet
    struct buffer message; // of the report last passed on
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The state of the implementation of <batchrun/pool.h>: a pool of functions over the pool of maps
// (pool/pool.h), made safe for threads. Shared by the files of this folder:
//
//   library_struct   structs of other versions of the header (knows none of the others)
//   library_result   the outcomes of a call's items       (knows none of the others)
//   library_drive    the lock, waiting, callbacks         (knows results)
//   library_call     taking items, looking at results     (knows both)
//   library_imap     iterators                            (knows calls)
//   library_pool     making and ending a pool             (knows all)
//
// One lock guards a pool and all that belongs to it. Functions of the folder are called with the
// lock unless they say otherwise. Callbacks and the caller's iterators run without it.
//
// Waiting threads drive the pool: a thread that waits for a result dispatches, runs the callbacks
// that are ready, and polls without the lock. Only one thread polls; others wait for the condition
// `changed`. With a progress thread, that thread alone drives.
#ifndef BR_LIBRARY_LIBRARY_STATE_H
#define BR_LIBRARY_LIBRARY_STATE_H

#include <pthread.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "exec/process/nursery.h"
#include "library/library.h"
#include "model/plan.h"
#include "pool/pool.h"

enum {
    ITEM_ATTEMPT_MAX = UINT8_MAX, // stands for that many attempts or more
    ITEM_NO_WORKER = UINT16_MAX
};

// The state of an item.
struct item_state {
    uint8_t status;  // enum br_status
    uint8_t attempt; // number of the attempt that ended it; 0 before its end
    uint16_t worker; // worker in which it ended, or ITEM_NO_WORKER
};

struct item_failure { // an item that did not succeed
    size_t index;
    br_outcome outcome; // its message belongs to this struct
};

struct item_bytes { // the bytes that an item emitted
    size_t index;
    char *data;
    size_t size;
};

// The details of the few items that failed or emitted bytes.
struct item_details {
    struct item_failure *failures;
    size_t failure_count, failure_capacity;
    struct item_bytes *emitted;
    size_t emitted_count, emitted_capacity;
    bool sorted; // both arrays are in the order of the items
};

// A call and its result. It is freed when the caller has given up the handle, every item has ended
// and the callback has returned. A program may keep millions of results of one item each, so the
// struct is small, and the state and output of a single item are in it.
struct br_result {
    br_result *next, *previous;        // all results of the pool
    br_result *next_ready;             // in the pool's `finished`, then in its `callbacks`
    TAILQ_ENTRY(br_result) done_entry; // in the pool's `done`
    br_result *next_stopping;          // in the pool's `to_stop`, then in its `stopping`
    br_pool *pool;
    struct pool_map *map; // until every item has ended; NULL afterwards
    size_t count, out_size;
    struct item_state *items; // of each item
    char *out;                // the caller's, unless own_out
    void *inputs;             // a copy if they are few
    struct item_details *details;
    void (*on_result)(br_result *, void *);
    void (*on_error)(br_result *, void *);
    void *user;
    size_t cancelled_items; // number of items that never started
    pthread_t callback_thread;
    struct item_state one; // `items` of a call with one item
    int inputs_fd;         // shared memory with the inputs if they are many; else -1
    bool own_out;
    bool stop_on_error;
    bool open;                 // the caller has the handle
    bool to_return;            // br_pool_next_done will return it: `done` has it, or will have it
    bool notified;             // the callback has returned, or there is none
    bool in_callback;          // the callback runs, in callback_thread
    bool examined;             // the caller has asked for an outcome
    bool to_stop, stopping;    // in that list of the pool
    bool out_of_memory;        // an outcome could not be kept whole
    _Alignas(8) char small[8]; // `out` of a call with one small item
};

_Static_assert(sizeof(struct br_result) <= 184, "a kept result takes less than 200 bytes");

struct br_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed; // something has ended, or another thread may drive; CLOCK_MONOTONIC
    pid_t owner;            // the process that created the pool
    struct nursery nursery;
    struct plan plan;
    int *standard; // descriptors for the workers: each one's standard output, then standard errors
    struct pool *pool;
    br_result *results;
    br_result *finished;                     // every item has ended; not settled yet
    br_result *callbacks, **callbacks_end;   // settled; the callback has not run yet
    TAILQ_HEAD(result_list, br_result) done; // for br_pool_next_done
    size_t done_later;                       // number of results that will come to `done`
    br_pool_options options;
    bool closed;
    bool ended;  // it was joined, and its workers have ended; `pool` is NULL
    bool broken; // no more work can be done; `why` is the reason
    br_error why;
    int64_t stepped_ns; // time of the last dispatch
    bool driving;       // a thread polls, without the lock
    bool ending;        // the progress thread must end
    bool has_thread;
    pthread_t thread;
    int wake;            // eventfd that wakes the driving thread
    br_imap *imaps;      // all iterators
    uint64_t queued;     // number of items that have not ended
    br_result *to_stop;  // calls with stop_on_error of which an item has failed since
    br_result *stopping; // calls that were stopped or cancelled and have not ended
    int64_t spin_ns;     // how long to look for an end before sleeping
    struct library_time time;
    br_pool_stats stats;
};

#endif

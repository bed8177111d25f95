// SPDX-License-Identifier: BSD-3-Clause
// The state behind <batchrun/pool.h>: a pool of functions over the pool of maps (pool/pool.h), made
// safe for threads. Shared by the files of this folder:
//
//   library_result   what became of a call's items        (knows none of the others)
//   library_drive    the lock, waiting, callbacks         (knows results)
//   library_call     taking items, looking at results     (knows both)
//   library_imap     iterators                            (knows calls)
//   library_pool     making and ending a pool             (knows all)
//
// One lock guards a pool and all that belongs to it. Functions of the folder are called with the
// lock unless they say otherwise. Callbacks and the caller's iterators run without it.
//
// Who waits drives: a thread that waits for a result dispatches, runs the callbacks that are ready,
// and polls without the lock. Only one thread polls; others wait for the condition `changed`. With
// a progress thread, that thread alone drives.
#ifndef BR_LIBRARY_LIBRARY_STATE_H
#define BR_LIBRARY_LIBRARY_STATE_H

#include <pthread.h>
#include <sys/types.h>

#include "exec/process/nursery.h"
#include "library/library.h"
#include "model/plan.h"
#include "pool/pool.h"

struct item_failure { // an item that did not end well
    size_t index;
    br_outcome outcome; // its message belongs to this struct
};

struct item_bytes { // what an item emitted
    size_t index;
    char *data;
    size_t size;
};

// A call and its result. It is freed when the caller has given up the handle, every item has ended
// and the callback has returned.
struct br_result {
    br_result *next, *previous; // all results of the pool
    br_result *next_ready;      // in the pool's `finished`, then in its `callbacks`
    br_result *next_stopping;   // in the pool's `to_stop`, then in its `stopping`
    br_pool *pool;
    struct pool_map *map; // until every item has ended; NULL afterwards
    br_function *function;
    size_t count, in_size, out_size;
    char *out; // the caller's, unless own_out
    bool own_out;
    void *items;  // a copy of the inputs if they are few
    int items_fd; // shared memory with the inputs if they are many; else -1
    br_call_options options;
    unsigned char *status; // enum br_status of each item
    struct item_failure *failures;
    size_t failure_count, failure_capacity;
    struct item_bytes *emitted;
    size_t emitted_count, emitted_capacity;
    bool sorted;      // failures and emitted are in the order of the items
    bool open;        // the caller has the handle
    bool notified;    // the callback has returned, or there is none
    bool in_callback; // the callback runs, in callback_thread
    pthread_t callback_thread;
    bool examined;          // the caller has asked for an outcome
    bool to_stop, stopping; // in that list of the pool
    size_t cancelled_items; // number of items that never started
    bool out_of_memory;     // an outcome could not be kept whole
};

struct br_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed; // something has ended, or another thread may drive; CLOCK_MONOTONIC
    pid_t owner;            // the process that created the pool
    struct nursery nursery;
    struct plan plan;
    int *standard; // descriptors for the workers: each one's standard output, then standard errors
    struct pool *pool;
    br_result *results;
    br_result *finished;                   // every item has ended; not settled yet
    br_result *callbacks, **callbacks_end; // settled; the callback has not run yet
    br_pool_options options;
    bool closed;
    bool broken; // no more work can be done; `why` is the reason
    br_error why;
    bool driving; // a thread polls, without the lock
    bool ending;  // the progress thread must end
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

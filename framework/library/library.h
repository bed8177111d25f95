// SPDX-License-Identifier: BSD-3-Clause
// What stands behind <batchrun/pool.h>: a pool of functions over the pool of maps (pool/pool.h),
// made safe for threads.
//
// One lock guards a pool and all that belongs to it. Callbacks and `next` functions are called
// without it. Whoever waits drives: it takes what has happened, runs the callbacks that are due,
// then polls without the lock; others that wait meanwhile are told when something has moved.
#ifndef BR_LIBRARY_LIBRARY_H
#define BR_LIBRARY_LIBRARY_H

#include <batchrun/pool.h>
#include <poll.h>
#include <pthread.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "exec/process/nursery.h"
#include "exec/worker/worker_setup.h"
#include "model/plan.h"
#include "pool/pool.h"

struct item_failure { // an item that did not end well
    size_t index;
    br_outcome outcome; // its message is the failure's
};

struct item_bytes { // what an item emitted
    size_t index;
    char *data;
    size_t size;
};

struct br_result {
    br_result *next, *previous; // all results of the pool
    br_result *next_due;        // those that are finished, then those whose callback is due
    br_result *next_stopping;   // those that are to be stopped, then those that are being stopped
    br_pool *pool;
    struct pool_map *map; // until every item has ended
    br_function *function;
    size_t count, in_size, out_size;
    char *out;
    bool own_out;
    void *items;  // a copy of few inputs
    int items_fd; // or shared memory of many; -1
    br_call_options options;
    unsigned char *status; // enum br_status of each item
    struct item_failure *failures;
    size_t failure_count, failure_capacity;
    struct item_bytes *emitted;
    size_t emitted_count, emitted_capacity;
    bool sorted;            // both, by index
    bool open;              // the caller has the handle
    bool told;              // its callback was called, or it has none
    bool telling;           // its callback is being called, by
    pthread_t teller;       // this thread
    bool asked;             // somebody looked at how it went
    bool to_stop, stopping; // in that list of the pool's
    size_t cancelled_items; // that were never started
    bool out_of_memory;     // an outcome could not be kept whole
};

// How time passes: by the machine's clock, or by a test's script.
struct library_time {
    int64_t (*now)(void *user);
    // As poll(2), until `until` at the latest. A failure to wait is a shorter wait.
    void (*wait)(void *user, struct pollfd *fds, nfds_t count, int64_t until);
    void *user;
};

struct br_pool {
    pthread_mutex_t lock;
    pthread_cond_t moved; // on the monotonic clock
    pid_t owner;
    struct nursery nursery;
    struct plan plan;
    int *standard; // the caller's standard output for each worker, then its standard error
    struct pool *pool;
    br_result *results;
    br_result *finished;       // every item has ended; not settled yet
    br_result *due, **due_end; // settled; the callback is to come
    br_pool_options options;
    bool closed;
    bool broken; // no work can be done any more; `why` says why
    br_error why;
    bool driving; // a thread polls, without the lock
    bool ending;  // the progress thread is to end
    bool has_thread;
    pthread_t thread;
    int wake;            // eventfd: a driver is to look again
    br_imap *imaps;      // all iterators
    uint64_t queued;     // items
    br_result *to_stop;  // calls with stop_on_error of which an item has failed since
    br_result *stopping; // calls that were stopped or cancelled, and have not ended
    int64_t spin_ns;
    struct library_time time;
    br_pool_stats stats;
};

// A pool over an executor, which is the pool's from now on: as br_pool_create, without whatever
// makes worker processes. NULL and *err on failure; the executor is gone then too.
br_pool *library_create(const br_pool_options *options, struct executor *executor,
                        const struct library_time *time, br_error *err);

int64_t library_now(const br_pool *p);

// Locks, unless this is another process's copy: then false and *err.
bool library_enter(br_pool *p, br_error *err);
void library_leave(br_pool *p);

// Moves work on until `done` says so or `timeout` seconds have passed: whether it did. With the
// lock.
typedef bool library_condition(void *user);
bool library_drive(br_pool *p, double timeout, library_condition *done, void *user);
bool library_drive_until(br_pool *p, int64_t deadline, library_condition *done, void *user);

// One step without waiting: dispatches, then runs the callbacks that are due (without the lock).
void library_step(br_pool *p);

// Hands out what was submitted, now or by whoever drives.
void library_start(br_pool *p);

// Notes that every item of a result has ended: called from within pool_dispatch.
void library_finished(br_result *r);

// Has the next step stop a call that is under way; awaits the end of one that was stopped, the last
// items of which may end without a report of their own.
void library_stop_later(br_result *r);
void library_await_end(br_result *r);

bool library_has_failed(const br_result *r);
void library_outcome(br_result *r, size_t i, br_outcome *out);
void library_cancel(br_result *r); // library_start is to follow, and settles what has ended

// Frees the iterators that the caller has not; all that they took has ended.
void library_free_imaps(br_pool *p);

// What item i emitted: the caller's now, to be freed. NULL when nothing.
char *library_take_emitted(br_result *r, size_t i, size_t *size);

// Puts a result whose items have all ended in the queue of callbacks, and frees what it needs no
// more.
void library_settle(br_result *r);

// All results end as cancelled; the pool does nothing more.
void library_break(br_pool *p, const br_error *why);

// What a call is of: `count` items, and where their results go.
struct library_call {
    br_function *function;
    const void *in;
    size_t count, in_size;
    void *out;
    size_t out_size;
    size_t first_index; // br_task_index of the first of them
    int64_t room_until; // when to give up waiting for room in the queue
};

// Until when a call waits for room that finds none now.
int64_t library_room_until(const br_pool *p);

// Whether so many items of such sizes are an array that there can be: 0, or -1 and BR_ERR_USAGE.
int library_check_sizes(size_t count, size_t in_size, size_t out_size, br_error *err);

// Takes a call's items. With the lock. NULL and *err.
br_result *library_submit(br_pool *p, const struct library_call *call,
                          const br_call_options *options, br_error *err);

// Gives up the handle; frees the result when nothing else needs it. With the lock.
void library_release(br_result *r);
void library_drop(br_result *r);        // nobody looks at it any more
void library_free_result(br_result *r); // whatever needs it

int64_t library_deadline(double timeout, int64_t now);

// Seconds that a caller gave as nanoseconds; what nobody lives to see is as good as for ever.
int64_t library_ns(double seconds);
// Whether a caller may give that as a time limit: BR_FOREVER is no limit, as 0 is.
bool library_is_limit(double seconds);

#endif

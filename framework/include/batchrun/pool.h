/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool of worker processes for a C program: what Python's multiprocessing.Pool is for Python.
 * Functions of the calling program run in workers; an item that crashes, exits or hangs costs
 * itself alone, and its outcome says what happened. Link with -lbatchrun.
 *
 *     static int square(br_task *t, const void *in, void *out)
 *     {
 *         const int64_t *n = in;
 *         *(int64_t *)out = *n * *n;
 *         return 0;
 *     }
 *
 *     int64_t in[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, out[10];
 *     br_error err;
 *     br_pool *pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
 *     br_pool_map(pool, square, in, 10, sizeof in[0], out, sizeof out[0], NULL, &err);
 *     br_pool_close(pool);
 *     br_pool_join(pool, BR_FOREVER, &err);
 *     br_pool_destroy(pool);
 *
 * Workers are forked from the program as it is when the pool is made: functions and whatever
 * `in` does not carry are what they were then. What a function writes elsewhere than to `out` stays
 * in its worker.
 *
 * Errors. A function that returns int gives 0, or -1 with *err filled in; one that returns a
 * pointer gives NULL. `err` may be NULL. On failure nothing has happened.
 *
 * A pool, result or iterator that a call is given is one that was made and not freed; anything
 * else, NULL too, is the caller's mistake and not looked for, but where a call says that it takes
 * NULL.
 *
 * Times are seconds; BR_FOREVER never ends, 0 only looks. A time to wait that is negative or no
 * number never ends either; in the options of a pool or a call it is BR_ERR_USAGE.
 *
 * Threads. Every call may be made by any thread of the process that made the pool; calls on one
 * pool wait for each other for moments only. Work moves on while some thread is inside a call on
 * the pool, or always, with .progress_thread. After fork() the child's copy of a pool refuses every
 * call; br_pool_destroy does nothing there.
 *
 * The caller's own children, signal handlers, descriptors and stdio buffers are left alone. The
 * program has one child more, the nursery, which forks, reaps and sweeps the workers; who waits for
 * all children (wait() until it fails) should destroy the pool before. A SIGCHLD handler may reap
 * it.
 */
#ifndef BATCHRUN_POOL_H
#define BATCHRUN_POOL_H

#include <batchrun/error.h>
#include <batchrun/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BR_API_ __attribute__((visibility("default")))
#else
#define BR_API_
#endif

typedef struct br_pool br_pool;
typedef struct br_result br_result;
typedef struct br_imap br_imap;

#define BR_FOREVER (-1.0)

/*
 * A function that workers run. `in` is the item (in_size bytes, aligned as in the caller's array),
 * to be read only; `out` has out_size zero bytes, aligned for any type. 0 is success; br_fail(t,
 * ...) ends the item as `error` with a message; so does any other value. Of the calls in
 * <batchrun/plugin.h> those about the task, br_fail and br_log serve here too.
 */
typedef int br_function(br_task *t, const void *in, void *out);

/* Adds bytes of any number (at most 1 GiB in all, with `out`) to the item's result, behind `out`;
 * read by br_result_emitted. In a worker. 0, or non-zero when it is too much or memory is out: the
 * item then fails. */
static inline int br_task_emit(br_task *t, const void *data, size_t size)
{
    return t->api->emit(t, data, size);
}

/* ---- Making a pool -----------------------------------------------------------------------------
 */

enum br_binding {
    BR_BIND_NONE, /* a worker runs where the caller may */
    BR_BIND_PU,
    BR_BIND_CORE,
    BR_BIND_L3,
    BR_BIND_NUMA,
    BR_BIND_PACKAGE
};

/* Zero means the default of each. */
typedef struct br_pool_options {
    unsigned workers;        /* 0: as many as there are objects to bind to (CPUs, unbound) */
    int (*init)(void *arg);  /* in each worker before its first item; not 0: no worker can start */
    void *init_arg;          /* as it was when the pool was made */
    uint64_t max_tasks;      /* a worker is replaced after so many items; 0: never */
    enum br_binding binding; /* fewer objects than workers: an error unless .oversubscribe */
    bool oversubscribe;
    bool scatter;         /* neighbours far apart, not next to each other */
    unsigned width;       /* objects a worker; 0: one */
    unsigned crash_limit; /* an item that killed so many workers is not retried; 0: 3 */
    double grace;         /* between SIGTERM and SIGKILL; 0: 2 s */
    size_t max_queued;    /* items accepted and not ended, at most; 0: no bound */
    double queue_timeout; /* how long a call waits for room in the queue; 0: not at all */
    bool progress_thread; /* a thread of the library moves work on and runs the callbacks */
    uint64_t memory;      /* each worker's RLIMIT_AS, bytes; 0: as the caller's */
    uint64_t open_files;  /* RLIMIT_NOFILE; 0: as the caller's */
} br_pool_options;

/* `options` NULL: all defaults. The caller owns the pool. An initializer that fails is an error of
 * this call. */
BR_API_ br_pool *br_pool_create(const br_pool_options *options, br_error *err);

/* No more work is taken; what was taken goes on. */
BR_API_ void br_pool_close(br_pool *pool);

/* Waits until all work has ended and callbacks have returned; within a callback, not for those that
 * are under way. The pool must have been closed or terminated (BR_ERR_USAGE). BR_ERR_TIMEOUT when
 * `timeout` passes first. */
BR_API_ int br_pool_join(br_pool *pool, double timeout, br_error *err);

/* Ends everything now: queued items and those in hand end as cancelled, callbacks are called. Waits
 * as br_pool_join does. */
BR_API_ void br_pool_terminate(br_pool *pool);

/* Terminates what is left, ends the workers, frees the pool and all results and iterators that were
 * not freed. Takes NULL. Not from a callback: where one calls exit() and a handler of that this, it
 * only ends all work, and the workers end with the process. */
BR_API_ void br_pool_destroy(br_pool *pool);

/* As `with Pool(...) as pool` in Python: br_auto_pool pool = br_pool_create(...); destroyed where
 * its scope ends. GCC and Clang. */
#define br_auto_pool __attribute__((cleanup(br_pool_leave_scope_))) br_pool *
static inline void br_pool_leave_scope_(br_pool **pool)
{
    br_pool_destroy(*pool);
}

/* ---- Calls -------------------------------------------------------------------------------------
 *
 * An item is in_size bytes at in + i * in_size; its result out_size bytes at out + i * out_size.
 * Inputs are copied before the call returns. `out` must stay until the result is ready; NULL: the
 * result keeps them (br_result_output). Sizes may be 0, then the pointer may be NULL.
 */
typedef struct br_call_options {
    void (*on_result)(br_result *result, void *user); /* all items ended well */
    void (*on_error)(br_result *result, void *user);  /* some did not */
    void *user;
    double timeout;        /* of each item, then its worker is killed; 0 or BR_FOREVER: none */
    double soft_timeout;   /* then br_task_cancelled tells it; 0 or BR_FOREVER: none */
    unsigned retries;      /* attempts beyond the first, of items that failed in any way */
    double retry_delay;    /* before the first retry; doubles each time, at most 30 s */
    size_t chunk;          /* items handed to a worker at a time, several times as many where they
                              are over in no time; 0: what takes a few ms */
    int priority;          /* higher first */
    unsigned max_parallel; /* workers at once; 0: all */
    bool stop_on_error;    /* the first item that fails for good cancels the rest */
} br_call_options;

/*
 * One item, or `count` of them; the plain forms wait until all have ended. 0 when every item ended
 * well; else BR_ERR_TASK with the first failed item's message: the others' results are there all
 * the same. BR_ERR_CLOSED after br_pool_close, BR_ERR_FULL when the queue has no room in time,
 * BR_ERR_USAGE for sizes that overflow.
 *
 * The async forms return at once; the caller owns the result, and frees it when it likes
 * (br_result_free). Just one of the callbacks is called, once, in this process: by the thread that
 * is inside a call on the pool, or by the progress thread. It may make any call but
 * br_pool_destroy.
 */
BR_API_ int br_pool_apply(br_pool *pool, br_function *function, const void *in, size_t in_size,
                          void *out, size_t out_size, const br_call_options *options,
                          br_error *err);
BR_API_ br_result *br_pool_apply_async(br_pool *pool, br_function *function, const void *in,
                                       size_t in_size, void *out, size_t out_size,
                                       const br_call_options *options, br_error *err);
BR_API_ int br_pool_map(br_pool *pool, br_function *function, const void *in, size_t count,
                        size_t in_size, void *out, size_t out_size, const br_call_options *options,
                        br_error *err);
BR_API_ br_result *br_pool_map_async(br_pool *pool, br_function *function, const void *in,
                                     size_t count, size_t in_size, void *out, size_t out_size,
                                     const br_call_options *options, br_error *err);

/* ---- Results -----------------------------------------------------------------------------------
 */

enum br_status {
    BR_PENDING = 0,
    BR_OK,
    BR_ERROR,   /* the function said so */
    BR_CRASHED, /* a signal, exit, abort */
    BR_TIMED_OUT,
    BR_OVER_LIMIT,
    BR_CANCELLED,
    BR_SKIPPED
};

typedef struct br_outcome {
    enum br_status status;
    unsigned attempt; /* 0: the first */
    int worker;       /* -1: it never ran */
    int signal;       /* that ended the worker, or 0 */
    int exit_code;
    double duration;     /* seconds; 0 where it was not kept (plain successes) */
    const char *message; /* never NULL; the result's */
} br_outcome;

/* 1 when every item has ended, 0 when `timeout` passed first, -1 on failure. */
BR_API_ int br_result_wait(br_result *r, double timeout, br_error *err);

/* Waits, then as br_pool_map returns. BR_ERR_TIMEOUT when `timeout` passes first. */
BR_API_ int br_result_get(br_result *r, double timeout, br_error *err);

/* Whether every item has ended; whether every one has ended well (false before). They move work on.
 */
BR_API_ bool br_result_ready(br_result *r);
BR_API_ bool br_result_successful(br_result *r);

/* Items of the call, and how item i ended or stands. BR_ERR_USAGE when there is no such item. */
BR_API_ size_t br_result_count(const br_result *r);
BR_API_ int br_result_outcome(br_result *r, size_t i, br_outcome *out, br_error *err);

/* Item i's out_size bytes, whoever keeps them; NULL when it has not ended well or out_size is 0. */
BR_API_ const void *br_result_output(br_result *r, size_t i);

/* What item i emitted, `*size` bytes; NULL when nothing. */
BR_API_ const void *br_result_emitted(br_result *r, size_t i, size_t *size);

/* Cancels items that are queued, and ends those in hand. Outcomes that are there stay. */
BR_API_ void br_result_cancel(br_result *r);

/* Frees the handle. The call goes on, and its callback is called; what it gives is dropped unless
 * `out` was the caller's. Takes NULL. */
BR_API_ void br_result_free(br_result *r);

/* ---- Iterating ---------------------------------------------------------------------------------
 *
 * Results of an iterator's items, one by one, with a bounded number of items under way: an endless
 * iterator runs in constant memory. One thread at a time may use an iterator.
 */

/* Writes the next item (in_size bytes) to `item`: 1, 0 at the end, -1 on failure. Called in the
 * caller's process, from within br_imap_next. */
typedef int br_next_item(void *user, void *item);

typedef struct br_imap_options {
    bool ordered;     /* results in the order of the items; else as they come */
    size_t chunk;     /* items taken and handed out together; 0: 1; at most half the lookahead */
    size_t lookahead; /* items taken and not yielded, at most; 0: 8 chunks a worker */
    br_call_options call; /* timeouts, retries, priority; no callbacks */
} br_imap_options;

BR_API_ br_imap *br_pool_imap(br_pool *pool, br_function *function, br_next_item *next, void *user,
                              size_t in_size, size_t out_size, const br_imap_options *options,
                              br_error *err);

/* The next result to `out` (out_size bytes) and `*outcome` (either may be NULL): 1; 0 when there is
 * no more; -1 with BR_ERR_TIMEOUT, BR_ERR_USAGE when `next` has failed, BR_ERR_CLOSED when the pool
 * was closed, BR_ERR_FULL when other calls leave no room in the queue, neither within
 * .queue_timeout nor `timeout`: each only after all results of the items taken before, and no item
 * is lost. The time that `next` takes is not counted. An item that did not end well is yielded too:
 * 1, with its outcome (its message is valid until the next call), and `out` untouched. `*index`
 * (may be NULL) is the item's place. */
BR_API_ int br_imap_next(br_imap *it, double timeout, void *out, br_outcome *outcome, size_t *index,
                         br_error *err);

/* What the item last yielded emitted, `*size` bytes, valid until the next call; NULL when nothing.
 */
BR_API_ const void *br_imap_emitted(br_imap *it, size_t *size);

/* Cancels what is under way. Takes NULL. */
BR_API_ void br_imap_free(br_imap *it);

/* ---- Event loops -------------------------------------------------------------------------------
 *
 * Poll br_pool_fd for reading, for at most br_pool_timeout seconds (BR_FOREVER: no limit), then
 * call br_pool_dispatch, which moves work on and runs callbacks, and never waits.
 */
BR_API_ int br_pool_fd(const br_pool *pool);
BR_API_ double br_pool_timeout(br_pool *pool);
BR_API_ int br_pool_dispatch(br_pool *pool, br_error *err);

typedef struct br_pool_stats {
    unsigned workers;    /* asked for */
    unsigned alive;      /* ready for work now */
    uint64_t starts;     /* worker processes so far */
    uint64_t deaths;     /* that were not asked for */
    uint64_t queued;     /* items accepted and not ended */
    uint64_t ok, failed; /* items that have ended */
    uint64_t unread;     /* results of calls that failed, freed without having been asked */
} br_pool_stats;

BR_API_ void br_pool_get_stats(br_pool *pool, br_pool_stats *out);

#ifdef __cplusplus
}
#endif

#endif

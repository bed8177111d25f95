/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool of worker processes for a C program, like Python's multiprocessing.Pool. Functions of the
 * calling program run in the workers. An item that crashes, exits or hangs does not affect other
 * items, and its outcome says what happened. Link with -lbatchrun.
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
 * Workers are forked from the program as it is when the pool is created: a worker sees all memory,
 * apart from the item, as it was then. What a function writes anywhere but to `out` stays in its
 * worker. When a worker ends, it flushes what was written in it, but runs no exit handler that the
 * program has registered, and writes nothing that waited in the program's buffers.
 *
 * An item is one call of a function with one input, as a task is in a job. A handle (br_result)
 * stands for the items of one call of the pool.
 *
 * Errors. A function that returns int returns 0, or -1 and fills in *err; one that returns a
 * pointer returns NULL and fills in *err. `err` may be NULL. A call that fails has no effect,
 * unless it fails with BR_ERR_TASK or BR_ERR_TIMEOUT. <batchrun/error.h> lists the kinds of errors.
 *
 * A pool, result or iterator that is passed to a call must have been created and not freed.
 * Anything else, including NULL, is an error of the caller that is not detected, unless the call
 * says that it takes NULL.
 *
 * Times are in seconds. BR_FOREVER waits without limit, 0 does not wait. A waiting time that is
 * negative or not a number also waits without limit. In the options of a pool or a call, a time
 * that is negative, other than BR_FOREVER where a member allows it, or not a number is
 * BR_ERR_USAGE.
 *
 * Threads. Any thread of the process that created the pool may make any call. Calls on one pool
 * block each other only for moments. Work advances while some thread is inside a call on the pool,
 * or all the time with .progress_thread. After fork() the copy of the pool in the child refuses
 * every call, and br_pool_destroy does nothing there.
 *
 * Binary compatibility. Structs grow only at their end. Calls that take one are inline functions
 * here; each calls an exported function with `_sized` at the end of its name, which takes the size
 * of the struct as the program knows it. So a program works with a later library without being
 * compiled again. If a program sets a member that an older library does not know, the call fails
 * with BR_ERR_USAGE. Other languages call the `_sized` functions. A br_error never grows.
 *
 * The library leaves the caller's own children, signal handlers, descriptors and stdio buffers
 * alone. The program has one more child, the nursery, which forks and reaps the workers and kills
 * what they leave behind. A program that waits for all its children (wait() until it fails) should
 * destroy the pool first. A SIGCHLD handler may reap the nursery.
 *
 * Workers are forks of the program: they have the program's functions, at the same addresses, and
 * the program's libraries. (Plugins of a job are loaded in a program of their own, which links the
 * C library alone.)
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

/* The version of this header, and that of the library that the program runs with. */
#define BR_VERSION "0.1.0"
BR_API_ const char *br_version(void);

/*
 * A function that workers run. `in` is the item: in_size bytes, aligned as in the caller's array,
 * which the function must not change. `out` has out_size zero bytes, aligned for any type. The
 * function returns 0 for success. `return br_fail(t, ...)` ends the item as `error` with a message,
 * and so does any other value. Of the calls in <batchrun/plugin.h>, those about the task, br_fail,
 * br_fail_permanent and br_log can be used.
 */
typedef int br_function(br_task *t, const void *in, void *out);

/* Appends bytes to the item's result, apart from `out`; br_result_emitted reads them. May be called
 * several times, only by a function that a worker runs. Returns 0, or non-zero if `out` and all
 * emitted bytes exceed 1 GiB or memory ran out: the item then fails. */
static inline int br_task_emit(br_task *t, const void *data, size_t size)
{
    return t->api->emit(t, data, size);
}

/* ---- Making a pool -----------------------------------------------------------------------------
 */

enum br_binding {
    BR_BIND_NONE, /* a worker may run wherever the caller may */
    BR_BIND_PU,
    BR_BIND_CORE,
    BR_BIND_L3,
    BR_BIND_NUMA,
    BR_BIND_PACKAGE
};

/* 0 is the default of every option. */
typedef struct br_pool_options {
    unsigned workers;        /* 0: one for each object to bind to; without binding, for each CPU */
    int (*init)(void *arg);  /* runs in each worker before its first item; non-zero: no start */
    void *init_arg;          /* memory as it was when the pool was created */
    uint64_t max_tasks;      /* number of items after which a worker is replaced; 0: never */
    enum br_binding binding; /* fewer objects than workers are an error without .oversubscribe */
    bool oversubscribe;      /* several workers may share an object */
    bool scatter;            /* binds consecutive workers far apart, not next to each other */
    unsigned width;          /* number of objects for each worker; 0: 1 */
    unsigned crash_limit;    /* an item that has killed this many workers is not retried; 0: 3 */
    double grace;            /* time between SIGTERM and SIGKILL; 0: 2 s */
    size_t max_queued;       /* most items that are accepted and have not ended; 0: no limit */
    double queue_timeout;    /* how long a call waits for room in the queue; 0: it does not wait */
    bool progress_thread;    /* a thread of the library advances work and runs the callbacks */
    uint64_t address_space;  /* RLIMIT_AS of each worker in bytes; 0: that of the caller */
    uint64_t open_files;     /* RLIMIT_NOFILE of each worker; 0: that of the caller */
    double start_timeout;    /* how long a worker may take to start and run .init; 0: 60 s */
} br_pool_options;

/* Creates a pool, which the caller owns. If `options` is NULL, all options have their defaults.
 * With .init the call waits until it has returned in every worker, and fails if it fails or ends
 * the process in one of them; without .init it does not wait for the workers. If the initializer of
 * a worker that is started later fails, the pool ends: its calls fail with that reason. */
BR_API_ br_pool *br_pool_create_sized(const br_pool_options *options, size_t size, br_error *err);
static inline br_pool *br_pool_create(const br_pool_options *options, br_error *err)
{
    return br_pool_create_sized(options, sizeof *options, err);
}

/* Waits until all workers are ready. Fails with BR_ERR_TIMEOUT if `timeout` passes first, with
 * BR_ERR_CLOSED after br_pool_close, and with the reason if no worker can start. */
BR_API_ int br_pool_wait_ready(br_pool *pool, double timeout, br_error *err);

/* Makes the pool refuse new work. Accepted work continues. */
BR_API_ void br_pool_close(br_pool *pool);

/* Waits until all work has ended and all callbacks have returned, and then ends the workers and the
 * nursery. Within a callback it does not wait for callbacks that are running, and ends no worker.
 * Afterwards results can still be read. Fails with BR_ERR_USAGE if the pool was neither closed nor
 * terminated, and with BR_ERR_TIMEOUT if `timeout` passes first. */
BR_API_ int br_pool_join(br_pool *pool, double timeout, br_error *err);

/* Cancels all items of the pool that are not running; running items continue. With br_pool_close it
 * ends a pool soon without losing work that has started. */
BR_API_ void br_pool_cancel_queued(br_pool *pool);

/* Ends all work now: queued and running items end as cancelled, and their callbacks are called.
 * Waits as br_pool_join does. */
BR_API_ void br_pool_terminate(br_pool *pool);

/* Terminates the remaining work, ends the workers, and frees the pool with all results and
 * iterators that were not freed. Takes NULL. Must not be called by a callback. If a callback calls
 * exit() and an exit handler makes this call, it only ends all work, and the workers end with the
 * process. */
BR_API_ void br_pool_destroy(br_pool *pool);

/* Like `with Pool(...) as pool` in Python: `br_auto_pool pool = br_pool_create(...);` destroys the
 * pool at the end of its scope. For GCC and Clang. */
#define br_auto_pool __attribute__((cleanup(br_pool_leave_scope_))) br_pool *
static inline void br_pool_leave_scope_(br_pool **pool)
{
    br_pool_destroy(*pool);
}

/* ---- Calls -------------------------------------------------------------------------------------
 *
 * Item i is in_size bytes at in + i * in_size; its result is out_size bytes at out + i * out_size.
 * Inputs are copied before the call returns. `out` must stay valid until the result is ready. If it
 * is NULL, the result keeps the outputs (br_result_output). A size may be 0; its pointer may then
 * be NULL. Options are copied; NULL stands for the defaults. What a function prints goes to the
 * standard output and error of the program.
 */
typedef struct br_call_options {
    void (*on_result)(br_result *result, void *user); /* called if all items succeeded */
    void (*on_error)(br_result *result, void *user);  /* called if some did not */
    void *user;
    double timeout;        /* of each item; then its worker is killed; 0 or BR_FOREVER: none */
    double soft_timeout;   /* of each item; then br_task_cancelled is true; 0 or BR_FOREVER: none */
    unsigned retries;      /* most further attempts of an item that failed in any way */
    double retry_delay;    /* time before the first retry; doubles each time, up to 30 s */
    size_t chunk_size;     /* items given to a worker at a time; several times as many if items
                              are very short; 0: as many as take a few ms */
    int priority;          /* calls of higher priority run first */
    unsigned max_parallel; /* most workers at the same time; 0: all */
    bool stop_on_error;    /* the first item that fails and is not retried cancels the items that
                              have not started */
} br_call_options;

/*
 * br_pool_apply runs one item, br_pool_map `count` items. They wait until all items have ended, and
 * return 0 if every item succeeded. Otherwise they fail with BR_ERR_TASK and the message of the
 * first item that failed, or of the first that was cancelled if none failed; the results of the
 * other items are valid. They fail with BR_ERR_CLOSED after br_pool_close, with BR_ERR_FULL if the
 * queue has no room in time, and with BR_ERR_USAGE if sizes overflow.
 *
 * The async forms return at once. The caller owns the result and may free it at any time
 * (br_result_free). Exactly one of the two callbacks is called, once, in this process: by a thread
 * that is inside a call on the pool, or by the progress thread. It may make any call except
 * br_pool_destroy.
 */
BR_API_ int br_pool_map_sized(br_pool *pool, br_function *function, const void *in, size_t count,
                              size_t in_size, void *out, size_t out_size,
                              const br_call_options *options, size_t size, br_error *err);
BR_API_ br_result *br_pool_map_async_sized(br_pool *pool, br_function *function, const void *in,
                                           size_t count, size_t in_size, void *out, size_t out_size,
                                           const br_call_options *options, size_t size,
                                           br_error *err);
static inline int br_pool_map(br_pool *pool, br_function *function, const void *in, size_t count,
                              size_t in_size, void *out, size_t out_size,
                              const br_call_options *options, br_error *err)
{
    return br_pool_map_sized(pool, function, in, count, in_size, out, out_size, options,
                             sizeof *options, err);
}
static inline br_result *br_pool_map_async(br_pool *pool, br_function *function, const void *in,
                                           size_t count, size_t in_size, void *out, size_t out_size,
                                           const br_call_options *options, br_error *err)
{
    return br_pool_map_async_sized(pool, function, in, count, in_size, out, out_size, options,
                                   sizeof *options, err);
}
static inline int br_pool_apply(br_pool *pool, br_function *function, const void *in,
                                size_t in_size, void *out, size_t out_size,
                                const br_call_options *options, br_error *err)
{
    return br_pool_map(pool, function, in, 1, in_size, out, out_size, options, err);
}
static inline br_result *br_pool_apply_async(br_pool *pool, br_function *function, const void *in,
                                             size_t in_size, void *out, size_t out_size,
                                             const br_call_options *options, br_error *err)
{
    return br_pool_map_async(pool, function, in, 1, in_size, out, out_size, options, err);
}

/* ---- Results -----------------------------------------------------------------------------------
 */

enum br_status {
    BR_PENDING = 0,
    BR_OK,
    BR_ERROR,   /* the function reported an error */
    BR_CRASHED, /* ended by a signal, exit or abort */
    BR_TIMED_OUT,
    BR_OVER_LIMIT,
    BR_CANCELLED,
    BR_SKIPPED,
    BR_RUNNING /* a worker is running the item */
};

/* Returns the name of a status as batchrun prints it, such as "timed_out"; "unknown" if there is no
 * such status. */
BR_API_ const char *br_status_name(enum br_status status);

typedef struct br_outcome {
    enum br_status status;
    unsigned attempt; /* 1 for the first; 0 before the first; a success after more than 255: 255 */
    int worker;       /* index of the worker that ran it last, from 0; -1 if the item never ran */
    int signal;       /* signal that ended the worker, or 0 */
    int exit_code;
    double duration;     /* seconds; 0 if it was not kept, as for short successes */
    const char *message; /* never NULL; belongs to the result */
    double progress; /* of a running item: what it has last passed to br_task_progress, 0 to 1 */
} br_outcome;

/* Waits until every item has ended and the callback has returned, if the call has one. The callback
 * is the last to use `user`. A caller inside a callback does not wait for callbacks that are
 * running. Returns 1; 0 if `timeout` passed first; -1 on failure. */
BR_API_ int br_result_wait(br_result *r, double timeout, br_error *err);

/* Waits as br_result_wait, then returns what br_pool_map returns. Fails with BR_ERR_TIMEOUT if
 * `timeout` passes first. */
BR_API_ int br_result_get(br_result *r, double timeout, br_error *err);

/* Return whether br_result_wait would return 1 at once, and whether in addition every item has
 * succeeded. Both advance work. */
BR_API_ bool br_result_ready(br_result *r);
BR_API_ bool br_result_successful(br_result *r);

/* Returns the number of items of the call. */
BR_API_ size_t br_result_count(const br_result *r);
/* Sets *out to the outcome of item i. Before its end that is BR_RUNNING while a worker runs it, and
 * else BR_PENDING. Fails with BR_ERR_USAGE if there is no such item. */
BR_API_ int br_result_outcome_sized(br_result *r, size_t i, br_outcome *out, size_t size,
                                    br_error *err);
static inline int br_result_outcome(br_result *r, size_t i, br_outcome *out, br_error *err)
{
    return br_result_outcome_sized(r, i, out, sizeof *out, err);
}

/* Returns the out_size bytes of item i, in the caller's array or in the result; NULL if the item
 * has not succeeded or out_size is 0. */
BR_API_ const void *br_result_output(br_result *r, size_t i);

/* Returns the `*size` bytes that item i has emitted; NULL if there are none. */
BR_API_ const void *br_result_emitted(br_result *r, size_t i, size_t *size);

/* Returns which part of the call is done, 0 to 1: items that have ended, and the progress of
 * running ones. Advances work. */
BR_API_ double br_result_progress(br_result *r);

/* Makes `function` the only callback of the call, whether its items succeed or not. If the call has
 * ended and its callback has returned, `function` is called before this call returns. */
BR_API_ void br_result_on_done(br_result *r, void (*function)(br_result *, void *user), void *user);

/* Cancels the items that have not started and ends the running ones. Items that have ended keep
 * their outcomes. */
BR_API_ void br_result_cancel(br_result *r);

/* Cancels the items that have not started, and those that wait for another attempt. Running items
 * continue. */
BR_API_ void br_result_cancel_queued(br_result *r);

/* Frees the handle. The call continues, and its callback is called. Its outputs are dropped unless
 * `out` is the caller's. Takes NULL. */
BR_API_ void br_result_free(br_result *r);

/* ---- Results as they end -----------------------------------------------------------------------
 */

/* Waits until one of `count` results has ended, as br_result_wait does. NULL entries are skipped.
 * Returns 1 and sets *index to the first such result; 0 if `timeout` passed first; -1 on failure:
 * BR_ERR_USAGE if all entries are NULL. All results must be of this pool. */
BR_API_ int br_pool_wait_any(br_pool *pool, br_result *const *results, size_t count, size_t *index,
                             double timeout, br_error *err);

/* Waits for the next result of the pool that ends, of calls that were made with br_pool_map_async
 * or br_pool_apply_async, and returns it. Every result whose handle was not freed is returned once,
 * in the order in which the calls ended. It still belongs to the caller, who frees it. Returns NULL
 * with err->kind BR_ERR_NONE if all results were returned, and with BR_ERR_TIMEOUT if `timeout`
 * passed first. A caller inside a callback does not wait for results whose callbacks are running.
 */
BR_API_ br_result *br_pool_next_done(br_pool *pool, double timeout, br_error *err);

/* ---- Iterating ---------------------------------------------------------------------------------
 *
 * An iterator takes items from a function of the caller and returns their results one by one. The
 * number of items that are taken and not returned is bounded, so endless items need constant
 * memory. Only one thread at a time may use an iterator.
 */

/* Writes the next item (in_size bytes) to `item` and returns 1; returns 0 after the last item, -1
 * on failure. It is called in the caller's process by br_imap_next. */
typedef int br_next_item(void *user, void *item);

typedef struct br_imap_options {
    bool ordered;      /* results come in the order of the items; otherwise as they end */
    size_t chunk_size; /* items given to a worker together, at most half the lookahead; 0: 1 */
    size_t lookahead;  /* most items taken and not returned; 0: 8 chunks for each worker, and at
                          least 128 items if 128 items and results take no more than 64 KiB */
    const br_call_options *call; /* timeouts, retries and priority; callbacks are not used; copied;
                                    NULL: the defaults */
} br_imap_options;

/* Creates an iterator, which the caller owns (br_imap_free). It takes no item before br_imap_next.
 */
BR_API_ br_imap *br_pool_imap_sized(br_pool *pool, br_function *function, br_next_item *next,
                                    void *user, size_t in_size, size_t out_size,
                                    const br_imap_options *options, size_t size, size_t call_size,
                                    br_error *err);
static inline br_imap *br_pool_imap(br_pool *pool, br_function *function, br_next_item *next,
                                    void *user, size_t in_size, size_t out_size,
                                    const br_imap_options *options, br_error *err)
{
    return br_pool_imap_sized(pool, function, next, user, in_size, out_size, options,
                              sizeof *options, sizeof *options->call, err);
}

/* Waits for the next result, writes it to `out` (out_size bytes), its outcome to `*outcome` and the
 * index of its item to `*index`, and returns 1. Each of the three may be NULL. An item that did not
 * succeed is returned too, with its outcome and with `out` untouched. The message of an outcome is
 * valid until the next call. Returns 0 if there are no more results, and -1 on failure:
 *   BR_ERR_TIMEOUT  `timeout` passed first; the time that `next` takes is not counted
 *   BR_ERR_USAGE    `next` has failed
 *   BR_ERR_CLOSED   the pool was closed
 *   BR_ERR_FULL     other calls left no room in the queue within .queue_timeout and `timeout`
 * The last three come only after all results of the items that were taken. No item is lost. */
BR_API_ int br_imap_next_sized(br_imap *it, double timeout, void *out, br_outcome *outcome,
                               size_t size, size_t *index, br_error *err);
static inline int br_imap_next(br_imap *it, double timeout, void *out, br_outcome *outcome,
                               size_t *index, br_error *err)
{
    return br_imap_next_sized(it, timeout, out, outcome, sizeof *outcome, index, err);
}

/* Returns the `*size` bytes that the item of the last result has emitted, valid until the next
 * call; NULL if there are none. */
BR_API_ const void *br_imap_emitted(br_imap *it, size_t *size);

/* Cancels the items that are taken and frees the iterator. Takes NULL. */
BR_API_ void br_imap_free(br_imap *it);

/* ---- Event loops -------------------------------------------------------------------------------
 *
 * An event loop polls br_pool_fd for reading, for at most br_pool_timeout seconds (BR_FOREVER: no
 * limit), and then calls br_pool_dispatch, which advances work and runs callbacks, and never waits.
 * br_pool_fd returns the same descriptor until br_pool_join has succeeded, and then -1.
 */
BR_API_ int br_pool_fd(const br_pool *pool);
BR_API_ double br_pool_timeout(br_pool *pool);
BR_API_ int br_pool_dispatch(br_pool *pool, br_error *err);

typedef struct br_pool_stats {
    unsigned workers;    /* as requested */
    unsigned alive;      /* ready for work now; 0 after br_pool_join */
    uint64_t starts;     /* worker processes started so far */
    uint64_t deaths;     /* workers that ended unexpectedly */
    uint64_t queued;     /* items that are accepted and have not ended, with those that run */
    uint64_t ok, failed; /* items that succeeded; items that ended otherwise */
    uint64_t unread;     /* results with failures that were freed without being read */
} br_pool_stats;

/* Sets *out to the present counts. */
BR_API_ void br_pool_get_stats_sized(br_pool *pool, br_pool_stats *out, size_t size);
static inline void br_pool_get_stats(br_pool *pool, br_pool_stats *out)
{
    br_pool_get_stats_sized(pool, out, sizeof *out);
}

#ifdef __cplusplus
}
#endif

#endif

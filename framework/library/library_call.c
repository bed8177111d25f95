// SPDX-License-Identifier: BSD-3-Clause
// Calls: taking items, and looking at results.
#include "library/library_call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/channel/channel_record.h"
#include "library/library_drive.h"
#include "library/library_result.h"
#include "library/library_struct.h"

#define RETRY_MAX_NS (30 * NS_PER_S)

// ---- Submitting

int library_check_open(const br_pool *p, br_error *err)
{
    if (p->broken) {
        if (err)
            *err = p->why;
        return -1;
    }
    if (p->closed)
        return br_error_set(err, BR_ERR_CLOSED, "the pool is closed: it takes no more work");
    return 0;
}

// No array is larger than PTRDIFF_MAX.
static bool is_array(size_t count, size_t size)
{
    size_t bytes;
    return !__builtin_mul_overflow(count, size, &bytes) && bytes < PTRDIFF_MAX;
}

int library_check_sizes(size_t count, size_t in_size, size_t out_size, br_error *err)
{
    if (is_array(count, 1) && is_array(count, in_size) && is_array(count, out_size) &&
        out_size <= (size_t)CHANNEL_RESULT_MAX)
        return 0;
    return br_error_set(err, BR_ERR_USAGE,
                        "%zu items of %zu bytes with results of %zu are too large", count, in_size,
                        out_size);
}

static int check_call(const struct library_call *c, br_error *err)
{
    if (!c->function)
        return br_error_set(err, BR_ERR_USAGE, "there is no function to call");
    if (library_check_sizes(c->count, c->in_size, c->out_size, err) != 0)
        return -1;
    if (!c->in && c->count > 0 && c->in_size > 0)
        return br_error_set(err, BR_ERR_USAGE, "`in` is NULL, and its items have %zu bytes",
                            c->in_size);
    return 0;
}

static int check_options(const br_call_options *o, br_error *err)
{
    if (library_is_limit(o->timeout) && library_is_limit(o->soft_timeout) && o->retry_delay >= 0)
        return 0;
    return br_error_set(err, BR_ERR_USAGE,
                        "a time of the call's options is negative or not a number");
}

struct room {
    const br_pool *pool;
    size_t count;
};

static bool has_room(void *user)
{
    const struct room *room = user;
    const br_pool *p = room->pool;
    // A call that is larger than the bound is accepted if the queue is empty, because it could
    // never be accepted otherwise.
    return p->options.max_queued == 0 || p->queued == 0 ||
           p->queued + room->count <= p->options.max_queued;
}

int64_t library_room_until(const br_pool *p)
{
    return library_deadline(p, p->options.queue_timeout);
}

static int wait_for_room(br_pool *p, size_t count, int64_t until, br_error *err)
{
    struct room room = {p, count};
    // Another thread may have closed the pool meanwhile.
    if (has_room(&room) || library_drive_until(p, until, has_room, &room) || p->broken)
        return library_check_open(p, err);
    return br_error_set(err, BR_ERR_FULL, "%" PRIu64 " items are queued; the limit is %zu",
                        p->queued, p->options.max_queued);
}

// Copies the inputs. If they are few, they are sent through the channel with the grants; if they
// are many, workers map them as shared memory.
static int copy_inputs(br_result *r, const struct library_call *c, br_error *err)
{
    size_t bytes = c->count * c->in_size;
    if (bytes > EXECUTOR_INLINE) {
        r->inputs_fd = fd_memory_sealed("batchrun-items", c->in, bytes, err);
        return r->inputs_fd < 0 ? -1 : 0;
    }
    r->inputs = malloc(bytes + 1);
    if (!r->inputs)
        return br_error_nomem(err);
    if (bytes > 0)
        memcpy(r->inputs, c->in, bytes);
    return 0;
}

static int make_room_for_results(br_result *r, br_error *err)
{
    r->items = r->count == 1 ? &r->one : malloc((r->count + 1) * sizeof *r->items);
    if (!r->items)
        return br_error_nomem(err);
    for (size_t i = 0; i < r->count; i++)
        r->items[i] = (struct item_state){.status = BR_PENDING, .worker = ITEM_NO_WORKER};
    if (r->out || r->out_size == 0)
        return 0;
    r->own_out = true;
    r->out = r->count == 1 && r->out_size <= sizeof r->small ? r->small
                                                             : malloc(r->count * r->out_size + 1);
    return r->out ? 0 : br_error_nomem(err);
}

static int submit_map(br_result *r, const struct library_call *c, const br_call_options *o,
                      br_error *err)
{
    struct pool_map_options map = {
        .map = {.function = c->function,
                .in_size = c->in_size,
                .out_size = c->out_size,
                .first_index = c->first_index,
                .items = r->inputs,
                .phase = "",
                .table_fd = r->inputs_fd,
                .table_size = c->count * c->in_size,
                .rows = c->count,
                .rows_per_task = 1,
                .limits = {.soft_ns = library_ns(o->soft_timeout),
                           .hard_ns = library_ns(o->timeout)}},
        .tasks = c->count,
        .chunk = o->chunk_size < EXECUTOR_GRANT_MAX ? (uint32_t)o->chunk_size : EXECUTOR_GRANT_MAX,
        .priority = o->priority,
        .max_parallel = o->max_parallel,
        .retries = {.limit = o->retries,
                    .on = ~0U,
                    .delay_ns = library_ns(o->retry_delay),
                    .max_ns = RETRY_MAX_NS,
                    .factor = 2},
        .observer = library_on_item,
        .user = r,
    };
    r->map = pool_submit(r->pool->pool, &map, err);
    return r->map ? 0 : -1;
}

static void link_result(br_pool *p, br_result *r)
{
    r->next = p->results;
    if (r->next)
        r->next->previous = r;
    p->results = r;
}

br_result *library_submit(br_pool *p, const struct library_call *c, const br_call_options *options,
                          br_error *err)
{
    if (library_check_open(p, err) != 0 || check_call(c, err) != 0 ||
        check_options(options, err) != 0 || wait_for_room(p, c->count, c->room_until, err) != 0)
        return NULL;
    br_result *r = calloc(1, sizeof *r);
    if (!r) {
        br_error_nomem(err);
        return NULL;
    }
    *r = (br_result){.pool = p,
                     .count = c->count,
                     .out_size = c->out_size,
                     .out = c->out,
                     .on_result = options->on_result,
                     .on_error = options->on_error,
                     .user = options->user,
                     .inputs_fd = -1,
                     .stop_on_error = options->stop_on_error,
                     .open = true};
    if (copy_inputs(r, c, err) != 0 || make_room_for_results(r, err) != 0 ||
        submit_map(r, c, options, err) != 0) {
        r->pool = NULL; // it is in no list yet
        library_free_result(r);
        return NULL;
    }
    link_result(p, r);
    p->queued += r->count;
    if (pool_map_done(r->map))
        library_settle(r);
    return r;
}

// Submits a call and starts it. Called with the lock.
static br_result *begin_map(br_pool *p, br_function *function, const void *in, size_t count,
                            size_t in_size, void *out, size_t out_size,
                            const br_call_options *options, br_error *err)
{
    struct library_call call = {.function = function,
                                .in = in,
                                .count = count,
                                .in_size = in_size,
                                .out = out,
                                .out_size = out_size,
                                .room_until = library_room_until(p)};
    br_result *r = library_submit(p, &call, options, err);
    if (r)
        library_submitted(p);
    return r;
}

br_result *br_pool_map_async_sized(br_pool *p, br_function *function, const void *in, size_t count,
                                   size_t in_size, void *out, size_t out_size,
                                   const br_call_options *options, size_t size, br_error *err)
{
    br_call_options o;
    if (library_take_struct(&o, sizeof o, options, size, err) != 0 || !library_enter(p, err))
        return NULL;
    br_result *r = begin_map(p, function, in, count, in_size, out, out_size, &o, err);
    if (r) {
        r->to_return = true;
        p->done_later++;
    }
    library_leave(p);
    return r;
}

// ---- Looking at results

// Returns whether every item has ended and the callback has returned. A caller inside a callback
// does not wait for callbacks that are running: one of them might wait for this one.
static bool is_ready(void *user)
{
    const br_result *r = user;
    return !r->map && (r->in_callback ? library_in_callback() : r->notified);
}

// Returns the index of the item that explains why a call failed: the first one, by index, that
// failed by itself, or else the first that was cancelled. Returns r->count if there is none.
static size_t find_reason(const br_result *r)
{
    size_t cancelled = r->count;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].status == BR_OK)
            continue;
        if (r->items[i].status != BR_CANCELLED)
            return i;
        if (cancelled == r->count)
            cancelled = i;
    }
    return cancelled;
}

// Returns what a waiting call returns: 0; -1 and *err about the item that find_reason names.
static int sum_up(br_result *r, br_error *err)
{
    r->examined = true;
    if (!library_has_failed(r))
        return 0;
    size_t i = find_reason(r);
    if (i == r->count)
        return br_error_nomem(err);
    br_outcome o;
    library_outcome(r, i, &o);
    int length = (int)strcspn(o.message, "\n"); // a crash's stack is only in the outcome
    return r->count == 1 ? br_error_set(err, BR_ERR_TASK, "%.*s", length, o.message)
                         : br_error_set(err, BR_ERR_TASK, "item %zu: %.*s", i, length, o.message);
}

int br_result_wait(br_result *r, double timeout, br_error *err)
{
    br_pool *p = r->pool;
    if (!library_enter(p, err))
        return -1;
    bool ready = library_drive(p, timeout, is_ready, r) || is_ready(r);
    library_leave(p);
    return ready;
}

int br_result_get(br_result *r, double timeout, br_error *err)
{
    br_pool *p = r->pool;
    if (!library_enter(p, err))
        return -1;
    int result;
    if (library_drive(p, timeout, is_ready, r) || is_ready(r))
        result = sum_up(r, err);
    else
        result = br_error_set(err, BR_ERR_TIMEOUT, "the result is not there yet");
    library_leave(p);
    return result;
}

bool br_result_ready(br_result *r)
{
    return br_result_wait(r, 0, NULL) == 1;
}

bool br_result_successful(br_result *r)
{
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return false;
    library_drive(p, 0, is_ready, r);
    bool good = is_ready(r) && !library_has_failed(r);
    r->examined = r->examined || is_ready(r);
    library_leave(p);
    return good;
}

size_t br_result_count(const br_result *r)
{
    return r->count;
}

int br_result_outcome_sized(br_result *r, size_t i, br_outcome *out, size_t size, br_error *err)
{
    br_pool *p = r->pool;
    br_outcome o;
    if (i >= r->count)
        return br_error_set(err, BR_ERR_USAGE, "there is no item %zu: the call has %zu", i,
                            r->count);
    if (!library_enter(p, err))
        return -1;
    library_outcome(r, i, &o);
    r->examined = true;
    library_leave(p);
    library_give_struct(out, size, &o, sizeof o);
    return 0;
}

const void *br_result_output(br_result *r, size_t i)
{
    br_pool *p = r->pool;
    if (i >= r->count || r->out_size == 0 || !library_enter(p, NULL))
        return NULL;
    const void *at = r->items[i].status == BR_OK ? r->out + i * r->out_size : NULL;
    library_leave(p);
    return at;
}

const void *br_result_emitted(br_result *r, size_t i, size_t *size)
{
    br_pool *p = r->pool;
    *size = 0;
    if (!library_enter(p, NULL))
        return NULL;
    struct item_bytes *e = library_emitted(r, i);
    if (e)
        *size = e->size;
    library_leave(p);
    return e ? e->data : NULL;
}

void br_result_cancel(br_result *r)
{
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return;
    library_cancel(r);
    library_start(p);
    library_leave(p);
}

void br_result_free(br_result *r)
{
    if (!r)
        return;
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return;
    bool awaited = r->to_return && p->done_later == 1; // by br_pool_next_done, perhaps
    library_release(r);
    if (awaited)
        library_wake_waiting(p);
    library_leave(p);
}

void br_result_cancel_queued(br_result *r)
{
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return;
    library_stop(r);
    library_start(p);
    library_leave(p);
}

double br_result_progress(br_result *r)
{
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return 0;
    library_start(p);
    double progress = library_progress(r);
    library_leave(p);
    return progress;
}

void br_result_on_done(br_result *r, void (*function)(br_result *, void *), void *user)
{
    br_pool *p = r->pool;
    if (!library_enter(p, NULL))
        return;
    r->on_result = r->on_error = function;
    r->user = user;
    if (r->notified && !r->in_callback)
        library_notify(r);
    library_leave(p);
}

// ---- Several results

struct candidates {
    br_result *const *results;
    size_t count;
    size_t index; // of the one that has ended
};

static bool one_is_ready(void *user)
{
    struct candidates *c = user;
    for (size_t i = 0; i < c->count; i++)
        if (c->results[i] && is_ready(c->results[i])) {
            c->index = i;
            return true;
        }
    return false;
}

int br_pool_wait_any(br_pool *p, br_result *const *results, size_t count, size_t *index,
                     double timeout, br_error *err)
{
    struct candidates c = {results, count, 0};
    size_t i = 0;
    while (i < count && !results[i])
        i++;
    if (i == count)
        return br_error_set(err, BR_ERR_USAGE, "there is no result to wait for");
    if (!library_enter(p, err))
        return -1;
    bool ready = library_drive(p, timeout, one_is_ready, &c) || one_is_ready(&c);
    library_leave(p);
    if (ready)
        *index = c.index;
    return ready;
}

// Returns whether br_pool_next_done will return no further result. A caller inside a callback does
// not wait for results whose callbacks are running: one of those might wait for this one.
static bool all_are_returned(const br_pool *p)
{
    size_t running = 0;
    if (p->done_later > 0 && library_in_callback())
        for (const br_result *r = p->results; r; r = r->next)
            running += r->to_return && r->in_callback && !r->notified;
    return p->done_later == running;
}

// A library_condition: br_pool_next_done need not wait any longer.
static bool one_is_done(void *user)
{
    const br_pool *p = user;
    return !TAILQ_EMPTY(&p->done) || all_are_returned(p);
}

br_result *br_pool_next_done(br_pool *p, double timeout, br_error *err)
{
    if (!library_enter(p, err))
        return NULL;
    library_drive(p, timeout, one_is_done, p);
    br_result *r = TAILQ_FIRST(&p->done);
    if (r)
        library_forget_done(r);
    else if (!all_are_returned(p))
        br_error_set(err, BR_ERR_TIMEOUT, "no call has ended");
    else if (err)
        *err = (br_error){.kind = BR_ERR_NONE};
    library_leave(p);
    return r;
}

// ---- Calls that wait

int br_pool_map_sized(br_pool *p, br_function *function, const void *in, size_t count,
                      size_t in_size, void *out, size_t out_size, const br_call_options *options,
                      size_t size, br_error *err)
{
    br_call_options o;
    if (library_take_struct(&o, sizeof o, options, size, err) != 0 || !library_enter(p, err))
        return -1;
    int result = -1;
    br_result *r = begin_map(p, function, in, count, in_size, out, out_size, &o, err);
    if (r) {
        library_drive(p, BR_FOREVER, is_ready, r);
        result = sum_up(r, err);
        library_release(r);
    }
    library_leave(p);
    return result;
}

// SPDX-License-Identifier: BSD-3-Clause
// Keeps the outcomes of a call's items, and ends its result.
#include "library/library_result.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/owned.h"

// ---- Outcomes

static enum br_status public_status(enum outcome_status status)
{
    static const enum br_status statuses[OUTCOME_COUNT] = {
        [OUTCOME_NONE] = BR_PENDING,        [OUTCOME_OK] = BR_OK,
        [OUTCOME_ERROR] = BR_ERROR,         [OUTCOME_CRASHED] = BR_CRASHED,
        [OUTCOME_TIMED_OUT] = BR_TIMED_OUT, [OUTCOME_OVER_LIMIT] = BR_OVER_LIMIT,
        [OUTCOME_CANCELLED] = BR_CANCELLED, [OUTCOME_SKIPPED] = BR_SKIPPED,
    };
    return statuses[status];
}

static struct item_details *details_of(br_result *r)
{
    if (!r->details)
        r->details = calloc(1, sizeof *r->details);
    return r->details;
}

// Adds a failure or emitted bytes to an array of the details. Returns where; NULL if there is no
// memory.
static struct item_failure *add_failure(struct item_details *d)
{
    if (!d || array_reserve(&d->failures, d->failure_count + 1, &d->failure_capacity,
                            sizeof *d->failures, NULL) != 0)
        return NULL;
    d->sorted = false;
    return &d->failures[d->failure_count++];
}

static struct item_bytes *add_emitted(struct item_details *d)
{
    if (!d || array_reserve(&d->emitted, d->emitted_count + 1, &d->emitted_capacity,
                            sizeof *d->emitted, NULL) != 0)
        return NULL;
    d->sorted = false;
    return &d->emitted[d->emitted_count++];
}

static struct item_state state_of(enum br_status status, const struct exec_report *report)
{
    uint32_t attempt = report->tasks.attempt;
    return (struct item_state){
        .status = (uint8_t)status,
        .attempt = (uint8_t)(attempt < ITEM_ATTEMPT_MAX ? attempt : ITEM_ATTEMPT_MAX),
        .worker = (uint16_t)(report->slot < ITEM_NO_WORKER ? report->slot : ITEM_NO_WORKER)};
}

static void keep_failure(br_result *r, const struct exec_report *report)
{
    size_t index = (size_t)report->tasks.first;
    enum br_status status = public_status(report->end.status);
    r->items[index] = state_of(status, report);
    char *message = strdup(report->end.message);
    struct item_failure *f = message ? add_failure(details_of(r)) : NULL;
    if (!f) {
        free(message);
        r->out_of_memory = true; // the state is kept, its details are lost
        return;
    }
    *f = (struct item_failure){
        .index = index,
        .outcome = {.status = status,
                    .attempt = report->tasks.attempt,
                    .worker = report->slot == UINT32_MAX ? -1 : (int)report->slot,
                    .signal = report->end.signal,
                    .exit_code = report->end.exit_code,
                    .duration = (double)report->end.duration_ns / (double)NS_PER_S,
                    .message = message}};
}

static void keep_emitted(br_result *r, size_t index, const char *data, size_t size)
{
    char *copy = malloc(size);
    struct item_bytes *e = copy ? add_emitted(details_of(r)) : NULL;
    if (!e) {
        free(copy);
        r->out_of_memory = true;
        r->items[index].status = BR_ERROR;
        return;
    }
    memcpy(copy, data, size);
    *e = (struct item_bytes){index, copy, size};
}

static void keep_results(br_result *r, const struct exec_report *report)
{
    size_t first = (size_t)report->tasks.first, count = report->tasks.count;
    const struct item_state state = state_of(BR_OK, report);
    for (size_t i = 0; i < count; i++)
        r->items[first + i] = state;
    if (r->out && r->out_size > 0)
        memcpy(r->out + first * r->out_size, report->ok.results, count * r->out_size);
    // A report with more bytes than the results have is about one item, which has emitted the rest.
    if (report->ok.results_size > count * r->out_size)
        keep_emitted(r, first, (const char *)report->ok.results + r->out_size,
                     report->ok.results_size - r->out_size);
}

static void note_finished(br_result *r)
{
    r->next_ready = r->pool->finished;
    r->pool->finished = r;
}

static void stop_later(br_result *r)
{
    if (r->to_stop || r->stopping)
        return;
    r->to_stop = true;
    r->next_stopping = r->pool->to_stop;
    r->pool->to_stop = r;
}

void library_await_end(br_result *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    r->next_stopping = r->pool->stopping;
    r->pool->stopping = r;
}

int library_on_item(void *user, const struct exec_report *report, bool final, br_error *err)
{
    br_result *r = user;
    br_pool *p = r->pool;
    (void)err;
    if (!final || report->type == REPORT_OUTPUT)
        return 0;
    if (report->type == REPORT_OK) {
        keep_results(r, report);
        p->stats.ok += report->tasks.count;
    } else {
        keep_failure(r, report);
        p->stats.failed++;
        if (r->stop_on_error)
            stop_later(r);
    }
    p->queued -= report->tasks.count;
    if (r->map && pool_map_done(r->map))
        note_finished(r);
    return 0;
}

static int compare_index(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void sort_items(void *items, size_t count, size_t size)
{
    if (count > 0) // qsort takes no NULL
        qsort(items, count, size, compare_index);
}

// Returns the entry of item i in an array of r->details whose elements begin with an index; NULL if
// there is none.
static void *find_item(struct item_details *d, void *items, size_t count, size_t size, size_t i)
{
    if (!d->sorted) {
        sort_items(d->failures, d->failure_count, sizeof *d->failures);
        sort_items(d->emitted, d->emitted_count, sizeof *d->emitted);
        d->sorted = true;
    }
    return count > 0 ? bsearch(&i, items, count, size, compare_index) : NULL;
}

struct item_bytes *library_emitted(br_result *r, size_t i)
{
    struct item_details *d = r->details;
    return d ? find_item(d, d->emitted, d->emitted_count, sizeof *d->emitted, i) : NULL;
}

static const struct item_failure *failure_of(br_result *r, size_t i)
{
    struct item_details *d = r->details;
    return d ? find_item(d, d->failures, d->failure_count, sizeof *d->failures, i) : NULL;
}

// Fills *out with the running attempt of item i. Returns whether the item is running.
static bool find_running(const br_result *r, size_t i, br_outcome *out)
{
    const struct pool *pool = r->pool->pool;
    for (unsigned slot = 0; r->map && slot < r->pool->stats.workers; slot++) {
        struct exec_in_hand h;
        void *user;
        if (pool_in_hand(pool, slot, &h, &user) != r->map || h.task.first != i)
            continue;
        *out = (br_outcome){.status = BR_RUNNING,
                            .attempt = h.task.attempt,
                            .worker = (int)slot,
                            .message = "",
                            .progress = h.progress};
        return true;
    }
    return false;
}

void library_outcome(br_result *r, size_t i, br_outcome *out)
{
    const struct item_state *s = &r->items[i];
    const struct item_failure *f = failure_of(r, i);
    if (f) {
        *out = f->outcome;
        return;
    }
    if (s->status == BR_PENDING && find_running(r, i, out))
        return;
    *out = (br_outcome){.status = (enum br_status)s->status,
                        .attempt = s->attempt,
                        .worker = s->worker == ITEM_NO_WORKER ? -1 : s->worker,
                        .message = ""};
    if (out->status == BR_CANCELLED)
        out->message = r->pool->broken ? r->pool->why.text : "it was cancelled before it started";
    else if (out->status != BR_OK && out->status != BR_PENDING)
        out->message = "out of memory: how it ended was not kept";
}

double library_progress(const br_result *r)
{
    if (!r->map)
        return 1;
    const struct ledger *l = pool_map_ledger(r->map);
    double done = 0;
    for (int s = 0; s < OUTCOME_COUNT; s++)
        done += (double)l->ended[s];
    for (unsigned slot = 0; slot < r->pool->stats.workers; slot++) {
        struct exec_in_hand h;
        void *user;
        if (pool_in_hand(r->pool->pool, slot, &h, &user) == r->map)
            done += h.progress;
    }
    return done / (double)r->count;
}

bool library_has_failed(const br_result *r)
{
    return (r->details && r->details->failure_count > 0) || r->cancelled_items > 0 ||
           r->out_of_memory;
}

// ---- The end of a result

// Cancels the items that had not started when the call was cancelled or the pool broke.
static void settle_pending(br_result *r)
{
    size_t left = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].status == BR_PENDING) {
            r->items[i].status = BR_CANCELLED;
            left++;
        }
    r->pool->queued -= left;
    r->pool->stats.failed += left;
    r->cancelled_items = left;
}

void library_settle(br_result *r)
{
    br_pool *p = r->pool;
    settle_pending(r);
    pool_map_release(p->pool, r->map);
    r->map = NULL;
    free(r->inputs);
    r->inputs = NULL;
    fd_close(&r->inputs_fd);
    r->next_ready = NULL;
    *p->callbacks_end = r;
    p->callbacks_end = &r->next_ready;
    pthread_cond_broadcast(&p->changed);
}

void library_put_done(br_result *r)
{
    if (!r->to_return)
        return;
    TAILQ_INSERT_TAIL(&r->pool->done, r, done_entry);
    r->pool->done_later--;
}

void library_forget_done(br_result *r)
{
    if (!r->to_return)
        return;
    r->to_return = false;
    if (r->notified)
        TAILQ_REMOVE(&r->pool->done, r, done_entry);
    else
        r->pool->done_later--;
}

static void unlink_result(br_result *r)
{
    br_pool *p = r->pool;
    library_forget_done(r);
    if (r->previous)
        r->previous->next = r->next;
    else
        p->results = r->next;
    if (r->next)
        r->next->previous = r->previous;
}

static void free_details(struct item_details *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->failure_count; i++)
        free(owned(d->failures[i].outcome.message));
    for (size_t i = 0; i < d->emitted_count; i++)
        free(d->emitted[i].data);
    free(d->failures);
    free(d->emitted);
    free(d);
}

void library_free_result(br_result *r)
{
    if (r->pool)
        unlink_result(r);
    free_details(r->details);
    if (r->own_out && r->out != r->small)
        free(r->out);
    if (r->items != &r->one)
        free(r->items);
    free(r->inputs);
    fd_close(&r->inputs_fd);
    free(r);
}

void library_drop(br_result *r)
{
    r->pool->stats.unread += !r->examined && library_has_failed(r);
    library_free_result(r);
}

void library_release(br_result *r)
{
    r->open = false;
    library_forget_done(r);
    if (!r->map && r->notified && !r->in_callback)
        library_drop(r);
}

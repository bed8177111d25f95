// SPDX-License-Identifier: BSD-3-Clause
// What became of a call's items, and the end of its result.
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

static void keep_failure(br_result *r, const struct exec_report *report)
{
    size_t index = (size_t)report->tasks.first;
    r->status[index] = (unsigned char)public_status(report->end.status);
    char *message = strdup(report->end.message);
    if (!message || array_reserve(&r->failures, r->failure_count + 1, &r->failure_capacity,
                                  sizeof *r->failures, NULL) != 0) {
        free(message);
        r->out_of_memory = true; // the status is kept, its details are lost
        return;
    }
    r->failures[r->failure_count++] = (struct item_failure){
        .index = index,
        .outcome = {.status = public_status(report->end.status),
                    .attempt = report->tasks.attempt,
                    .worker = report->slot == UINT32_MAX ? -1 : (int)report->slot,
                    .signal = report->end.signal,
                    .exit_code = report->end.exit_code,
                    .duration = (double)report->end.duration_ns / (double)NS_PER_S,
                    .message = message}};
    r->sorted = false;
}

static void keep_emitted(br_result *r, size_t index, const char *data, size_t size)
{
    char *copy = malloc(size);
    if (!copy || array_reserve(&r->emitted, r->emitted_count + 1, &r->emitted_capacity,
                               sizeof *r->emitted, NULL) != 0) {
        free(copy);
        r->out_of_memory = true;
        r->status[index] = BR_ERROR;
        return;
    }
    memcpy(copy, data, size);
    r->emitted[r->emitted_count++] = (struct item_bytes){index, copy, size};
    r->sorted = false;
}

static void keep_results(br_result *r, const struct exec_report *report)
{
    size_t first = (size_t)report->tasks.first, count = report->tasks.count;
    memset(r->status + first, BR_OK, count);
    if (r->out && r->out_size > 0)
        memcpy(r->out + first * r->out_size, report->ok.results, count * r->out_size);
    // A report of more bytes than the results is of one item, which has emitted the rest.
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
        if (r->options.stop_on_error)
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

// Returns the entry of item i among the failures or the emitted bytes; both begin with the index.
// NULL if there is none.
static void *find_item(br_result *r, void *items, size_t count, size_t size, size_t i)
{
    if (!r->sorted) {
        sort_items(r->failures, r->failure_count, sizeof *r->failures);
        sort_items(r->emitted, r->emitted_count, sizeof *r->emitted);
        r->sorted = true;
    }
    return count > 0 ? bsearch(&i, items, count, size, compare_index) : NULL;
}

struct item_bytes *library_emitted(br_result *r, size_t i)
{
    return find_item(r, r->emitted, r->emitted_count, sizeof *r->emitted, i);
}

void library_outcome(br_result *r, size_t i, br_outcome *out)
{
    struct item_failure *f = find_item(r, r->failures, r->failure_count, sizeof *r->failures, i);
    if (f) {
        *out = f->outcome;
        return;
    }
    *out = (br_outcome){.status = (enum br_status)r->status[i], .worker = -1, .message = ""};
    if (out->status == BR_CANCELLED)
        out->message = r->pool->broken ? r->pool->why.text : "it was cancelled before it started";
    else if (out->status != BR_OK && out->status != BR_PENDING)
        out->message = "out of memory: how it ended was not kept";
}

bool library_has_failed(const br_result *r)
{
    return r->failure_count > 0 || r->cancelled_items > 0 || r->out_of_memory;
}

// ---- The end of a result

// Cancels the items that had not started when the call was cancelled or the pool broke.
static void settle_pending(br_result *r)
{
    size_t left = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->status[i] == BR_PENDING) {
            r->status[i] = BR_CANCELLED;
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
    free(r->items);
    r->items = NULL;
    fd_close(&r->items_fd);
    r->next_ready = NULL;
    *p->callbacks_end = r;
    p->callbacks_end = &r->next_ready;
    pthread_cond_broadcast(&p->changed);
}

static void unlink_result(br_result *r)
{
    br_pool *p = r->pool;
    if (r->previous)
        r->previous->next = r->next;
    else
        p->results = r->next;
    if (r->next)
        r->next->previous = r->previous;
}

void library_free_result(br_result *r)
{
    if (r->pool)
        unlink_result(r);
    for (size_t i = 0; i < r->failure_count; i++)
        free(owned(r->failures[i].outcome.message));
    for (size_t i = 0; i < r->emitted_count; i++)
        free(r->emitted[i].data);
    if (r->own_out)
        free(r->out);
    free(r->failures);
    free(r->emitted);
    free(r->items);
    free(r->status);
    fd_close(&r->items_fd);
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
    if (!r->map && r->notified)
        library_drop(r);
}

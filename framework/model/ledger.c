// SPDX-License-Identifier: BSD-3-Clause
#include "model/ledger.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/bits.h"

// The earlier time comes first; then the lower task, so that the order never depends on the heap's
// shape.
static bool is_before(const void *a, const void *b)
{
    const struct ledger_retry *x = a, *y = b;
    return x->due_ns != y->due_ns ? x->due_ns < y->due_ns : x->work.first < y->work.first;
}

void ledger_init(struct ledger *l, uint64_t tasks)
{
    *l = (struct ledger){.tasks = tasks,
                         .waiting = {.size = sizeof(struct ledger_retry), .before = is_before}};
}

void ledger_finish(struct ledger *l)
{
    free(l->returned);
    heap_finish(&l->waiting);
    *l = (struct ledger){0};
}

static const struct ledger_retry *first_waiting(const struct ledger *l)
{
    return heap_first(&l->waiting);
}

static struct ledger_work pop_waiting(struct ledger *l)
{
    struct ledger_retry first;
    heap_take(&l->waiting, 0, &first);
    return first.work;
}

// ---- The account

int ledger_resume(struct ledger *l, const struct ledger_past *past, br_error *err)
{
    for (size_t i = 0; i < past->again_count; i++) {
        l->granted++; // because ledger_retry takes a granted task
        if (ledger_retry(l, &past->again[i], 0, err) != 0)
            return -1;
    }
    for (int i = 0; i < OUTCOME_COUNT; i++)
        l->ended[i] = past->ended[i];
    l->known = past->known;
    l->known_left = ledger_ended(l) + past->again_count;
    return 0;
}

static uint64_t new_tasks(const struct ledger *l)
{
    return l->tasks - l->cursor - l->known_left;
}

// Takes at most `most` new tasks; there must be one.
static struct ledger_work take_new(struct ledger *l, uint32_t most)
{
    if (l->known) {
        uint64_t next = bits_next_missing(l->known, l->cursor, l->tasks);
        l->known_left -= next - l->cursor;
        l->cursor = next;
    }
    uint64_t end = l->tasks - l->cursor < most ? l->tasks : l->cursor + most;
    if (l->known_left > 0)
        end = bits_next(l->known, l->cursor, end);
    struct ledger_work work = {
        .first = l->cursor, .count = (uint32_t)(end - l->cursor), .attempt = 1};
    l->cursor = end;
    return work;
}

bool ledger_take(struct ledger *l, uint32_t most, int64_t now, struct ledger_work *out)
{
    if (l->returned_count > 0) {
        struct ledger_work *top = &l->returned[l->returned_count - 1];
        *out = *top;
        if (out->alone)
            most = 1;
        if (out->count > most)
            out->count = most;
        top->first += out->count;
        top->count -= out->count;
        if (top->count == 0)
            l->returned_count--;
        l->returned_tasks -= out->count;
    } else if (ledger_next_due(l) <= now && l->waiting.count > 0) {
        *out = pop_waiting(l);
    } else if (new_tasks(l) > 0) {
        *out = take_new(l, most);
    } else
        return false;
    l->granted += out->count;
    return true;
}

bool ledger_next_alone(const struct ledger *l, int64_t now)
{
    if (l->returned_count > 0)
        return l->returned[l->returned_count - 1].alone;
    return ledger_next_due(l) <= now && l->waiting.count > 0 && first_waiting(l)->work.alone;
}

int ledger_retry(struct ledger *l, const struct ledger_work *work, int64_t due_ns, br_error *err)
{
    if (heap_reserve(&l->waiting, l->waiting.count + 1, err) != 0)
        return -1;
    heap_push(&l->waiting, &(struct ledger_retry){.due_ns = due_ns, .work = *work});
    l->granted--;
    return 0;
}

int ledger_give_back(struct ledger *l, const struct ledger_work *work, br_error *err)
{
    if (work->attempt > 1)
        return ledger_retry(l, work, 0, err);
    if (array_reserve(&l->returned, l->returned_count + 1, &l->returned_capacity,
                      sizeof *l->returned, err) != 0)
        return -1;
    l->returned[l->returned_count++] = *work;
    l->returned_tasks += work->count;
    l->granted -= work->count;
    return 0;
}

void ledger_end(struct ledger *l, enum outcome_status status, uint64_t count)
{
    l->granted -= count;
    l->ended[status] += count;
}

uint64_t ledger_left(const struct ledger *l)
{
    return new_tasks(l) + l->returned_tasks + l->waiting.count;
}

bool ledger_ready(const struct ledger *l, int64_t now)
{
    return new_tasks(l) > 0 || l->returned_count > 0 ||
           (l->waiting.count > 0 && first_waiting(l)->due_ns <= now);
}

int64_t ledger_next_due(const struct ledger *l)
{
    return l->waiting.count > 0 ? first_waiting(l)->due_ns : INT64_MAX;
}

uint64_t ledger_stop(struct ledger *l)
{
    uint64_t skipped = new_tasks(l) + l->returned_tasks;
    l->cursor = l->tasks;
    l->known_left = 0;
    l->returned_count = 0;
    l->returned_tasks = 0;
    l->ended[OUTCOME_SKIPPED] += skipped;
    return skipped;
}

bool ledger_drop_waiting(struct ledger *l, struct ledger_work *out)
{
    if (l->waiting.count == 0)
        return false;
    *out = pop_waiting(l);
    l->ended[OUTCOME_CANCELLED]++;
    return true;
}

uint64_t ledger_ended(const struct ledger *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        sum += l->ended[i];
    return sum;
}

bool ledger_done(const struct ledger *l)
{
    return ledger_ended(l) == l->tasks;
}

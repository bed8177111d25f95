// SPDX-License-Identifier: BSD-3-Clause
#include "model/ledger.h"

#include <stdlib.h>

#include "base/bits.h"

void ledger_init(struct ledger *l, uint64_t tasks)
{
    *l = (struct ledger){.tasks = tasks};
}

void ledger_finish(struct ledger *l)
{
    free(l->returned);
    free(l->waiting);
    *l = (struct ledger){0};
}

// Room for one more of `size` bytes in *items. Kept apart from the change itself, so that a failure
// leaves the account as it was.
static bool grow(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 16;
    void *grown = realloc(*items, wanted * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

// ---- The heap of waiting tasks

static void swap(struct ledger_retry *a, struct ledger_retry *b)
{
    struct ledger_retry t = *a;
    *a = *b;
    *b = t;
}

// Earlier due first; then the lower task, so that the order never depends on the heap's shape.
static bool before(const struct ledger_retry *a, const struct ledger_retry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->work.first < b->work.first;
}

static void sift_up(struct ledger_retry *heap, size_t at)
{
    for (; at > 0 && before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct ledger_retry *heap, size_t count)
{
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1;
        for (size_t child = left; child < count && child <= left + 1; child++)
            if (before(&heap[child], &heap[least]))
                least = child;
        if (least == at)
            return;
        swap(&heap[at], &heap[least]);
        at = least;
    }
}

static struct ledger_work pop_waiting(struct ledger *l)
{
    struct ledger_work work = l->waiting[0].work;
    l->waiting[0] = l->waiting[--l->waiting_count];
    sift_down(l->waiting, l->waiting_count);
    return work;
}

// ---- The account

int ledger_resume(struct ledger *l, const struct ledger_past *past, br_error *err)
{
    for (size_t i = 0; i < past->again_count; i++) {
        l->out++; // as ledger_retry wants it
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

// At most `most` new tasks, of which there are some.
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
    struct ledger_work work = {.first = l->cursor, .count = (uint32_t)(end - l->cursor)};
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
    } else if (ledger_next_due(l) <= now && l->waiting_count > 0) {
        *out = pop_waiting(l);
    } else if (new_tasks(l) > 0) {
        *out = take_new(l, most);
    } else
        return false;
    l->out += out->count;
    return true;
}

bool ledger_next_alone(const struct ledger *l, int64_t now)
{
    if (l->returned_count > 0)
        return l->returned[l->returned_count - 1].alone;
    return ledger_next_due(l) <= now && l->waiting_count > 0 && l->waiting[0].work.alone;
}

int ledger_retry(struct ledger *l, const struct ledger_work *work, int64_t due_ns, br_error *err)
{
    if (!grow((void **)&l->waiting, l->waiting_count, &l->waiting_capacity, sizeof *l->waiting))
        return br_error_nomem(err);
    l->waiting[l->waiting_count] = (struct ledger_retry){.due_ns = due_ns, .work = *work};
    sift_up(l->waiting, l->waiting_count++);
    l->out--;
    return 0;
}

int ledger_give_back(struct ledger *l, const struct ledger_work *work, br_error *err)
{
    if (work->attempt > 0)
        return ledger_retry(l, work, 0, err);
    if (!grow((void **)&l->returned, l->returned_count, &l->returned_capacity, sizeof *l->returned))
        return br_error_nomem(err);
    l->returned[l->returned_count++] = *work;
    l->returned_tasks += work->count;
    l->out -= work->count;
    return 0;
}

void ledger_end(struct ledger *l, enum outcome_status status, uint64_t count)
{
    l->out -= count;
    l->ended[status] += count;
}

uint64_t ledger_left(const struct ledger *l)
{
    return new_tasks(l) + l->returned_tasks + l->waiting_count;
}

bool ledger_ready(const struct ledger *l, int64_t now)
{
    return new_tasks(l) > 0 || l->returned_count > 0 ||
           (l->waiting_count > 0 && l->waiting[0].due_ns <= now);
}

int64_t ledger_next_due(const struct ledger *l)
{
    return l->waiting_count > 0 ? l->waiting[0].due_ns : INT64_MAX;
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
    if (l->waiting_count == 0)
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

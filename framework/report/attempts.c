// SPDX-License-Identifier: BSD-3-Clause
// Splits runs of successes into attempts with a start and an end each.
#include "report/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

// Greater than any time of a run; sums of several such times do not overflow.
#define TIME_MAX (INT64_MAX / 8)

void attempts_init(struct attempts *s)
{
    *s = (struct attempts){0};
}

void attempts_finish(struct attempts *s)
{
    free(s->free_ns);
    attempts_init(s);
}

static int64_t *free_of(struct attempts *s, uint32_t worker)
{
    if (worker < s->worker_count)
        return &s->free_ns[worker];
    size_t count = (size_t)worker + 1;
    if (worker >= EVENT_INDEX_MAX ||
        array_extend(&s->free_ns, &s->worker_count, count, sizeof *s->free_ns, NULL) != 0) {
        s->failed = true;
        return NULL;
    }
    return &s->free_ns[worker];
}

int64_t attempts_time(int64_t ns)
{
    return ns < 0 ? 0 : ns < TIME_MAX ? ns : TIME_MAX;
}

static void tell(int64_t *free_ns, struct attempt *a, int64_t start, int64_t lasted,
                 attempt_fn *each, void *user)
{
    start = attempts_time(start);
    a->lasted_ns = attempts_time(lasted);
    a->end_ns = start + a->lasted_ns;
    a->start_ns = start > *free_ns ? start : *free_ns;
    if (a->end_ns < a->start_ns)
        a->end_ns = a->start_ns;
    *free_ns = a->end_ns;
    each(user, a);
}

// Spreads consecutive successes over the time until their event. Time beyond the sum of their
// durations was spent between them, because the event comes after the last of them has started.
static void take_tasks_ok(int64_t *free_ns, const struct event *event, attempt_fn *each, void *user)
{
    const struct event_tasks_ok *e = &event->tasks_ok;
    struct attempt a = {.phase = e->phase,
                        .worker = e->worker,
                        .attempt = e->attempt,
                        .status = OUTCOME_OK,
                        .final = true};
    int64_t sum = 0;
    for (uint64_t i = 0; e->durations && i < e->count; i++)
        sum += e->durations[i];
    int64_t at = attempts_time(e->start_ns);
    int64_t span = attempts_time(event->time_ns) - at;
    int64_t between = span > sum ? (span - sum) / (int64_t)e->count : 0;
    for (uint64_t i = 0; i < e->count; i++) {
        int64_t lasted = e->durations ? e->durations[i] : between;
        a.index = e->first + i;
        tell(free_ns, &a, at, lasted, each, user);
        at += e->durations ? lasted + between : between;
    }
}

static void take_task_end(int64_t *free_ns, const struct event_task_end *e, attempt_fn *each,
                          void *user)
{
    struct attempt a = {.phase = e->phase,
                        .worker = e->worker,
                        .attempt = e->attempt,
                        .index = e->index,
                        .status = e->status,
                        .final = e->final,
                        .event = e};
    tell(free_ns, &a, e->start_ns, e->duration_ns, each, user);
}

void attempts_take(struct attempts *s, const struct event *event, attempt_fn *each, void *user)
{
    int64_t *free_ns;
    if (event->type == EVENT_TASKS_OK) {
        if ((free_ns = free_of(s, event->tasks_ok.worker)))
            take_tasks_ok(free_ns, event, each, user);
    } else if (event->type == EVENT_TASK_END && event->task_end.worker != UINT32_MAX) {
        if ((free_ns = free_of(s, event->task_end.worker)))
            take_task_end(free_ns, &event->task_end, each, user);
    }
}

bool attempts_is_death(const struct event_worker_end *e)
{
    return e->signal != 0 || e->exit_code != 0 || strcmp(e->reason, "told to end") != 0;
}

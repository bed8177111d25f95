// SPDX-License-Identifier: BSD-3-Clause
// Keeps the slowest attempts in order.
#include "views/slowest.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

static void consider(struct slowest *s, const struct slow_task *task)
{
    size_t at = s->count;
    while (at > 0 && s->tasks[at - 1].duration_ns < task->duration_ns)
        at--;
    if (at == SLOWEST_SHOWN)
        return;
    s->count += s->count < SLOWEST_SHOWN;
    memmove(&s->tasks[at + 1], &s->tasks[at], (s->count - at - 1) * sizeof *task);
    s->tasks[at] = *task;
}

static void take_tasks_ok(struct slowest *s, const struct event_tasks_ok *e)
{
    // Most tasks are not among the slowest, and need just this comparison.
    int64_t enough = s->count < SLOWEST_SHOWN ? -1 : s->tasks[SLOWEST_SHOWN - 1].duration_ns;
    for (uint64_t i = 0; e->durations && i < e->count; i++) {
        if (e->durations[i] <= enough)
            continue;
        consider(s, &(struct slow_task){.duration_ns = e->durations[i],
                                        .phase = e->phase,
                                        .index = e->first + i,
                                        .worker = e->worker,
                                        .attempt = e->attempt,
                                        .status = OUTCOME_OK});
        enough = s->count < SLOWEST_SHOWN ? -1 : s->tasks[SLOWEST_SHOWN - 1].duration_ns;
    }
}

static int slowest_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct slowest *s = (struct slowest *)sink;
    const struct event_task_end *e = &event->task_end;
    (void)err;
    if (event->type == EVENT_TASKS_OK)
        take_tasks_ok(s, &event->tasks_ok);
    else if (event->type == EVENT_TASK_END && e->worker != UINT32_MAX)
        consider(s, &(struct slow_task){.duration_ns = e->duration_ns,
                                        .phase = e->phase,
                                        .index = e->index,
                                        .worker = e->worker,
                                        .attempt = e->attempt,
                                        .status = e->status});
    return 0;
}

void slowest_init(struct slowest *s)
{
    *s = (struct slowest){.sink.take = slowest_take};
}

void slowest_text(const struct slowest *s, const struct phase_names *names, struct buffer *out)
{
    if (s->count == 0)
        return;
    buffer_text(out, "slowest\n");
    for (size_t i = 0; i < s->count; i++) {
        const struct slow_task *t = &s->tasks[i];
        struct buffer time = BUFFER_EMPTY;
        text_duration(&time, t->duration_ns);
        buffer_format(out, "%9.*s  ", (int)time.length, time.data);
        out->failed = out->failed || time.failed;
        buffer_finish(&time);
        phase_names_put(names, t->phase, out);
        buffer_format(out, "#%" PRIu64, t->index);
        if (t->status != OUTCOME_OK)
            buffer_format(out, " %s", outcome_plain(t->status));
        if (t->attempt > 1)
            buffer_format(out, ", attempt %" PRIu32, t->attempt);
        buffer_format(out, ", worker %" PRIu32 "\n", t->worker);
    }
    buffer_char(out, '\n');
}

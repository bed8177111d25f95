// SPDX-License-Identifier: BSD-3-Clause
// Folds events into the failures of a run, and finds those that are alike.
#include "views/failures.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct failures_worker {
    char *cpus;
    struct event_output last[2]; // the task's latest output, by stream
};

// ---- The fold

// Makes room for items[index]. Returns false if there is none; the failure is then shown without
// it.
static bool has_room(void *items, size_t *count, size_t size, uint32_t index)
{
    return index < EVENT_INDEX_MAX &&
           array_extend(items, count, (size_t)index + 1, size, NULL) == 0;
}

static struct failures_worker *worker_at(struct failures *f, uint32_t index)
{
    bool there = has_room(&f->workers, &f->worker_count, sizeof *f->workers, index);
    return there ? &f->workers[index] : NULL;
}

static void take_phase_begin(struct failures *f, const struct event_phase_begin *e)
{
    if (!has_room(&f->phases, &f->phase_count, sizeof *f->phases, e->phase))
        return;
    free(f->phases[e->phase]);
    f->phases[e->phase] = strdup(e->name);
}

static void take_worker_begin(struct failures *f, const struct event_worker_begin *e)
{
    struct failures_worker *w = worker_at(f, e->worker);
    if (!w)
        return;
    struct buffer text = BUFFER_EMPTY;
    cpuset_text(&text, &e->cpus);
    free(w->cpus);
    w->cpus = buffer_take_string(&text, NULL);
}

static bool is_of(const struct event_output *o, const struct event_task_end *t)
{
    return o->length > 0 && o->phase == t->phase && o->worker == t->worker &&
           o->attempt == t->attempt && t->index >= o->first && t->index - o->first < o->count;
}

static struct failure_output output_of(const struct event_output *o)
{
    return (struct failure_output){
        .offset = o->offset, .length = o->length, .first = o->first, .count = o->count};
}

// Takes output, which may come before or after the failure that it belongs to.
static void take_output(struct failures *f, const struct event_output *e)
{
    if (e->stream < 1 || e->stream > 2)
        return;
    for (size_t i = 0; i < f->shown_count; i++)
        if (is_of(e, &f->shown[i].task))
            f->shown[i].output[e->stream - 1] = output_of(e);
    struct failures_worker *w = worker_at(f, e->worker);
    if (w)
        w->last[e->stream - 1] = *e;
}

bool failure_is(const struct event_task_end *e)
{
    return e->final && e->status != OUTCOME_OK && e->status != OUTCOME_CANCELLED &&
           e->status != OUTCOME_SKIPPED;
}

// Returns the length of the number at `text`, with its sign, exponent and unit: "-1.5e-3",
// "0x7f3a", "60s". 0 if there is none.
static size_t number_length(const char *text)
{
    size_t at = *text == '-' || *text == '+';
    if (!isdigit((unsigned char)text[at]))
        return 0;
    while (isalnum((unsigned char)text[at]) || text[at] == '.' ||
           ((text[at] == '-' || text[at] == '+') && tolower((unsigned char)text[at - 1]) == 'e'))
        at++;
    return at;
}

// Returns whether the first lines of two messages are the same, or differ only in numbers.
static bool same_message(const char *a, const char *b)
{
    for (;;) {
        size_t in_a = number_length(a), in_b = number_length(b);
        if (in_a > 0 && in_b > 0) {
            a += in_a;
            b += in_b;
            continue;
        }
        bool end_a = *a == '\0' || *a == '\n', end_b = *b == '\0' || *b == '\n';
        if (end_a || end_b)
            return end_a && end_b;
        if (*a++ != *b++)
            return false;
    }
}

static struct failure *find_alike(struct failures *f, const struct event_task_end *e)
{
    for (size_t i = 0; i < f->shown_count; i++) {
        const struct event_task_end *t = &f->shown[i].task;
        if (t->phase == e->phase && t->status == e->status && t->signal == e->signal &&
            t->exit_code == e->exit_code && same_message(t->message, e->message))
            return &f->shown[i];
    }
    return NULL;
}

bool failure_keep(struct failure *out, const struct event_task_end *task)
{
    *out = (struct failure){
        .task = *task, .inputs = strdup(task->inputs), .message = strdup(task->message)};
    out->task.result = NULL;
    out->task.inputs = out->inputs;
    out->task.message = out->message;
    if (out->inputs && out->message)
        return true;
    failure_finish(out);
    return false;
}

void failure_finish(struct failure *failure)
{
    free(failure->inputs);
    free(failure->message);
    free(failure->cpus);
    *failure = (struct failure){0};
}

static void take_task_end(struct failures *f, const struct event_task_end *e)
{
    if (!failure_is(e))
        return;
    f->count++;
    struct failure *alike = find_alike(f, e);
    if (alike && alike->alike < FAILURES_NAMED)
        alike->others[alike->alike] = e->index;
    if (alike)
        alike->alike++;
    if (alike || f->shown_count == FAILURES_SHOWN)
        return;
    struct failure *kept = &f->shown[f->shown_count];
    if (!failure_keep(kept, e))
        return; // counted, not shown
    f->shown_count++;
    struct failures_worker *w = e->worker < f->worker_count ? &f->workers[e->worker] : NULL;
    if (!w)
        return;
    kept->cpus = w->cpus ? strdup(w->cpus) : NULL;
    for (int stream = 0; stream < 2; stream++)
        if (is_of(&w->last[stream], e))
            kept->output[stream] = output_of(&w->last[stream]);
}

static void forget_shown(struct failures *f)
{
    for (size_t i = 0; i < f->shown_count; i++)
        failure_finish(&f->shown[i]);
    f->shown_count = 0;
    f->printed = 0;
    f->count = 0;
}

static bool is_kept(const struct event_phase_keep *e, uint64_t index)
{
    for (size_t i = 0; i < e->span_count; i++)
        if (index >= e->spans[i].first && index - e->spans[i].first < e->spans[i].count)
            return true;
    return false;
}

// Forgets failures of tasks that run again because their inputs have changed. Those that are not
// shown are counted with the shown one that they are like, and go with it.
static void take_phase_keep(struct failures *f, const struct event_phase_keep *e)
{
    size_t kept = 0, printed = f->printed;
    for (size_t i = 0; i < f->shown_count; i++) {
        struct failure *shown = &f->shown[i];
        if (shown->task.phase == e->phase && !is_kept(e, shown->task.index)) {
            f->count -= 1 + shown->alike;
            f->printed -= i < printed;
            failure_finish(shown);
        } else
            f->shown[kept++] = *shown;
    }
    f->shown_count = kept;
}

static int failures_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct failures *f = (struct failures *)sink;
    (void)err;
    if (event->type == EVENT_PHASE_BEGIN)
        take_phase_begin(f, &event->phase_begin);
    else if (event->type == EVENT_WORKER_BEGIN)
        take_worker_begin(f, &event->worker_begin);
    else if (event->type == EVENT_RUN_RESUME && event->run_resume.retry_failed)
        forget_shown(f); // failed tasks run again
    else if (event->type == EVENT_PHASE_KEEP)
        take_phase_keep(f, &event->phase_keep);
    else if (event->type == EVENT_OUTPUT)
        take_output(f, &event->output);
    else if (event->type == EVENT_TASK_END)
        take_task_end(f, &event->task_end);
    return 0;
}

void failures_init(struct failures *f)
{
    *f = (struct failures){.sink.take = failures_take};
}

void failures_finish(struct failures *f)
{
    forget_shown(f);
    for (size_t i = 0; i < f->phase_count; i++)
        free(f->phases[i]);
    for (size_t i = 0; i < f->worker_count; i++)
        free(f->workers[i].cpus);
    free(f->phases);
    free(f->workers);
    failures_init(f);
}

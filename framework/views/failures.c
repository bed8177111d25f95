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

static void give_output(struct failure *failure, const struct event_output *e)
{
    if (is_of(e, &failure->task))
        failure->output[e->stream - 1] = output_of(e);
}

// Takes output, which may come before or after the failure that it belongs to.
static void take_output(struct failures *f, const struct event_output *e)
{
    if (e->stream < 1 || e->stream > 2)
        return;
    for (size_t i = 0; i < f->shown_count; i++) {
        give_output(&f->shown[i], e);
        for (size_t k = 0; k < f->shown[i].spare_count; k++)
            give_output(&f->shown[i].spares[k], e);
    }
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
    for (size_t i = 0; i < failure->spare_count; i++)
        failure_finish(&failure->spares[i]);
    free(failure->spares);
    free(failure->inputs);
    free(failure->message);
    free(failure->cpus);
    *failure = (struct failure){0};
}

// Fills *out with all that is known of a failure. Returns false if memory runs out.
static bool describe(const struct failures *f, const struct event_task_end *e, struct failure *out)
{
    if (!failure_keep(out, e))
        return false;
    struct failures_worker *w = e->worker < f->worker_count ? &f->workers[e->worker] : NULL;
    if (!w)
        return true;
    out->cpus = w->cpus ? strdup(w->cpus) : NULL;
    for (int stream = 0; stream < 2; stream++)
        if (is_of(&w->last[stream], e))
            out->output[stream] = output_of(&w->last[stream]);
    return true;
}

static void add_alike(struct failure *shown, uint64_t index)
{
    if (shown->alike < FAILURES_NAMED)
        shown->others[shown->alike] = index;
    shown->alike++;
}

// Keeps a failure that is like `shown`, and may have to be shown in its place. To have one even if
// many of the first tasks run again, these are the first few and then the 8th, the 16th, and so on.
static void add_spare(const struct failures *f, struct failure *shown,
                      const struct event_task_end *e)
{
    bool is_wanted = shown->alike <= FAILURES_NAMED || (shown->alike & (shown->alike - 1)) == 0;
    if (!is_wanted || shown->spare_count == FAILURES_SPARES)
        return;
    if (!shown->spares)
        shown->spares = calloc(FAILURES_SPARES, sizeof *shown->spares);
    if (shown->spares && describe(f, e, &shown->spares[shown->spare_count]))
        shown->spare_count++;
}

// Returns the new shown failure; NULL if enough are shown, or if memory runs out.
static struct failure *add_shown(struct failures *f, const struct event_task_end *e)
{
    struct failure *shown = &f->shown[f->shown_count];
    if (f->shown_count == FAILURES_SHOWN || !describe(f, e, shown))
        return NULL;
    f->shown_count++;
    shown->kind = ++f->kinds;
    return shown;
}

static void take_task_end(struct failures *f, const struct event_task_end *e)
{
    if (!failure_is(e))
        return;
    struct failure *shown = find_alike(f, e);
    if (shown) {
        add_alike(shown, e->index);
        add_spare(f, shown, e);
    } else
        shown = add_shown(f, e);
    f->count++;
    if (array_reserve(&f->all, f->all_count + 1, &f->all_capacity, sizeof *f->all, NULL) == 0)
        f->all[f->all_count++] = (struct failed_task){
            .index = e->index, .phase = e->phase, .kind = shown ? shown->kind : 0};
}

static void forget_all(struct failures *f)
{
    for (size_t i = 0; i < f->shown_count; i++)
        failure_finish(&f->shown[i]);
    f->shown_count = 0;
    f->printed = 0;
    f->count = 0;
    f->all_count = 0;
}

// ---- Tasks that run again

// Returns whether a task stays failed. Spans are in order.
static bool stays(const struct event_phase_keep *e, uint32_t phase, uint64_t index)
{
    size_t low = 0, high = e->span_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->spans[middle].first + e->spans[middle].count <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return phase != e->phase || (low < e->span_count && e->spans[low].first <= index);
}

// Forgets spares that run again.
static void sift_spares(struct failure *shown, const struct event_phase_keep *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < shown->spare_count; i++) {
        if (stays(e, shown->task.phase, shown->spares[i].task.index))
            shown->spares[kept++] = shown->spares[i];
        else
            failure_finish(&shown->spares[i]);
    }
    shown->spare_count = kept;
}

// Replaces a failure whose task runs again by its first spare. Returns false if there is none.
static bool promote_spare(struct failure *shown)
{
    if (shown->spare_count == 0)
        return false;
    struct failure next = shown->spares[0];
    next.kind = shown->kind;
    next.spares = shown->spares;
    next.spare_count = shown->spare_count - 1;
    memmove(next.spares, next.spares + 1, next.spare_count * sizeof *next.spares);
    shown->spares = NULL;
    shown->spare_count = 0;
    failure_finish(shown);
    *shown = next;
    return true;
}

static void sift_shown(struct failures *f, const struct event_phase_keep *e)
{
    size_t kept = 0, printed = f->printed;
    for (size_t i = 0; i < f->shown_count; i++) {
        struct failure *shown = &f->shown[i];
        sift_spares(shown, e);
        if (stays(e, shown->task.phase, shown->task.index) || promote_spare(shown)) {
            shown->alike = 0;
            f->shown[kept++] = *shown;
        } else {
            f->printed -= i < printed;
            failure_finish(shown);
        }
    }
    f->shown_count = kept;
}

// Counts a failure that stays with the shown one that it is like.
static void count_alike(struct failures *f, const struct failed_task *task)
{
    for (size_t i = 0; i < f->shown_count; i++)
        if (f->shown[i].kind == task->kind && f->shown[i].task.index != task->index)
            add_alike(&f->shown[i], task->index);
}

// Forgets failures of tasks that run again because their inputs have changed.
static void take_phase_keep(struct failures *f, const struct event_phase_keep *e)
{
    size_t kept = 0;
    sift_shown(f, e);
    for (size_t i = 0; i < f->all_count; i++) {
        if (!stays(e, f->all[i].phase, f->all[i].index)) {
            f->count--;
            continue;
        }
        count_alike(f, &f->all[i]);
        f->all[kept++] = f->all[i];
    }
    f->all_count = kept;
}

static void take_phase_begin(struct failures *f, const struct event_phase_begin *e)
{
    // A phase that begins again begins from nothing.
    take_phase_keep(f, &(struct event_phase_keep){.phase = e->phase});
    if (!has_room(&f->phases, &f->phase_count, sizeof *f->phases, e->phase))
        return;
    free(f->phases[e->phase]);
    f->phases[e->phase] = strdup(e->name);
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
        forget_all(f); // failed tasks run again
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
    forget_all(f);
    for (size_t i = 0; i < f->phase_count; i++)
        free(f->phases[i]);
    for (size_t i = 0; i < f->worker_count; i++)
        free(f->workers[i].cpus);
    free(f->phases);
    free(f->workers);
    free(f->all);
    failures_init(f);
}

// SPDX-License-Identifier: BSD-3-Clause
#include "run/resume_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/bits.h"
#include "run/phase_signature.h"
#include "run/status.h"

// An attempt that did not succeed.
struct failed_attempt {
    uint64_t index;
    uint64_t order; // its position among those of the phase, as in the journal
    enum outcome_status status;
    bool final;
    bool crashed;
    uint32_t next; // number of the attempt that follows, if not final
};

struct resume_phase {
    char *name;   // the latest one that had the number; NULL if none has it now
    bool begun;   // it started, as a phase of the job as it is now
    bool foreign; // it started as one that the job does not have: its events are ignored
    bool over;
    enum phase_end how;
    uint64_t tasks;
    uint32_t source; // number of the phase whose results it reads, or EVENT_NO_PHASE
    const struct schema *schema;
    struct results *results;
    uint16_t *made; // by task: number of acceptances before it succeeded; NULL = 0 for all
    struct failed_attempt *ends;
    size_t end_count, end_capacity;
    uint64_t failed; // how many of them are final
    bool sorted;
};

static const struct schema no_columns;

// ---- Phases

static int contradiction(br_error *err, const char *what, uint32_t number, uint64_t index)
{
    return br_error_set(err, BR_ERR_USAGE,
                        "the run cannot be resumed: for phase %" PRIu32 ", task %" PRIu64
                        ", its journal has %s; --fresh sets the run aside and starts anew",
                        number, index, what);
}

// Forgets all but the name.
static void forget(struct resume_state *state, struct resume_phase *p)
{
    if (p->results)
        state->ended -= results_count(p->results);
    state->ended -= p->failed;
    state->failed -= p->failed;
    results_destroy(p->results);
    free(p->made);
    free(p->ends);
    *p = (struct resume_phase){.name = p->name, .source = EVENT_NO_PHASE};
}

// Forgets all that was computed from the results of the phase.
static void forget_readers(struct resume_state *state, uint32_t number)
{
    for (size_t i = 0; i < state->phase_count; i++) {
        struct resume_phase *p = &state->phases[i];
        if (!p->begun || p->source != number)
            continue;
        forget(state, p);
        forget_readers(state, (uint32_t)i);
    }
}

static struct resume_phase *phase_at(const struct resume_state *state, uint32_t number)
{
    return state && number < state->phase_count ? &state->phases[number] : NULL;
}

// Returns whether the phase that has started is one of the job, and sets its schema.
static bool is_of_job(const struct resume_state *state, const struct event_phase_begin *e,
                      struct resume_phase *p)
{
    const struct job *job = state->prepared->job;
    for (size_t i = 0; i < job->phase_count; i++) {
        const struct prepared_phase *pp = &state->prepared->phases[i];
        size_t length = strlen(job->phases[i].name);
        if (strncmp(e->name, job->phases[i].name, length) != 0)
            continue;
        if (e->name[length] == '\0') {
            p->schema = &pp->entry->signature.results;
            return e->signature == phase_signature(state->prepared, i);
        }
        if (strcmp(e->name + length, " (reduce)") != 0 || job->phases[i].reduce.kind == REDUCE_NONE)
            continue;
        p->schema = pp->reduce_entry ? &pp->reduce_entry->signature.results : &no_columns;
        return e->signature == phase_reduction_signature(state->prepared, i, e->name);
    }
    return false;
}

// ---- Events

static int take_phase_begin(struct resume_state *state, const struct event_phase_begin *e,
                            br_error *err)
{
    if (e->phase >= EVENT_INDEX_MAX)
        return contradiction(err, "a start, but the job has no such phase", e->phase, 0);
    if (array_extend(&state->phases, &state->phase_count, (size_t)e->phase + 1,
                     sizeof *state->phases, err) != 0)
        return -1;
    struct resume_phase *p = &state->phases[e->phase];
    char *name = strdup(e->name);
    if (!name)
        return br_error_nomem(err);
    forget(state, p);
    forget_readers(state, e->phase);
    free(p->name);
    p->name = name;
    state->any_phase = true;
    p->source = e->source;
    p->tasks = e->tasks;
    p->foreign = !is_of_job(state, e, p);
    if (p->foreign)
        return 0;
    p->results = results_create(p->schema, e->tasks, err);
    p->begun = p->results != NULL;
    return p->begun ? 0 : -1;
}

// Sets *out to the phase of tasks that have ended, or to NULL if their events are ignored.
// Returns -1 and *err if it has no such tasks or one of them has succeeded before.
static int phase_of(struct resume_state *state, uint32_t number, uint64_t first, uint64_t count,
                    struct resume_phase **out, br_error *err)
{
    struct resume_phase *p = phase_at(state, number);
    *out = NULL;
    if (p && p->foreign)
        return 0;
    if (!p || !p->begun || first >= p->tasks || count > p->tasks - first)
        return contradiction(err, "an end without a start", number, first);
    if (results_next(p->results, first) < first + count)
        return contradiction(err, "two ends", number, results_next(p->results, first));
    *out = p;
    return 0;
}

// Notes how many acceptances there were before tasks succeeded.
static int note_made(const struct resume_state *state, struct resume_phase *p, uint64_t first,
                     uint64_t count, br_error *err)
{
    if (state->accepts > 0 && !p->made) {
        p->made = calloc(p->tasks + 1, sizeof *p->made);
        if (!p->made)
            return br_error_nomem(err);
    }
    for (uint64_t i = first; p->made && i < first + count; i++)
        p->made[i] = state->accepts;
    return 0;
}

static int take_ok(struct resume_state *state, uint32_t number, uint64_t first, uint64_t count,
                   const void *rows, size_t size, br_error *err)
{
    struct resume_phase *p;
    if (phase_of(state, number, first, count, &p, err) != 0)
        return -1;
    if (!p)
        return 0;
    if (note_made(state, p, first, count, err) != 0 ||
        results_put(p->results, first, count, rows ? rows : "", size, err) != 0)
        return -1;
    state->ended += count;
    return 0;
}

static int take_task_end(struct resume_state *state, const struct event_task_end *e, br_error *err)
{
    if (e->status == OUTCOME_OK)
        return take_ok(state, e->phase, e->index, 1, e->result, e->result_size, err);
    struct resume_phase *p;
    if (phase_of(state, e->phase, e->index, 1, &p, err) != 0)
        return -1;
    if (!p)
        return 0;
    if (array_reserve(&p->ends, p->end_count + 1, &p->end_capacity, sizeof *p->ends, err) != 0)
        return -1;
    p->ends[p->end_count] = (struct failed_attempt){.index = e->index,
                                                    .order = p->end_count,
                                                    .status = e->status,
                                                    .final = e->final,
                                                    .crashed = e->status == OUTCOME_CRASHED,
                                                    .next = e->attempt + 1};
    p->end_count++;
    p->failed += e->final;
    state->failed += e->final;
    state->ended += e->final;
    return 0;
}

static void take_phase_end(struct resume_state *state, const struct event_phase_end *e)
{
    struct resume_phase *p = phase_at(state, e->phase);
    if (!p || !p->begun)
        return;
    p->over = true;
    p->how = e->how;
}

// ---- A resume

// Takes a final outcome back. The attempt of a task that was cancelled is not counted.
static void reopen(struct resume_state *state, struct resume_phase *p, struct failed_attempt *end)
{
    bool cancelled = end->status == OUTCOME_CANCELLED || end->status == OUTCOME_SKIPPED;
    end->final = false;
    end->next -= cancelled;
    p->failed--;
    state->failed--;
    state->ended--;
}

// Takes back the outcomes of tasks that were cancelled or skipped; with `failed`, also those of
// failed tasks. Returns whether there were any of the latter.
static bool reopen_phase(struct resume_state *state, struct resume_phase *p, bool failed)
{
    bool any = false;
    for (size_t i = 0; i < p->end_count; i++) {
        struct failed_attempt *end = &p->ends[i];
        bool cancelled = end->status == OUTCOME_CANCELLED || end->status == OUTCOME_SKIPPED;
        if (!end->final || (!cancelled && !failed))
            continue;
        any |= !cancelled;
        reopen(state, p, end);
    }
    if (p->over && p->how == PHASE_SKIPPED)
        forget(state, p);
    p->over = p->over && p->how == PHASE_ENDED && !any;
    return any;
}

// Results of a phase may change if failed tasks run again. Reductions and phases that read such
// results run again from the start.
static void take_resume(struct resume_state *state, const struct event_run_resume *e)
{
    for (size_t i = 0; i < state->phase_count; i++)
        if (reopen_phase(state, &state->phases[i], e->retry_failed))
            forget_readers(state, (uint32_t)i);
    state->finished = false;
}

// ---- An acceptance

// A changed job may write other files from the same rows: no phase is over.
static void take_accept(struct resume_state *state, const struct event_accept *e)
{
    if (state->accepts < UINT16_MAX)
        state->accepts++;
    bool job = strcmp(e->what, "job file") == 0 || strcmp(e->what, "--set") == 0;
    for (size_t i = 0; job && i < state->phase_count; i++)
        state->phases[i].over = false;
}

static bool is_within(const struct event_span *spans, size_t count, uint64_t task)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spans[middle].first + spans[middle].count <= task)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && spans[low].first <= task;
}

// Copies the rows first .. first + count - 1 that succeeded, less `shift` in number.
static int copy_results(const struct results *from, uint64_t first, uint64_t count, uint64_t shift,
                        struct results *to, br_error *err)
{
    uint64_t row, rows;
    size_t size;
    const void *data;
    for (uint64_t at = first; (data = results_run(from, at, &row, &rows, &size)); at = row + rows) {
        if (row >= first + count)
            break;
        if (rows > first + count - row) {
            size = size / rows * (first + count - row); // rows of one run have the same size
            rows = first + count - row;
        }
        if (results_put(to, row - shift, rows, data, size, err) != 0)
            return -1;
    }
    return 0;
}

static int keep_results(struct resume_phase *p, const struct event_phase_keep *e, br_error *err)
{
    struct results *kept = results_create(p->schema, e->tasks, err);
    int result = kept ? 0 : -1;
    for (size_t i = 0; result == 0 && i < e->span_count; i++)
        result = copy_results(p->results, e->spans[i].first, e->spans[i].count, 0, kept, err);
    uint16_t *made = result == 0 && p->made ? calloc(e->tasks + 1, sizeof *made) : NULL;
    if (result == 0 && p->made && !made)
        result = br_error_nomem(err);
    if (result != 0) {
        results_destroy(kept);
        return -1;
    }
    if (made)
        memcpy(made, p->made, (e->tasks < p->tasks ? e->tasks : p->tasks) * sizeof *made);
    results_destroy(p->results);
    free(p->made);
    p->results = kept;
    p->made = made;
    return 0;
}

static void keep_ends(struct resume_phase *p, const struct event_phase_keep *e)
{
    size_t kept = 0;
    p->failed = 0;
    for (size_t i = 0; i < p->end_count; i++) {
        if (!is_within(e->spans, e->span_count, p->ends[i].index))
            continue;
        p->failed += p->ends[i].final;
        p->ends[kept] = p->ends[i];
        p->ends[kept].order = kept; // ends that are added later come after it
        kept++;
    }
    p->end_count = kept;
}

static int take_phase_keep(struct resume_state *state, const struct event_phase_keep *e,
                           br_error *err)
{
    struct resume_phase *p = phase_at(state, e->phase);
    if (!p)
        return 0;
    forget_readers(state, e->phase);
    if (e->dropped) {
        forget(state, p);
        free(p->name);
        p->name = NULL;
        return 0;
    }
    if (!p->begun)
        return 0;
    uint64_t ended = results_count(p->results) + p->failed, failed = p->failed;
    if (keep_results(p, e, err) != 0)
        return -1;
    keep_ends(p, e);
    state->ended += results_count(p->results) + p->failed - ended;
    state->failed += p->failed - failed;
    p->tasks = e->tasks;
    p->over = false;
    return 0;
}

static int resume_state_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct resume_state *state = (struct resume_state *)sink;
    const struct event_tasks_ok *ok = &event->tasks_ok;
    state->begun = true;
    if (event->time_ns > state->last_ns)
        state->last_ns = event->time_ns;
    switch (event->type) {
    case EVENT_RUN_BEGIN:
        state->is_try = event->run_begin.part[0] != '\0';
        return 0;
    case EVENT_PHASE_BEGIN:
        return take_phase_begin(state, &event->phase_begin, err);
    case EVENT_TASKS_OK:
        return take_ok(state, ok->phase, ok->first, ok->count, ok->results, ok->results_size, err);
    case EVENT_TASK_END:
        return take_task_end(state, &event->task_end, err);
    case EVENT_PHASE_END:
        take_phase_end(state, &event->phase_end);
        return 0;
    case EVENT_PHASE_KEEP:
        return take_phase_keep(state, &event->phase_keep, err);
    case EVENT_ACCEPT:
        take_accept(state, &event->accept);
        return 0;
    case EVENT_RUN_END:
        state->finished =
            event->run_end.exit_status == RUN_OK || event->run_end.exit_status == RUN_FAILED;
        return 0;
    case EVENT_RUN_RESUME:
        take_resume(state, &event->run_resume);
        return 0;
    default:
        return 0;
    }
}

void resume_state_init(struct resume_state *state, const struct prepared *prepared)
{
    *state = (struct resume_state){.sink.take = resume_state_take, .prepared = prepared};
}

void resume_state_finish(struct resume_state *state)
{
    for (size_t i = 0; i < state->phase_count; i++) {
        results_destroy(state->phases[i].results);
        free(state->phases[i].name);
        free(state->phases[i].made);
        free(state->phases[i].ends);
    }
    free(state->phases);
    state->phases = NULL;
    state->phase_count = 0;
}

// ---- Numbers

static bool is_named(const char *name, const char *phase, bool reduction)
{
    size_t length = strlen(phase);
    return strncmp(name, phase, length) == 0 &&
           strcmp(name + length, reduction ? " (reduce)" : "") == 0;
}

// Returns the number that the journal has for a phase or its reduction; EVENT_NO_PHASE if none.
static uint32_t number_of(const struct resume_state *state, const char *phase, bool reduction)
{
    for (size_t i = 0; state && i < state->phase_count; i++)
        if (state->phases[i].name && is_named(state->phases[i].name, phase, reduction))
            return (uint32_t)i;
    return EVENT_NO_PHASE;
}

static bool is_taken(const struct resume_state *state, const uint32_t *numbers, size_t count,
                     uint32_t number)
{
    if (state && number < state->phase_count && state->phases[number].name)
        return true;
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

void resume_state_numbers(const struct resume_state *state, const struct job *job,
                          uint32_t *numbers)
{
    size_t count = job->phase_count;
    for (size_t i = 0; i < 2 * count; i++)
        numbers[i] = number_of(state, job->phases[i % count].name, i >= count);
    uint32_t spare = (uint32_t)(2 * count);
    for (size_t i = 0; i < 2 * count; i++) {
        if (numbers[i] != EVENT_NO_PHASE)
            continue;
        uint32_t number = (uint32_t)i;
        while (is_taken(state, numbers, 2 * count, number))
            number = spare++;
        numbers[i] = number;
    }
}

void resume_state_settle(struct resume_state *state)
{
    for (size_t i = 0; i < state->phase_count; i++) {
        if (!state->phases[i].foreign)
            continue;
        forget(state, &state->phases[i]);
        forget_readers(state, (uint32_t)i);
    }
}

bool resume_state_next_dropped(const struct resume_state *state, uint32_t *number)
{
    const struct job *job = state->prepared->job;
    for (; *number < state->phase_count; ++*number) {
        const char *name = state->phases[*number].name;
        bool there = !name;
        for (size_t i = 0; !there && i < job->phase_count; i++)
            there = is_named(name, job->phases[i].name, false) ||
                    (job->phases[i].reduce.kind != REDUCE_NONE &&
                     is_named(name, job->phases[i].name, true));
        if (!there)
            return true;
    }
    return false;
}

// ---- What stays

static int count_made(const struct resume_phase *p, struct event_phase_keep *e,
                      struct event_made *made, size_t room)
{
    for (size_t i = 0; i < e->span_count; i++) {
        uint64_t end = e->spans[i].first + e->spans[i].count;
        for (uint64_t task = results_next(p->results, e->spans[i].first); task < end;
             task = results_next(p->results, task + 1)) {
            size_t at = p->made ? p->made[task] : 0;
            if (at >= room)
                return -1;
            made[at].tasks++;
            e->outcomes[OUTCOME_OK]++;
        }
    }
    return 0;
}

int resume_state_keep(const struct resume_state *state, const char *phase,
                      const struct row_changes *rows, uint64_t tasks, struct event_phase_keep *out,
                      struct event_made **made, br_error *err)
{
    uint32_t number = number_of(state, phase, false);
    const struct resume_phase *p = phase_at(state, number);
    *made = NULL;
    if (!p || !p->begun)
        return 0;
    size_t room = (size_t)state->accepts + 1;
    *made = calloc(room, sizeof **made);
    if (!*made)
        return br_error_nomem(err);
    for (size_t i = 0; i < room; i++)
        (*made)[i].accepts = i;
    *out = (struct event_phase_keep){.phase = number,
                                     .tasks = tasks,
                                     .spans = rows->spans,
                                     .span_count = rows->span_count,
                                     .made = *made,
                                     .made_count = room};
    for (size_t i = 0; i < p->end_count; i++)
        if (p->ends[i].final && is_within(out->spans, out->span_count, p->ends[i].index))
            out->outcomes[p->ends[i].status]++;
    (void)count_made(p, out, *made, room);
    return 1;
}

// ---- Questions

bool resume_state_begun(const struct resume_state *state, uint32_t number)
{
    const struct resume_phase *p = phase_at(state, number);
    return p && p->begun;
}

bool resume_state_over(const struct resume_state *state, uint32_t number, enum phase_end *how)
{
    const struct resume_phase *p = phase_at(state, number);
    if (!p || !p->over)
        return false;
    if (how)
        *how = p->how;
    return true;
}

uint64_t resume_state_tasks(const struct resume_state *state, uint32_t number)
{
    const struct resume_phase *p = phase_at(state, number);
    return p ? p->tasks : 0;
}

uint64_t resume_state_failed(const struct resume_state *state, uint32_t number)
{
    const struct resume_phase *p = phase_at(state, number);
    return p ? p->failed : 0;
}

static int by_index(const void *a, const void *b)
{
    const struct failed_attempt *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

// Sets h->results to the rows that succeeded: the phase's own if all tasks are asked for, else a
// copy.
static int take_results(struct resume_phase *p, uint64_t first, uint64_t count,
                        struct resume_history *h, br_error *err)
{
    if (first == 0 && count == p->tasks) {
        h->results = p->results;
        p->results = NULL;
        return 0;
    }
    h->results = results_create(p->schema, count, err);
    return h->results ? copy_results(p->results, first, count, first, h->results, err) : -1;
}

static void know_results(struct resume_history *h)
{
    uint64_t first, count;
    size_t size;
    for (uint64_t at = 0; results_run(h->results, at, &first, &count, &size); at = first + count) {
        for (uint64_t i = first; i < first + count; i++)
            bits_add(h->known, i);
    }
    h->ledger.ended[OUTCOME_OK] = results_count(h->results);
}

// Adds a task that has not succeeded; `ends` are its `count` attempts in order. Returns -1 if one
// before the last was final.
static int know_task(struct resume_history *h, uint64_t task, const struct failed_attempt *ends,
                     size_t count)
{
    const struct failed_attempt *last = &ends[count - 1];
    uint32_t crashes = 0;
    for (size_t i = 0; i < count; i++) {
        crashes += ends[i].crashed;
        if (ends[i].final && i + 1 < count)
            return -1;
    }
    bits_add(h->known, task);
    if (!last->final) {
        h->again[h->ledger.again_count++] = (struct ledger_work){
            .first = task, .count = 1, .attempt = last->next, .crashes = crashes};
        return 0;
    }
    h->ledger.ended[last->status]++;
    h->failed[h->failed_count++] = task;
    return 0;
}

static int know_ends(struct resume_phase *p, uint32_t number, uint64_t first, uint64_t count,
                     struct resume_history *h, br_error *err)
{
    if (!p->sorted && p->end_count > 0)
        qsort(p->ends, p->end_count, sizeof *p->ends, by_index);
    p->sorted = true;
    for (size_t i = 0, next; i < p->end_count; i = next) {
        uint64_t index = p->ends[i].index;
        for (next = i + 1; next < p->end_count && p->ends[next].index == index; next++)
            ;
        if (index < first || index >= first + count || bits_has(h->known, index - first))
            continue;
        if (know_task(h, index - first, &p->ends[i], next - i) != 0)
            return contradiction(err, "two ends", number, index);
    }
    return 0;
}

int resume_state_history(struct resume_state *state, uint32_t number, uint64_t first,
                         uint64_t count, struct resume_history *out, br_error *err)
{
    *out = (struct resume_history){0};
    if (!resume_state_begun(state, number))
        return 0;
    struct resume_phase *p = &state->phases[number];
    if (first + count > p->tasks)
        return contradiction(err, "an index that does not exist", number, first + count - 1);
    out->known = calloc(BITS_WORDS(count), sizeof *out->known);
    out->failed = calloc(p->end_count + 1, sizeof *out->failed);
    out->again = calloc(p->end_count + 1, sizeof *out->again);
    int result = out->known && out->failed && out->again ? 0 : br_error_nomem(err);
    if (result == 0)
        result = take_results(p, first, count, out, err);
    if (result == 0) {
        know_results(out);
        result = know_ends(p, number, first, count, out, err);
    }
    out->ledger.known = out->known;
    out->ledger.again = out->again;
    if (result != 0)
        resume_history_finish(out);
    return result;
}

void resume_history_finish(struct resume_history *h)
{
    results_destroy(h->results);
    free(h->known);
    free(h->failed);
    free(h->again);
    *h = (struct resume_history){0};
}

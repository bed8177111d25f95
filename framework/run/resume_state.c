// SPDX-License-Identifier: BSD-3-Clause
#include "run/resume_state.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/bits.h"
#include "run/status.h"

// An attempt that did not succeed.
struct failed_attempt {
    uint64_t index;
    uint64_t order; // its position in the journal
    enum outcome_status status;
    bool final;
    bool crashed;
    uint32_t next; // number of the attempt that follows, if not final
};

struct resume_phase {
    bool begun;
    bool over;
    enum phase_end how;
    uint64_t tasks;
    struct results *results;
    struct failed_attempt *ends;
    size_t end_count, end_capacity;
    uint64_t failed; // how many of them are final
    bool sorted;
    bool changed; // its results may change with the latest resume
};

static const struct schema no_columns;

// ---- Events

static int contradiction(br_error *err, const char *what, uint32_t number, uint64_t index)
{
    return br_error_set(err, BR_ERR_USAGE,
                        "the run cannot be resumed: for phase %" PRIu32 ", task %" PRIu64
                        ", its journal has %s; --fresh sets the run aside and starts anew",
                        number, index, what);
}

static void forget(struct resume_state *state, struct resume_phase *p)
{
    if (p->results)
        state->ended -= results_count(p->results);
    state->ended -= p->failed;
    state->failed -= p->failed;
    results_destroy(p->results);
    free(p->ends);
    *p = (struct resume_phase){0};
}

static const struct schema *schema_of(const struct resume_state *state, uint32_t number)
{
    const struct prepared_phase *phases = state->prepared->phases;
    if (number < state->job_phases)
        return &phases[number].entry->signature.results;
    const struct plugin_entry *reduce = phases[number - state->job_phases].reduce_entry;
    return reduce ? &reduce->signature.results : &no_columns;
}

static int take_phase_begin(struct resume_state *state, const struct event_phase_begin *e,
                            br_error *err)
{
    if (e->phase >= 2 * state->job_phases)
        return contradiction(err, "a start, but the job has no such phase", e->phase, 0);
    struct resume_phase *p = &state->phases[e->phase];
    forget(state, p);
    p->results = results_create(schema_of(state, e->phase), e->tasks, err);
    if (!p->results)
        return -1;
    p->begun = true;
    p->tasks = e->tasks;
    return 0;
}

// Returns the phase of tasks that have ended, or NULL and *err if it has no such tasks or one of
// them has succeeded before.
static struct resume_phase *phase_of(struct resume_state *state, uint32_t number, uint64_t first,
                                     uint64_t count, br_error *err)
{
    struct resume_phase *p = number < 2 * state->job_phases ? &state->phases[number] : NULL;
    if (!p || !p->begun || first >= p->tasks || count > p->tasks - first)
        contradiction(err, "an end without a start", number, first);
    else if (results_next(p->results, first) < first + count)
        contradiction(err, "two ends", number, results_next(p->results, first));
    else
        return p;
    return NULL;
}

static int take_ok(struct resume_state *state, uint32_t number, uint64_t first, uint64_t count,
                   const void *rows, size_t size, br_error *err)
{
    struct resume_phase *p = phase_of(state, number, first, count, err);
    if (!p || results_put(p->results, first, count, rows ? rows : "", size, err) != 0)
        return -1;
    state->ended += count;
    return 0;
}

static int take_task_end(struct resume_state *state, const struct event_task_end *e, br_error *err)
{
    if (e->status == OUTCOME_OK)
        return take_ok(state, e->phase, e->index, 1, e->result, e->result_size, err);
    struct resume_phase *p = phase_of(state, e->phase, e->index, 1, err);
    if (!p)
        return -1;
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
    if (e->phase >= 2 * state->job_phases)
        return;
    state->phases[e->phase].over = true;
    state->phases[e->phase].how = e->how;
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

// Results of a phase may change if failed tasks run again, or if it reads from a phase whose
// results may change. Reductions and phases that read such results run again from the start.
static void take_resume(struct resume_state *state, const struct event_run_resume *e)
{
    const struct job *job = state->prepared->job;
    for (size_t i = 0; i < state->job_phases; i++) {
        struct resume_phase *rows = &state->phases[i],
                            *reduced = &state->phases[i + state->job_phases];
        const struct job_inputs *inputs = &job->phases[i].inputs;
        bool stale = inputs->kind == INPUT_FROM && state->phases[inputs->from].changed;
        if (stale)
            forget(state, rows);
        bool changed = reopen_phase(state, rows, e->retry_failed) || stale;
        bool built_in = job->phases[i].reduce.kind != REDUCE_TASK;
        if (changed || (built_in && e->retry_failed))
            forget(state, reduced);
        rows->changed = reopen_phase(state, reduced, e->retry_failed) || changed;
    }
    state->finished = false;
}

static int resume_state_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct resume_state *state = (struct resume_state *)sink;
    const struct event_tasks_ok *ok = &event->tasks_ok;
    state->begun = true;
    if (event->time_ns > state->last_ns)
        state->last_ns = event->time_ns;
    switch (event->type) {
    case EVENT_PHASE_BEGIN:
        return take_phase_begin(state, &event->phase_begin, err);
    case EVENT_TASKS_OK:
        return take_ok(state, ok->phase, ok->first, ok->count, ok->results, ok->results_size, err);
    case EVENT_TASK_END:
        return take_task_end(state, &event->task_end, err);
    case EVENT_PHASE_END:
        take_phase_end(state, &event->phase_end);
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

int resume_state_init(struct resume_state *state, const struct prepared *prepared, br_error *err)
{
    size_t count = prepared->job->phase_count;
    *state = (struct resume_state){
        .sink.take = resume_state_take, .prepared = prepared, .job_phases = count};
    state->phases = calloc(2 * count + 1, sizeof *state->phases);
    return state->phases ? 0 : br_error_nomem(err);
}

void resume_state_finish(struct resume_state *state)
{
    for (size_t i = 0; state->phases && i < 2 * state->job_phases; i++) {
        results_destroy(state->phases[i].results);
        free(state->phases[i].ends);
    }
    free(state->phases);
    state->phases = NULL;
}

// ---- Questions

bool resume_state_begun(const struct resume_state *state, uint32_t number)
{
    return state && state->phases[number].begun;
}

bool resume_state_over(const struct resume_state *state, uint32_t number, enum phase_end *how)
{
    if (!state || !state->phases[number].over)
        return false;
    if (how)
        *how = state->phases[number].how;
    return true;
}

uint64_t resume_state_tasks(const struct resume_state *state, uint32_t number)
{
    return state ? state->phases[number].tasks : 0;
}

uint64_t resume_state_failed(const struct resume_state *state, uint32_t number)
{
    return state ? state->phases[number].failed : 0;
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
static int take_results(struct resume_phase *p, const struct schema *schema, uint64_t first,
                        uint64_t count, struct resume_history *h, br_error *err)
{
    if (first == 0 && count == p->tasks) {
        h->results = p->results;
        p->results = NULL;
        return 0;
    }
    h->results = results_create(schema, count, err);
    if (!h->results)
        return -1;
    uint64_t at = first, row, rows;
    size_t size;
    for (const void *data; (data = results_run(p->results, at, &row, &rows, &size));
         at = row + rows) {
        if (row >= first + count)
            break;
        if (rows > first + count - row) {
            size = size / rows * (first + count - row); // rows of one run have the same size
            rows = first + count - row;
        }
        if (results_put(h->results, row - first, rows, data, size, err) != 0)
            return -1;
    }
    return 0;
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
        result = take_results(p, schema_of(state, number), first, count, out, err);
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

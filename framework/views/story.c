// SPDX-License-Identifier: BSD-3-Clause
// Folds events into the story of one task, and explains why it has not ended.
#include "views/story.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

struct story_worker {
    char *cpus; // "4-5", or NULL
};

// ---- The fold

static void take_worker_begin(struct story *s, const struct event_worker_begin *e)
{
    if (e->worker >= EVENT_INDEX_MAX)
        return;
    size_t count = (size_t)e->worker + 1;
    if (array_extend(&s->workers, &s->worker_count, count, sizeof *s->workers, NULL) != 0) {
        s->failed = true;
        return;
    }
    struct buffer text = BUFFER_EMPTY;
    cpuset_text(&text, &e->cpus);
    free(s->workers[e->worker].cpus);
    s->workers[e->worker].cpus = buffer_take_string(&text, NULL);
}

static bool is_of_phase(const struct story *s, uint32_t phase)
{
    return s->phase_began && s->phase == phase;
}

static void keep_attempt(struct story *s, const struct event_task_end *e)
{
    struct failure *a = array_add(&s->attempts, &s->attempt_count, sizeof *a, NULL);
    if (!a) {
        s->failed = true;
        return;
    }
    if (!failure_keep(a, e))
        s->failed = true;
    const char *cpus = e->worker < s->worker_count ? s->workers[e->worker].cpus : NULL;
    a->cpus = cpus ? strdup(cpus) : NULL;
}

// Takes consecutive successes. They have one record, so the start of each follows from the
// durations of those before it.
static void take_tasks_ok(struct story *s, const struct event_tasks_ok *e)
{
    s->ended += e->count;
    if (s->task->index < e->first || s->task->index - e->first >= e->count)
        return;
    uint64_t at = s->task->index - e->first;
    int64_t start = e->start_ns;
    for (uint64_t i = 0; e->durations && i < at; i++)
        start += e->durations[i];
    keep_attempt(
        s, &(struct event_task_end){.phase = e->phase,
                                    .worker = e->worker,
                                    .index = s->task->index,
                                    .attempt = e->attempt,
                                    .status = OUTCOME_OK,
                                    .final = true,
                                    .start_ns = start,
                                    .duration_ns = e->durations ? (int64_t)e->durations[at] : 0,
                                    .cpu_ns = -1,
                                    .peak_memory = -1,
                                    .cpu = -1,
                                    .inputs = "",
                                    .message = ""});
}

// Returns whether a resume undoes such an outcome, so that the task runs again.
static bool is_undone(enum outcome_status status)
{
    return status == OUTCOME_CANCELLED || status == OUTCOME_SKIPPED;
}

static void take_task_end(struct story *s, const struct event_task_end *e)
{
    s->ended += e->final && !is_undone(e->status);
    if (e->index == s->task->index)
        keep_attempt(s, e);
}

static void take_output(struct story *s, const struct event_output *e)
{
    if (s->task->index < e->first || s->task->index - e->first >= e->count || e->stream < 1 ||
        e->stream > 2)
        return;
    struct event_output *kept = array_add(&s->outputs, &s->output_count, sizeof *kept, NULL);
    if (kept)
        *kept = *e;
    else
        s->failed = true;
}

static void take_phase_begin(struct story *s, const struct event_phase_begin *e)
{
    if (!phase_names_match(&s->names, e->phase, s->task))
        return;
    s->phase_began = true;
    s->phase_ended = false;
    s->phase = e->phase;
    s->tasks = e->tasks;
    s->ended = 0;
}

static void take_phase_end(struct story *s, const struct event_phase_end *e)
{
    if (is_of_phase(s, e->phase)) {
        s->phase_ended = true;
        s->how = e->how;
    }
    if (e->phase >= EVENT_INDEX_MAX)
        return;
    size_t count = (size_t)e->phase + 1;
    if (array_extend(&s->over, &s->over_count, count, sizeof *s->over, NULL) != 0) {
        s->failed = true;
        return;
    }
    s->over[e->phase] = e->how == PHASE_ENDED;
}

static void take_resume(struct story *s, const struct event_run_resume *e)
{
    if (s->how != PHASE_ENDED)
        s->phase_ended = false;
    if (s->attempt_count == 0)
        return;
    struct event_task_end *last = &s->attempts[s->attempt_count - 1].task;
    if (is_undone(last->status) || (e->retry_failed && last->status != OUTCOME_OK))
        last->final = false;
}

// Takes what stays of the task's phase: if its inputs have changed, it runs again.
static void take_phase_keep(struct story *s, const struct event_phase_keep *e)
{
    s->tasks = e->tasks;
    s->phase_ended = false;
    s->ended = 0;
    for (int o = OUTCOME_OK; o < OUTCOME_COUNT; o++)
        s->ended += e->outcomes[o];
    for (size_t i = 0; i < e->span_count; i++)
        if (s->task->index >= e->spans[i].first &&
            s->task->index - e->spans[i].first < e->spans[i].count)
            return;
    if (s->attempt_count > 0)
        s->attempts[s->attempt_count - 1].task.final = false;
}

static int story_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct story *s = (struct story *)sink;
    (void)err;
    phase_names_take(&s->names, event);
    if (event->type == EVENT_WORKER_BEGIN)
        take_worker_begin(s, &event->worker_begin);
    else if (event->type == EVENT_PHASE_BEGIN)
        take_phase_begin(s, &event->phase_begin);
    else if (event->type == EVENT_PHASE_END)
        take_phase_end(s, &event->phase_end);
    else if (event->type == EVENT_TASKS_OK && is_of_phase(s, event->tasks_ok.phase))
        take_tasks_ok(s, &event->tasks_ok);
    else if (event->type == EVENT_TASK_END && is_of_phase(s, event->task_end.phase))
        take_task_end(s, &event->task_end);
    else if (event->type == EVENT_OUTPUT && is_of_phase(s, event->output.phase))
        take_output(s, &event->output);
    else if (event->type == EVENT_RUN_RESUME)
        take_resume(s, &event->run_resume);
    else if (event->type == EVENT_PHASE_KEEP && is_of_phase(s, event->phase_keep.phase))
        take_phase_keep(s, &event->phase_keep);
    return 0;
}

void story_init(struct story *s, const struct task_name *task)
{
    *s = (struct story){.sink.take = story_take, .task = task};
}

void story_finish(struct story *s)
{
    for (size_t i = 0; i < s->attempt_count; i++)
        failure_finish(&s->attempts[i]);
    for (size_t i = 0; i < s->worker_count; i++)
        free(s->workers[i].cpus);
    free(s->attempts);
    free(s->outputs);
    free(s->workers);
    free(s->over);
    phase_names_finish(&s->names);
    story_init(s, s->task);
}

// ---- Why it has not ended

static const struct job_phase *phase_of(const struct story *s, const struct job *job, size_t *place)
{
    for (size_t i = 0; i < job->phase_count; i++)
        if (strlen(job->phases[i].name) == s->task->phase_length &&
            memcmp(job->phases[i].name, s->task->phase, s->task->phase_length) == 0) {
            *place = i;
            return &job->phases[i];
        }
    return NULL;
}

// Returns whether the phase of that name has ended. Its number in events need not be its index in
// the job, which may have changed since the run began.
static bool is_over(const struct story *s, const char *name)
{
    const struct task_name task = {.phase = name, .phase_length = strlen(name)};
    for (size_t i = 0; i < s->over_count; i++)
        if (s->over[i] && phase_names_match(&s->names, (uint32_t)i, &task))
            return true;
    return false;
}

static void put_waiting(const struct story *s, const struct job *job, size_t place,
                        struct buffer *out)
{
    bool *before = calloc(job->phase_count, sizeof *before);
    if (!before) {
        out->failed = true;
        return;
    }
    job_phases_before(job, place, before);
    buffer_text(out, "not started yet: its phase ");
    const char *between = "waits for ";
    for (size_t i = 0; i < place; i++) {
        if (!before[i] || is_over(s, job->phases[i].name))
            continue;
        buffer_format(out, "%s%s", between, job->phases[i].name);
        between = ", ";
    }
    buffer_text(out, between[0] == ',' ? " to end\n" : "is about to start\n");
    free(before);
}

static void put_queued(const struct story *s, const struct job_phase *phase, struct buffer *out)
{
    if (s->attempt_count > 0) {
        const struct event_task_end *last = &s->attempts[s->attempt_count - 1].task;
        uint32_t next = last->attempt + !is_undone(last->status);
        buffer_format(out, "attempt %" PRIu32 " is next", next);
        uint32_t failed = next > 0 ? next - 1 : 0;
        int64_t delay = phase ? (int64_t)retry_policy_delay(&phase->retries, failed) : 0;
        if (delay > 0) {
            buffer_text(out, ", about ");
            text_duration(out, delay);
            buffer_text(out, " after the last");
        }
        buffer_text(out, ": it waits for that, or has started\n");
        return;
    }
    buffer_text(out, "not ended yet: it waits for a worker, or has started (");
    text_count(out, s->ended);
    buffer_text(out, " of the phase's ");
    text_count(out, s->tasks);
    buffer_text(out, " tasks have ended)\n");
}

static void put_state(const struct story *s, const struct job *job, struct buffer *out)
{
    size_t place = 0;
    const struct job_phase *phase = phase_of(s, job, &place);
    if (s->phase_ended)
        buffer_text(out, s->attempt_count > 0
                             ? "stopped before its next attempt: the run ended\n"
                             : "never started: its phase was stopped or skipped\n");
    else if (s->phase_began)
        put_queued(s, phase, out);
    else
        put_waiting(s, job, place, out);
}

// ---- For a person

static void put_times(const struct event_task_end *t, struct buffer *out)
{
    if (t->worker == UINT32_MAX)
        return;
    buffer_text(out, "    started ");
    text_duration(out, t->start_ns);
    buffer_text(out, " into the run\n");
    if (t->cpu_ns < 0 && t->peak_memory < 0)
        return;
    buffer_text(out, "    used    ");
    if (t->cpu_ns >= 0) {
        text_duration(out, t->cpu_ns);
        buffer_text(out, " of CPU time");
    }
    if (t->peak_memory >= 0)
        buffer_format(out, "%s%.1f MiB of memory", t->cpu_ns >= 0 ? ", " : "",
                      (double)t->peak_memory / (1 << 20));
    buffer_char(out, '\n');
}

// Sets the attempt's outputs to the latest of each stream.
static void find_outputs(const struct story *s, struct failure *attempt)
{
    for (size_t i = 0; i < s->output_count; i++) {
        const struct event_output *o = &s->outputs[i];
        if (o->worker == attempt->task.worker && o->attempt == attempt->task.attempt)
            attempt->output[o->stream - 1] = (struct failure_output){
                .offset = o->offset, .length = o->length, .first = o->first, .count = o->count};
    }
}

static void put_name(const struct story *s, struct buffer *out)
{
    text_escaped(out, s->task->phase, s->task->phase_length);
    buffer_format(out, "#%" PRIu64, s->task->index);
}

static void put_attempt(const struct story *s, struct failure *a, const char *logs_path,
                        struct buffer *out)
{
    put_name(s, out);
    buffer_char(out, ' ');
    failure_cause(out, &a->task);
    buffer_text(out, a->task.final ? "\n" : " (tried again)\n");
    find_outputs(s, a);
    put_times(&a->task, out);
    failure_details(out, a, logs_path);
}

static int check(const struct story *s, const struct job *job, br_error *err)
{
    size_t place;
    int length = (int)s->task->phase_length;
    if (!s->phase_began && !phase_of(s, job, &place))
        return br_error_set(err, BR_ERR_USAGE,
                            "the run has no phase `%.*s`; its first phase is `%s`", length,
                            s->task->phase, job->phases[0].name);
    if (s->phase_began && s->task->index >= s->tasks)
        return br_error_set(err, BR_ERR_USAGE,
                            "phase `%.*s` has no task %" PRIu64 ": it has %" PRIu64
                            ", counted from 0",
                            length, s->task->phase, s->task->index, s->tasks);
    return 0;
}

int story_text(struct story *s, const struct job *job, const struct rundir *run, struct buffer *out,
               br_error *err)
{
    if (check(s, job, err) != 0)
        return -1;
    for (size_t i = 0; i < s->attempt_count; i++)
        put_attempt(s, &s->attempts[i], run->logs_path, out);
    if (s->attempt_count == 0 || !s->attempts[s->attempt_count - 1].task.final) {
        put_name(s, out);
        buffer_char(out, ' ');
        put_state(s, job, out);
    }
    size_t place;
    const struct job_phase *phase = phase_of(s, job, &place);
    if (phase && s->attempt_count > 0)
        failure_again(out, run->path, phase->name, s->task->index);
    return s->failed ? br_error_nomem(err) : buffer_check(out, err);
}

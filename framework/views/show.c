// SPDX-License-Identifier: BSD-3-Clause
// Replays a journal for each of the forms of `batchrun show`.
#include "views/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/text.h"
#include "jobfile/spec.h"
#include "journal/replay.h"
#include "journal/runlock.h"
#include "views/failures.h"
#include "views/slowest.h"
#include "views/story.h"
#include "views/summary.h"

// ---- The job

// Returns the job as it was run, or NULL and *err if the run's copy of it cannot be read.
static struct job *load_job(const struct rundir *run, br_error *err)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/job.yaml", run->path);
    char *name = buffer_take_string(&path, err);
    if (!name)
        return NULL;
    struct diagnostics d;
    br_error why = {0};
    struct job *job = spec_load(name, NULL, 0, &d, &why);
    if (!job)
        br_error_set(err, why.kind, "%s", d.count > 0 ? diagnostics_text(&d) : why.text);
    diagnostics_finish(&d);
    free(name);
    return job;
}

// ---- The whole run

struct view {
    struct event_sink sink; // keeps the names of phases
    struct phase_names names;
    struct summary summary;
    struct failures failures;
    struct slowest slowest;
};

static int take_names(struct event_sink *sink, const struct event *event, br_error *err)
{
    (void)err;
    phase_names_take(&((struct view *)sink)->names, event);
    return 0;
}

static void view_init(struct view *v)
{
    *v = (struct view){.sink.take = take_names};
    summary_init(&v->summary);
    failures_init(&v->failures);
    slowest_init(&v->slowest);
}

static void view_finish(struct view *v)
{
    phase_names_finish(&v->names);
    summary_finish(&v->summary);
    failures_finish(&v->failures);
}

static void put_title(const struct rundir *run, const struct summary *s, struct buffer *out)
{
    time_t seconds = (time_t)(s->wall_ns / NS_PER_S);
    struct tm tm;
    char date[32];
    text_escaped(out, run->path, strlen(run->path));
    if (localtime_r(&seconds, &tm) && strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm) > 0)
        buffer_format(out, ", started %s", date);
    if (s->host) {
        buffer_text(out, " on ");
        text_escaped(out, s->host, strlen(s->host));
    }
    buffer_text(out, "\n\n");
}

// Appends the phases that a phase waits for before it can start.
static void put_waiting(const struct summary *s, const struct job *job, size_t place, bool *before,
                        struct buffer *out)
{
    memset(before, 0, job->phase_count * sizeof *before);
    job_phases_before(job, place, before);
    buffer_format(out, "%s has not started", job->phases[place].name);
    const char *between = ": it waits for ";
    for (size_t i = 0; i < place; i++) {
        if (!before[i] || (i < s->phase_count && s->phases[i].ended))
            continue;
        buffer_format(out, "%s%s", between, job->phases[i].name);
        between = ", ";
    }
    buffer_char(out, '\n');
}

static int put_outlook(const struct rundir *run, const struct summary *s, struct buffer *out,
                       br_error *err)
{
    if (s->ended)
        return 0;
    struct job *job = load_job(run, err);
    if (!job)
        return -1;
    bool *before = calloc(job->phase_count, sizeof *before);
    for (size_t i = 0; before && i < job->phase_count; i++)
        if (i >= s->phase_count || !s->phases[i].name)
            put_waiting(s, job, i, before, out);
    struct buffer who = BUFFER_EMPTY;
    if (!runlock_held(run->fd, &who))
        buffer_text(
            out,
            "no process is running it: it was interrupted; batchrun run --resume continues it\n");
    else if (who.length == 0)
        buffer_text(out, "a process is running it\n");
    else
        buffer_format(out, "%.*s is running it\n", (int)who.length, who.data);
    out->failed = out->failed || who.failed || !before;
    buffer_finish(&who);
    free(before);
    job_destroy(job);
    return 0;
}

int show_run(const struct rundir *run, struct buffer *out, br_error *err)
{
    struct view v;
    view_init(&v);
    struct event_sink *sinks[] = {&v.sink, &v.summary.sink, &v.failures.sink, &v.slowest.sink};
    int result = replay(run, sinks, sizeof sinks / sizeof sinks[0], err);
    if (result == 0) {
        put_title(run, &v.summary, out);
        failures_text(&v.failures, run->path, run->logs_path, out);
        failures_rest(&v.failures, run->path, out);
        slowest_text(&v.slowest, &v.names, out);
        summary_text(&v.summary, out);
        result = put_outlook(run, &v.summary, out, err);
    }
    view_finish(&v);
    return result == 0 ? buffer_check(out, err) : -1;
}

// ---- One task

int show_task(const struct rundir *run, const struct task_name *task, struct buffer *out,
              br_error *err)
{
    struct story story;
    struct event_sink *sink = &story.sink;
    story_init(&story, task);
    int result = replay(run, &sink, 1, err);
    struct job *job = result == 0 ? load_job(run, err) : NULL;
    if (job)
        result = story_text(&story, job, run, out, err);
    story_finish(&story);
    job_destroy(job);
    return job ? result : -1;
}

// ---- All that failed

// An event after which outcomes of other tasks of a phase did not count any more.
struct survey_keep {
    uint64_t event; // its number
    uint32_t phase;
    struct event_span *spans; // NULL if there are none
    size_t span_count;
};

// Notes the event from which on failures count. A resume makes earlier ones void.
struct survey {
    struct event_sink sink;
    uint64_t events;
    uint64_t retried;   // number of the latest event that made all failed tasks run again
    uint64_t *restarts; // by phase: number of the event with which it started again
    size_t restart_count;
    struct survey_keep *keeps;
    size_t keep_count;
};

struct failed_list {
    struct event_sink sink;
    const struct survey *survey;
    show_print *print;
    struct phase_names names;
    struct buffer line;
    uint64_t events;
    uint64_t count;
};

static int note_keep(struct survey *s, const struct event_phase_keep *e, br_error *err)
{
    struct survey_keep *k = array_add(&s->keeps, &s->keep_count, sizeof *k, err);
    if (!k)
        return -1;
    *k = (struct survey_keep){.event = s->events, .phase = e->phase, .span_count = e->span_count};
    k->spans = calloc(e->span_count + 1, sizeof *k->spans);
    if (!k->spans)
        return br_error_nomem(err);
    if (e->span_count > 0)
        memcpy(k->spans, e->spans, e->span_count * sizeof *k->spans);
    return 0;
}

static int survey_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct survey *s = (struct survey *)sink;
    s->events++;
    if (event->type == EVENT_PHASE_KEEP)
        return note_keep(s, &event->phase_keep, err);
    if (event->type == EVENT_RUN_RESUME && event->run_resume.retry_failed)
        s->retried = s->events;
    if (event->type != EVENT_PHASE_BEGIN)
        return 0;
    size_t at = event->phase_begin.phase;
    if (array_extend(&s->restarts, &s->restart_count, at + 1, sizeof *s->restarts, err) != 0)
        return -1;
    s->restarts[at] = s->events;
    return 0;
}

static bool is_kept(const struct survey_keep *k, uint64_t index)
{
    for (size_t i = 0; i < k->span_count; i++)
        if (index >= k->spans[i].first && index - k->spans[i].first < k->spans[i].count)
            return true;
    return false;
}

static bool still_counts(const struct failed_list *l, uint32_t phase, uint64_t index)
{
    const struct survey *s = l->survey;
    for (size_t i = 0; i < s->keep_count; i++) {
        const struct survey_keep *k = &s->keeps[i];
        if (k->phase == phase && k->event > l->events && !is_kept(k, index))
            return false;
    }
    return l->events > s->retried && (phase >= s->restart_count || l->events > s->restarts[phase]);
}

static int list_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct failed_list *l = (struct failed_list *)sink;
    const struct event_task_end *t = &event->task_end;
    l->events++;
    phase_names_take(&l->names, event);
    if (event->type != EVENT_TASK_END || !failure_is(t) || !still_counts(l, t->phase, t->index))
        return 0;
    l->count++;
    buffer_clear(&l->line);
    phase_names_put(&l->names, t->phase, &l->line);
    buffer_format(&l->line, "#%" PRIu64 " ", t->index);
    failure_cause(&l->line, t);
    if (t->inputs[0] != '\0') {
        buffer_text(&l->line, " (");
        text_escaped(&l->line, t->inputs, strlen(t->inputs));
        buffer_char(&l->line, ')');
    }
    buffer_char(&l->line, '\n');
    return buffer_check(&l->line, err) == 0 ? l->print(&l->line, err) : -1;
}

int show_failed(const struct rundir *run, show_print *print, br_error *err)
{
    struct survey survey = {.sink.take = survey_take};
    struct failed_list list = {.sink.take = list_take, .survey = &survey, .print = print};
    struct event_sink *first = &survey.sink, *second = &list.sink;
    int result = replay(run, &first, 1, err);
    if (result == 0)
        result = replay(run, &second, 1, err);
    if (result == 0) {
        buffer_clear(&list.line);
        text_count(&list.line, list.count);
        buffer_text(&list.line, list.count == 1 ? " task failed\n" : " tasks failed\n");
        result = buffer_check(&list.line, err) == 0 ? print(&list.line, err) : -1;
    }
    phase_names_finish(&list.names);
    buffer_finish(&list.line);
    for (size_t i = 0; i < survey.keep_count; i++)
        free(survey.keeps[i].spans);
    free(survey.keeps);
    free(survey.restarts);
    return result;
}

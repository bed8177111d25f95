// SPDX-License-Identifier: BSD-3-Clause
// Replays a run into the folds of a report, and puts the sections of the page together.
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal/replay.h"
#include "report/html.h"
#include "report/report_parts.h"
#include "views/machine_note.h"

// ---- The fold

static void take_attempt(void *user, const struct attempt *a)
{
    struct report *r = user;
    timeline_add(&r->timeline, a);
    core_time_add(&r->core_time, a);
    if (a->phase < REPORT_PHASES)
        histogram_add(&r->histograms[a->phase], a->lasted_ns, a->status == OUTCOME_OK);
}

static void take_workers(struct report *r, const struct event *event)
{
    switch (event->type) {
    case EVENT_RUN_BEGIN:
        core_time_begin(&r->core_time, event->run_begin.workers, event->time_ns);
        break;
    case EVENT_RUN_RESUME:
        core_time_begin(&r->core_time, event->run_resume.workers, event->time_ns);
        r->resumes++;
        break;
    case EVENT_WORKER_BEGIN:
        timeline_add_worker(&r->timeline, event->worker_begin.worker);
        break;
    case EVENT_WORKER_END:
        if (!attempts_is_death(&event->worker_end))
            break;
        timeline_add_death(&r->timeline, event->worker_end.worker, event->time_ns);
        r->deaths++;
        break;
    default:
        break;
    }
    core_time_take(&r->core_time, event);
}

// Takes the machine. A resumed run may have moved to another one: the last is drawn.
static void take_note(struct report *r, const struct event_note *e)
{
    struct machine machine;
    br_error none;
    if (strcmp(e->name, EVENT_NOTE_MISSING) == 0)
        return; // a part of the summary
    if (strcmp(e->name, "machine") != 0) {
        if (r->facts.length < REPORT_FACTS)
            report_fact(&r->facts, e->name, e->text);
        return;
    }
    if (machine_note_read(e->text, &machine, &none) != 0)
        return;
    machine_finish(&r->machine);
    r->machine = machine;
}

static void take_source(struct report *r, const struct event_source *e)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "%s%s%016" PRIx64, e->name, e->name[0] ? ", hash " : "hash ", e->hash);
    buffer_char(&text, '\0');
    if (text.failed)
        r->facts.failed = true;
    else if (r->facts.length < REPORT_FACTS)
        report_fact(&r->facts, e->what, text.data);
    buffer_finish(&text);
}

static int report_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct report *r = (struct report *)sink;
    struct event bounded = *event;
    bounded.time_ns = attempts_time(event->time_ns);
    (void)r->summary.sink.take(&r->summary.sink, &bounded, err);
    (void)r->failures.sink.take(&r->failures.sink, &bounded, err);
    // A phase that starts a second time has no results yet.
    if (event->type == EVENT_PHASE_BEGIN && event->phase_begin.phase < REPORT_PHASES)
        r->histograms[event->phase_begin.phase] = (struct histogram){0};
    if (event->type == EVENT_NOTE)
        take_note(r, &event->note);
    else if (event->type == EVENT_SOURCE && strcmp(event->source.what, "job file") != 0)
        take_source(r, &event->source);
    take_workers(r, &bounded);
    attempts_take(&r->attempts, &bounded, take_attempt, r);
    timeline_extend(&r->timeline, bounded.time_ns);
    return 0;
}

static int gather(struct report *r, br_error *err)
{
    struct event_sink *sinks[] = {&r->sink};
    if (replay(r->dir, sinks, 1, err) != 0)
        return -1;
    core_time_end(&r->core_time, r->summary.last_ns);
    return r->facts.failed || r->summary.failed || r->attempts.failed || r->core_time.failed
               ? br_error_nomem(err)
               : 0;
}

static int set_up(struct report *r, br_error *err)
{
    summary_init(&r->summary);
    failures_init(&r->failures);
    attempts_init(&r->attempts);
    core_time_init(&r->core_time);
    r->histograms = calloc(REPORT_PHASES, sizeof *r->histograms);
    return r->histograms ? timeline_init(&r->timeline, err) : br_error_nomem(err);
}

static void tear_down(struct report *r)
{
    summary_finish(&r->summary);
    failures_finish(&r->failures);
    attempts_finish(&r->attempts);
    core_time_finish(&r->core_time);
    timeline_finish(&r->timeline);
    machine_finish(&r->machine);
    buffer_finish(&r->facts);
    free(r->histograms);
}

// ---- The page

static void put_head(const struct report *r, struct buffer *out)
{
    buffer_text(out, "<!DOCTYPE html>\n"
                     "<html lang=\"en\">\n"
                     "<head>\n"
                     "<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<link rel=\"icon\" href=\"data:,\">\n"
                     "<title>");
    html_string(out, r->summary.name);
    buffer_text(out, " - batchrun report</title>\n<style>\n");
    buffer_text(out, report_style);
    buffer_text(out, "</style>\n</head>\n<body>\n<main>\n");
}

int report_write(const struct rundir *d, struct buffer *out, br_error *err)
{
    static void (*const parts[])(const struct report *, struct buffer *) = {
        put_head,     report_verdict,   report_failures,  report_phases, report_timeline,
        report_rates, report_durations, report_core_time, report_cores,  report_environment,
    };
    struct report r = {.sink.take = report_take, .dir = d};
    int result = set_up(&r, err) != 0 || gather(&r, err) != 0 ? -1 : 0;
    for (size_t i = 0; result == 0 && i < sizeof parts / sizeof parts[0]; i++)
        parts[i](&r, out);
    buffer_text(out, "</main>\n</body>\n</html>\n");
    tear_down(&r);
    return result == 0 ? buffer_check(out, err) : -1;
}

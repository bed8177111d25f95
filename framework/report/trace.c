// SPDX-License-Identifier: BSD-3-Clause
// Reads a journal twice: to count attempts, then to write as many slices as fit.
#include "report/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "journal/replay.h"
#include "report/attempts.h"
#include "report/timeline.h"
#include "views/summary.h"

// To viewers, lanes are threads of one process: worker N is thread N + 1.
enum {
    PROCESS = 1
};

// Longest idle time that a slice of several attempts may hide.
#define JOIN_GAP NS_PER_MS

struct slice {
    uint32_t phase;
    uint32_t attempt;
    uint64_t first;
    uint64_t last;
    uint64_t count; // attempts in the slice; 0 = no slice is open
    int64_t start_ns;
    int64_t end_ns;
    const struct event_task_end
        *event; // of a single attempt, during the call that has it; else NULL
    enum outcome_status status;
};

struct trace {
    struct event_sink sink; // takes the events of the second pass; must be the first field
    struct json json;
    struct summary summary; // complete after the first pass
    struct timeline timeline;
    struct attempts attempts;
    struct slice *open; // by worker: its open slice
    size_t worker_count;
    uint64_t ok, others; // attempts that succeeded, and that did not
    uint64_t max_slices;
    struct trace_counts counts;
};

// ---- The first pass: counts

struct look {
    struct event_sink sink;
    struct trace *trace;
};

static void look_at(void *user, const struct attempt *a)
{
    struct trace *t = user;
    timeline_add(&t->timeline, a);
    if (a->status == OUTCOME_OK)
        t->ok++;
    else
        t->others++;
}

static int look_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct trace *t = ((struct look *)sink)->trace;
    attempts_take(&t->attempts, event, look_at, t);
    timeline_extend(&t->timeline, event->time_ns);
    return t->attempts.failed ? br_error_nomem(err) : 0;
}

static int look(struct trace *t, const struct rundir *d, br_error *err)
{
    struct look look = {.sink.take = look_take, .trace = t};
    struct event_sink *sinks[] = {&t->summary.sink, &look.sink};
    if (replay(d, sinks, 2, err) != 0)
        return -1;
    if (t->summary.failed)
        return br_error_nomem(err);
    t->worker_count = t->attempts.worker_count;
    t->open = calloc(t->worker_count + 1, sizeof *t->open);
    if (!t->open)
        return br_error_nomem(err);
    attempts_finish(&t->attempts); // the second pass starts again
    // Attempts that did not succeed get their slices first; at least half are for successes.
    uint64_t rest = t->others < t->max_slices / 2 ? t->max_slices - t->others : t->max_slices / 2;
    // A quarter is reserved for slices that end early, with their phase or before an idle time.
    uint64_t full = rest - rest / 4 > 0 ? rest - rest / 4 : 1;
    t->counts.per_slice = t->ok > rest ? (t->ok - 1) / full + 1 : 1;
    return 0;
}

// ---- Trace events

static void put_time(struct json *j, const char *key, int64_t ns)
{
    json_f64(j, key, (double)ns / 1000); // the format's unit is the microsecond
}

static void begin_event(struct trace *t, const char *type, const char *name, uint64_t lane)
{
    json_begin_object(&t->json, NULL);
    json_string(&t->json, "ph", type);
    json_i64(&t->json, "pid", PROCESS);
    json_u64(&t->json, "tid", lane);
    json_string(&t->json, "name", name);
}

static void end_event(struct trace *t)
{
    json_end_object(&t->json);
    buffer_char(t->json.out, '\n');
}

static const char *phase_name(const struct trace *t, uint32_t phase)
{
    const char *name = phase < t->summary.phase_count ? t->summary.phases[phase].name : NULL;
    return name ? name : "?";
}

static bool is_full(struct trace *t, uint64_t what)
{
    if (t->counts.slices < t->max_slices) {
        t->counts.slices++;
        return false;
    }
    t->counts.left_out += what;
    return true;
}

static void put_arguments(struct trace *t, const struct slice *s)
{
    struct json *j = &t->json;
    json_begin_object(j, "args");
    json_u64(j, "task", s->first);
    if (s->count > 1) {
        json_u64(j, "last_task", s->last);
        json_u64(j, "tasks", s->count);
    }
    json_u64(j, "attempt", s->attempt);
    if (s->status != OUTCOME_OK && s->event) {
        json_string(j, "inputs", s->event->inputs);
        json_string(j, "message", s->event->message);
        json_bool(j, "final", s->event->final);
    }
    json_end_object(j);
}

static void put_slice(struct trace *t, uint32_t worker, const struct slice *s)
{
    if (s->count == 0 || is_full(t, s->count))
        return;
    begin_event(t, "X", phase_name(t, s->phase), (uint64_t)worker + 1);
    json_string(&t->json, "cat", outcome_name(s->status));
    put_time(&t->json, "ts", s->start_ns);
    put_time(&t->json, "dur", s->end_ns - s->start_ns);
    if (s->status != OUTCOME_OK)
        json_string(&t->json, "cname", s->event && s->event->final ? "terrible" : "bad");
    put_arguments(t, s);
    end_event(t);
}

static void flush(struct trace *t, uint32_t worker)
{
    put_slice(t, worker, &t->open[worker]);
    t->open[worker].count = 0;
}

static void put_attempt(void *user, const struct attempt *a)
{
    struct trace *t = user;
    struct slice *open = &t->open[a->worker];
    bool joins = open->count > 0 && open->phase == a->phase && open->attempt == a->attempt &&
                 a->status == OUTCOME_OK && open->count < t->counts.per_slice &&
                 a->start_ns - open->end_ns <= JOIN_GAP;
    if (!joins) {
        flush(t, a->worker);
        *open = (struct slice){.phase = a->phase,
                               .attempt = a->attempt,
                               .first = a->index,
                               .start_ns = a->start_ns,
                               .event = a->event,
                               .status = a->status};
    }
    open->last = a->index;
    open->end_ns = a->end_ns;
    open->count++;
    if (a->status != OUTCOME_OK || open->count == t->counts.per_slice)
        flush(t, a->worker);
}

static void put_death(struct trace *t, const struct event_worker_end *e, int64_t time_ns)
{
    if (!attempts_is_death(e) || is_full(t, 1))
        return;
    begin_event(t, "i", "worker died", (uint64_t)e->worker + 1);
    json_string(&t->json, "s", "t");
    put_time(&t->json, "ts", time_ns);
    json_begin_object(&t->json, "args");
    json_i64(&t->json, "pid", e->pid);
    json_string(&t->json, "reason", e->reason);
    json_end_object(&t->json);
    end_event(t);
}

// Marks a resume with a line through all lanes. Tasks that were running before it were lost.
static void put_resume(struct trace *t, int64_t time_ns)
{
    if (is_full(t, 1))
        return;
    begin_event(t, "i", "the run was resumed", 0);
    json_string(&t->json, "s", "p");
    put_time(&t->json, "ts", time_ns);
    end_event(t);
}

static int trace_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct trace *t = (struct trace *)sink;
    // A run that has not ended may have started more workers since the first pass.
    uint32_t worker = event->type == EVENT_TASKS_OK   ? event->tasks_ok.worker
                      : event->type == EVENT_TASK_END ? event->task_end.worker
                                                      : 0;
    if (worker < t->worker_count)
        attempts_take(&t->attempts, event, put_attempt, t);
    if (event->type == EVENT_WORKER_END)
        put_death(t, &event->worker_end, event->time_ns);
    if (event->type == EVENT_RUN_RESUME)
        put_resume(t, event->time_ns);
    return t->json.out->failed ? br_error_nomem(err) : 0;
}

// ---- Names, phases and counters

static void put_name(struct trace *t, const char *what, uint64_t lane, const struct buffer *name)
{
    begin_event(t, "M", what, lane);
    json_begin_object(&t->json, "args");
    json_text(&t->json, "name", name->data, name->length);
    json_end_object(&t->json);
    end_event(t);
}

static void put_names(struct trace *t)
{
    struct buffer name = BUFFER_EMPTY;
    buffer_format(&name, "batchrun %s", t->summary.name ? t->summary.name : "");
    put_name(t, "process_name", 0, &name);
    for (size_t i = 0; i < t->summary.worker_count; i++) {
        buffer_clear(&name);
        buffer_format(&name, "worker %zu (cpus ", i);
        cpuset_text(&name, &t->summary.workers[i].cpus);
        buffer_char(&name, ')');
        put_name(t, "thread_name", i + 1, &name);
        begin_event(t, "M", "thread_sort_index", i + 1);
        json_begin_object(&t->json, "args");
        json_u64(&t->json, "sort_index", i + 1);
        json_end_object(&t->json);
        end_event(t);
    }
    t->json.out->failed |= name.failed;
    buffer_finish(&name);
}

// Writes phases as asynchronous slices, because they may overlap, and slices of a lane cannot.
static void put_phase(struct trace *t, size_t phase)
{
    const struct summary_phase *p = &t->summary.phases[phase];
    if (p->ended && p->how == PHASE_SKIPPED)
        return;
    for (int end = 0; end < 2; end++) {
        begin_event(t, end ? "e" : "b", phase_name(t, (uint32_t)phase), 0);
        json_string(&t->json, "cat", "phase");
        json_u64(&t->json, "id", phase + 1);
        put_time(&t->json, "ts", !end ? p->start_ns : p->ended ? p->end_ns : t->summary.last_ns);
        end_event(t);
    }
}

static void put_counter(struct trace *t, const char *name, int64_t time_ns, double value)
{
    begin_event(t, "C", name, 0);
    put_time(&t->json, "ts", time_ns);
    json_begin_object(&t->json, "args");
    json_f64(&t->json, name, value);
    json_end_object(&t->json);
    end_event(t);
}

// Writes the counters as means over the timeline's bins, at each change.
static void put_counters(struct trace *t)
{
    const struct timeline *line = &t->timeline;
    int64_t busy_before = -1;
    uint64_t failed = 0;
    for (size_t i = 0; i < line->bin_count; i++) {
        const struct timeline_bin *b = &line->bins[i];
        int64_t time_ns = (int64_t)i * line->bin_ns;
        failed += b->failed;
        if (b->busy_ns != busy_before)
            put_counter(t, "running", time_ns, (double)b->busy_ns / (double)line->bin_ns);
        if (b->failed > 0 || i == 0)
            put_counter(t, "failed", time_ns, (double)failed);
        busy_before = b->busy_ns;
    }
    put_counter(t, "running", t->summary.last_ns, 0);
}

static void put_other(struct trace *t)
{
    struct json *j = &t->json;
    json_begin_object(j, "otherData");
    json_string(j, "job", t->summary.job_file);
    json_string(j, "host", t->summary.host);
    json_string(j, "batchrun", t->summary.version);
    json_u64(j, "tasks_per_slice", t->counts.per_slice);
    json_u64(j, "left_out", t->counts.left_out);
    json_end_object(j);
}

static int put_all(struct trace *t, const struct rundir *d, br_error *err)
{
    struct event_sink *sinks[] = {&t->sink};
    json_begin_object(&t->json, NULL);
    json_string(&t->json, "displayTimeUnit", "ms");
    json_begin_array(&t->json, "traceEvents");
    put_names(t);
    for (size_t i = 0; i < t->summary.phase_count; i++)
        put_phase(t, i);
    put_counters(t);
    if (replay(d, sinks, 1, err) != 0)
        return -1;
    for (size_t i = 0; i < t->worker_count; i++)
        flush(t, (uint32_t)i);
    json_end_array(&t->json);
    put_other(t);
    json_end_object(&t->json);
    buffer_char(t->json.out, '\n');
    return buffer_check(t->json.out, err);
}

int trace_write(const struct rundir *d, uint64_t max_slices, struct buffer *out,
                struct trace_counts *counts, br_error *err)
{
    struct trace t = {.sink.take = trace_take, .max_slices = max_slices};
    if (timeline_init(&t.timeline, err) != 0)
        return -1;
    json_init(&t.json, out, false);
    summary_init(&t.summary);
    attempts_init(&t.attempts);
    int result = look(&t, d, err) != 0 || put_all(&t, d, err) != 0 ? -1 : 0;
    if (result == 0)
        *counts = t.counts;
    free(t.open);
    attempts_finish(&t.attempts);
    summary_finish(&t.summary);
    timeline_finish(&t.timeline);
    return result;
}

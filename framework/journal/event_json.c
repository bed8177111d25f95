// SPDX-License-Identifier: BSD-3-Clause
// Writes events as JSON, one function for each part of an event.
#include "journal/event_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"

static const char *const names[] = {
    [EVENT_RUN_BEGIN] = "run_begin",   [EVENT_WORKER_BEGIN] = "worker_begin",
    [EVENT_WORKER_END] = "worker_end", [EVENT_PHASE_BEGIN] = "phase_begin",
    [EVENT_TASKS_OK] = "tasks_ok",     [EVENT_TASK_END] = "task_end",
    [EVENT_OUTPUT] = "output",         [EVENT_PHASE_END] = "phase_end",
    [EVENT_RUN_END] = "run_end",       [EVENT_SOURCE] = "source",
    [EVENT_RUN_RESUME] = "run_resume", [EVENT_NOTE] = "note",
    [EVENT_ACCEPT] = "accept",         [EVENT_INPUT_ROWS] = "input_rows",
    [EVENT_PHASE_KEEP] = "phase_keep",
};

// Adds a figure unless it has the value `lacks`, which means that it is not known.
static void put_known(struct json *j, const char *key, int64_t value, int64_t lacks)
{
    if (value == lacks)
        json_null(j, key);
    else
        json_i64(j, key, value);
}

// Writes a hash as text, because a reader that keeps numbers as doubles would round it.
static void put_hash(struct json *j, const char *key, uint64_t hash)
{
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    json_string(j, key, text);
}

static void put_file_time(struct json *j, const char *key, int64_t wall_ns)
{
    if (wall_ns == 0)
        json_null(j, key);
    else
        json_seconds(j, key, wall_ns);
}

static void put_run_begin(struct json *j, const struct event_run_begin *e)
{
    json_string(j, "name", e->name);
    json_string(j, "job", e->job_file);
    json_string(j, "batchrun", e->version);
    json_string(j, "host", e->host);
    json_seconds(j, "wall_seconds", e->wall_ns);
    json_u64(j, "workers", e->workers);
    json_u64(j, "phases", e->phases);
    json_string(j, "limits", e->limits);
    json_string(j, "part", e->part);
}

static void put_worker_begin(struct json *j, const struct event_worker_begin *e)
{
    struct buffer cpus = BUFFER_EMPTY;
    cpuset_text(&cpus, &e->cpus);
    json_u64(j, "worker", e->worker);
    json_i64(j, "pid", e->pid);
    json_text(j, "cpus", cpus.data, cpus.length);
    json_u64(j, "start", e->start);
    j->out->failed = j->out->failed || cpus.failed;
    buffer_finish(&cpus);
}

static void put_worker_end(struct json *j, const struct event_worker_end *e)
{
    json_u64(j, "worker", e->worker);
    json_i64(j, "pid", e->pid);
    json_i64(j, "signal", e->signal);
    json_i64(j, "exit_code", e->exit_code);
    json_string(j, "reason", e->reason);
}

static void put_phase_begin(struct json *j, const struct event_phase_begin *e)
{
    json_u64(j, "phase", e->phase);
    json_string(j, "name", e->name);
    json_string(j, "task", e->task);
    json_u64(j, "tasks", e->tasks);
    json_u64(j, "left_out", e->left_out);
    put_hash(j, "signature", e->signature);
    put_known(j, "source", e->source, EVENT_NO_PHASE);
}

static void put_phase_keep(struct json *j, const struct event_phase_keep *e)
{
    json_u64(j, "phase", e->phase);
    json_bool(j, "dropped", e->dropped);
    json_u64(j, "tasks", e->tasks);
    json_begin_object(j, "outcomes");
    for (int o = OUTCOME_OK; o < OUTCOME_COUNT; o++)
        json_u64(j, outcome_name((enum outcome_status)o), e->outcomes[o]);
    json_end_object(j);
    json_begin_array(j, "same_inputs");
    for (size_t i = 0; i < e->span_count; i++) {
        json_begin_object(j, NULL);
        json_u64(j, "first", e->spans[i].first);
        json_u64(j, "count", e->spans[i].count);
        json_end_object(j);
    }
    json_end_array(j);
    json_begin_array(j, "made");
    for (size_t i = 0; i < e->made_count; i++) {
        json_begin_object(j, NULL);
        json_u64(j, "accepts", e->made[i].accepts);
        json_u64(j, "tasks", e->made[i].tasks);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_tasks_ok(struct json *j, const struct event_tasks_ok *e)
{
    json_u64(j, "phase", e->phase);
    json_u64(j, "worker", e->worker);
    json_u64(j, "attempt", e->attempt);
    json_u64(j, "first", e->first);
    json_u64(j, "count", e->count);
    json_seconds(j, "start_seconds", e->start_ns);
    if (e->durations) {
        json_begin_array(j, "durations_ns");
        for (uint64_t i = 0; i < e->count; i++)
            json_u64(j, NULL, e->durations[i]);
        json_end_array(j);
    } else
        json_null(j, "durations_ns");
    json_u64(j, "result_bytes", e->results_size);
}

static void put_task_end(struct json *j, const struct event_task_end *e)
{
    json_u64(j, "phase", e->phase);
    put_known(j, "worker", e->worker, UINT32_MAX);
    json_u64(j, "index", e->index);
    json_u64(j, "attempt", e->attempt);
    json_string(j, "outcome", outcome_name(e->status));
    json_bool(j, "final", e->final);
    json_seconds(j, "start_seconds", e->start_ns);
    json_seconds(j, "duration_seconds", e->duration_ns);
    if (e->cpu_ns < 0)
        json_null(j, "cpu_seconds");
    else
        json_seconds(j, "cpu_seconds", e->cpu_ns);
    put_known(j, "peak_memory", e->peak_memory, -1);
    put_known(j, "cpu", e->cpu, -1);
    json_i64(j, "signal", e->signal);
    json_i64(j, "exit_code", e->exit_code);
    json_string(j, "inputs", e->inputs);
    json_string(j, "message", e->message);
    json_u64(j, "result_bytes", e->result_size);
}

static void put_output(struct json *j, const struct event_output *e)
{
    json_u64(j, "phase", e->phase);
    json_u64(j, "worker", e->worker);
    json_u64(j, "first", e->first);
    json_u64(j, "count", e->count);
    json_u64(j, "attempt", e->attempt);
    json_u64(j, "stream", e->stream);
    json_u64(j, "offset", e->offset);
    json_u64(j, "length", e->length);
}

static void put_phase_end(struct json *j, const struct event_phase_end *e)
{
    static const char *const hows[] = {
        [PHASE_ENDED] = "ended", [PHASE_STOPPED] = "stopped", [PHASE_SKIPPED] = "skipped"};
    json_u64(j, "phase", e->phase);
    json_string(j, "how", hows[e->how]);
    json_u64(j, "skipped", e->skipped);
}

static void put_run_end(struct json *j, const struct event_run_end *e)
{
    json_i64(j, "exit_status", e->exit_status);
    json_string(j, "reason", e->reason);
}

static void put_source(struct json *j, const struct event_source *e)
{
    json_string(j, "what", e->what);
    json_string(j, "name", e->name);
    put_hash(j, "hash", e->hash);
    put_file_time(j, "changed_wall_seconds", e->changed_ns);
}

static void put_accept(struct json *j, const struct event_accept *e)
{
    json_string(j, "what", e->what);
    json_string(j, "name", e->name);
    put_hash(j, "old_hash", e->old_hash);
    put_hash(j, "new_hash", e->new_hash);
    put_file_time(j, "old_wall_seconds", e->old_ns);
    put_file_time(j, "new_wall_seconds", e->new_ns);
    json_seconds(j, "wall_seconds", e->wall_ns);
    json_string(j, "detail", e->detail);
}

static void put_input_rows(struct json *j, const struct event_input_rows *e)
{
    json_string(j, "what", e->what);
    put_hash(j, "hash", e->hash);
    json_u64(j, "rows", e->rows);
    json_u64(j, "first", e->first);
    json_u64(j, "hash_bytes", e->hashes_size);
    json_u64(j, "image_bytes", e->image_size);
}

static void put_run_resume(struct json *j, const struct event_run_resume *e)
{
    json_string(j, "batchrun", e->version);
    json_string(j, "host", e->host);
    json_seconds(j, "wall_seconds", e->wall_ns);
    json_u64(j, "workers", e->workers);
    json_bool(j, "retry_failed", e->retry_failed);
}

void event_json(const struct event *e, struct buffer *out)
{
    struct json j;
    json_init(&j, out, false);
    json_begin_object(&j, NULL);
    json_string(&j, "event", names[e->type]);
    json_seconds(&j, "time_seconds", e->time_ns);
    switch (e->type) {
    case EVENT_RUN_BEGIN:
        put_run_begin(&j, &e->run_begin);
        break;
    case EVENT_WORKER_BEGIN:
        put_worker_begin(&j, &e->worker_begin);
        break;
    case EVENT_WORKER_END:
        put_worker_end(&j, &e->worker_end);
        break;
    case EVENT_PHASE_BEGIN:
        put_phase_begin(&j, &e->phase_begin);
        break;
    case EVENT_TASKS_OK:
        put_tasks_ok(&j, &e->tasks_ok);
        break;
    case EVENT_TASK_END:
        put_task_end(&j, &e->task_end);
        break;
    case EVENT_OUTPUT:
        put_output(&j, &e->output);
        break;
    case EVENT_PHASE_END:
        put_phase_end(&j, &e->phase_end);
        break;
    case EVENT_RUN_END:
        put_run_end(&j, &e->run_end);
        break;
    case EVENT_SOURCE:
        put_source(&j, &e->source);
        break;
    case EVENT_ACCEPT:
        put_accept(&j, &e->accept);
        break;
    case EVENT_INPUT_ROWS:
        put_input_rows(&j, &e->input_rows);
        break;
    case EVENT_PHASE_KEEP:
        put_phase_keep(&j, &e->phase_keep);
        break;
    case EVENT_RUN_RESUME:
        put_run_resume(&j, &e->run_resume);
        break;
    case EVENT_NOTE:
        json_string(&j, "name", e->note.name);
        json_string(&j, "text", e->note.text);
        break;
    }
    json_end_object(&j);
    buffer_char(out, '\n');
}

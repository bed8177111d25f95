// SPDX-License-Identifier: BSD-3-Clause
// Folds events into the figures of a run, and writes them as text and JSON.
#include "views/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "views/summary_history.h"

// ---- The fold

static void keep(struct summary *s, char **slot, const char *text)
{
    free(*slot);
    *slot = strdup(text);
    if (!*slot)
        s->failed = true;
}

// Makes room for items[index], and sets s->failed if it cannot. Returns whether there is room.
static bool has_room(struct summary *s, void *items, size_t *count, size_t size, uint32_t index)
{
    bool there =
        index < EVENT_INDEX_MAX && array_extend(items, count, (size_t)index + 1, size, NULL) == 0;
    s->failed = s->failed || !there;
    return there;
}

static struct summary_phase *phase_at(struct summary *s, uint32_t index)
{
    bool there = has_room(s, &s->phases, &s->phase_count, sizeof *s->phases, index);
    return there ? &s->phases[index] : NULL;
}

static struct summary_worker *worker_at(struct summary *s, uint32_t index)
{
    bool there = has_room(s, &s->workers, &s->worker_count, sizeof *s->workers, index);
    return there ? &s->workers[index] : NULL;
}

static void take_run_begin(struct summary *s, const struct event_run_begin *e)
{
    keep(s, &s->name, e->name);
    keep(s, &s->job_file, e->job_file);
    keep(s, &s->version, e->version);
    keep(s, &s->host, e->host);
    keep(s, &s->limits, e->limits);
    keep(s, &s->part, e->part);
    s->wall_ns = e->wall_ns;
    s->worker_slots = e->workers;
}

static void take_worker_begin(struct summary *s, const struct event_worker_begin *e)
{
    struct summary_worker *w = worker_at(s, e->worker);
    if (!w)
        return;
    w->cpus = e->cpus;
    w->starts++;
}

static void finish_phase(struct summary_phase *p)
{
    free(p->name);
    free(p->task);
    free(p->missing_from);
    free(p->made);
}

static void take_phase_begin(struct summary *s, const struct event_phase_begin *e, int64_t now)
{
    struct summary_phase *p = phase_at(s, e->phase);
    if (!p)
        return;
    // A phase that starts a second time has no results yet.
    finish_phase(p);
    *p =
        (struct summary_phase){.tasks = e->tasks - e->left_out, .whole = e->tasks, .start_ns = now};
    keep(s, &p->name, e->name);
    keep(s, &p->task, e->task);
}

// Returns the time spent in consecutive successes. If durations are missing, it is the time from
// the start of the first to the report of the last.
static int64_t busy_of(const struct event_tasks_ok *e, int64_t now)
{
    int64_t sum = 0;
    int64_t whole = now > e->start_ns ? now - e->start_ns : 0;
    if (!e->durations)
        return whole;
    for (uint64_t i = 0; i < e->count; i++) {
        if (e->durations[i] == UINT32_MAX)
            return whole;
        sum += e->durations[i];
    }
    return sum;
}

static void add_work(struct summary *s, struct summary_phase *p, uint32_t worker, uint64_t tasks,
                     int64_t busy_ns)
{
    p->busy_ns += busy_ns;
    struct summary_worker *w = worker_at(s, worker);
    if (!w)
        return;
    w->tasks += tasks;
    w->busy_ns += busy_ns;
}

// Counts tasks that succeeded after `accepts` acceptances.
static void count_made(struct summary *s, struct summary_phase *p, size_t accepts, uint64_t tasks)
{
    if (accepts >= EVENT_INDEX_MAX)
        s->failed = true;
    else if (accepts > 0 &&
             has_room(s, &p->made, &p->made_count, sizeof *p->made, (uint32_t)accepts))
        p->made[accepts] += tasks;
}

static void take_tasks_ok(struct summary *s, const struct event_tasks_ok *e, int64_t now)
{
    struct summary_phase *p = phase_at(s, e->phase);
    if (!p)
        return;
    p->outcomes[OUTCOME_OK] += e->count;
    count_made(s, p, s->accept_count, e->count);
    add_work(s, p, e->worker, e->count, busy_of(e, now));
}

static void take_task_end(struct summary *s, const struct event_task_end *e)
{
    struct summary_phase *p = phase_at(s, e->phase);
    if (!p)
        return;
    if (e->final)
        p->outcomes[e->status]++;
    if (e->status == OUTCOME_OK)
        count_made(s, p, s->accept_count, 1);
    if (!e->final)
        p->retries++;
    if (e->worker != UINT32_MAX)
        add_work(s, p, e->worker, 1, e->duration_ns > 0 ? e->duration_ns : 0);
}

static void take_phase_end(struct summary *s, const struct event_phase_end *e, int64_t now)
{
    struct summary_phase *p = phase_at(s, e->phase);
    if (!p)
        return;
    if (!p->name)
        p->start_ns = now;
    p->end_ns = now;
    p->ended = true;
    p->how = e->how;
    p->outcomes[OUTCOME_SKIPPED] += e->skipped;
}

// Takes a resume: tasks that were left out or run again have no outcome now.
static void take_resume(struct summary *s, const struct event_run_resume *e)
{
    s->worker_slots = e->workers;
    s->ended = false;
    for (size_t i = 0; i < s->phase_count; i++) {
        struct summary_phase *p = &s->phases[i];
        uint64_t failed = 0;
        for (int o = OUTCOME_ERROR; o <= OUTCOME_OVER_LIMIT; o++)
            failed += p->outcomes[o];
        if (e->retry_failed && failed > 0) {
            p->retries += failed;
            memset(&p->outcomes[OUTCOME_ERROR], 0,
                   (OUTCOME_OVER_LIMIT - OUTCOME_ERROR + 1) * sizeof p->outcomes[0]);
        }
        p->outcomes[OUTCOME_CANCELLED] = p->outcomes[OUTCOME_SKIPPED] = 0;
        p->ended = p->ended && p->how == PHASE_ENDED && !(e->retry_failed && failed > 0);
    }
}

// Takes a note about missing rows: the number of the phase, of the rows, and the source's name.
static void take_note(struct summary *s, const struct event_note *e)
{
    uint32_t phase;
    uint64_t rows;
    int name = 0;
    if (strcmp(e->name, EVENT_NOTE_MISSING) != 0 ||
        sscanf(e->text, "%" SCNu32 " %" SCNu64 " %n", &phase, &rows, &name) != 2 || name == 0)
        return;
    struct summary_phase *p = phase_at(s, phase);
    if (!p)
        return;
    p->missing_rows = rows;
    keep(s, &p->missing_from, e->text + name);
}

// ---- Acceptances

static void note_plugin(struct summary *s, const char *what, int64_t changed_ns)
{
    if (strncmp(what, "plugin ", strlen("plugin ")) != 0)
        return;
    struct summary_plugin *p = array_add(&s->plugins, &s->plugin_count, sizeof *p, NULL);
    s->failed = s->failed || !p;
    if (!p)
        return;
    *p = (struct summary_plugin){.accepts = s->accept_count, .changed_ns = changed_ns};
    keep(s, &p->what, what);
}

static void take_accept(struct summary *s, const struct event_accept *e)
{
    struct summary_accept *a = array_add(&s->accepts, &s->accept_count, sizeof *a, NULL);
    s->failed = s->failed || !a;
    if (!a)
        return;
    *a = (struct summary_accept){.old_ns = e->old_ns, .new_ns = e->new_ns, .wall_ns = e->wall_ns};
    keep(s, &a->what, e->what);
    keep(s, &a->name, e->name);
    keep(s, &a->detail, e->detail);
    note_plugin(s, e->what, e->new_ns);
    for (size_t i = 0; i < s->phase_count && strcmp(e->what, "job file") == 0; i++)
        s->phases[i].ended = false;
}

// Takes what stays of a phase whose inputs have changed. The time that was spent stays spent.
static void take_phase_keep(struct summary *s, const struct event_phase_keep *e)
{
    struct summary_phase *p = phase_at(s, e->phase);
    if (!p)
        return;
    if (e->dropped) {
        finish_phase(p);
        *p = (struct summary_phase){0};
        return;
    }
    memcpy(p->outcomes, e->outcomes, sizeof p->outcomes);
    p->tasks = p->whole = e->tasks;
    p->ended = false;
    free(p->made);
    p->made = NULL;
    p->made_count = 0;
    for (size_t i = 0; i < e->made_count; i++)
        count_made(s, p, (size_t)e->made[i].accepts, e->made[i].tasks);
}

static int summary_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct summary *s = (struct summary *)sink;
    (void)err;
    if (event->time_ns > s->last_ns)
        s->last_ns = event->time_ns;
    switch (event->type) {
    case EVENT_RUN_BEGIN:
        take_run_begin(s, &event->run_begin);
        break;
    case EVENT_WORKER_BEGIN:
        take_worker_begin(s, &event->worker_begin);
        break;
    case EVENT_PHASE_BEGIN:
        take_phase_begin(s, &event->phase_begin, event->time_ns);
        break;
    case EVENT_TASKS_OK:
        take_tasks_ok(s, &event->tasks_ok, event->time_ns);
        break;
    case EVENT_TASK_END:
        take_task_end(s, &event->task_end);
        break;
    case EVENT_PHASE_END:
        take_phase_end(s, &event->phase_end, event->time_ns);
        break;
    case EVENT_RUN_END:
        s->ended = true;
        s->exit_status = event->run_end.exit_status;
        keep(s, &s->reason, event->run_end.reason);
        break;
    case EVENT_RUN_RESUME:
        take_resume(s, &event->run_resume);
        break;
    case EVENT_SOURCE:
        note_plugin(s, event->source.what, event->source.changed_ns);
        break;
    case EVENT_ACCEPT:
        take_accept(s, &event->accept);
        break;
    case EVENT_PHASE_KEEP:
        take_phase_keep(s, &event->phase_keep);
        break;
    case EVENT_NOTE:
        take_note(s, &event->note);
        break;
    case EVENT_WORKER_END:
    case EVENT_OUTPUT:
    case EVENT_INPUT_ROWS:
        break;
    }
    return 0;
}

void summary_init(struct summary *s)
{
    *s = (struct summary){.sink.take = summary_take};
}

void summary_finish(struct summary *s)
{
    for (size_t i = 0; i < s->phase_count; i++)
        finish_phase(&s->phases[i]);
    for (size_t i = 0; i < s->accept_count; i++) {
        free(s->accepts[i].what);
        free(s->accepts[i].name);
        free(s->accepts[i].detail);
    }
    for (size_t i = 0; i < s->plugin_count; i++)
        free(s->plugins[i].what);
    free(s->accepts);
    free(s->plugins);
    free(s->phases);
    free(s->workers);
    free(s->name);
    free(s->job_file);
    free(s->version);
    free(s->host);
    free(s->limits);
    free(s->part);
    free(s->reason);
    summary_init(s);
}

// ---- Figures that follow from the fold

int64_t summary_phase_wall(const struct summary *s, const struct summary_phase *p)
{
    return (p->ended ? p->end_ns : s->last_ns) - p->start_ns;
}

static uint64_t tasks_done(const struct summary_phase *p)
{
    uint64_t done = 0;
    for (int i = OUTCOME_OK; i <= OUTCOME_OVER_LIMIT; i++)
        done += p->outcomes[i];
    return done;
}

double summary_phase_rate(const struct summary *s, const struct summary_phase *p)
{
    int64_t wall = summary_phase_wall(s, p);
    return wall > 0 ? (double)tasks_done(p) * 1e9 / (double)wall : 0;
}

double summary_phase_busy(const struct summary *s, const struct summary_phase *p)
{
    double whole = (double)summary_phase_wall(s, p) * s->worker_slots;
    double part = whole > 0 ? (double)p->busy_ns / whole : 0;
    return part < 1 ? part : 1;
}

void summary_totals(const struct summary *s, struct summary_phase *total)
{
    *total = (struct summary_phase){0};
    for (size_t i = 0; i < s->phase_count; i++) {
        total->tasks += s->phases[i].tasks;
        total->retries += s->phases[i].retries;
        for (int o = 0; o < OUTCOME_COUNT; o++)
            total->outcomes[o] += s->phases[i].outcomes[o];
    }
}

// ---- For a person

// Columns of the table. A column of an outcome has the number of the outcome.
enum column {
    COLUMN_NAME = OUTCOME_COUNT,
    COLUMN_TASKS,
    COLUMN_RETRIES,
    COLUMN_TIME,
    COLUMN_RATE,
    COLUMN_BUSY,
    COLUMN_NOTE,
};

static const int columns[] = {
    COLUMN_NAME,       COLUMN_TASKS,       OUTCOME_OK,        OUTCOME_ERROR,   OUTCOME_CRASHED,
    OUTCOME_TIMED_OUT, OUTCOME_OVER_LIMIT, OUTCOME_CANCELLED, OUTCOME_SKIPPED, COLUMN_RETRIES,
    COLUMN_TIME,       COLUMN_RATE,        COLUMN_BUSY,       COLUMN_NOTE,
};

enum {
    COLUMNS = sizeof columns / sizeof columns[0]
};

static const char *heading(int column)
{
    switch (column) {
    case COLUMN_NAME:
        return "phase";
    case COLUMN_TASKS:
        return "tasks";
    case COLUMN_RETRIES:
        return "retries";
    case COLUMN_TIME:
        return "time";
    case COLUMN_RATE:
        return "tasks/s";
    case COLUMN_BUSY:
        return "busy";
    case COLUMN_NOTE:
        return "";
    default:
        return outcome_plain((enum outcome_status)column);
    }
}

// Returns whether a column is shown: an outcome that never occurred has none.
static bool is_shown(int column, const struct summary_phase *total)
{
    if (column == COLUMN_RETRIES)
        return total->retries > 0;
    return column >= OUTCOME_COUNT || column == OUTCOME_OK || total->outcomes[column] > 0;
}

static void cell_count(struct buffer *out, uint64_t count)
{
    if (count > 0)
        text_count(out, count);
    else
        buffer_char(out, '-');
}

static void cell_rate(struct buffer *out, double rate)
{
    if (rate <= 0)
        buffer_char(out, '-');
    else if (rate < 100)
        buffer_format(out, "%.1f", rate);
    else
        text_count(out, (uint64_t)(rate + 0.5));
}

static void cell(struct buffer *out, const struct summary *s, const struct summary_phase *p,
                 int column)
{
    bool ran = tasks_done(p) > 0;
    switch (column) {
    case COLUMN_NAME:
        text_escaped(out, p->name, strlen(p->name));
        break;
    case COLUMN_TASKS:
        text_count(out, p->tasks);
        break;
    case COLUMN_RETRIES:
        cell_count(out, p->retries);
        break;
    case COLUMN_TIME:
        if (p->ended && p->how == PHASE_SKIPPED)
            buffer_char(out, '-');
        else
            text_duration(out, summary_phase_wall(s, p));
        break;
    case COLUMN_RATE:
        cell_rate(out, summary_phase_rate(s, p));
        break;
    case COLUMN_BUSY:
        buffer_format(out, ran ? "%.0f%%" : "-", 100 * summary_phase_busy(s, p));
        break;
    case COLUMN_NOTE:
        buffer_text(out, !p->ended                 ? "not ended"
                         : p->how == PHASE_STOPPED ? "stopped"
                         : p->how == PHASE_SKIPPED ? "not started"
                                                   : "");
        break;
    default:
        cell_count(out, p->outcomes[column]);
    }
}

// Appends a cell: names and notes are aligned left, figures right. Two blanks separate cells, and
// no line ends with a blank.
static void put_cell(struct buffer *out, int column, const char *text, size_t length, size_t width)
{
    size_t own = utf8_width(text, length);
    size_t fill = own < width ? width - own : 0;
    bool left = column == COLUMN_NAME;
    if (column == COLUMN_NOTE && length == 0)
        return;
    if (column != COLUMN_NAME)
        buffer_text(out, "  ");
    if (!left && column != COLUMN_NOTE)
        buffer_format(out, "%*s", (int)fill, "");
    buffer_append(out, text, length);
    if (left)
        buffer_format(out, "%*s", (int)fill, "");
}

static void measure(const struct summary *s, struct buffer *scratch, size_t widths[COLUMNS])
{
    for (size_t c = 0; c < COLUMNS; c++) {
        widths[c] = strlen(heading(columns[c]));
        for (size_t i = 0; i < s->phase_count; i++) {
            if (!s->phases[i].name)
                continue;
            buffer_clear(scratch);
            cell(scratch, s, &s->phases[i], columns[c]);
            size_t width = scratch->failed ? 0 : utf8_width(scratch->data, scratch->length);
            if (width > widths[c])
                widths[c] = width;
        }
    }
}

static void put_table(const struct summary *s, const struct summary_phase *total,
                      struct buffer *out)
{
    struct buffer scratch = BUFFER_EMPTY;
    size_t widths[COLUMNS];
    measure(s, &scratch, widths);
    for (size_t c = 0; c < COLUMNS; c++)
        if (is_shown(columns[c], total))
            put_cell(out, columns[c], heading(columns[c]), strlen(heading(columns[c])), widths[c]);
    buffer_char(out, '\n');
    for (size_t i = 0; i < s->phase_count; i++) {
        for (size_t c = 0; s->phases[i].name && c < COLUMNS; c++) {
            if (!is_shown(columns[c], total))
                continue;
            buffer_clear(&scratch);
            cell(&scratch, s, &s->phases[i], columns[c]);
            put_cell(out, columns[c], scratch.data, scratch.length, widths[c]);
        }
        if (s->phases[i].name)
            buffer_char(out, '\n');
    }
    out->failed = out->failed || scratch.failed;
    buffer_finish(&scratch);
}

static void put_others(const struct summary_phase *total, struct buffer *out)
{
    const char *between = ": ";
    for (int o = OUTCOME_ERROR; o < OUTCOME_COUNT; o++) {
        if (total->outcomes[o] == 0)
            continue;
        buffer_text(out, between);
        text_count(out, total->outcomes[o]);
        buffer_format(out, " %s", outcome_plain((enum outcome_status)o));
        between = ", ";
    }
}

static void put_verdict(const struct summary *s, const struct summary_phase *total,
                        struct buffer *out)
{
    uint64_t ok = total->outcomes[OUTCOME_OK];
    const char *reason = s->ended ? s->reason : "the run has not ended";
    if (reason && strcmp(reason, "finished") != 0) {
        text_escaped(out, reason, strlen(reason));
        buffer_text(out, ": ");
    }
    if (total->tasks == 0) {
        buffer_text(out, "there was no task to run");
    } else if (ok == total->tasks) {
        buffer_text(out, ok > 1 ? "all " : "");
        text_count(out, ok);
        buffer_text(out, ok > 1 ? " tasks succeeded" : " task succeeded");
    } else {
        text_count(out, ok);
        buffer_text(out, " of ");
        text_count(out, total->tasks);
        buffer_text(out, total->tasks > 1 ? " tasks succeeded" : " task succeeded");
        put_others(total, out);
    }
    buffer_text(out, " (");
    text_duration(out, s->last_ns);
    buffer_format(out, ", %" PRIu32 " worker%s)", s->worker_slots, s->worker_slots == 1 ? "" : "s");
}

void summary_verdict(const struct summary *s, struct buffer *out)
{
    struct summary_phase total;
    summary_totals(s, &total);
    put_verdict(s, &total, out);
}

void summary_missing(const struct summary_phase *p, struct buffer *out)
{
    if (p->missing_rows == 0)
        return;
    buffer_text(out, "phase ");
    text_escaped(out, p->name, strlen(p->name));
    buffer_text(out, ": ");
    text_count(out, p->missing_rows);
    buffer_format(out, " row%s of phase ", p->missing_rows == 1 ? "" : "s");
    text_escaped(out, p->missing_from, strlen(p->missing_from));
    buffer_format(out, " %s missing because tasks failed; batches may mix rows of different groups",
                  p->missing_rows == 1 ? "is" : "are");
}

static void put_missing(const struct summary *s, struct buffer *out)
{
    size_t before = out->length;
    for (size_t i = 0; i < s->phase_count; i++)
        if (s->phases[i].name && s->phases[i].missing_rows > 0) {
            summary_missing(&s->phases[i], out);
            buffer_char(out, '\n');
        }
    if (out->length > before)
        buffer_char(out, '\n');
}

void summary_text(const struct summary *s, struct buffer *out)
{
    struct summary_phase total;
    summary_totals(s, &total);
    if (s->phase_count > 0) {
        put_table(s, &total, out);
        buffer_char(out, '\n');
        put_missing(s, out);
    }
    summary_history(s, out);
    put_verdict(s, &total, out);
    buffer_char(out, '\n');
    if (s->failed)
        buffer_text(out, "memory ran out while this was counted: the figures are too low\n");
}

// ---- For programs

static void json_started(struct json *j, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char date[32];
    if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        json_null(j, "started");
        return;
    }
    char text[48];
    int length =
        snprintf(text, sizeof text, "%s.%03dZ", date, (int)(wall_ns % NS_PER_S / NS_PER_MS));
    json_text(j, "started", text, (size_t)length);
}

static void json_worker(struct json *j, uint32_t slot, const struct summary_worker *w)
{
    struct buffer cpus = BUFFER_EMPTY;
    cpuset_text(&cpus, &w->cpus);
    json_begin_object(j, NULL);
    json_u64(j, "worker", slot);
    json_text(j, "cpus", cpus.data, cpus.length);
    json_u64(j, "starts", w->starts);
    json_u64(j, "tasks", w->tasks);
    json_seconds(j, "busy_seconds", w->busy_ns);
    json_end_object(j);
    j->out->failed = j->out->failed || cpus.failed;
    buffer_finish(&cpus);
}

static const char *how_name(const struct summary_phase *p)
{
    static const char *const names[] = {
        [PHASE_ENDED] = "ended", [PHASE_STOPPED] = "stopped", [PHASE_SKIPPED] = "skipped"};
    return p->ended ? names[p->how] : NULL;
}

static void json_phase(struct json *j, const struct summary *s, const struct summary_phase *p)
{
    json_begin_object(j, NULL);
    json_string(j, "name", p->name);
    json_string(j, "task", p->task);
    json_string(j, "how", how_name(p));
    json_u64(j, "tasks", p->tasks);
    json_begin_object(j, "outcomes");
    for (int o = OUTCOME_OK; o < OUTCOME_COUNT; o++)
        json_u64(j, outcome_name((enum outcome_status)o), p->outcomes[o]);
    json_end_object(j);
    summary_made_json(s, p, j);
    json_u64(j, "retries", p->retries);
    if (p->missing_rows > 0) {
        json_u64(j, "missing_rows", p->missing_rows);
        json_string(j, "missing_from", p->missing_from);
    }
    json_seconds(j, "start_seconds", p->start_ns);
    json_seconds(j, "end_seconds", p->start_ns + summary_phase_wall(s, p));
    json_seconds(j, "wall_seconds", summary_phase_wall(s, p));
    json_f64(j, "tasks_per_second", summary_phase_rate(s, p));
    json_seconds(j, "busy_seconds", p->busy_ns);
    json_f64(j, "busy", summary_phase_busy(s, p));
    json_end_object(j);
}

int summary_json(const struct summary *s, const struct failures *failures, struct buffer *out,
                 br_error *err)
{
    if (s->failed)
        return br_error_nomem(err);
    struct json j;
    json_init(&j, out, true);
    json_begin_object(&j, NULL);
    json_i64(&j, "version", 1);
    json_string(&j, "name", s->name);
    json_string(&j, "job", s->job_file);
    json_string(&j, "host", s->host);
    json_string(&j, "batchrun", s->version);
    json_string(&j, "limits", s->limits);
    if (s->ended)
        json_i64(&j, "exit_status", s->exit_status);
    else
        json_null(&j, "exit_status");
    json_string(&j, "reason", s->reason);
    json_started(&j, s->wall_ns);
    json_seconds(&j, "wall_seconds", s->last_ns);
    json_begin_array(&j, "workers");
    for (size_t i = 0; i < s->worker_count; i++)
        json_worker(&j, (uint32_t)i, &s->workers[i]);
    json_end_array(&j);
    summary_history_json(s, &j);
    json_begin_array(&j, "phases");
    for (size_t i = 0; i < s->phase_count; i++)
        if (s->phases[i].name)
            json_phase(&j, s, &s->phases[i]);
    json_end_array(&j);
    json_begin_array(&j, "failures");
    if (failures)
        failures_json(failures, &j);
    json_end_array(&j);
    json_end_object(&j);
    buffer_char(out, '\n');
    return buffer_check(out, err);
}

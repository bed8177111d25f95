// SPDX-License-Identifier: BSD-3-Clause
// The sections of a report that are text and tables: verdict, failures, phases, environment.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "report/html.h"
#include "report/report_parts.h"

enum {
    TABLE_PHASES = 100,
    MESSAGE_MAX = 1000,
    DETAILS_MAX = 4000,
    JOB_SHOWN = 32 * 1024,
    JOB_MAX = 1024 * 1024
};

// ---- Verdict

enum verdict {
    VERDICT_GOOD,
    VERDICT_BAD,
    VERDICT_OPEN // the run has not ended, or was interrupted
};

static enum verdict verdict_of(const struct summary *s)
{
    if (!s->ended)
        return VERDICT_OPEN;
    return s->exit_status == 0 ? VERDICT_GOOD : s->exit_status == 5 ? VERDICT_OPEN : VERDICT_BAD;
}

static void put_date(struct buffer *out, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char date[40];
    if (gmtime_r(&seconds, &tm) && strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &tm) > 0)
        buffer_text(out, date);
}

static void begin_tile(struct buffer *out, const char *name)
{
    buffer_format(out, "<div><dt>%s</dt><dd>", name);
}

static void end_tile(struct buffer *out)
{
    buffer_text(out, "</dd></div>\n");
}

static void tile_count(struct buffer *out, const char *name, uint64_t count, bool hurts)
{
    buffer_format(out, "<div%s><dt>%s</dt><dd>", hurts && count > 0 ? " class=\"hurts\"" : "",
                  name);
    text_count(out, count);
    end_tile(out);
}

static void put_tiles(const struct report *r, struct buffer *out)
{
    const struct summary *s = &r->summary;
    struct summary_phase total;
    summary_totals(s, &total);
    unsigned parts[CORE_USES];
    core_time_parts(r->core_time.ns, 1000, parts);
    uint64_t failed = 0;
    for (int o = OUTCOME_ERROR; o <= OUTCOME_OVER_LIMIT; o++)
        failed += total.outcomes[o];
    buffer_text(out, "<dl class=\"tiles\">\n");
    tile_count(out, "tasks", total.tasks, false);
    tile_count(out, "succeeded", total.outcomes[OUTCOME_OK], false);
    tile_count(out, "failed", failed, true);
    tile_count(out, "retries", total.retries, false);
    begin_tile(out, "time");
    text_duration(out, s->last_ns);
    end_tile(out);
    tile_count(out, s->worker_slots == 1 ? "worker" : "workers", s->worker_slots, false);
    begin_tile(out, "workers busy");
    buffer_format(out, "%u.%u %%", (parts[CORE_OK] + parts[CORE_FAILED]) / 10,
                  (parts[CORE_OK] + parts[CORE_FAILED]) % 10);
    end_tile(out);
    tile_count(out, r->deaths == 1 ? "worker died" : "workers died", r->deaths, true);
    buffer_text(out, "</dl>\n");
}

// Appends that the run is a try, and what was accepted, one paragraph a line.
static void put_history(const struct report *r, struct buffer *out)
{
    struct buffer lines = BUFFER_EMPTY;
    summary_history(&r->summary, &lines);
    for (size_t at = 0; at < lines.length;) {
        const char *line = lines.data + at, *end = memchr(line, '\n', lines.length - at);
        size_t length = end ? (size_t)(end - line) : lines.length - at;
        buffer_text(out, "<p class=\"over\">");
        html_text(out, line, length, MESSAGE_MAX);
        buffer_text(out, "</p>\n");
        at += length + 1;
    }
    out->failed |= lines.failed;
    buffer_finish(&lines);
}

void report_verdict(const struct report *r, struct buffer *out)
{
    static const char *const classes[] = {"good", "bad", "open"};
    static const char *const marks[] = {"\xe2\x9c\x93", "\xe2\x9c\x95", "\xe2\x80\xa6"};
    enum verdict verdict = verdict_of(&r->summary);
    struct buffer sentence = BUFFER_EMPTY;
    summary_verdict(&r->summary, &sentence);
    buffer_text(out, "<header>\n<p class=\"over\">batchrun report, ");
    html_string(out, r->summary.host);
    buffer_text(out, ", ");
    put_date(out, r->summary.wall_ns);
    buffer_text(out, "</p>\n<h1>");
    html_string(out, r->summary.name);
    buffer_format(out, "</h1>\n<p class=\"verdict %s\"><span class=\"mark\">%s</span> <span>",
                  classes[verdict], marks[verdict]);
    html_text(out, sentence.data, sentence.length, MESSAGE_MAX);
    buffer_text(out, "</span></p>\n");
    put_history(r, out);
    put_tiles(r, out);
    buffer_text(out, "</header>\n");
    out->failed |= sentence.failed;
    buffer_finish(&sentence);
}

// ---- Failures

// Appends the details of a failure without the indentation that they have on a terminal.
static void put_details(const struct buffer *text, struct buffer *out)
{
    static const char indent[] = "    ";
    struct buffer flush = BUFFER_EMPTY;
    for (size_t at = 0; at < text->length;) {
        size_t left = text->length - at;
        const char *line = text->data + at, *newline = memchr(line, '\n', left);
        size_t length = newline ? (size_t)(newline - line) + 1 : left;
        bool indented = length > 4 && memcmp(line, indent, 4) == 0;
        buffer_append(&flush, line + (indented ? 4 : 0), length - (indented ? 4 : 0));
        at += length;
    }
    html_lines(out, flush.data, flush.length, DETAILS_MAX);
    out->failed |= flush.failed;
    buffer_finish(&flush);
}

static void put_failure(const struct report *r, const struct failure *f, struct buffer *out)
{
    struct buffer text = BUFFER_EMPTY;
    const struct event_task_end *t = &f->task;
    buffer_text(out, "<article class=\"failure\"><h3>");
    html_string(out, t->phase < r->failures.phase_count ? r->failures.phases[t->phase] : NULL);
    buffer_format(out, "#%" PRIu64 "</h3><p>", t->index);
    failure_cause(&text, t);
    html_text(out, text.data, text.length, MESSAGE_MAX);
    buffer_text(out, "</p><pre>");
    buffer_clear(&text);
    failure_details(&text, f, r->dir->logs_path);
    failure_again(&text, r->dir->path,
                  t->phase < r->failures.phase_count ? r->failures.phases[t->phase] : NULL,
                  t->index);
    put_details(&text, out);
    buffer_text(out, "</pre>");
    if (f->alike > 0) {
        buffer_text(out, "<p class=\"note\">");
        text_count(out, f->alike);
        buffer_text(out, " more failed alike.</p>");
    }
    buffer_text(out, "</article>\n");
    out->failed |= text.failed;
    buffer_finish(&text);
}

static void put_failure_counts(const struct report *r, struct buffer *out)
{
    size_t shown = 0;
    buffer_text(out, "<p class=\"chips\">");
    for (size_t i = 0; i < r->summary.phase_count && shown < TABLE_PHASES; i++) {
        const struct summary_phase *p = &r->summary.phases[i];
        for (int o = OUTCOME_ERROR; o <= OUTCOME_OVER_LIMIT; o++) {
            if (p->outcomes[o] == 0)
                continue;
            shown++;
            buffer_text(out, "<span>");
            html_string(out, p->name);
            buffer_text(out, ": ");
            text_count(out, p->outcomes[o]);
            buffer_format(out, " %s</span> ", outcome_plain((enum outcome_status)o));
        }
    }
    buffer_text(out, "</p>\n");
}

void report_failures(const struct report *r, struct buffer *out)
{
    const struct failures *f = &r->failures;
    if (f->count == 0)
        return;
    buffer_text(out, "<section id=\"failures\">\n<h2>Failures</h2>\n");
    put_failure_counts(r, out);
    buffer_text(out, "<div class=\"failures\">\n");
    for (size_t i = 0; i < f->shown_count; i++)
        put_failure(r, &f->shown[i], out);
    buffer_text(out, "</div>\n");
    if (f->count > f->shown_count) {
        buffer_text(out, "<p class=\"note\">And ");
        text_count(out, f->count - f->shown_count);
        buffer_text(out, " more: <code>batchrun show --failed ");
        html_string(out, r->dir->path);
        buffer_text(out, "</code> lists them all.</p>\n");
    }
    buffer_text(out, "</section>\n");
}

// ---- Phases

// Returns whether a column is shown: an outcome that never occurred has none.
static bool has_column(const struct summary_phase *total, int outcome)
{
    return outcome == OUTCOME_OK || total->outcomes[outcome] > 0;
}

static void put_count(struct buffer *out, uint64_t count, const char *class)
{
    buffer_format(out, "<td%s>", count > 0 ? class : " class=\"none\"");
    text_count(out, count);
    buffer_text(out, "</td>");
}

static void put_rate(struct buffer *out, double rate)
{
    if (rate < 100)
        buffer_format(out, "%.1f", rate);
    else
        text_count(out, (uint64_t)(rate + 0.5));
}

static const char *note_of(const struct summary_phase *p)
{
    return !p->ended                 ? "not ended"
           : p->how == PHASE_STOPPED ? "stopped"
           : p->how == PHASE_SKIPPED ? "not started"
                                     : "";
}

static void put_phase(const struct report *r, size_t i, const struct summary_phase *total,
                      struct buffer *out)
{
    const struct summary_phase *p = &r->summary.phases[i];
    double busy = 100 * summary_phase_busy(&r->summary, p);
    buffer_format(out, "<tr><th scope=\"row\"><i class=\"dot c%zu\"></i>", i % REPORT_COLOURS);
    html_string(out, p->name);
    buffer_text(out, "</th><td class=\"text\">");
    html_string(out, p->task);
    buffer_text(out, "</td>");
    put_count(out, p->tasks, "");
    for (int o = OUTCOME_OK; o < OUTCOME_COUNT; o++)
        if (has_column(total, o))
            put_count(out, p->outcomes[o],
                      o == OUTCOME_OK || o >= OUTCOME_CANCELLED ? "" : " class=\"hurt\"");
    if (total->retries > 0)
        put_count(out, p->retries, " class=\"warn\"");
    buffer_text(out, "<td>");
    text_duration(out, summary_phase_wall(&r->summary, p));
    buffer_text(out, "</td><td>");
    put_rate(out, summary_phase_rate(&r->summary, p));
    buffer_format(out,
                  "</td><td class=\"part\"><i><b style=\"width:%.1f%%\"></b></i> "
                  "<span>%.0f %%</span></td><td class=\"text\">%s</td></tr>\n",
                  busy, busy, note_of(p));
}

static void put_missing(const struct summary_phase *p, struct buffer *out)
{
    struct buffer text = BUFFER_EMPTY;
    if (!p->name || p->missing_rows == 0)
        return;
    summary_missing(p, &text);
    buffer_char(&text, '\0');
    buffer_text(out, "<p class=\"note\">");
    html_string(out, text.failed ? "" : text.data);
    buffer_text(out, "</p>\n");
    buffer_finish(&text);
}

void report_phases(const struct report *r, struct buffer *out)
{
    const struct summary *s = &r->summary;
    struct summary_phase total;
    summary_totals(s, &total);
    if (s->phase_count == 0)
        return;
    buffer_text(out, "<section id=\"phases\">\n<h2>Phases</h2>\n<div class=\"scroll\"><table>\n"
                     "<thead><tr><th scope=\"col\">phase</th><th scope=\"col\" class=\"text\">task"
                     "</th><th scope=\"col\">tasks</th>");
    for (int o = OUTCOME_OK; o < OUTCOME_COUNT; o++)
        if (has_column(&total, o))
            buffer_format(out, "<th scope=\"col\">%s</th>", outcome_plain((enum outcome_status)o));
    if (total.retries > 0)
        buffer_text(out, "<th scope=\"col\">retries</th>");
    buffer_text(out, "<th scope=\"col\">time</th><th scope=\"col\">tasks/s</th>"
                     "<th scope=\"col\">busy</th><th></th></tr></thead>\n<tbody>\n");
    size_t shown = s->phase_count < TABLE_PHASES ? s->phase_count : TABLE_PHASES;
    for (size_t i = 0; i < shown; i++)
        put_phase(r, i, &total, out);
    buffer_text(out, "</tbody>\n</table></div>\n");
    for (size_t i = 0; i < shown; i++)
        put_missing(&s->phases[i], out);
    if (shown < s->phase_count)
        buffer_format(out, "<p class=\"note\">And %zu more phases: summary.json has all.</p>\n",
                      s->phase_count - shown);
    buffer_text(out, "</section>\n");
}

// ---- Environment

void report_fact(struct buffer *out, const char *name, const char *value)
{
    buffer_format(out, "<div><dt>%s</dt><dd>", name);
    html_string(out, value);
    buffer_text(out, "</dd></div>\n");
}

// Appends the job as it was run, if the run directory still has it.
static void put_job(const struct report *r, struct buffer *out)
{
    struct buffer path = BUFFER_EMPTY, text = BUFFER_EMPTY;
    br_error err;
    buffer_format(&path, "%s/job.yaml", r->dir->path);
    buffer_char(&path, '\0');
    if (!path.failed && fd_read_file(path.data, "job file", JOB_MAX, &text, &err) == 0) {
        buffer_text(out, "<details><summary>The job file as it was run</summary><pre>");
        html_lines(out, text.data, text.length, JOB_SHOWN);
        buffer_text(out, "</pre></details>\n");
    }
    buffer_finish(&path);
    buffer_finish(&text);
}

void report_environment(const struct report *r, struct buffer *out)
{
    const struct summary *s = &r->summary;
    buffer_text(out, "<section id=\"environment\">\n<h2>Environment</h2>\n<dl class=\"facts\">\n");
    report_fact(out, "batchrun", s->version);
    report_fact(out, "host", s->host);
    report_fact(out, "job file", s->job_file);
    report_fact(out, "run directory", r->dir->path);
    buffer_text(out, "<div><dt>began</dt><dd>");
    put_date(out, s->wall_ns);
    buffer_text(out, "</dd></div>\n");
    if (r->resumes > 0)
        buffer_format(out, "<div><dt>resumed</dt><dd>%" PRIu64 " time%s</dd></div>\n", r->resumes,
                      r->resumes == 1 ? "" : "s");
    buffer_append(out, r->facts.data, r->facts.length);
    report_fact(out, "end", s->ended ? s->reason : "the run has not ended");
    if (s->ended)
        buffer_format(out, "<div><dt>exit status</dt><dd>%" PRId32 "</dd></div>\n", s->exit_status);
    buffer_text(out, "</dl>\n");
    put_job(r, out);
    buffer_text(out, "</section>\n");
}

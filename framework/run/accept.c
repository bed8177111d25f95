// SPDX-License-Identifier: BSD-3-Clause
#include "run/accept.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "jobfile/spec_source.h"

enum {
    LISTED = 6 // changes that a refusal lists
};

static const struct {
    const char *name;
    enum accept_kind kind;
} kinds[] = {{"plugin", ACCEPT_PLUGIN}, {"job", ACCEPT_JOB}, {"inputs", ACCEPT_INPUTS}};

enum {
    KINDS = sizeof kinds / sizeof kinds[0]
};

int accept_parse(const char *list, unsigned *out, br_error *err)
{
    unsigned accepted = 0;
    for (const char *at = list;;) {
        size_t length = strcspn(at, ","), i = 0;
        while (i < KINDS &&
               (strlen(kinds[i].name) != length || memcmp(kinds[i].name, at, length) != 0))
            i++;
        if (i == KINDS)
            return br_error_set(
                err, BR_ERR_USAGE,
                "--accept %s: expected a list of plugin, job and inputs, such as plugin,inputs",
                list);
        accepted |= kinds[i].kind;
        if (!at[length])
            break;
        at += length + 1;
    }
    *out = accepted;
    return 0;
}

// ---- Describing a change

static size_t lines_of(const char *text, size_t length)
{
    size_t lines = length > 0 && text[length - 1] != '\n';
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

// Appends which lines differ between two texts: all from the first to the last that does.
static void put_lines(const char *old, size_t old_length, const char *text, size_t length,
                      struct buffer *out)
{
    size_t shorter = old_length < length ? old_length : length;
    size_t same = 0, tail = 0, first = 1;
    while (same < shorter && old[same] == text[same])
        first += text[same++] == '\n';
    if (same == old_length && same == length)
        return;
    while (tail < shorter - same && old[old_length - tail - 1] == text[length - tail - 1])
        tail++;
    size_t last = lines_of(text, length - tail);
    if (last <= first)
        buffer_format(out, "line %zu", first);
    else
        buffer_format(out, "lines %zu-%zu", first, last);
}

// Appends which lines of the job file differ from the run's copy; nothing if there is no copy.
static void put_job_lines(const struct fingerprint *s, const struct rundir *dir, struct buffer *out)
{
    struct buffer copy = BUFFER_EMPTY, path = BUFFER_EMPTY;
    const struct job *job = s->prepared->job;
    buffer_format(&path, "%s/job.yaml", dir->path);
    buffer_char(&path, '\0');
    if (!path.failed && fd_read_file(path.data, "job file", SPEC_FILE_MAX, &copy, NULL) == 0)
        put_lines(copy.data ? copy.data : "", copy.length, job->text, job->text_length, out);
    buffer_finish(&path);
    buffer_finish(&copy);
}

// Appends what has changed in the source: the `detail` of its event.
static void put_detail(const struct fingerprint *s, const struct fingerprint_change *c,
                       const struct rundir *dir, struct buffer *out)
{
    if (!c->was || !c->is)
        return;
    if (c->kind == ACCEPT_INPUTS)
        buffer_text(out, c->rows.text.data);
    else if (strcmp(c->is->what, "job file") == 0)
        put_job_lines(s, dir, out);
}

static void put_file_times(const struct fingerprint_change *c, struct buffer *out)
{
    if (c->was->changed_ns == 0 || c->is->changed_ns == 0)
        return;
    buffer_text(out, " of ");
    text_date(out, c->is->changed_ns);
    buffer_text(out, ", was of ");
    text_date(out, c->was->changed_ns);
}

// Appends a change as a line of the refusal.
static void put_change(const struct fingerprint *s, const struct fingerprint_change *c,
                       const struct rundir *dir, struct buffer *out)
{
    const struct fingerprint_part *part = c->is ? c->is : c->was;
    buffer_format(out, "\n  %s", part->what);
    // A plugin is known by its name, and its path is long.
    if (part->name[0] && strncmp(part->what, "plugin ", strlen("plugin ")) != 0)
        buffer_format(out, " %s", part->name);
    if (!c->was || !c->is) {
        bool set = strcmp(part->what, "--set") == 0;
        buffer_text(out, set && c->is ? ": is given now, and was not then"
                         : set        ? ": was given then, and is not now"
                         : c->is      ? ": is new"
                                      : ": is not there any more");
        return;
    }
    if (c->kind == ACCEPT_PLUGIN)
        put_file_times(c, out);
    struct buffer detail = BUFFER_EMPTY;
    put_detail(s, c, dir, &detail);
    if (detail.length > 0)
        buffer_format(out, ": %.*s", (int)detail.length, detail.data);
    buffer_finish(&detail);
}

static unsigned kinds_of(const struct fingerprint *s)
{
    unsigned all = 0;
    for (size_t i = 0; i < s->change_count; i++)
        all |= s->changes[i].kind;
    return all;
}

int accept_check(const struct fingerprint *s, unsigned accepted, const struct rundir *dir,
                 br_error *err)
{
    unsigned changed = kinds_of(s);
    if ((changed & ~accepted) == 0)
        return 0;
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text,
                  "the run in %s had another job, plugin or input when it started. Add "
                  "--accept ",
                  dir->path);
    const char *between = "";
    for (size_t i = 0; i < KINDS; i++) {
        if (!((changed | accepted) & kinds[i].kind))
            continue;
        buffer_format(&text, "%s%s", between, kinds[i].name);
        between = ",";
    }
    buffer_text(&text, " to keep its tasks whose inputs are the same, or --fresh to set it aside "
                       "and start anew. Changed since:");
    for (size_t i = 0; i < s->change_count && i < LISTED; i++)
        put_change(s, &s->changes[i], dir, &text);
    if (s->change_count > LISTED)
        buffer_format(&text, "\n  and %zu more", s->change_count - LISTED);
    buffer_char(&text, '\0');
    if (text.failed)
        br_error_nomem(err);
    else
        br_error_set(err, BR_ERR_USAGE, "%s", text.data);
    buffer_finish(&text);
    return -1;
}

// ---- Emitting

struct emission {
    const struct fingerprint *s;
    const struct rundir *dir;
    int64_t time_ns, wall_ns;
    struct event_sink *sink;
    struct resume_state *state;
};

// The sink comes first: a resume reads what it has taken.
static int give(struct emission *m, struct event *e, br_error *err)
{
    e->time_ns = m->time_ns;
    if (m->sink->take(m->sink, e, err) != 0)
        return -1;
    return m->state->sink.take(&m->state->sink, e, err);
}

// Drops phases that the job does not have any more.
static int drop_phases(struct emission *m, br_error *err)
{
    uint32_t number = 0;
    for (; resume_state_next_dropped(m->state, &number); number++) {
        struct event e = {.type = EVENT_PHASE_KEEP,
                          .phase_keep = {.phase = number, .dropped = true}};
        if (give(m, &e, err) != 0)
            return -1;
    }
    return 0;
}

static int keep_phase(struct emission *m, const struct fingerprint_change *c, br_error *err)
{
    const struct prepared *p = m->s->prepared;
    size_t place = c->is->phase;
    struct event e = {.type = EVENT_PHASE_KEEP};
    struct event_made *made;
    int result =
        resume_state_keep(m->state, p->job->phases[place].name, &c->rows,
                          prepared_tasks(p, place, c->rows.rows), &e.phase_keep, &made, err);
    if (result > 0)
        result = give(m, &e, err);
    free(made);
    return result;
}

static int accept_one(struct emission *m, const struct fingerprint_change *c, br_error *err)
{
    const struct fingerprint_part *any = c->is ? c->is : c->was;
    struct buffer detail = BUFFER_EMPTY;
    put_detail(m->s, c, m->dir, &detail);
    buffer_char(&detail, '\0');
    struct event e = {.type = EVENT_ACCEPT,
                      .accept = {.what = any->what,
                                 .name = any->name,
                                 .old_hash = c->was ? c->was->hash : 0,
                                 .new_hash = c->is ? c->is->hash : 0,
                                 .old_ns = c->was ? c->was->changed_ns : 0,
                                 .new_ns = c->is ? c->is->changed_ns : 0,
                                 .wall_ns = m->wall_ns,
                                 .detail = detail.failed ? "" : detail.data}};
    int result = give(m, &e, err);
    buffer_finish(&detail);
    return result;
}

int accept_emit(const struct fingerprint *s, const struct rundir *dir, int64_t time_ns,
                struct event_sink *sink, struct resume_state *state, br_error *err)
{
    struct emission m = {s, dir, time_ns, clock_wall(), sink, state};
    if (kinds_of(s) & ACCEPT_JOB && drop_phases(&m, err) != 0)
        return -1;
    for (size_t i = 0; i < s->change_count; i++) {
        const struct fingerprint_change *c = &s->changes[i];
        if (c->kind == ACCEPT_INPUTS && keep_phase(&m, c, err) != 0)
            return -1;
        if (accept_one(&m, c, err) != 0)
            return -1;
    }
    resume_state_settle(state);
    return 0;
}

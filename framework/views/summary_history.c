// SPDX-License-Identifier: BSD-3-Clause
#include "views/summary_history.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

// ---- Which tasks were made when

// Returns the number of tasks of the phase that succeeded after exactly so many acceptances.
static uint64_t made(const struct summary_phase *p, size_t accepts)
{
    if (accepts > 0)
        return accepts < p->made_count ? p->made[accepts] : 0;
    uint64_t later = 0;
    for (size_t i = 1; i < p->made_count; i++)
        later += p->made[i];
    return p->outcomes[OUTCOME_OK] > later ? p->outcomes[OUTCOME_OK] - later : 0;
}

// Returns the time of the file of the phase's plugin after so many acceptances; 0 if unknown.
static int64_t plugin_time(const struct summary *s, const struct summary_phase *p, size_t accepts)
{
    int64_t at = 0;
    size_t length = strcspn(p->task ? p->task : "", ".");
    for (size_t i = 0; i < s->plugin_count; i++) {
        const char *name = s->plugins[i].what + strlen("plugin ");
        if (s->plugins[i].accepts <= accepts && strlen(name) == length &&
            memcmp(name, p->task, length) == 0)
            at = s->plugins[i].changed_ns;
    }
    return at;
}

static bool has_several_plugins(const struct summary *s, const struct summary_phase *p)
{
    int64_t first = 0;
    for (size_t i = 0; i <= s->accept_count; i++) {
        int64_t at = made(p, i) > 0 ? plugin_time(s, p, i) : 0;
        if (at != 0 && first != 0 && at != first)
            return true;
        first = at != 0 ? at : first;
    }
    return false;
}

static bool has_several(const struct summary *s, const struct summary_phase *p)
{
    size_t times = 0;
    for (size_t i = 0; i <= s->accept_count; i++)
        times += made(p, i) > 0;
    return times > 1;
}

// Appends a number of tasks and what made them; `before` is the number of parts before this one.
static void put_part(const struct summary *s, const struct summary_phase *p, size_t accepts,
                     uint64_t tasks, unsigned before, struct buffer *out)
{
    buffer_text(out, before > 0 ? ", " : " ");
    text_count(out, tasks);
    if (before == 0)
        buffer_text(out, tasks == 1 ? " row" : " rows");
    if (has_several_plugins(s, p)) {
        buffer_text(out, before > 0 ? " by that of " : " by the plugin of ");
        text_date(out, plugin_time(s, p, accepts));
    } else if (accepts == 0) {
        buffer_text(out, " before ");
        text_date(out, s->accepts[0].wall_ns);
    } else {
        buffer_text(out, " since ");
        text_date(out, s->accepts[accepts - 1].wall_ns);
    }
}

// Returns whether tasks of both numbers of acceptances are shown as one part.
static bool is_same(const struct summary *s, const struct summary_phase *p, size_t a, size_t b)
{
    if (has_several_plugins(s, p))
        return plugin_time(s, p, a) == plugin_time(s, p, b);
    // Changes that were accepted together have the same time.
    return a > 0 && s->accepts[a - 1].wall_ns == s->accepts[b - 1].wall_ns;
}

static void put_phase(const struct summary *s, const struct summary_phase *p, struct buffer *out)
{
    unsigned parts = 0;
    text_escaped(out, p->name, strlen(p->name));
    buffer_char(out, ':');
    for (size_t i = 0; i <= s->accept_count;) {
        uint64_t tasks = made(p, i);
        size_t next = i + 1;
        while (next <= s->accept_count && is_same(s, p, i, next))
            tasks += made(p, next++);
        if (tasks > 0)
            put_part(s, p, i, tasks, parts++, out);
        i = next;
    }
    buffer_char(out, '\n');
}

// ---- For a person

static void put_accept(const struct summary_accept *a, struct buffer *out)
{
    buffer_text(out, "accepted ");
    text_date(out, a->wall_ns);
    buffer_text(out, ": ");
    text_escaped(out, a->what, strlen(a->what));
    if (strcmp(a->what, "--set") == 0) {
        buffer_char(out, ' ');
        text_escaped(out, a->name, strlen(a->name));
    }
    if (strncmp(a->what, "plugin ", strlen("plugin ")) == 0 && a->old_ns != 0 && a->new_ns != 0) {
        buffer_text(out, " of ");
        text_date(out, a->new_ns);
        buffer_text(out, ", was of ");
        text_date(out, a->old_ns);
    }
    if (a->detail[0]) {
        buffer_text(out, ", ");
        text_escaped(out, a->detail, strlen(a->detail));
    }
    buffer_char(out, '\n');
}

bool summary_is_try(const struct summary *s)
{
    return s->part && s->part[0];
}

static void put_try(const struct summary *s, struct buffer *out)
{
    uint64_t tasks = 0, whole = 0;
    for (size_t i = 0; i < s->phase_count; i++) {
        tasks += s->phases[i].tasks;
        whole += s->phases[i].whole;
    }
    buffer_format(out, "a try: %" PRIu64 " of %" PRIu64 " rows (", tasks, whole);
    text_escaped(out, s->part, strlen(s->part));
    buffer_text(out, ")\n");
}

void summary_history(const struct summary *s, struct buffer *out)
{
    if (summary_is_try(s))
        put_try(s, out);
    if (s->failed)
        return;
    for (size_t i = 0; i < s->accept_count; i++)
        put_accept(&s->accepts[i], out);
    for (size_t i = 0; i < s->phase_count; i++)
        if (s->phases[i].name && has_several(s, &s->phases[i]))
            put_phase(s, &s->phases[i], out);
}

// ---- For programs

static void json_file_time(struct json *j, const char *key, int64_t wall_ns)
{
    if (wall_ns == 0)
        json_null(j, key);
    else
        json_seconds(j, key, wall_ns);
}

void summary_history_json(const struct summary *s, struct json *j)
{
    if (summary_is_try(s))
        json_string(j, "part", s->part);
    if (s->accept_count == 0)
        return;
    json_begin_array(j, "accepted");
    for (size_t i = 0; i < s->accept_count; i++) {
        const struct summary_accept *a = &s->accepts[i];
        json_begin_object(j, NULL);
        json_seconds(j, "wall_seconds", a->wall_ns);
        json_string(j, "what", a->what);
        json_string(j, "name", a->name);
        json_string(j, "detail", a->detail);
        json_file_time(j, "old_file_wall_seconds", a->old_ns);
        json_file_time(j, "new_file_wall_seconds", a->new_ns);
        json_end_object(j);
    }
    json_end_array(j);
}

void summary_made_json(const struct summary *s, const struct summary_phase *p, struct json *j)
{
    if (summary_is_try(s))
        json_u64(j, "whole_tasks", p->whole);
    if (s->accept_count == 0)
        return;
    json_begin_array(j, "made_by");
    for (size_t i = 0; i <= s->accept_count; i++) {
        if (made(p, i) == 0)
            continue;
        json_begin_object(j, NULL);
        json_u64(j, "tasks", made(p, i));
        json_u64(j, "accepted_before", i);
        json_file_time(j, "plugin_file_wall_seconds", plugin_time(s, p, i));
        json_end_object(j);
    }
    json_end_array(j);
}

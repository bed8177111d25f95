// SPDX-License-Identifier: BSD-3-Clause
#include "run/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"

enum {
    PHASES_MAX = 1 << 20 // more is not a run of ours
};

static const int64_t line_interval = 30 * NS_PER_S;
static const int64_t status_interval = 100 * NS_PER_MS;

struct progress_phase {
    char *name;
    uint64_t tasks;
    uint64_t done;
    uint64_t failed; // but for the cancelled
    uint64_t cancelled;
    int64_t start_ns;
    bool started; // and was not skipped
    bool running;
    bool announced; // its beginning was shown
};

enum progress_mode progress_mode_for(int fd)
{
    const char *term = getenv("TERM");
    bool able = term && term[0] != '\0' && strcmp(term, "dumb") != 0;
    return able && isatty(fd) ? PROGRESS_STATUS : PROGRESS_LINES;
}

// ---- Writing

// Progress that cannot be written is no reason to stop a run.
static void write_text(struct progress *p)
{
    if (p->mode != PROGRESS_NONE && !p->text.failed && p->text.length > 0 &&
        fd_write_all(p->fd, p->text.data, p->text.length) != 0)
        p->mode = PROGRESS_NONE;
    buffer_clear(&p->text);
}

void progress_erase(struct progress *p)
{
    if (!p->drawn)
        return;
    buffer_clear(&p->text);
    buffer_text(&p->text, "\r\x1b[K");
    write_text(p);
    p->drawn = false;
    p->changed = true;
}

static void put_name(struct progress *p, const struct progress_phase *phase)
{
    if (phase->name)
        text_escaped(&p->text, phase->name, strlen(phase->name));
    else
        buffer_format(&p->text, "phase %td", phase - p->phases);
}

static void put_tasks(struct buffer *out, uint64_t tasks)
{
    text_count(out, tasks);
    buffer_text(out, tasks == 1 ? " task" : " tasks");
}

static void put_some(struct buffer *out, uint64_t count, const char *what)
{
    if (count == 0)
        return;
    buffer_text(out, ", ");
    text_count(out, count);
    buffer_text(out, what);
}

static void put_unsuccessful(struct buffer *out, const struct progress_phase *phase)
{
    put_some(out, phase->failed, " failed");
    put_some(out, phase->cancelled, " cancelled");
}

// "412 of 1 000 tasks, 3 failed, 833/s, 42 s left"
static void put_state(struct buffer *out, const struct progress_phase *phase, int64_t now)
{
    text_count(out, phase->done);
    buffer_text(out, " of ");
    put_tasks(out, phase->tasks);
    put_unsuccessful(out, phase);
    int64_t passed = now - phase->start_ns;
    if (phase->done == 0 || passed <= 0)
        return;
    double rate = (double)phase->done * 1e9 / (double)passed;
    buffer_text(out, ", ");
    if (rate < 10)
        buffer_format(out, "%.2g", rate);
    else
        text_count(out, (uint64_t)rate);
    buffer_text(out, "/s");
    if (phase->done >= phase->tasks)
        return;
    double left = (double)(phase->tasks - phase->done) / rate;
    if (left > 1e7)
        return;
    buffer_text(out, ", ");
    // Whole seconds: more digits would only flicker.
    text_duration(out, ((int64_t)left + 1) * NS_PER_S);
    buffer_text(out, " left");
}

static void write_line(struct progress *p, const struct progress_phase *phase, int64_t now)
{
    buffer_clear(&p->text);
    put_name(p, phase);
    buffer_text(&p->text, ": ");
    put_state(&p->text, phase, now);
    buffer_char(&p->text, '\n');
    write_text(p);
}

static size_t terminal_columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

// Cuts what stands from `start` on to one terminal line, the last column left free: a cursor beyond
// it would wrap, and the line could not be erased.
static void cut_to_terminal(struct progress *p, size_t start)
{
    if (p->text.failed)
        return;
    size_t columns = terminal_columns(p->fd) - 1;
    size_t at = start;
    for (; at < p->text.length && columns > 0; columns--) {
        size_t step = text_utf8_sequence(p->text.data + at, p->text.length - at);
        at += step > 0 ? step : 1;
    }
    p->text.length = at;
}

static void draw_status(struct progress *p, int64_t now)
{
    static const char begin[] = "\r\x1b[K";
    buffer_clear(&p->text);
    buffer_text(&p->text, begin);
    bool first = true;
    for (size_t i = 0; i < p->phase_count; i++) {
        if (!p->phases[i].running)
            continue;
        if (!first)
            buffer_text(&p->text, " | ");
        first = false;
        put_name(p, &p->phases[i]);
        buffer_text(&p->text, ": ");
        put_state(&p->text, &p->phases[i], now);
    }
    if (first) {
        buffer_clear(&p->text);
        return;
    }
    cut_to_terminal(p, sizeof begin - 1);
    write_text(p);
    p->drawn = true;
}

// ---- Time

// Shows the beginnings not shown yet. They wait for the next event: a phase that is skipped begins
// and ends at once, and its end says all.
static void announce(struct progress *p, int64_t now)
{
    if (!p->unannounced)
        return;
    p->unannounced = false;
    progress_erase(p);
    for (size_t i = 0; i < p->phase_count; i++) {
        struct progress_phase *phase = &p->phases[i];
        if (!phase->running || phase->announced)
            continue;
        phase->announced = true;
        buffer_clear(&p->text);
        put_name(p, phase);
        buffer_text(&p->text, ": ");
        put_tasks(&p->text, phase->tasks);
        buffer_char(&p->text, '\n');
        write_text(p);
    }
    if (p->mode == PROGRESS_LINES)
        p->last_ns = now;
}

static int64_t interval(const struct progress *p)
{
    return p->mode == PROGRESS_STATUS ? status_interval : line_interval;
}

int64_t progress_next(const struct progress *p)
{
    if (p->mode == PROGRESS_NONE)
        return INT64_MAX;
    if (p->unannounced)
        return p->last_ns;
    return p->changed ? p->last_ns + interval(p) : INT64_MAX;
}

void progress_tick(struct progress *p, int64_t now)
{
    if (p->mode == PROGRESS_NONE)
        return;
    announce(p, now);
    if (now < progress_next(p))
        return;
    p->last_ns = now;
    p->changed = false;
    if (p->mode == PROGRESS_STATUS) {
        draw_status(p, now);
        return;
    }
    for (size_t i = 0; i < p->phase_count; i++)
        if (p->phases[i].running)
            write_line(p, &p->phases[i], now);
}

// ---- The fold

static struct progress_phase *phase_at(struct progress *p, uint32_t index)
{
    if (index < p->phase_count)
        return &p->phases[index];
    if (index >= PHASES_MAX)
        return NULL;
    struct progress_phase *more = reallocarray(p->phases, (size_t)index + 1, sizeof *more);
    if (!more)
        return NULL;
    memset(more + p->phase_count, 0, ((size_t)index + 1 - p->phase_count) * sizeof *more);
    p->phases = more;
    p->phase_count = (size_t)index + 1;
    return &p->phases[index];
}

static void take_phase_begin(struct progress *p, const struct event_phase_begin *e, int64_t now)
{
    struct progress_phase *phase = phase_at(p, e->phase);
    if (!phase)
        return;
    free(phase->name);
    *phase = (struct progress_phase){.name = strdup(e->name),
                                     .tasks = e->tasks,
                                     .start_ns = now,
                                     .started = true,
                                     .running = true};
    p->unannounced = true;
}

static void write_end(struct progress *p, const struct progress_phase *phase, enum phase_end how,
                      int64_t now)
{
    static const char *const words[] = {
        [PHASE_ENDED] = "done", [PHASE_STOPPED] = "stopped", [PHASE_SKIPPED] = "not started"};
    buffer_clear(&p->text);
    put_name(p, phase);
    buffer_format(&p->text, ": %s, ", words[how]);
    if (how != PHASE_SKIPPED && phase->done != phase->tasks) {
        text_count(&p->text, phase->done);
        buffer_text(&p->text, " of ");
    }
    put_tasks(&p->text, phase->tasks);
    if (how != PHASE_SKIPPED) {
        buffer_text(&p->text, " in ");
        text_duration(&p->text, now - phase->start_ns);
        put_unsuccessful(&p->text, phase);
    }
    buffer_char(&p->text, '\n');
    write_text(p);
}

static void take_phase_end(struct progress *p, const struct event_phase_end *e, int64_t now)
{
    struct progress_phase *phase = phase_at(p, e->phase);
    if (!phase)
        return;
    phase->started = e->how != PHASE_SKIPPED;
    phase->running &= phase->started;
    announce(p, now);
    phase->running = false;
    progress_erase(p);
    write_end(p, phase, e->how, now);
    if (p->mode == PROGRESS_LINES)
        p->last_ns = now;
}

static void count_tasks(struct progress *p, uint32_t index, uint64_t done,
                        enum outcome_status status)
{
    struct progress_phase *phase = phase_at(p, index);
    if (!phase)
        return;
    phase->done += done;
    if (status == OUTCOME_CANCELLED)
        phase->cancelled += done;
    else if (status != OUTCOME_OK)
        phase->failed += done;
    p->changed = true;
}

// What is to be done again counts no longer.
static void take_resume(struct progress *p, const struct event_run_resume *e)
{
    for (size_t i = 0; i < p->phase_count; i++) {
        struct progress_phase *phase = &p->phases[i];
        uint64_t failed = e->retry_failed ? phase->failed : 0;
        phase->done -= failed + phase->cancelled;
        phase->failed -= failed;
        phase->cancelled = 0;
        phase->running = phase->started && phase->done < phase->tasks;
        phase->announced = false;
    }
    p->unannounced = true;
}

static int progress_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct progress *p = (struct progress *)sink;
    (void)err;
    const struct event_task_end *t = &event->task_end;
    if (event->type == EVENT_PHASE_BEGIN)
        take_phase_begin(p, &event->phase_begin, event->time_ns);
    else if (event->type == EVENT_PHASE_END)
        take_phase_end(p, &event->phase_end, event->time_ns);
    else if (event->type == EVENT_TASKS_OK)
        count_tasks(p, event->tasks_ok.phase, event->tasks_ok.count, OUTCOME_OK);
    else if (event->type == EVENT_TASK_END && t->final && t->worker != UINT32_MAX)
        count_tasks(p, t->phase, 1, t->status);
    else if (event->type == EVENT_RUN_RESUME)
        take_resume(p, &event->run_resume);
    if (event->type != EVENT_PHASE_BEGIN)
        progress_tick(p, event->time_ns);
    return 0;
}

void progress_init(struct progress *p, int fd, enum progress_mode mode)
{
    *p = (struct progress){.sink.take = progress_take, .fd = fd, .mode = mode};
}

void progress_show(struct progress *p, enum progress_mode mode)
{
    p->mode = mode;
}

void progress_finish(struct progress *p)
{
    progress_erase(p);
    for (size_t i = 0; i < p->phase_count; i++)
        free(p->phases[i].name);
    free(p->phases);
    buffer_finish(&p->text);
    progress_init(p, p->fd, PROGRESS_NONE);
}

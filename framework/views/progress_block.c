// SPDX-License-Identifier: BSD-3-Clause
// Lays out the lines of the block and draws them.
#include "views/progress_block.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/utf8.h"

enum {
    BAR_MOST = 30,
    BAR_LEAST = 8,
    NAME_MOST = 24,
    INDENT = 4,
    LEFT_MOST = 10000000 // seconds; longer estimates are too uncertain to show
};

// ---- Pieces

void progress_block_name(struct buffer *out, const struct progress_phase *phase, size_t index)
{
    if (phase->name)
        text_escaped(out, phase->name, strlen(phase->name));
    else
        buffer_format(out, "phase %zu", index);
}

void progress_block_rate(struct buffer *out, double rate)
{
    if (rate < 0.1)
        buffer_format(out, "%.2g/min", rate * 60);
    else if (rate < 10)
        buffer_format(out, "%.2g/s", rate);
    else {
        text_count(out, (uint64_t)rate);
        buffer_text(out, "/s");
    }
}

bool progress_block_left(struct buffer *out, const struct progress_phase *p)
{
    if (p->rate <= 0 || p->done >= p->tasks)
        return false;
    double left = (double)(p->tasks - p->done) / p->rate;
    if (left > (double)LEFT_MOST)
        return false;
    // Durations are whole seconds, because more digits would only flicker.
    text_duration(out, ((int64_t)left + 1) * NS_PER_S);
    buffer_text(out, " left");
    return true;
}

void progress_block_workers(struct buffer *out, const struct block *b)
{
    if (b->workers < b->slots)
        buffer_format(out, "%u of ", b->workers);
    buffer_format(out, "%u worker%s, %.0f %% busy", b->slots, b->slots == 1 ? "" : "s",
                  100 * b->busy);
}

static void put_count(struct buffer *out, uint64_t count, const char *what)
{
    if (count == 0)
        return;
    buffer_text(out, "  ");
    text_count(out, count);
    buffer_text(out, what);
}

// Appends the figures of a phase: "  833/s  42 s left  3 failed  2 retries".
static void put_details(struct buffer *out, const struct progress_phase *p)
{
    if (p->rate > 0) {
        buffer_text(out, "  ");
        progress_block_rate(out, p->rate);
    }
    struct buffer left = BUFFER_EMPTY;
    if (progress_block_left(&left, p)) {
        buffer_text(out, "  ");
        buffer_append(out, left.data, left.length);
    }
    out->failed = out->failed || left.failed;
    buffer_finish(&left);
    put_count(out, p->failed, " failed");
    put_count(out, p->cancelled, " cancelled");
    put_count(out, p->retries, p->retries == 1 ? " retry" : " retries");
}

static void put_bar(struct buffer *out, const struct progress_phase *p, size_t width)
{
    size_t full = p->tasks > 0 ? (size_t)((double)p->done / (double)p->tasks * (double)width) : 0;
    full = full < width ? full : width;
    buffer_char(out, '[');
    for (size_t i = 0; i < width; i++)
        buffer_char(out, i < full ? '#' : '-');
    buffer_text(out, "]");
}

static void pad(struct buffer *out, size_t start, size_t width)
{
    while (!out->failed && utf8_width(out->data + start, out->length - start) < width)
        buffer_char(out, ' ');
}

// ---- Phases

// The layout that all drawn phases share, so that columns are aligned.
struct layout {
    size_t shown; // how many running phases are drawn
    size_t running;
    size_t name, count; // widths
    size_t bar;         // width; 0 = no room for a bar
    bool two_lines;     // the figures have a line below name, counts and bar
};

// Returns how many columns `put` takes for the phase.
static size_t width_of(void (*put)(struct buffer *, const struct progress_phase *, size_t),
                       const struct progress_phase *p, size_t index)
{
    struct buffer text = BUFFER_EMPTY;
    put(&text, p, index);
    size_t width = text.failed ? 0 : utf8_width(text.data, text.length);
    buffer_finish(&text);
    return width;
}

static void put_done(struct buffer *out, const struct progress_phase *p, size_t index)
{
    (void)index;
    text_count(out, p->done);
    buffer_char(out, '/');
    text_count(out, p->tasks);
}

static void put_rest(struct buffer *out, const struct progress_phase *p, size_t index)
{
    (void)index;
    put_details(out, p);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct layout lay_out(const struct block *b, size_t columns, size_t most)
{
    struct layout l = {0};
    size_t rest = 0;
    for (size_t i = 0; i < b->phase_count; i++) {
        const struct progress_phase *p = &b->phases[i];
        if (!p->running || l.running++ >= most)
            continue;
        l.shown++;
        l.name = larger(l.name, width_of(progress_block_name, p, i));
        l.count = larger(l.count, width_of(put_done, p, i));
        rest = larger(rest, width_of(put_rest, p, i));
    }
    l.name = l.name < NAME_MOST ? l.name : NAME_MOST;
    size_t fixed = l.name + 2 + 2 + 2 + l.count; // blanks and brackets
    l.two_lines = fixed + rest + BAR_LEAST > columns;
    size_t taken = l.two_lines ? fixed : fixed + rest;
    l.bar = taken + BAR_LEAST <= columns ? columns - taken : 0;
    // The width of the bar hardly depends on the figures after it.
    size_t usual = columns / 4 < BAR_LEAST ? BAR_LEAST : columns / 4;
    l.bar = l.bar < usual ? l.bar : usual;
    l.bar = l.bar < BAR_MOST ? l.bar : BAR_MOST;
    return l;
}

// ---- Lines

struct lines {
    struct buffer *out;
    size_t columns;
    size_t left;  // how many more lines have room
    size_t start; // offset of the current line
};

// Ends the current line: cuts it to the width of the terminal, or drops it if no more lines have
// room.
static void end_line(struct lines *l)
{
    struct buffer *out = l->out;
    if (out->failed)
        return;
    size_t at = l->start;
    for (size_t columns = l->left > 0 ? l->columns : 0; at < out->length && columns > 0;
         columns--) {
        size_t step = utf8_sequence(out->data + at, out->length - at);
        at += step > 0 ? step : 1;
    }
    out->length = at;
    if (l->left > 0) {
        buffer_char(out, '\n');
        l->left--;
    }
    l->start = out->length;
}

static void draw_phase(struct lines *l, const struct layout *layout, const struct progress_phase *p,
                       size_t index)
{
    struct buffer *out = l->out;
    progress_block_name(out, p, index);
    pad(out, l->start, layout->name);
    buffer_text(out, "  ");
    if (layout->bar > 0) {
        put_bar(out, p, layout->bar);
        buffer_text(out, "  ");
    }
    size_t start = out->length;
    put_done(out, p, index);
    size_t end = out->length;
    if (!layout->two_lines)
        pad(out, start, layout->count);
    else {
        end_line(l);
        end = out->length;
        buffer_format(out, "%*s", INDENT - 2, "");
    }
    size_t details = out->length;
    put_details(out, p);
    if (out->length == details && !out->failed)
        out->length = end; // there are no figures yet
    if (out->length > l->start)
        end_line(l);
}

static void draw_phases(struct lines *l, const struct block *b)
{
    struct layout layout = lay_out(b, l->columns, BLOCK_PHASES);
    size_t per = layout.two_lines ? 2 : 1;
    if (layout.shown * per > l->left)
        layout = lay_out(b, l->columns, larger((l->left - (l->left > 0)) / per, 1));
    size_t drawn = 0;
    for (size_t i = 0; i < b->phase_count && drawn < layout.shown; i++) {
        if (!b->phases[i].running)
            continue;
        draw_phase(l, &layout, &b->phases[i], i);
        drawn++;
    }
    if (layout.running > drawn) {
        size_t more = layout.running - drawn;
        buffer_format(l->out, "and %zu more phase%s", more, more == 1 ? "" : "s");
        end_line(l);
    }
}

static void draw_task(struct lines *l, const struct block *b, const struct running_task *t)
{
    struct buffer *out = l->out;
    struct buffer time = BUFFER_EMPTY;
    int64_t seconds = (b->now - t->since_ns) / NS_PER_S;
    text_duration(&time, (seconds > 0 ? seconds : 0) * NS_PER_S);
    buffer_format(out, "%9.*s  ", (int)time.length, time.data ? time.data : "");
    out->failed = out->failed || time.failed;
    buffer_finish(&time);
    if (t->phase < b->phase_count)
        progress_block_name(out, &b->phases[t->phase], t->phase);
    buffer_format(out, "#%" PRIu64, t->index);
    if (t->fraction > 0)
        buffer_format(out, "  %.0f %%", 100 * t->fraction);
    if (t->attempt > 1)
        buffer_format(out, "  attempt %" PRIu32, t->attempt);
    buffer_format(out, "  worker %" PRIu32, t->worker);
    end_line(l);
}

size_t progress_block_draw(struct buffer *out, const struct block *b, size_t columns, size_t rows)
{
    size_t room = rows > 1 ? rows - 1 : 0;
    size_t below = room > 2; // one line is for the workers
    struct lines l = {.out = out,
                      .columns = columns > 1 ? columns - 1 : 1,
                      .left = room - below,
                      .start = out->length};
    draw_phases(&l, b);
    for (size_t i = 0; i < b->task_count; i++)
        draw_task(&l, b, &b->tasks[i]);
    l.left += below;
    if (below) {
        progress_block_workers(out, b);
        end_line(&l);
    }
    return room - l.left;
}

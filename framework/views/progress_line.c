// SPDX-License-Identifier: BSD-3-Clause
// Progress as plain lines, for logs.
#include "base/clock.h"
#include "base/text.h"
#include "views/progress_block.h"

enum {
    LINE_PHASES = 4 // phases of each kind in a line
};

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

static void put_others(struct buffer *out, const struct progress_phase *phase)
{
    put_some(out, phase->failed, " failed");
    put_some(out, phase->cancelled, " cancelled");
    put_some(out, phase->retries, phase->retries == 1 ? " retry" : " retries");
}

// Appends a running phase: "areas: 412 of 1 000 tasks, 3 failed, 833/s, 42 s left".
static void put_running(struct buffer *out, const struct progress_phase *phase, size_t index)
{
    progress_block_name(out, phase, index);
    buffer_text(out, ": ");
    text_count(out, phase->done);
    buffer_text(out, " of ");
    put_tasks(out, phase->tasks);
    put_others(out, phase);
    if (phase->rate <= 0)
        return;
    buffer_text(out, ", ");
    progress_block_rate(out, phase->rate);
    struct buffer left = BUFFER_EMPTY;
    if (progress_block_left(&left, phase)) {
        buffer_text(out, ", ");
        buffer_append(out, left.data, left.length);
    }
    out->failed = out->failed || left.failed;
    buffer_finish(&left);
}

void progress_block_ended(struct buffer *out, const struct progress_phase *phase, size_t index)
{
    const char *how = !phase->started               ? ": not started, "
                      : phase->done == phase->tasks ? ": done, "
                                                    : ": stopped, ";
    progress_block_name(out, phase, index);
    buffer_text(out, how);
    if (phase->started && phase->done != phase->tasks) {
        text_count(out, phase->done);
        buffer_text(out, " of ");
    }
    put_tasks(out, phase->tasks);
    if (!phase->started)
        return;
    buffer_text(out, " in ");
    text_duration(out, phase->end_ns - phase->start_ns);
    put_others(out, phase);
}

// Appends the running phases, or those that have ended, but no more than can be read in a line.
static void put_phases(struct buffer *out, const struct block *b, bool running)
{
    size_t count = 0;
    for (size_t i = 0; i < b->phase_count; i++) {
        const struct progress_phase *phase = &b->phases[i];
        if ((running ? !phase->running : !phase->pending) || ++count > LINE_PHASES)
            continue;
        (running ? put_running : progress_block_ended)(out, phase, i);
        buffer_text(out, "; ");
    }
    if (count > LINE_PHASES)
        buffer_format(out, "%zu more %s; ", count - LINE_PHASES, running ? "run" : "have ended");
}

void progress_block_line(struct buffer *out, const struct block *b)
{
    buffer_char(out, '[');
    text_duration(out, b->now - b->now % NS_PER_S);
    buffer_text(out, "] ");
    put_phases(out, b, false);
    put_phases(out, b, true);
    progress_block_workers(out, b);
    buffer_char(out, '\n');
}

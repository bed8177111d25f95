// SPDX-License-Identifier: BSD-3-Clause
// Draws the block that a terminal shows while a run goes on: a bar for each running phase, the
// tasks that have run longest, the workers. It draws what progress.c has counted, and has no state.
#ifndef BR_VIEWS_PROGRESS_BLOCK_H
#define BR_VIEWS_PROGRESS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "views/running_task.h"

enum {
    BLOCK_PHASES = 8, // at most so many are shown
    BLOCK_TASKS = 8,
};

struct progress_phase {
    char *name; // NULL if there was no memory for it
    uint64_t tasks;
    uint64_t done;
    uint64_t failed;
    uint64_t cancelled; // or skipped
    uint64_t retries;
    int64_t start_ns;
    int64_t end_ns;
    double rate;  // recent tasks per second; 0 = not known
    bool started; // and was not skipped
    bool running;
    bool untold; // has ended, and no line was written about it yet
};

struct block {
    const struct progress_phase *phases; // those that run are drawn
    size_t phase_count;
    const struct running_task *tasks; // the one that has run longest first
    size_t task_count;                // at most BLOCK_TASKS
    unsigned workers;                 // that are ready
    unsigned slots;                   // of all workers that the run wants
    double busy;                      // part of the workers that had a task recently
    int64_t now;                      // ns since the run's beginning
};

// Appends lines that each end in a newline and are narrower than `columns`, and fewer than `rows`:
// so no line wraps, and the cursor after them is still on the screen. Returns the number of lines.
size_t progress_block_draw(struct buffer *out, const struct block *b, size_t columns, size_t rows);

// Appends the same as one line: the phases that run, and those that have ended and are `untold`.
void progress_block_line(struct buffer *out, const struct block *b);

// Appends "areas: done, 1 000 tasks in 31 s, 1 failed" for a phase that has ended; without a
// newline.
void progress_block_ended(struct buffer *out, const struct progress_phase *phase, size_t index);

// Append parts that the block and the lines have in common: a phase's name, "833/s", "42 s left"
// and "8 workers, 97 % busy". progress_block_left returns false, and appends nothing, if the time
// is not known.
void progress_block_name(struct buffer *out, const struct progress_phase *phase, size_t index);
void progress_block_rate(struct buffer *out, double rate);
bool progress_block_left(struct buffer *out, const struct progress_phase *p);
void progress_block_workers(struct buffer *out, const struct block *b);

#endif

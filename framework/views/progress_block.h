// SPDX-License-Identifier: BSD-3-Clause
// The block that stands on a terminal while a run goes on: a bar for each running phase, the tasks
// that have run longest, the workers. A pure drawing of what progress.c has counted.
#ifndef BR_VIEWS_PROGRESS_BLOCK_H
#define BR_VIEWS_PROGRESS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "views/in_hand.h"

enum {
    BLOCK_PHASES = 8, // shown at most
    BLOCK_TASKS = 8,
};

struct progress_phase {
    char *name; // NULL without memory for it
    uint64_t tasks;
    uint64_t done;
    uint64_t failed;
    uint64_t cancelled; // neither of these: what was skipped
    uint64_t retries;
    int64_t start_ns;
    int64_t end_ns;
    double rate;  // tasks a second, recently; 0 = not known
    bool started; // and was not skipped
    bool running;
    bool untold; // has ended, and was not told of
};

struct block {
    const struct progress_phase *phases; // those that run are drawn
    size_t phase_count;
    const struct task_in_hand *tasks; // the one that has run longest first
    size_t task_count;                // at most BLOCK_TASKS
    unsigned workers;                 // that are up
    unsigned slots;                   // that there are to be
    double busy;                      // part of the workers that had a task in hand, recently
    int64_t now;
};

// Appends lines, each ended by a newline and narrower than `columns`, and fewer than `rows`: so
// none wraps, and the cursor behind them stays on the screen. The number of lines.
size_t block_draw(struct buffer *out, const struct block *b, size_t columns, size_t rows);

// Appends the same in one line: the phases that run, and those that have ended and were not told
// of.
void block_line(struct buffer *out, const struct block *b);

// "areas: done, 1 000 tasks in 31 s, 1 failed", of a phase that has ended; without a newline.
void block_ended(struct buffer *out, const struct progress_phase *phase, size_t index);

// Pieces that the plain lines have too.
void block_name(struct buffer *out, const struct progress_phase *phase, size_t index);
void block_rate(struct buffer *out, double rate);                    // "833/s"
bool block_left(struct buffer *out, const struct progress_phase *p); // "42 s left", if known
void block_workers(struct buffer *out, const struct block *b);       // "8 workers, 97 % busy"

#endif

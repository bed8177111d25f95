// SPDX-License-Identifier: BSD-3-Clause
// The drawing of a run's progress on a terminal: a bar for each running phase, the tasks that have
// run longest, the workers. Pure functions of the counts that progress.c keeps; if memory runs out,
// out->failed is set.
#ifndef BR_VIEWS_PROGRESS_BLOCK_H
#define BR_VIEWS_PROGRESS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "views/running_task.h"

enum {
    BLOCK_PHASES = 8, // phases shown at most
    BLOCK_TASKS = 8,  // tasks shown at most
};

struct progress_phase {
    char *name; // NULL if there was no memory for it
    uint64_t tasks;
    uint64_t done;      // tasks that have ended; skipped ones are not counted
    uint64_t failed;    // tasks among these that failed
    uint64_t cancelled; // tasks among these that were cancelled
    uint64_t retries;
    int64_t start_ns;
    int64_t end_ns;
    double rate;  // recent tasks per second; 0 = not known
    bool started; // it has started and was not skipped
    bool running;
    bool pending; // it has ended, and no line has reported that yet
};

struct block {
    const struct progress_phase *phases; // running ones are drawn
    size_t phase_count;
    const struct running_task *tasks; // the one that has run longest first
    size_t task_count;                // at most BLOCK_TASKS
    unsigned workers;                 // ready ones
    unsigned slots;                   // workers that the run has when all are ready
    double busy;                      // recent fraction of the workers that ran a task
    int64_t now;
};

// Appends fewer than `rows` lines, each ended by a newline and narrower than `columns`, so that
// none wraps and the cursor after them stays on the screen. Returns the number of lines.
size_t progress_block_draw(struct buffer *out, const struct block *b, size_t columns, size_t rows);

// Appends one line about the running phases, and those that have ended and are `pending`.
void progress_block_line(struct buffer *out, const struct block *b);

// Appends how a phase ended, without a newline: "areas: done, 1 000 tasks in 31 s, 1 failed".
void progress_block_ended(struct buffer *out, const struct progress_phase *phase, size_t index);

// Append pieces that the block and the lines share: a phase's name; "833/s"; "42 s left", unless
// the time is not known (returns false then); "8 workers, 97 % busy".
void progress_block_name(struct buffer *out, const struct progress_phase *phase, size_t index);
void progress_block_rate(struct buffer *out, double rate);
bool progress_block_left(struct buffer *out, const struct progress_phase *p);
void progress_block_workers(struct buffer *out, const struct block *b);

#endif

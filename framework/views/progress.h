// SPDX-License-Identifier: BSD-3-Clause
// Shows progress to a person, folded from the run's events and written to a descriptor (standard
// error); failures of writing are ignored. No colours are used, so NO_COLOR changes nothing.
//
// Lines: at most one every 30 s, about the phases that run and those that have ended since. Bar: a
// block of lines (views/progress_block.h) that is drawn again at most 10 times a second. Everything
// else is printed above it in the same write, so that nothing flickers.
#ifndef BR_VIEWS_PROGRESS_H
#define BR_VIEWS_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"
#include "views/progress_block.h"
#include "views/running_task.h"

enum progress_mode {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_BAR, // needs a terminal that can move its cursor
};

// Sets *out to the task that a worker runs now. Returns false if it runs none, as far as is known.
typedef bool progress_look(void *user, unsigned worker, struct running_task *out);

struct progress {
    struct event_sink sink; // take: always 0
    int fd;
    enum progress_mode mode;
    progress_look *look; // NULL: running tasks are not known
    void *user;
    struct progress_phase *phases;
    struct progress_mark *marks; // two for each phase: see progress.c
    size_t phase_count;
    unsigned slots;
    unsigned workers; // that are ready
    double busy;      // part of them that had a task recently
    struct running_task tasks[BLOCK_TASKS];
    size_t task_count;
    int64_t sampled_ns;       // time of the last sample
    int64_t last_ns;          // time of the last write
    bool changed;             // a count has changed since then
    struct buffer above;      // lines to print with the next drawing
    struct buffer block;      // the block as it is on the terminal
    struct buffer text;       // of the write that is being prepared
    struct sigaction resized; // the action of SIGWINCH before this one
    bool watches_size;        // SIGWINCH is handled
};

// Returns the mode for a descriptor: PROGRESS_BAR on a terminal unless TERM is unset or "dumb",
// else PROGRESS_LINES.
enum progress_mode progress_mode_for(int fd);

void progress_init(struct progress *p, int fd);

// Shows progress in this mode from now on. Events that came before, of a run that is resumed, are
// counted and not shown. A bar handles SIGWINCH until progress_finish.
void progress_show(struct progress *p, enum progress_mode mode, progress_look *look, void *user);

// Erases the block and frees.
void progress_finish(struct progress *p);

// Writes if it is time to. The event loop calls it with the time since the run's beginning, at the
// latest when progress_next says: INT64_MAX = not before another event comes.
void progress_tick(struct progress *p, int64_t time_ns);
int64_t progress_next(const struct progress *p);

// Prints whole lines, in any mode. With a bar they appear above the block, with its next drawing.
void progress_print(struct progress *p, const struct buffer *lines);

// Removes the block until its next drawing, so that others can write to the terminal.
void progress_erase(struct progress *p);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What a person sees while a run goes on, folded from its events and written to a descriptor
// (standard error), whose failures are ignored. No colours, so NO_COLOR has nothing to turn off.
//
// Lines: at most one every 30 s, about the phases that run and those that have ended since. Bar: a
// block of lines (views/progress_block.h) that is drawn again at most 10 times a second, with all
// else that is to be said printed above it: one write for both, so that nothing flickers.
#ifndef BR_VIEWS_PROGRESS_H
#define BR_VIEWS_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"
#include "views/in_hand.h"
#include "views/progress_block.h"

enum progress_mode {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_BAR, // needs a terminal that can move its cursor
};

// The task that a worker has in hand now; false when none, as far as is known.
typedef bool progress_look(void *user, unsigned worker, struct task_in_hand *out);

struct progress {
    struct event_sink sink; // take: always 0
    int fd;
    enum progress_mode mode;
    progress_look *look; // NULL: nobody can tell
    void *user;
    struct progress_phase *phases;
    struct progress_mark *marks; // two a phase: see progress.c
    size_t phase_count;
    unsigned slots;
    unsigned workers; // that are up
    double busy;      // part of them with a task in hand, recently
    struct task_in_hand tasks[BLOCK_TASKS];
    size_t task_count;
    int64_t sampled_ns;
    int64_t last_ns;     // when something was written
    bool changed;        // something was counted since
    struct buffer above; // is to be printed with the next drawing
    struct buffer block; // as it stands on the terminal
    struct buffer text;
    struct sigaction resized; // what was to be done at SIGWINCH before
    bool watches_size;
};

// What suits `fd`: PROGRESS_BAR on a terminal unless TERM is unset or "dumb", else PROGRESS_LINES.
enum progress_mode progress_mode_for(int fd);

void progress_init(struct progress *p, int fd);

// Goes on in this mode: what was told before, of a run that is resumed, is counted, not shown. A
// bar handles SIGWINCH until progress_finish.
void progress_show(struct progress *p, enum progress_mode mode, progress_look *look, void *user);

// Erases the block and frees.
void progress_finish(struct progress *p);

// Called by the event loop now and then with the time since the run's beginning: writes what is
// due. progress_next is when that will be; INT64_MAX = not before another event comes.
void progress_tick(struct progress *p, int64_t now);
int64_t progress_next(const struct progress *p);

// Prints whole lines, in any mode: above the block, with its next drawing.
void progress_print(struct progress *p, const struct buffer *lines);

// Removes the block, so that others can write to the terminal; it comes back by itself.
void progress_erase(struct progress *p);

#endif

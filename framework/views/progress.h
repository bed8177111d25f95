// SPDX-License-Identifier: BSD-3-Clause
// The progress of a run for a person, folded from its events and written to a descriptor (standard
// error). Failures to write are ignored. There are no colours, so NO_COLOR has nothing to turn off.
//
// PROGRESS_LINES: at most one line every 30 s, about the phases that run and those that have ended
// since. PROGRESS_BAR: a block of lines (views/progress_block.h) that is drawn at most 10 times a
// second, with other messages above it: one write for both, so that nothing flickers.
//
// All calls come from the thread of the run.
#ifndef BR_VIEWS_PROGRESS_H
#define BR_VIEWS_PROGRESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/writer.h"
#include "journal/event.h"
#include "views/progress_block.h"
#include "views/running_task.h"

enum progress_mode {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_BAR, // for a terminal that can move its cursor
};

// Sets *out to the task that a worker runs now. Returns false if it runs none, as far as is known.
typedef bool progress_look(void *user, unsigned worker, struct running_task *out);

struct progress {
    struct event_sink sink; // its take always returns 0
    int fd;
    struct writer *writer; // or NULL
    enum progress_mode mode;
    progress_look *look; // NULL: running tasks are not shown
    void *user;
    struct progress_phase *phases;
    struct progress_mark *marks; // two for each phase, to measure its rate
    size_t phase_count;
    unsigned slots;
    unsigned workers; // ready ones
    double busy;      // recent fraction of the ready workers that ran a task
    struct running_task tasks[BLOCK_TASKS];
    size_t task_count;
    int64_t sampled_ns;
    int64_t last_ns;     // time of the latest drawing or line
    bool changed;        // something was counted after that
    struct buffer above; // lines to print above the next drawing
    uint64_t left_out;   // bytes of messages for which there was no room in it
    struct buffer block; // as it is on the terminal now
    struct buffer text;
    struct sigaction resized; // the action of SIGWINCH before progress_show
    bool watches_size;
};

// Returns the mode that fits `fd`: PROGRESS_BAR for a terminal unless TERM is unset or "dumb", else
// PROGRESS_LINES.
enum progress_mode progress_mode_for(int fd);

// Counts events, without showing anything, until progress_show.
// What is shown is written by `writer`, which is borrowed. While it has jobs, nothing is drawn, and
// messages are kept, 1 MiB of them at most. NULL: the calls below write, and wait for a reader.
void progress_init(struct progress *p, int fd, struct writer *writer);

// Starts to show progress in this mode. Earlier events, of a run that is resumed, were only
// counted. PROGRESS_BAR handles SIGWINCH until progress_finish.
void progress_show(struct progress *p, enum progress_mode mode, progress_look *look, void *user);

// Erases the block and frees all memory. May be called again.
void progress_finish(struct progress *p);

// Draws the block or writes a line if it is time for one. `now` is the time in ns since the run
// started.
void progress_tick(struct progress *p, int64_t now);
// Returns the time at which progress_tick must be called next; INT64_MAX: after the next event.
int64_t progress_next(const struct progress *p);

// Prints whole lines, in any mode. With a bar they appear above the block, with its next drawing.
void progress_print(struct progress *p, const struct buffer *lines);

// Removes the block until its next drawing, so that others can write to the terminal.
void progress_erase(struct progress *p);

#endif

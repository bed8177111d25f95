// SPDX-License-Identifier: BSD-3-Clause
// What a person sees while a run goes on, folded from its events and written to a descriptor
// (standard error), whose failures are ignored. No colours, so NO_COLOR has nothing to turn off.
//
// Lines: a phase's beginning and end, and in between at most one line every 30 s. Status: the same
// beginnings and ends, and below them one line that is drawn again, at most 10 times a second.
#ifndef BR_RUN_PROGRESS_H
#define BR_RUN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "run/event.h"

enum progress_mode {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_STATUS, // needs a terminal that can erase a line
};

struct progress_phase;

struct progress {
    struct event_sink sink; // take: always 0
    int fd;
    enum progress_mode mode;
    struct progress_phase *phases;
    size_t phase_count;
    int64_t last_ns;  // when something was written
    bool drawn;       // a status line stands on the terminal
    bool changed;     // something was counted since
    bool unannounced; // a phase has begun that was not shown
    struct buffer text;
};

// What suits `fd`: PROGRESS_STATUS on a terminal unless TERM is unset or "dumb", else
// PROGRESS_LINES.
enum progress_mode progress_mode_for(int fd);

void progress_init(struct progress *p, int fd, enum progress_mode mode);

// Goes on in this mode: what was told before a run is resumed is counted (PROGRESS_NONE), not
// shown.
void progress_show(struct progress *p, enum progress_mode mode);

// Erases the status line and frees.
void progress_finish(struct progress *p);

// Called by the event loop now and then with the time since the run's beginning: writes what is
// due. progress_next is when that will be; INT64_MAX = not before another event comes.
void progress_tick(struct progress *p, int64_t time_ns);
int64_t progress_next(const struct progress *p);

// Removes the status line, so that something else can be printed; it comes back by itself.
void progress_erase(struct progress *p);

#endif

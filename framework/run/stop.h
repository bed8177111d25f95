// SPDX-License-Identifier: BSD-3-Clause
// The reasons for which a run stops before its end: signals, and the end of its Slurm allocation.
// This module notes them, and the run acts on them. All calls come from the thread of the run.
//
// The first signal asks the run to stop: no more tasks are started, and running ones may continue
// for the grace period. SIGINT after that kills them at once. Other signals that arrive again
// change nothing, because some senders send each signal twice.
#ifndef BR_RUN_STOP_H
#define BR_RUN_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct stop {
    int fd;           // readable when a signal has arrived; -1 while closed
    int continued_fd; // readable when this process was continued after it was stopped; -1 as fd
    int64_t grace_ns; // how long tasks may run after the first signal
    int signal;       // the first that arrived, or 0
    int64_t end_at;   // time at which tasks must be over in any case; INT64_MAX = never
    int64_t kill_at;  // time at which running tasks are to be killed; at most end_at
    bool is_over;     // the time in SLURM_JOB_END_TIME had passed when the run started
    bool is_old;      // it had passed so long before that it is of an earlier allocation: not used
};

#define STOP_CLOSED                                                                                \
    ((struct stop){.fd = -1, .continued_fd = -1, .end_at = INT64_MAX, .kill_at = INT64_MAX})

// Has a signal that asks the run to stop end the program with RUN_INTERRUPTED and a message, until
// stop_open. For the time in which a run is prepared, when there is nothing to clean up.
void stop_guard_preparation(void);

// Blocks SIGINT, SIGTERM, SIGHUP and SIGUSR1, except those that were ignored before, and watches
// for them; ignores SIGPIPE and SIGXFSZ. Reads SLURM_JOB_END_TIME and sets `end_at` a few seconds
// before it, which are left for writing the results; a time that passed more than an hour ago is
// not used. `now` is clock_now()'s. Returns -1 and *err if
// that variable is invalid or signals cannot be watched.
int stop_open(struct stop *s, int64_t grace_ns, int64_t now, br_error *err);

void stop_close(struct stop *s); // takes STOP_CLOSED

// Returns whether this process was stopped and continued since the last call.
bool stop_was_continued(const struct stop *s);

// Gives running tasks as much longer as this process did not run, but not beyond end_at.
void stop_stood_still(struct stop *s, int64_t from, int64_t to);

// Takes the signals that have arrived. Appends a line for a person about each that changed
// something.
void stop_look(struct stop *s, int64_t now, struct buffer *lines);

#endif

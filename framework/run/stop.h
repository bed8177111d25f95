// SPDX-License-Identifier: BSD-3-Clause
// Why a run has to stop before its end: signals, and the end of the allocation that it runs in.
// This only tells; the run acts.
//
// The first signal asks the run to stop: nothing more is started, and tasks in hand have the grace
// to end. SIGINT after that kills them at once; other signals that come again change nothing, for
// some senders send each twice.
#ifndef BR_RUN_STOP_H
#define BR_RUN_STOP_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct stop {
    int fd; // readable when a signal has come; -1 while closed
    int64_t grace_ns;
    int signal;     // the first that came, or 0
    int64_t end_at; // tasks must be over then, whatever comes; INT64_MAX: the allocation has no end
    int64_t kill_at; // tasks in hand are to be killed then; at most end_at
};

#define STOP_CLOSED ((struct stop){.fd = -1, .end_at = INT64_MAX, .kill_at = INT64_MAX})

// While a run is prepared: a signal that asks it to stop ends the program with RUN_INTERRUPTED and
// a word about it. Nothing needs to be put in order then.
void stop_guard_preparation(void);

// Blocks SIGINT, SIGTERM, SIGHUP and SIGUSR1, but those that were ignored before, and watches for
// them; ignores SIGPIPE and SIGXFSZ. Reads SLURM_JOB_END_TIME: tasks must be over somewhat before
// it, so that there is time to close up. `now` is clock_now()'s.
int stop_open(struct stop *s, int64_t grace_ns, int64_t now, br_error *err);

void stop_close(struct stop *s); // takes STOP_CLOSED

// Takes the signals that have come. Appends a line for a person about each that changed something.
void stop_look(struct stop *s, int64_t now, struct buffer *words);

#endif

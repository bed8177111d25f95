// SPDX-License-Identifier: BSD-3-Clause
// A run's journal, new or gone on with: finds out what the run is made from, gives what an earlier
// process wrote to the views, and says how the run begins here.
#ifndef BR_RUN_RESUME_H
#define BR_RUN_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/journal.h"
#include "journal/rundir.h"
#include "run/fingerprint.h"
#include "run/prepare.h"
#include "run/resume_state.h"

struct resume_options {
    const struct prepared *prepared;
    const struct rundir *dir;
    const struct spec_override *overrides;
    size_t override_count;
    bool journal; // false: the run is not written down
    enum journal_durability durability;
    bool retry_failed;
    struct event_sink *const *views; // that are given what was; borrowed for resume_open
    size_t view_count;
};

struct resume {
    struct fingerprint fingerprint;
    struct resume_state state;
    struct journal *journal; // the caller's from resume_open on; NULL without one
    bool idle;               // the run had finished, and nothing is left to do
    bool retry_failed;
};

// `now` is clock_now()'s. -1 and *err when the journal cannot be gone on with, or what the run is
// made from has changed: nothing was written then. *out needs no finishing then.
int resume_open(struct resume *out, const struct resume_options *options, int64_t now,
                br_error *err);
void resume_finish(struct resume *r); // takes a zeroed one; the journal is left alone

// Tells how the run begins in this process: gives the events to `sink`, `begin` (a new run's first
// event) or `again` among them, in whose place nothing is told when the run is idle. A failure of
// the sink is kept in *err.
int resume_tell(struct resume *r, struct event_sink *sink, const struct event *begin,
                const struct event *again, br_error *err);

// Appends a line for a person on what is gone on with; nothing for a new run. After resume_tell.
void resume_words(const struct resume *r, const char *path, struct buffer *out);

#endif

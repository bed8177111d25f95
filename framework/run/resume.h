// SPDX-License-Identifier: BSD-3-Clause
// The beginning of a run in this process: its journal, new or reopened, and the state that earlier
// processes left. All calls come from the thread of the run.
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
    bool journal; // false: no journal is written
    enum journal_durability durability;
    bool retry_failed;
    unsigned accept;                 // set of enum accept_kind
    struct event_sink *const *views; // get the events of earlier processes; borrowed for the call
    size_t view_count;               // at most 6
};

struct resume {
    struct fingerprint fingerprint;
    struct resume_state state;
    struct journal *journal;  // belongs to the caller after resume_open; NULL without one
    const struct rundir *dir; // borrowed
    bool idle;                // the run had finished, and nothing is left to do
    bool retry_failed;
};

// Creates the journal of the run directory, or reopens it. `now` is clock_now()'s. Returns -1 and
// *err (BR_ERR_USAGE) if the run cannot be resumed because its fingerprint differs in a way that is
// not accepted or its journal contradicts itself, and on failures of the system. Nothing has been
// written then, and *out needs no finishing.
int resume_open(struct resume *out, const struct resume_options *options, int64_t now,
                br_error *err);
void resume_finish(struct resume *r); // takes a zeroed one; the journal is left alone

// Emits the first events of this process to `sink`: `begin` for a new run or `again` for a resumed
// one, the accepted changes, and the parts of the fingerprint that the journal does not have. Emits
// nothing if the run is idle. Renews the run's copy of the job file. `now` is clock_now()'s.
// Returns -1 and *err if the sink refuses an event.
int resume_emit(struct resume *r, struct event_sink *sink, const struct event *begin,
                const struct event *again, int64_t now, br_error *err);

// Appends a line for a person about the run that is resumed; nothing for a new run. To be called
// after resume_emit.
void resume_describe(const struct resume *r, const char *path, struct buffer *out);

#endif

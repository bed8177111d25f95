// SPDX-License-Identifier: BSD-3-Clause
// What the user accepts to have changed since a run began: `--accept plugin,job,inputs`. Rows that
// are done stay if their inputs, their index and their phase's signature are the same. All calls
// come from the thread of the run.
#ifndef BR_RUN_ACCEPT_H
#define BR_RUN_ACCEPT_H

#include <stdint.h>

#include "base/error.h"
#include "journal/rundir.h"
#include "run/fingerprint.h"
#include "run/resume_state.h"

// Reads a list such as "plugin,inputs" into a set of enum accept_kind. Returns -1 and *err
// (BR_ERR_USAGE) if it names anything else.
int accept_parse(const char *list, unsigned *out, br_error *err);

// Returns -1 and *err (BR_ERR_USAGE) if there are changes of other kinds than `accepted`. The error
// lists all changes and names the option to add.
int accept_check(const struct fingerprint *s, unsigned accepted, const struct rundir *dir,
                 br_error *err);

// Emits the changes, which were checked, to `sink` and to `state`. Returns -1 and *err if memory
// runs out or the sink refuses an event.
//
// The run may be killed between any two of the events. Each is valid by itself: what a phase keeps
// comes before the event that makes its new inputs known, so that after such an end the inputs
// still differ and are compared again.
int accept_emit(const struct fingerprint *s, const struct rundir *dir, int64_t time_ns,
                struct event_sink *sink, struct resume_state *state, br_error *err);

#endif

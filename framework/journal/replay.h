// SPDX-License-Identifier: BSD-3-Clause
// Replays a run: gives every event of its journal to folds, as the live run does.
#ifndef BR_JOURNAL_REPLAY_H
#define BR_JOURNAL_REPLAY_H

#include <stddef.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/rundir.h"

// Gives each event of the run in `d` to sinks[0..count) in order. If the run has not ended, the
// events are those that the journal has so far. Returns -1 and *err if the journal cannot be read
// or is damaged, or a sink refuses an event.
int replay(const struct rundir *d, struct event_sink *const *sinks, size_t count, br_error *err);

#endif

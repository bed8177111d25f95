// SPDX-License-Identifier: BSD-3-Clause
// A run told again: every event of its journal, to folds that know no difference to the live run.
#ifndef BR_JOURNAL_REPLAY_H
#define BR_JOURNAL_REPLAY_H

#include <stddef.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/rundir.h"

// Gives each event of the run in `d` to sinks[0..count) in order. A run that goes on, or was cut
// off, is told as far as its journal goes. -1 and *err when the journal cannot be read or is
// damaged, or a sink said so.
int replay(const struct rundir *d, struct event_sink *const *sinks, size_t count, br_error *err);

#endif

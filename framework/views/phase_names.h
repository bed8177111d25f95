// SPDX-License-Identifier: BSD-3-Clause
// The names of a run's phases, folded from its events.
#ifndef BR_VIEWS_PHASE_NAMES_H
#define BR_VIEWS_PHASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/task_name.h"

// All zero before the first event.
struct phase_names {
    char **names; // by phase; NULL if no event has given the name
    size_t count;
};

// Keeps the name of an EVENT_PHASE_BEGIN and ignores all other events. A name for which there is no
// memory stays unknown.
void phase_names_take(struct phase_names *n, const struct event *event);
void phase_names_finish(struct phase_names *n);

// Returns whether `phase` is known to be the phase of that task.
bool phase_names_match(const struct phase_names *n, uint32_t phase, const struct task_name *task);

// Appends the name, escaped for a terminal, or "phase 3" if it is not known.
void phase_names_put(const struct phase_names *n, uint32_t phase, struct buffer *out);

#endif

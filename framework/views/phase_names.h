// SPDX-License-Identifier: BSD-3-Clause
// The names of phases by number, folded from a run's events. All calls for one object come from one
// thread.
#ifndef BR_VIEWS_PHASE_NAMES_H
#define BR_VIEWS_PHASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/task_name.h"

// An all-zero object has no names.
struct phase_names {
    char **names; // NULL for a phase that no event has named
    size_t count;
};

// Takes the name in EVENT_PHASE_BEGIN. Ignores other events, and names for which there is no
// memory.
void phase_names_take(struct phase_names *n, const struct event *event);
void phase_names_finish(struct phase_names *n);

// Returns whether phase number `phase` has the name that the task's name begins with.
bool phase_names_match(const struct phase_names *n, uint32_t phase, const struct task_name *task);

// Appends the name, or "phase 3" if it is not known, with control characters escaped.
void phase_names_put(const struct phase_names *n, uint32_t phase, struct buffer *out);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Names of tasks, "areas#17", and the names of phases that they need. All calls for one object come
// from one thread.
#ifndef BR_VIEWS_TASK_NAME_H
#define BR_VIEWS_TASK_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"

struct task_name {
    const char *phase; // not terminated by a NUL
    size_t phase_length;
    uint64_t index;
};

// Returns whether `text` is PHASE#INDEX. *out then borrows from it.
bool task_name_parse(const char *text, struct task_name *out);

// The names of phases by number, folded from a run's events. Begins zeroed.
struct phase_names {
    char **names; // NULL for a phase that no event has named
    size_t count;
};

// Takes the name in EVENT_PHASE_BEGIN. Ignores other events, and names for which there is no
// memory.
void phase_names_take(struct phase_names *n, const struct event *event);
void phase_names_finish(struct phase_names *n);

// Returns whether `phase` is the phase of that task.
bool phase_names_match(const struct phase_names *n, uint32_t phase, const struct task_name *task);

// Appends the name, or "phase 3" if it is not known, with control characters escaped.
void phase_names_put(const struct phase_names *n, uint32_t phase, struct buffer *out);

#endif

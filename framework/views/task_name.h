// SPDX-License-Identifier: BSD-3-Clause
// Tasks as people name them, "areas#17", and the phases' names that this takes.
#ifndef BR_VIEWS_TASK_NAME_H
#define BR_VIEWS_TASK_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"

struct task_name {
    const char *phase; // not terminated
    size_t phase_length;
    uint64_t index;
};

// Whether `text` is PHASE#INDEX; *out points into it.
bool task_name_parse(const char *text, struct task_name *out);

// The phases' names, folded from a run's events. Zeroed at first.
struct phase_names {
    char **names; // NULL where no event has told it
    size_t count;
};

// Takes EVENT_PHASE_BEGIN; ignores all others, and what there is no memory for.
void phase_names_take(struct phase_names *n, const struct event *event);
void phase_names_finish(struct phase_names *n);

// Whether it is the phase of that task.
bool phase_names_match(const struct phase_names *n, uint32_t phase, const struct task_name *task);

// Appends the name, or "phase 3" where it is not known, fit for a terminal.
void phase_names_put(const struct phase_names *n, uint32_t phase, struct buffer *out);

#endif

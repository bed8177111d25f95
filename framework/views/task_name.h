// SPDX-License-Identifier: BSD-3-Clause
// Names of tasks, "areas#17", and the names of phases that they need. All calls for one object come
// from one thread.
#ifndef BR_VIEWS_TASK_NAME_H
#define BR_VIEWS_TASK_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_name {
    const char *phase; // not terminated by a NUL
    size_t phase_length;
    uint64_t index;
};

// Returns whether `text` is PHASE#INDEX. *out then borrows from it.
bool task_name_parse(const char *text, struct task_name *out);

#endif

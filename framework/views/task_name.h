// SPDX-License-Identifier: BSD-3-Clause
// A task as people name it: "areas#17".
#ifndef BR_VIEWS_TASK_NAME_H
#define BR_VIEWS_TASK_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_name {
    const char *phase; // borrowed, not NUL-terminated
    size_t phase_length;
    uint64_t index;
};

// Reads PHASE#INDEX. Returns false, with *out as it was, if `text` is anything else. *out points
// into `text`.
bool task_name_parse(const char *text, struct task_name *out);

#endif

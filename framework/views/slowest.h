// SPDX-License-Identifier: BSD-3-Clause
// The attempts that took longest, folded from a run's events. Needs no memory; all calls for one
// object come from one thread.
#ifndef BR_VIEWS_SLOWEST_H
#define BR_VIEWS_SLOWEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/phase_names.h"

enum {
    SLOWEST_SHOWN = 10
};

struct slow_task {
    int64_t duration_ns; // of a plain success to within 6.25 %, because a journal rounds it
    uint32_t phase;
    uint64_t index;
    uint32_t worker;
    uint32_t attempt;
    enum outcome_status status;
};

struct slowest {
    struct event_sink sink;                // its take always returns 0
    struct slow_task tasks[SLOWEST_SHOWN]; // the slowest first
    size_t count;
};

// Makes a fold without attempts.
void slowest_init(struct slowest *s);

// Appends a table for a person; nothing if no task has ended.
void slowest_text(const struct slowest *s, const struct phase_names *names, struct buffer *out);

#endif

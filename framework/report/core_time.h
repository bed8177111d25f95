// SPDX-License-Identifier: BSD-3-Clause
// Where the workers' time went: every moment of every worker is put down to exactly one cause, so
// the parts sum to the number of workers times the run's length.
#ifndef BR_REPORT_CORE_TIME_H
#define BR_REPORT_CORE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/attempts.h"

enum core_use {
    CORE_OK,       // in attempts that succeeded
    CORE_FAILED,   // in attempts that did not
    CORE_START,    // no process was ready: at the beginning, or one was being replaced
    CORE_BARRIER,  // the phase of its next task had not begun
    CORE_TAIL,     // nothing was left for it until the run's end
    CORE_RETRY,    // it waited for the time at which a task is tried again
    CORE_DISPATCH, // between two tasks
    CORE_USES
};

struct core_time {
    int64_t ns[CORE_USES];
    struct core_worker *workers;
    size_t worker_count;
    int64_t *phase_begins;
    size_t phase_count;
    bool failed; // out of memory
};

void core_time_init(struct core_time *c);
void core_time_finish(struct core_time *c);

// The run began, or went on in a new process, with so many workers.
void core_time_begin(struct core_time *c, uint32_t workers, int64_t time_ns);

// PHASE_BEGIN, WORKER_BEGIN, WORKER_END.
void core_time_take(struct core_time *c, const struct event *event);
void core_time_add(struct core_time *c, const struct attempt *a);

// Accounts for what is left until the run's end, or the latest that is known of it. Once.
void core_time_end(struct core_time *c, int64_t time_ns);

// Parts of a whole of `units`, in proportion to `ns` and summing to exactly `units` (or all 0).
void core_time_parts(const int64_t ns[CORE_USES], unsigned units, unsigned parts[CORE_USES]);

#endif

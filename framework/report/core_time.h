// SPDX-License-Identifier: BSD-3-Clause
// Accounts for the workers' time: every moment of every worker belongs to exactly one use, so the
// uses sum to the number of workers times the length of the run.
#ifndef BR_REPORT_CORE_TIME_H
#define BR_REPORT_CORE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/attempts.h"

enum core_use {
    CORE_OK,       // attempts that succeeded
    CORE_FAILED,   // attempts that did not
    CORE_START,    // no process was ready: at the beginning, or while one was replaced
    CORE_BARRIER,  // the phase of the worker's next task had not begun
    CORE_TAIL,     // no task was left for the worker until the end of the run
    CORE_RETRY,    // the worker's next task was a retry whose time had not come
    CORE_DISPATCH, // the time between two tasks otherwise
    CORE_USES
};

struct core_time {
    int64_t ns[CORE_USES];
    struct core_worker *workers;
    size_t worker_count;
    int64_t *phase_begins; // times, by phase
    size_t phase_count;
    bool failed; // out of memory: the sums are incomplete
};

void core_time_init(struct core_time *c);
void core_time_finish(struct core_time *c);

// The run begins, or is resumed in a new process, with so many workers.
void core_time_begin(struct core_time *c, uint32_t workers, int64_t time_ns);

// Takes PHASE_BEGIN, WORKER_BEGIN and WORKER_END; ignores other events.
void core_time_take(struct core_time *c, const struct event *event);
void core_time_add(struct core_time *c, const struct attempt *a);

// Accounts for the time until the end of the run, or until the last time that is known of it. To be
// called once.
void core_time_end(struct core_time *c, int64_t time_ns);

// Divides `units` into parts in proportion to `ns`, which sum to exactly `units` (or are all 0 if
// `ns` is).
void core_time_parts(const int64_t ns[CORE_USES], unsigned units, unsigned parts[CORE_USES]);

#endif

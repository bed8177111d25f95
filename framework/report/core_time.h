// SPDX-License-Identifier: BSD-3-Clause
// The use of the workers' time: every moment of every worker has exactly one cause, so the parts
// sum to the number of workers times the length of the run. All calls for one object come from one
// thread.
#ifndef BR_REPORT_CORE_TIME_H
#define BR_REPORT_CORE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/attempts.h"

enum core_use {
    CORE_OK,       // in attempts that succeeded
    CORE_FAILED,   // in attempts that did not succeed
    CORE_START,    // its process was not ready: at the start of the run, or being replaced
    CORE_BARRIER,  // the phase of its next task had not started
    CORE_TAIL,     // no task was left for it until the end of the run
    CORE_RETRY,    // it waited for the time at which a task is tried again
    CORE_DISPATCH, // between two tasks
    CORE_USES
};

struct core_time {
    int64_t ns[CORE_USES];
    struct core_worker *workers;
    size_t worker_count;
    int64_t *phase_begins; // times, by phase
    size_t phase_count;
    bool failed; // memory was out: figures are wrong
};

void core_time_init(struct core_time *c);
void core_time_finish(struct core_time *c);

// Notes that the run started, or was resumed by a new process, with so many workers.
void core_time_begin(struct core_time *c, uint32_t workers, int64_t time_ns);

// Takes PHASE_BEGIN, WORKER_BEGIN and WORKER_END; ignores other events.
void core_time_take(struct core_time *c, const struct event *event);

// Takes an attempt; those of one worker in order.
void core_time_add(struct core_time *c, const struct attempt *a);

// Accounts for the time until the end of the run, or until its latest event. Must be called once,
// as the last call.
void core_time_end(struct core_time *c, int64_t time_ns);

// Divides `units` in proportion to `ns`. The parts sum to exactly `units`, or are all 0.
void core_time_parts(const int64_t ns[CORE_USES], unsigned units, unsigned parts[CORE_USES]);

#endif

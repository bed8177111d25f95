// SPDX-License-Identifier: BSD-3-Clause
// The attempts of workers, each with its place in time. A journal has a run of successes as one
// start and the durations within 6.25 %, without the times between them. Here they are spread over
// the time that they took together, and never overlap in a worker.
#ifndef BR_REPORT_ATTEMPTS_H
#define BR_REPORT_ATTEMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/event.h"
#include "model/outcome.h"

struct attempt {
    uint32_t phase;
    uint32_t worker;
    uint32_t attempt;
    uint64_t index;
    enum outcome_status status;
    bool final;
    int64_t start_ns;                  // since the run's beginning
    int64_t end_ns;                    // since the run's beginning
    int64_t lasted_ns;                 // as measured; end - start may be less because of rounding
    const struct event_task_end *told; // its own record, borrowed during the call, or NULL
};

typedef void attempt_fn(void *user, const struct attempt *a);

struct attempts {
    int64_t *free_ns; // for each worker, when its latest attempt ended
    size_t worker_count;
    bool failed; // out of memory: some attempts were left out
};

void attempts_init(struct attempts *s);
void attempts_finish(struct attempts *s);

// Calls `each` for every attempt in the event that ran in a worker, in order. Other events are
// ignored.
void attempts_take(struct attempts *s, const struct event *event, attempt_fn *each, void *user);

// Returns `ns` limited to a time that a run can have: not negative, and so small that sums of
// several do not overflow, whatever a journal has.
int64_t attempts_time(int64_t ns);

// Returns whether a worker ended without being asked to.
bool attempts_is_death(const struct event_worker_end *e);

#endif

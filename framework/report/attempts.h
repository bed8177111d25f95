// SPDX-License-Identifier: BSD-3-Clause
// The attempts of a run with their times, folded from its events. A journal keeps consecutive
// successes of a worker as one start and the duration of each, to within 6.25 %, without the gaps
// between them. This fold gives each attempt times of its own, spread over the time that they took
// together. Attempts in one worker never overlap. All calls for one object come from one thread.
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
    int64_t start_ns; // times since the run started
    int64_t end_ns;
    int64_t lasted_ns; // as measured; end - start may be less, because figures are rounded
    const struct event_task_end *event; // the attempt's own event, or NULL; borrowed for the call
};

// Takes one attempt.
typedef void attempt_fn(void *user, const struct attempt *a);

struct attempts {
    int64_t *free_ns; // by worker: the time at which its latest attempt ended
    size_t worker_count;
    bool failed; // memory was out: some attempts are missing
};

void attempts_init(struct attempts *s);
void attempts_finish(struct attempts *s);

// Calls `each` in order with every attempt of the event that ran in a worker. Ignores other events.
void attempts_take(struct attempts *s, const struct event *event, attempt_fn *each, void *user);

// Returns `ns` limited to a range from 0 in which sums of several times do not overflow, for times
// from a journal that may be damaged.
int64_t attempts_time(int64_t ns);

// Returns whether a worker ended without being asked to.
bool attempts_is_death(const struct event_worker_end *e);

#endif

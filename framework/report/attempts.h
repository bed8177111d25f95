// SPDX-License-Identifier: BSD-3-Clause
// What workers did, attempt by attempt, in their places in time. A journal holds a run of successes
// as one start and the length of each, to 6.25 %, and leaves out the moments between them; here
// they are told apart, spread over the time that they took together, and never overlap in a worker.
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
    int64_t start_ns; // since the run's beginning
    int64_t end_ns;
    int64_t lasted_ns; // as measured: end - start may be less where figures are rounded
    const struct event_task_end *told; // where it has a record of its own, else NULL
};

typedef void attempt_fn(void *user, const struct attempt *a);

struct attempts {
    int64_t *free_ns; // of each worker: where its latest attempt ended
    size_t worker_count;
    bool failed; // out of memory: some were not told
};

void attempts_init(struct attempts *s);
void attempts_finish(struct attempts *s);

// Tells `each` of every attempt in the event that ran in a worker, in order. Other events are none.
void attempts_take(struct attempts *s, const struct event *event, attempt_fn *each, void *user);

// `ns` as a moment of a run: not before its beginning, and so early that sums of some such moments
// do not overflow, whatever a journal says.
int64_t attempts_time(int64_t ns);

// Whether a worker ended otherwise than because it was told to.
bool attempts_is_death(const struct event_worker_end *e);

#endif

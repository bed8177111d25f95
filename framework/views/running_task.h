// SPDX-License-Identifier: BSD-3-Clause
// A task that runs now. No event reports it: only the coordinator of the run knows.
#ifndef BR_VIEWS_RUNNING_TASK_H
#define BR_VIEWS_RUNNING_TASK_H

#include <stdint.h>

struct running_task {
    uint32_t phase; // phase and worker as in events
    uint32_t attempt;
    uint64_t index;
    uint32_t worker;
    int64_t since_ns; // since the run's beginning, as an event's time
    double fraction;  // part that the task says is done: 0 to 1
};

#endif

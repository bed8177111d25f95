// SPDX-License-Identifier: BSD-3-Clause
// A task that a worker has in hand now: no event tells it yet, only the run that goes on.
#ifndef BR_VIEWS_IN_HAND_H
#define BR_VIEWS_IN_HAND_H

#include <stdint.h>

struct task_in_hand {
    uint32_t phase; // as in events
    uint32_t attempt;
    uint64_t index;
    uint32_t worker;
    int64_t since_ns; // as an event's time
    double fraction;  // done, as the task itself has told: 0 to 1
};

#endif

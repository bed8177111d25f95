// SPDX-License-Identifier: BSD-3-Clause
// A task that a worker runs now. No event reports it, because events come when tasks have ended.
#ifndef BR_VIEWS_IN_HAND_H
#define BR_VIEWS_IN_HAND_H

#include <stdint.h>

struct task_in_hand {
    uint32_t phase; // its number in events
    uint32_t attempt;
    uint64_t index;
    uint32_t worker;
    int64_t since_ns; // time at which it started, as in events
    double fraction;  // progress that the task itself reports: 0 to 1
};

#endif

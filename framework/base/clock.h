// SPDX-License-Identifier: BSD-3-Clause
// Time: nanoseconds in an int64_t (292 years). Deadlines and durations use the monotonic clock
// alone; the wall clock only dates things for people.
#ifndef BR_BASE_CLOCK_H
#define BR_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

// CLOCK_MONOTONIC: the same in every process of a machine, unmoved by changes of the wall clock.
int64_t clock_now(void);

// CLOCK_REALTIME since 1970-01-01T00:00:00Z.
int64_t clock_wall(void);

// CPU time of all threads of this process. A system call: a few hundred nanoseconds.
int64_t clock_process_cpu(void);

// Milliseconds for poll(2) to wait until `deadline` (by clock_now), rounded up; 0 when it has
// passed, -1 when `deadline` is INT64_MAX.
int clock_poll_timeout(int64_t deadline, int64_t now);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Time in nanoseconds, in an int64_t (292 years). Deadlines and durations use the monotonic clock
// only; the wall clock only dates things for people.
#ifndef BR_BASE_CLOCK_H
#define BR_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

// Returns CLOCK_MONOTONIC. It is the same in every process of a machine, and setting the wall clock
// does not change it.
int64_t clock_now(void);

// Returns CLOCK_REALTIME: nanoseconds since 1970-01-01T00:00:00Z.
int64_t clock_wall(void);

// Returns the CPU time of all threads of this process. This is a system call and takes a few
// hundred nanoseconds.
int64_t clock_process_cpu(void);

// Returns since when this process was stopped while it waited, or 0 if it was not. It began to wait
// at `before`, was to continue at `until` at the latest, and has continued at `after`. A second too
// late is a stop, which then began halfway between the first two: on a machine that is so busy,
// clocks must advance all the same.
int64_t clock_stood_still(int64_t before, int64_t until, int64_t after);

// Returns the timeout in milliseconds with which poll(2) waits until `deadline`, rounded up. `now`
// and `deadline` are times by clock_now. Returns 0 if the deadline has passed, -1 if it is
// INT64_MAX.
int clock_poll_timeout(int64_t deadline, int64_t now);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Limits of a task that the kernel does not enforce, judged by measurements from outside: how often
// to measure so that no limit is exceeded by much, and whether one is. Pure: the caller measures
// and reads the clock. Times are by clock_now.
#ifndef BR_EXEC_LOCAL_LIMIT_WATCH_H
#define BR_EXEC_LOCAL_LIMIT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/executor.h"

struct limit_watch_limits { // JOB_UNLIMITED: no limit
    uint64_t memory;        // bytes resident, of a worker
    uint64_t cpu_time_ns;   // of a task
    uint64_t output;        // bytes that a task prints on one stream
};

#define LIMIT_WATCH_NOTHING                                                                        \
    (struct limit_watch_limits)                                                                    \
    {                                                                                              \
        UINT64_MAX, UINT64_MAX, UINT64_MAX                                                         \
    }

// Returns whether there is any limit.
bool limit_watch_is_on(const struct limit_watch_limits *limits);

// One measurement of a worker.
struct limit_watch_sample {
    uint64_t resident; // bytes
    int64_t cpu_ns;    // CPU time since the worker has started
    uint64_t printed;  // bytes that the running task has printed on the stream with more
};

struct limit_watch { // of one worker; all zero when it starts
    int64_t next_ns; // when to measure again
    int64_t looked_ns;
    int64_t cpu_ns; // at the last measurement
    struct exec_grant task;
    int64_t base_ns; // CPU time of the worker when the task started
};

// Judges the running task. Returns true if it is over a limit, and writes which one into `message`,
// which has `size` bytes; else false, and w->next_ns is set. `cpus` is how many CPUs the worker can
// use at once.
bool limit_watch_judge(struct limit_watch *w, const struct limit_watch_limits *limits,
                       const struct limit_watch_sample *seen, const struct exec_in_hand *h,
                       unsigned cpus, int64_t now, char *message, size_t size);

#endif

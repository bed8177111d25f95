// SPDX-License-Identifier: BSD-3-Clause
// Limits of a task that the kernel does not enforce, judged from outside: who looks often enough
// that none is exceeded by much, and no oftener. Pure: what is used and what time it is are told.
#ifndef BR_EXEC_LOCAL_LIMIT_WATCH_H
#define BR_EXEC_LOCAL_LIMIT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/executor.h"

struct limit_watch_limits { // JOB_UNLIMITED: none
    uint64_t memory;        // bytes resident, of a worker
    uint64_t cpu_time_ns;   // of a task
    uint64_t output;        // bytes that a task prints on one stream
};

#define LIMIT_WATCH_NOTHING                                                                        \
    (struct limit_watch_limits)                                                                    \
    {                                                                                              \
        UINT64_MAX, UINT64_MAX, UINT64_MAX                                                         \
    }

bool limit_watch_is_on(const struct limit_watch_limits *limits);

// What is seen of a worker at one look.
struct limit_watch_sample {
    uint64_t resident; // bytes
    int64_t cpu_ns;    // in its whole life
    uint64_t printed;  // bytes on the stream with more, by the task in hand
};

struct limit_watch { // of one worker; zero when it starts
    int64_t next_ns; // when to look again
    int64_t looked_ns;
    int64_t cpu_ns; // at that look
    struct exec_grant task;
    int64_t base_ns; // CPU time of the worker when its task began
};

// Judges the task in hand. true: it is over a limit, and *message (of `size` bytes) says which.
// `cpus` is how many CPUs the worker can use at once.
bool limit_watch_judge(struct limit_watch *w, const struct limit_watch_limits *limits,
                       const struct limit_watch_sample *seen, const struct exec_in_hand *h,
                       unsigned cpus, int64_t now, char *message, size_t size);

#endif

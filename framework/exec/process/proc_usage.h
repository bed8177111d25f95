// SPDX-License-Identifier: BSD-3-Clause
// What a process and all that has come of it use, as /proc tells.
#ifndef BR_EXEC_PROCESS_PROC_USAGE_H
#define BR_EXEC_PROCESS_PROC_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_usage {
    uint64_t resident; // bytes, of whichever process has the most: what a fork shares with its
                       // parent would count twice in a sum
    int64_t cpu_ns;    // of all together, with those that have ended and were waited for
};

// false when there is no such process.
bool proc_usage_read(pid_t pid, struct proc_usage *out);

// Its state, as ps(1) shows it; '\0' when there is no such process.
char proc_usage_state(pid_t pid);

#endif

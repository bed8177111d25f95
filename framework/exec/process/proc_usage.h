// SPDX-License-Identifier: BSD-3-Clause
// Memory and CPU time of a process and its descendants, read from /proc.
#ifndef BR_EXEC_PROCESS_PROC_USAGE_H
#define BR_EXEC_PROCESS_PROC_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_usage {
    uint64_t resident; // bytes of the process that has the most: a sum would count the pages twice
                       // that a fork shares with its parent
    int64_t cpu_ns;    // of all of them, and of their children that have ended and were reaped
};

// Measures process `pid` and its descendants. Returns false if there is no such process.
bool proc_usage_read(pid_t pid, struct proc_usage *out);

// Returns the state of a process as ps(1) shows it, or '\0' if there is no such process.
char proc_usage_state(pid_t pid);

#endif

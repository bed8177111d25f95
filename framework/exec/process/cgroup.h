// SPDX-License-Identifier: BSD-3-Clause
// Control groups, version 1 and 2, where this process may make some: a group for each worker, in
// which the kernel bounds the memory and the number of processes of the worker and of all that it
// starts, and which can be killed as one. What cannot be had here is done without.
//
// The groups lie in this process's own, as batchrun-PID/worker-N, in as many hierarchies as are
// needed. Whoever holds a copy of `struct cgroups` can remove them: the executor at its end, the
// nursery when the coordinator is gone, at whatever moment of making them.
#ifndef BR_EXEC_PROCESS_CGROUP_H
#define BR_EXEC_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum cgroup_kind {
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_KILL, // version 2 alone
    CGROUP_KINDS
};

enum {
    CGROUP_PROCESSES = 4096 // of a worker, threads included
};

struct cgroups {
    int own[CGROUP_KINDS];  // directories of the groups that this process is in; -1: none
    int made[CGROUP_KINDS]; // batchrun-PID in these; -1: not to be had
    bool unified[CGROUP_KINDS];
    unsigned workers;
    char name[32];
};

#define CGROUPS_NONE                                                                               \
    (struct cgroups)                                                                               \
    {                                                                                              \
        .own = {-1, -1, -1}, .made = { -1, -1, -1 }                                                \
    }

// Finds the own groups; nothing is made.
void cgroups_find(struct cgroups *g, unsigned workers);

// Makes a group for each worker.
void cgroups_make(struct cgroups *g, uint64_t memory);

// In a process that has a copy of what cgroups_find found, when the one that makes groups is gone:
// finds what that has made.
void cgroups_take_over(struct cgroups *g);

// Where a process writes "0" to enter the worker's group of that kind: the caller's to close, or
// -1.
int cgroups_door(const struct cgroups *g, enum cgroup_kind kind, unsigned worker);

// How many processes the kernel has killed for want of memory: in the worker's group, or where
// there is none, in this process's own.
uint64_t cgroups_oom_kills(const struct cgroups *g, unsigned worker);

// Kills all that is in the worker's group, or in all of them.
void cgroups_kill(const struct cgroups *g, unsigned worker);
void cgroups_kill_all(const struct cgroups *g);

// "memory and processes by cgroup v1", or nothing.
void cgroups_describe(const struct cgroups *g, struct buffer *out);

// Removes the groups, as far as nothing is left in them, and closes what is open.
void cgroups_close(struct cgroups *g);

#endif

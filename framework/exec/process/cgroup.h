// SPDX-License-Identifier: BSD-3-Clause
// Control groups of versions 1 and 2: a group for each worker. In it the kernel bounds the memory
// and the number of processes of the worker and of its descendants, and it can kill them all at
// once. If this process may not make groups of some kind, there are none of that kind, which is not
// an error.
//
// The groups are batchrun-PID/worker-N in this process's own group, in each hierarchy that is
// needed. Any process that holds a copy of `struct cgroups` can remove them: the executor when it
// ends, the nursery when the coordinator has died, even while that was making them.
#ifndef BR_EXEC_PROCESS_CGROUP_H
#define BR_EXEC_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum cgroup_kind {
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_KILL, // only of version 2
    CGROUP_KINDS
};

enum {
    CGROUP_PROCESSES = 4096 // processes and threads that a worker and its descendants may have
};

struct cgroups {
    int own[CGROUP_KINDS];      // directory of the group that this process is in; -1: none
    int made[CGROUP_KINDS];     // directory of batchrun-PID in it; -1: none
    bool unified[CGROUP_KINDS]; // the hierarchy is of version 2
    unsigned workers;
    char name[32]; // batchrun-PID
};

#define CGROUPS_NONE                                                                               \
    (struct cgroups)                                                                               \
    {                                                                                              \
        .own = {-1, -1, -1}, .made = { -1, -1, -1 }                                                \
    }

// Finds the groups that this process is in and makes none. Without workers only the memory group
// is looked for. Never fails: what is not found is -1.
void cgroups_find(struct cgroups *g, unsigned workers);

// Makes a group of each kind for each worker, with `memory` bytes at most. Never fails: `made` is
// -1 for each kind that this process may not make.
void cgroups_make(struct cgroups *g, uint64_t memory);

// Opens what another process has made, given a copy of what cgroups_find found there.
void cgroups_take_over(struct cgroups *g);

// Returns a descriptor to which a process writes "0" to enter the worker's group of that kind, or
// -1. The caller closes it.
int cgroups_door(const struct cgroups *g, enum cgroup_kind kind, unsigned worker);

// Returns how many processes the kernel has killed because memory ran out: in the worker's group
// or, if it has none, in this process's own.
uint64_t cgroups_oom_kills(const struct cgroups *g, unsigned worker);

// Kills all processes in the worker's group, or in the groups of all workers. Without groups of
// kind CGROUP_KILL nothing happens.
void cgroups_kill(const struct cgroups *g, unsigned worker);
void cgroups_kill_all(const struct cgroups *g);

// Appends which kinds of groups were made, as in ", cgroup v1; at most 4096 processes by cgroup
// v1"; nothing if there are none.
void cgroups_describe(const struct cgroups *g, struct buffer *out);

// Removes the groups that are empty, or become so within a tenth of a second each, and closes all
// descriptors.
void cgroups_close(struct cgroups *g);

#endif

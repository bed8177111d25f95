// SPDX-License-Identifier: BSD-3-Clause
// A worker process: it binds itself, loads the plugins, and runs tasks until its channel is closed.
#ifndef BR_EXEC_WORKER_WORKER_H
#define BR_EXEC_WORKER_WORKER_H

#include <stddef.h>

#include "exec/process/cgroup.h"

// The order of the descriptors that a worker is given.
enum worker_fd {
    WORKER_CONTROL, // socket to the coordinator
    WORKER_SETUP,   // sealed memory with its setup (exec/worker/worker_setup.h)
    WORKER_DOWN,    // the channel's memories
    WORKER_UP,
    WORKER_DOORBELL,
    WORKER_OUT, // what becomes standard output and standard error
    WORKER_ERR,
    WORKER_GROUPS, // for each kind of control group: cgroups_door, or /dev/null
    WORKER_FDS = WORKER_GROUPS + CGROUP_KINDS
};

// The nursery_entry of a worker. `count` is WORKER_FDS. Returns the exit status: 0 when the channel
// was closed, 1 when the worker could not continue and has sent CONTROL_UNFIT.
int worker_main(const int *fds, size_t count);

#endif

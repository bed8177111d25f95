// SPDX-License-Identifier: BSD-3-Clause
// A worker process: binds itself, loads the plugins, runs what it is granted until it is told to
// end.
#ifndef BR_EXEC_WORKER_WORKER_H
#define BR_EXEC_WORKER_WORKER_H

#include <stddef.h>

#include "exec/process/cgroup.h"

// Order of the descriptors a worker is given.
enum worker_fd {
    WORKER_CONTROL, // socket to the coordinator
    WORKER_SETUP,   // sealed memory with its setup (exec/worker/worker_setup.h)
    WORKER_DOWN,    // the channel's memories
    WORKER_UP,
    WORKER_DOORBELL,
    WORKER_OUT, // what becomes standard output and standard error
    WORKER_ERR,
    WORKER_GROUPS, // the doors of its control groups, one a kind; /dev/null where it has none
    WORKER_FDS = WORKER_GROUPS + CGROUP_KINDS
};

// What the nursery runs in a worker's process.
int worker_main(const int *fds, size_t count);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The executor whose workers are processes of this machine.
#ifndef BR_EXEC_LOCAL_LOCAL_H
#define BR_EXEC_LOCAL_LOCAL_H

#include "exec/executor.h"
#include "exec/local/limit_watch.h"
#include "exec/process/nursery.h"
#include "exec/worker/worker_setup.h"
#include "model/plan.h"

struct local_options {
    struct nursery *nursery;           // borrowed; this executor alone uses it from now on
    const struct plan *plan;           // one slot each; borrowed
    struct worker_setup_common common; // what it points to is borrowed
    const int *out_fds; // per slot, opened for appending: the workers' standard output and
    const int *err_fds; // error. NULL = nowhere. Borrowed
    struct limit_watch_limits limits; // of tasks; LIMIT_WATCH_NOTHING where there are none
    int64_t start_ns;                 // for a worker to be ready; 0: 60 s
    int64_t stuck_ns;                 // for SIGKILL to end one; 0: 10 s
};

// Creates the executor; starts no worker. Returns NULL and *err if memory or descriptors ran out,
// or the nursery is gone.
struct executor *local_create(const struct local_options *options, br_error *err);

// Appends by which means limits.memory is enforced; nothing without that limit.
void local_describe_limits(const struct executor *ex, struct buffer *out);

// Returns the pid of a slot's worker, or 0 if there is none or it is not known yet.
int local_pid(const struct executor *ex, unsigned slot);

#endif

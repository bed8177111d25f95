// SPDX-License-Identifier: BSD-3-Clause
// What the executor of worker processes is created from.
#ifndef BR_EXEC_LOCAL_LOCAL_OPTIONS_H
#define BR_EXEC_LOCAL_LOCAL_OPTIONS_H

#include "exec/local/limit_watch.h"
#include "exec/process/nursery.h"
#include "exec/worker/worker_setup.h"
#include "model/plan.h"

struct local_options {
    struct nursery *nursery;           // borrowed; used by nobody else until the executor's end
    const struct plan *plan;           // the executor has the slots of the plan; borrowed
    struct worker_setup_common common; // everything that it points to is borrowed
    // For each slot the log of its workers' standard output and error, opened for appending; -1, or
    // NULL for all slots: /dev/null. Borrowed.
    const int *out_fds;
    const int *err_fds;
    struct limit_watch_limits limits; // of tasks; LIMIT_WATCH_NOTHING if there are none
    int64_t start_ns;                 // how long a worker may take to be ready; INT64_MAX: for ever
    const char *start_name;           // names the setting of start_ns in messages; borrowed
    int64_t stuck_ns;                 // after SIGKILL, when a process counts as stuck; 0: 10 s
    int64_t end_ns; // how long a worker with nothing left to run may take to end; 0: 5 s
};

#endif

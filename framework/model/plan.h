// SPDX-License-Identifier: BSD-3-Clause
// Where each worker will be bound: a pure function of a machine and what the job asks for.
#ifndef BR_MODEL_PLAN_H
#define BR_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/cpuset.h"
#include "model/job.h"

// One processing unit (hardware thread). The other numbers name the objects that hold it, by
// logical index on this machine; l3 is -1 where there is none.
struct machine_pu {
    unsigned os_index;
    int core;
    int l3;
    int numa; // nearest node's logical index
    unsigned numa_os_index;
    int package;
    bool allowed; // this process may use it
};

struct machine {
    struct machine_pu *pus; // in logical (topology) order
    size_t pu_count;
};

void machine_finish(struct machine *m);

struct plan_slot {
    struct cpuset cpus;  // what the worker may run on; the allowed ones only
    struct cpuset nodes; // NUMA nodes (OS indices) that hold them
    unsigned width;      // number of cores in it: what OMP_NUM_THREADS is set to
};

struct plan {
    struct plan_slot *slots; // one per worker
    size_t slot_count;
    enum job_binding binding;
    size_t object_count; // bound objects this process may use
};

// Lays out job.workers on `m`. BR_ERR_USAGE when more workers (times width) are asked for than
// there are objects and oversubscribe is not set: the message counts both and names the cure.
// `cpu_limit` (0 = none) bounds the number of PUs taken, as SLURM_CPUS_PER_TASK does.
int plan_make(const struct machine *m, const struct job_workers *workers, unsigned cpu_limit,
              struct plan *out, br_error *err);

void plan_finish(struct plan *p);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Where each worker will be bound: a pure function of a machine and what the job asks for.
#ifndef BR_MODEL_PLAN_H
#define BR_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/cpuset.h"
#include "model/job_workers.h"

// One processing unit (hardware thread). The other numbers name the objects that hold it, by
// logical index on this machine; l3 is -1 where there is none.
struct machine_pu {
    unsigned os_index;
    int core;
    int l3;
    int numa;               // nearest node's logical index
    unsigned numa_os_index; // the nearest node this process may take memory from
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
    // Threads the worker should use, what OMP_NUM_THREADS is set to: the number of cores in `cpus`;
    // of PUs, for binding pu; workers.width, for binding none, where nobody has cores of their own.
    unsigned width;
};

struct plan {
    struct plan_slot *slots; // one per worker
    size_t slot_count;
    enum job_binding binding;
    size_t object_count; // bound objects this process may use
};

enum {
    PLAN_WORKERS_MAX = 65536
};

// Lays out job.workers on `m`.
//
// Objects are what workers are bound to, in logical order, each with its allowed PUs alone; one
// without any does not count. `none` counts PUs and lets every worker run on all of them. `l3`
// counts a package's PUs that share no L3 as one object: so it is the package where there are no
// L3s. A worker gets `width` neighbouring objects; where there is room to spare, they share an L3,
// else a NUMA node, else a package. Layout compact fills these groups in order, scatter goes round
// the packages, in each round the NUMA nodes, then the L3s, then the cores. When oversubscribed,
// the groups hold every object (the last may overlap the one before), and are filled round and
// round.
//
// `cpu_limit` is SLURM_CPUS_PER_TASK (0 = not set): only the first so many allowed PUs in logical
// order count, which are whole cores but for the last.
//
// BR_ERR_USAGE when more workers (times width) are asked for than there are objects and
// oversubscribe is not set: the message counts both and names the cure.
int plan_make(const struct machine *m, const struct job_workers *workers, unsigned cpu_limit,
              struct plan *out, br_error *err);

void plan_finish(struct plan *p);

// What a binding binds to, for messages: "core", or "cores" unless count is 1.
const char *plan_object_noun(enum job_binding binding, uint64_t count);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Where each worker is bound: a function of a machine and of what the job asks for. Pure.
#ifndef BR_MODEL_PLAN_H
#define BR_MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/cpuset.h"
#include "model/job_workers.h"

// One processing unit (hardware thread). The other numbers name the objects that hold it, by
// logical index on this machine; l3 is -1 if no L3 cache does.
struct machine_pu {
    unsigned os_index;
    int core;
    int l3;
    int numa;               // logical index of the nearest NUMA node
    unsigned numa_os_index; // of the nearest NUMA node that this process may take memory from
    int package;
    bool allowed; // this process may use it
};

struct machine {
    struct machine_pu *pus; // in logical (topology) order
    size_t pu_count;
};

void machine_finish(struct machine *m);

struct plan_slot {
    struct cpuset cpus;  // allowed PUs that the worker may run on
    struct cpuset nodes; // NUMA nodes (OS indices) that hold them
    // Number of threads that the worker should use (OMP_NUM_THREADS): the number of cores in
    // `cpus`; for binding pu the number of PUs; for binding none workers.width, because no worker
    // has cores of its own.
    unsigned width;
};

struct plan {
    struct plan_slot *slots; // one per worker
    size_t slot_count;
    enum job_binding binding;
    size_t object_count; // number of objects to bind to that this process may use
};

enum {
    PLAN_WORKERS_MAX = 65536
};

// Lays out job.workers on `m`.
//
// Workers are bound to objects, in logical order, each with its allowed PUs only; an object without
// any does not count. Binding `none` counts PUs and lets every worker run on all of them. Binding
// `l3` counts a package's PUs that share no L3 as one object, so it is the package on machines
// without L3s.
//
// A worker gets `width` neighbouring objects. If there is room to spare, they share an L3, else a
// NUMA node, else a package. Layout compact fills these groups in order. Scatter goes round the
// packages, in each round the NUMA nodes, then the L3s, then the cores. When oversubscribed, the
// groups hold every object (the last may overlap the one before), and are filled again and again.
//
// `cpu_limit` is SLURM_CPUS_PER_TASK (0 = not set): only so many allowed PUs count, the first in
// logical order. They are whole cores, except perhaps the last.
//
// Returns 0, with *out to be freed by plan_finish; -1 and *err. The error is BR_ERR_USAGE if more
// workers (times width) are asked for than there are objects, without oversubscribe: its message
// has both numbers and a hint.
int plan_make(const struct machine *m, const struct job_workers *workers, unsigned cpu_limit,
              struct plan *out, br_error *err);

void plan_finish(struct plan *p);

// Returns the name of the objects of a binding, for messages: "core", or "cores" unless count is 1.
const char *plan_object_noun(enum job_binding binding, uint64_t count);

#endif

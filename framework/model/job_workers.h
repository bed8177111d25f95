// SPDX-License-Identifier: BSD-3-Clause
// How many workers a job asks for, and where they are bound.
#ifndef BR_MODEL_JOB_WORKERS_H
#define BR_MODEL_JOB_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/job_value.h"

enum job_binding {
    BIND_NONE,
    BIND_PU,
    BIND_CORE,
    BIND_L3,
    BIND_NUMA,
    BIND_PACKAGE
};
enum job_layout {
    LAYOUT_COMPACT,
    LAYOUT_SCATTER
};

// How long a worker may take to start unless somebody says otherwise.
#define JOB_START_NS (60 * NS_PER_S)

struct job_workers {
    unsigned count; // 0 = as many as fit
    enum job_binding binding;
    enum job_layout layout;
    unsigned width; // number of neighbouring objects that a worker is bound to
    bool membind_local;
    bool oversubscribe;
    uint64_t max_tasks;     // a worker is replaced after so many tasks; 0 = never
    int64_t start_ns;       // how long a worker may take until its plugins' init has returned
    struct mark mark;       // of the key `workers`
    struct mark count_mark; // of the value of `count`
    struct mark width_mark; // of the value of `width`
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What a worker is told when it starts, and what is said over its control socket afterwards.
#ifndef BR_EXEC_WORKER_SETUP_H
#define BR_EXEC_WORKER_SETUP_H

#include "base/buffer.h"
#include "base/wire.h"
#include "exec/executor.h"
#include "exec/plugin/plugin_file.h"
#include "model/cpuset.h"
#include "model/job.h"

// The part that all workers of an executor share. Borrowed.
struct setup_common {
    struct plugin_list plugins;
    const struct job_env *env;
    size_t env_count;
    uint64_t open_files; // JOB_UNLIMITED: leave as it is
    uint64_t core_size;
    int (*init)(void *arg); // of the calling program, or NULL
    void *init_arg;
    uint64_t address_space; // bytes: RLIMIT_AS
    uint64_t data;          // bytes: RLIMIT_DATA
    uint64_t output;        // bytes that a task may print on a stream
    bool keep_output; // standard output and error are files whose growth tells tasks' output apart
    bool membind_local;
    bool bind; // to the slot's CPUs
    int64_t idle_spin_ns;
    bool counter; // what stopwatch_usable() returns on this machine
};

struct setup_slot {
    uint32_t slot;
    uint32_t width;
    struct cpuset cpus;
    struct cpuset nodes;
};

void setup_write(struct buffer *out, const struct setup_common *common,
                 const struct setup_slot *slot);

// Reads what setup_write wrote. The lists are freed by setup_finish; texts point into what was
// read.
struct setup {
    struct setup_common common;
    struct setup_slot slot;
    struct plugin_use *plugins;
    struct plugin_source *sources;
    struct job_settings *configs;
    struct job_env *env;
};

int setup_read(const void *data, size_t size, struct setup *s, br_error *err);
void setup_finish(struct setup *s);

// What a process that runs tasks has in its environment: the job's, and a number of threads for
// thread pools, which must not take more than the worker's cores. A failure is *err's alone.
void setup_environment(unsigned width, const struct job_env *env, size_t count, br_error *err);

// ---- Control socket: one message each, type first (wire format)

enum control_type {
    CONTROL_DEFINE = 1, // to the worker: a map; carries the table's descriptor
    CONTROL_DROP,       // to the worker
    CONTROL_READY,      // from the worker: pid, CPUs it is bound to
    CONTROL_UNFIT,      // from the worker: kind and text of the error; it ends
    CONTROL_CRASHED,    // from the worker: how it dies (exec/crash/crash.h)
};

enum {
    CONTROL_MAX = 64 << 10
};

#endif

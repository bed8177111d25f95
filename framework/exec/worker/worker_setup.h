// SPDX-License-Identifier: BSD-3-Clause
// The setup that a worker reads when it starts, and the messages on its control socket afterwards.
#ifndef BR_EXEC_WORKER_WORKER_SETUP_H
#define BR_EXEC_WORKER_WORKER_SETUP_H

#include "base/buffer.h"
#include "base/wire.h"
#include "exec/executor.h"
#include "exec/plugin/plugin_file.h"
#include "model/cpuset.h"
#include "model/job.h"

// The part that all workers of an executor share. Everything that it points to is borrowed.
struct worker_setup_common {
    struct plugin_list plugins;
    const struct job_env *env;
    size_t env_count;
    uint64_t open_files;    // RLIMIT_NOFILE; JOB_UNLIMITED leaves a limit as it is
    uint64_t core_size;     // bytes: RLIMIT_CORE
    int (*init)(void *arg); // a function of the calling program, run once in each worker, or NULL;
                            // if it returns anything but 0 no worker can start
    void *init_arg;
    uint64_t address_space; // bytes: RLIMIT_AS
    uint64_t data;          // bytes: RLIMIT_DATA
    uint64_t output;        // bytes that a task may print on a stream
    bool keep_output;       // standard output and error are files, and tasks' output is reported
    bool membind_local;     // bind memory to the slot's NUMA nodes
    bool bind;              // bind the worker to the slot's CPUs
    bool counter;           // what stopwatch_usable() returns on this machine
    int64_t idle_spin_ns;   // how long an idle worker looks for a grant before it sleeps
};

struct worker_setup_slot {
    uint32_t slot;       // its number
    uint32_t width;      // threads that thread pools of its tasks should have
    struct cpuset cpus;  // as in struct plan_slot
    struct cpuset nodes; // as in struct plan_slot
};

// Appends the setup in the wire format. Sets out->failed if memory runs out.
void worker_setup_write(struct buffer *out, const struct worker_setup_common *common,
                        const struct worker_setup_slot *slot);

// A setup that was read. Its lists are its own; its texts point into
// what was read.
struct worker_setup {
    struct worker_setup_common common;
    struct worker_setup_slot slot;
    struct plugin_use *plugins;
    struct plugin_source *sources;
    struct job_settings *configs;
    struct job_env *env;
};

// Reads what worker_setup_write has written. Returns 0; -1 and *err if the data are damaged or
// memory ran out. worker_setup_finish frees the lists, and is to be called in both cases.
int worker_setup_read(const void *data, size_t size, struct worker_setup *out, br_error *err);
void worker_setup_finish(struct worker_setup *s);

// Sets the environment variables of a process that runs tasks: those of the job, and the number of
// threads for thread pools, which must not use more than the worker's cores. A failure is reported
// in *err only, which the caller has cleared before.
void worker_setup_environment(unsigned width, const struct job_env *env, size_t count,
                              br_error *err);

// ---- Messages on the control socket: in the wire format, the type first

enum control_type {
    CONTROL_DEFINE = 1, // to the worker: a map, with the descriptor of its table
    CONTROL_DROP,       // to the worker: id of the map
    CONTROL_READY,      // from the worker: pid, the CPUs that it is bound to
    CONTROL_UNFIT,      // from the worker, which then ends: kind and text of the error
    CONTROL_USED_UP,    // from the worker, which then ends: why another is to run its tasks
    CONTROL_CRASHED,    // from the worker or a child: its crash note (exec/crash/crash.h)
};

enum {
    CONTROL_MAX = 64 << 10 // bytes of a message
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A phase of a job, as the job file gives it.
#ifndef BR_MODEL_JOB_PHASE_H
#define BR_MODEL_JOB_PHASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/job_inputs.h"
#include "model/policy.h"

enum job_mode {
    MODE_SYNC,
    MODE_ASYNC
};

// Where a task runs: in its worker, in a child of it, or in a child if it is tried again.
enum job_isolation {
    ISOLATE_WORKER,
    ISOLATE_TASK,
    ISOLATE_AUTO
};

// What failed tasks do to the run.
struct job_on_failure {
    enum {
        FAIL_CONTINUE,
        FAIL_STOP,
        FAIL_MAX,
        FAIL_PERCENT
    } kind;
    uint64_t max_failed; // FAIL_MAX
    double percent;      // FAIL_PERCENT
};

enum job_reduce_kind {
    REDUCE_NONE,
    REDUCE_SUM,
    REDUCE_MIN,
    REDUCE_MAX,
    REDUCE_MEAN,
    REDUCE_COUNT,
    REDUCE_TASK
};

struct job_reduce {
    enum job_reduce_kind kind;
    char *task; // REDUCE_TASK: "plugin.task"
    unsigned fan_in;
    struct mark mark;
};

struct job_phase {
    char *name;
    char *task; // "plugin.task"
    enum job_mode mode;
    size_t *needs; // indices in job.phases, ascending, each less than this one's
    size_t need_count;
    struct job_inputs inputs;
    struct job_settings args;
    struct job_settings command; // settings of model/command_line.h, in the names of its columns
    uint64_t batch;              // number of rows that a many-row task takes
    uint64_t chunk_size;         // number of tasks granted at once; 0 = automatic
    int priority;                // higher first
    unsigned max_parallel;       // number of workers at once; 0 = all
    int64_t expected_time_ns;    // run time that one task is expected to need; 0 = not known
    struct time_limits timeout;
    struct retry_policy retries;
    struct job_on_failure on_failure;
    enum job_isolation isolation;
    struct job_reduce reduce;
    bool keep_results;
    char
        *output; // as written; "-" = standard output; NULL = results/PHASE.csv of the run directory
    struct mark mark;
    struct mark task_mark;
    struct mark inputs_mark;
    struct mark batch_mark;
    struct mark output_mark;
    struct mark command_mark;
};

// Frees what the phase holds, not the phase itself.
void job_phase_finish(struct job_phase *phase);

#endif

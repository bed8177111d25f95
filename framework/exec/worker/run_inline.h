// SPDX-License-Identifier: BSD-3-Clause
// One task in this process, and nothing between it and what it does wrong: for debuggers and
// valgrind. The task is told all that a worker would tell it, but for time limits: it has none,
// since somebody may be stepping through it.
#ifndef BR_EXEC_WORKER_RUN_INLINE_H
#define BR_EXEC_WORKER_RUN_INLINE_H

#include "base/buffer.h"
#include "base/error.h"
#include "exec/worker/task.h"
#include "model/job.h"
#include "model/schema.h"
#include "model/table.h"

struct run_inline {
    const char *plugin; // its file, which is loaded where it lies: debuggers look for its symbols
    const struct job_settings *config;
    const char *task; // its name in the plugin
    const char *phase;
    uint64_t seed; // of the map
    uint64_t index;
    uint64_t rows_per_task;
    const struct table *table;
};

struct run_inline_end {
    enum task_failure failure;
    char message[TASK_MESSAGE + 1]; // of a failure
    struct signature signature;     // the task's
    struct buffer row;              // of a success: packed results (model/table.h)
};

// Loads the plugin, runs its init, the task at its first attempt, and its fini. -1 and *err when it
// does not come to the task. Whatever happens in a foreign program may happen here.
int run_inline(const struct run_inline *s, struct run_inline_end *out, br_error *err);
void run_inline_end_finish(struct run_inline_end *end);

#endif

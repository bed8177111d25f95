// SPDX-License-Identifier: BSD-3-Clause
// Runs one task in the calling process, for debuggers and valgrind. The task sees what it would see
// in a worker, except that it has no time limits, because somebody may be stepping through it.
//
// The calling process is the program batchrun-worker. It reads the task from two files, the request
// and the task's input table, which the program batchrun has made.
#ifndef BR_EXEC_WORKER_RUN_INLINE_H
#define BR_EXEC_WORKER_RUN_INLINE_H

#include "base/buffer.h"
#include "base/error.h"
#include "exec/worker/task.h"
#include "exec/worker/worker_setup.h"
#include "model/job.h"
#include "model/schema.h"
#include "model/table.h"

struct run_inline {
    const char *plugin; // path of its file, which is loaded from there: debuggers read its symbols
    const struct job_settings *config;
    const char *task; // its name in the plugin
    const char *phase;
    uint64_t seed;  // of the map
    uint64_t index; // of the task
    uint64_t rows_per_task;
    const struct table *table;
};

// Appends the request for another process: the task without its table, and its environment.
void run_inline_write(struct buffer *out, const struct run_inline *s, unsigned width,
                      const struct job_env *env, size_t env_count);

// A request that was read. run_inline_request_finish frees its lists; its texts point into what was
// read.
struct run_inline_request {
    struct run_inline run;
    struct worker_setup setup;
    struct table table;
};

// Reads the request, and opens the table's image. Returns 0; -1 and *err if the data are damaged or
// memory ran out. run_inline_request_finish is to be called in both cases.
int run_inline_read(const void *data, size_t size, const void *image, size_t image_size,
                    struct run_inline_request *out, br_error *err);
void run_inline_request_finish(struct run_inline_request *r);

struct run_inline_end {
    enum task_failure failure;
    char message[TASK_MESSAGE + 1]; // of a failure
    struct signature signature;     // the task's
    struct buffer row;              // of a success: packed results (model/table.h)
};

// Loads the plugin and runs its init, the task at its first attempt, and the plugin's fini. Returns
// 0 and *out, which run_inline_end_finish frees; -1 and *err if the task could not be called. The
// plugin may do anything to the process.
int run_inline(const struct run_inline *s, struct run_inline_end *out, br_error *err);
void run_inline_end_finish(struct run_inline_end *end);

#endif

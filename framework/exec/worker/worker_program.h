// SPDX-License-Identifier: BSD-3-Clause
// The program batchrun-worker, in which plugins are loaded. It links the C library alone, so that a
// plugin's functions are found before those of any other library.
#ifndef BR_EXEC_WORKER_WORKER_PROGRAM_H
#define BR_EXEC_WORKER_WORKER_PROGRAM_H

#include "base/error.h"
#include "exec/process/nursery.h"
#include "model/job.h"

// Returns the path of the program: beside the program that calls this, as in a build tree; else
// where it is installed, relative to the calling program, which may have been moved with it; else
// where it was to be installed. NULL and *err if there is none. The caller frees the path.
char *worker_program_path(br_error *err);

// Returns the calling program's environment, changed as `env` says, ending in NULL. NULL and *err
// if memory ran out. The caller frees the array by worker_program_free_environment.
char **worker_program_environment(const struct job_env *env, size_t count, br_error *err);
void worker_program_free_environment(char **environment);

// Starts the program as a nursery with the job's environment, so that variables that the loader and
// the C library read only when a program starts, such as LD_LIBRARY_PATH, hold for its workers.
// Returns as nursery_start_program.
int worker_program_start(struct nursery *n, const struct job_env *env, size_t count, br_error *err);

#endif

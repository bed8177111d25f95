// SPDX-License-Identifier: BSD-3-Clause
// One task that is to run by itself (exec/worker/run_inline.h): given on the command line, or taken
// from a run or a job. Calls for one task come from one thread.
#ifndef BR_RUN_ONE_TASK_H
#define BR_RUN_ONE_TASK_H

#include "exec/process/nursery.h"
#include "exec/worker/run_inline.h"
#include "run/prepare.h"

struct one_task {
    struct run_inline run; // describes the task to its worker; borrows from the fields below
    const struct job_env *env;
    size_t env_count;
    char *run_directory; // absolute; NULL if the task has no run
    unsigned width;      // processing units that the task may use

    char *path, *phase, *task;
    struct plugin_file file;
    struct plugin_info info;
    struct buffer image;
    struct table table;
    struct prepared prepared;
};

// Makes a task from words: `task` is "plugin.task", and each of `words` is "column=value". Together
// they are one row, which must fit the task's signature. The plugin is searched for as if the job
// file were in the current directory. Starts *nursery, which must be NURSERY_NONE; the caller stops
// it in every case. Returns -1 and *err; BR_ERR_USAGE or BR_ERR_PLUGIN if the words are wrong. *out
// is to be finished in every case.
int one_task_from_words(struct nursery *nursery, const char *task, char *const *words, size_t count,
                        struct one_task *out, br_error *err);

// Makes task `index` of a phase of the run in the directory `run` (NULL: the newest in the current
// directory). Its inputs are made again from the job, and from the rows in the journal if they come
// from another phase. They are the same as in the run as long as the input files are; so are seed
// and environment. *nursery is started as above. Returns -1 and *err. *out is to be finished in
// every case.
int one_task_from_run(struct nursery *nursery, const char *run, const char *phase, uint64_t index,
                      struct one_task *out, br_error *err);

// Makes task `index` of a phase of the job in the file `path`, which need not have run: the inputs
// are read, and the task gets the seed and the environment that it has in a run. Returns -1 and
// *err; BR_ERR_USAGE if the phase reads from another one or from standard input. *out is to be
// finished in every case.
int one_task_from_job(struct nursery *nursery, const char *path, const char *phase, uint64_t index,
                      struct one_task *out, br_error *err);

void one_task_finish(struct one_task *s);

// Appends the inputs for a person: "r=-1 unit=cm".
void one_task_describe(const struct one_task *s, struct buffer *out);

#endif

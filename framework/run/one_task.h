// SPDX-License-Identifier: BSD-3-Clause
// One task, found to be run alone (exec/worker/solo.h): given in words, or taken from a run.
#ifndef BR_RUN_ONE_TASK_H
#define BR_RUN_ONE_TASK_H

#include "exec/process/nursery.h"
#include "exec/worker/solo.h"
#include "run/prepare.h"

struct one_task {
    struct solo solo; // what to run; borrows from the rest
    const struct job_env *env;
    size_t env_count;
    unsigned width; // of a worker: processing units that the task may count on

    char *path, *phase, *task;
    struct plugin_file file;
    struct plugin_info info;
    struct buffer image;
    struct table table;
    struct prepared prepared;
};

// `task` is "plugin.task", each word "column=value": together one row, which must fit the task's
// signature. The plugin is looked for as if the job file lay in the current directory. `nursery`
// must be started and have no children. Mistakes are BR_ERR_USAGE or BR_ERR_PLUGIN. *out is to be
// finished in every case.
int one_task_from_words(struct nursery *nursery, const char *task, char *const *words, size_t count,
                        struct one_task *out, br_error *err);

// Task `index` of the phase, of the run in the directory `run` (NULL: the newest in the current
// directory): its inputs are made again from the job and from what the journal says of the phases
// that it reads from, and are the same as long as input files are. So are seed and environment.
int one_task_from_run(struct nursery *nursery, const char *run, const char *phase, uint64_t index,
                      struct one_task *out, br_error *err);

void one_task_finish(struct one_task *s);

// Appends "r=-1 unit=cm": the inputs, for a person.
void one_task_describe(const struct one_task *s, struct buffer *out);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Everything that can be found out about a job before one of its workers starts: its plugins and
// their tasks, its inputs, the machine and the plan. `check` stops here, `plan` prints it, and
// `run` starts from it.
#ifndef BR_RUN_PREPARE_H
#define BR_RUN_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "exec/plugin/plugin.h"
#include "exec/process/nursery.h"
#include "jobfile/diagnostic.h"
#include "model/job.h"
#include "model/plan.h"
#include "model/schema.h"
#include "results/results.h"

struct prepared_phase {
    const struct plugin_entry *entry;        // of its task; belongs to the plugin's info
    unsigned plugin;                         // index in `plugins`
    const struct plugin_entry *reduce_entry; // of the reduction's task; NULL without such a task
    unsigned reduce_plugin;
    struct schema reduced;       // columns of a built-in reduction's row
    bool loaded;                 // false if inputs come from a phase, or from standard input unread
    struct buffer image;         // its input table, if loaded
    uint64_t rows;               // of that table
    struct result_layout layout; // columns of its result file, and of phases that read from it
};

struct prepared {
    struct job *job;
    struct plugin_file *plugin_files; // job->plugin_count of them
    struct plugin_info *plugins;
    struct prepared_phase *phases; // job->phase_count of them
    struct machine machine;
    struct plan plan;
};

struct prepare_options {
    bool check_only; // standard input is left unread
};

// Starts *nursery, which must be NURSERY_NONE, with the job's environment; the caller stops it in
// every case. Inspects plugins, machine and inputs, and collects every error of the job in *d.
// Takes over the job in every case: prepared_finish frees it.
// Returns -1 and *err if the system fails, or if there are errors in the job; *err then has their
// number, and the kind of the first.
int prepare(struct job *job, struct nursery *nursery, const struct prepare_options *options,
            struct diagnostics *d, struct prepared *out, br_error *err);

void prepared_finish(struct prepared *p); // takes a zeroed one

// Moves the image of a loaded phase's input table out of *p, where it is not needed any more. The
// phase is not loaded then; the caller finishes the buffer.
struct buffer prepared_take_image(struct prepared *p, size_t phase);

// Returns the number of tasks of a phase with so many rows.
uint64_t prepared_tasks(const struct prepared *p, size_t phase, uint64_t rows);

// Returns the number that the seeds of a phase's tasks are made from. It depends on the names of
// the job and the phase alone.
uint64_t prepared_seed(const struct prepared *p, const char *phase);

// Returns the path of the result file of a phase that has an `output`, which is relative to the job
// file; "-" is standard output. The caller frees it. NULL and *err if memory runs out.
char *prepared_output(const struct prepared *p, size_t phase, br_error *err);

#endif

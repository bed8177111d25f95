// SPDX-License-Identifier: BSD-3-Clause
// Everything that can be found out about a job before a worker of it starts: its plugins and their
// tasks, its inputs, the machine and the plan. What `check` stops at, `plan` shows, and `run` goes
// on from.
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
    const struct plugin_entry *entry; // of its task; belongs to the plugin's info
    unsigned plugin;
    const struct plugin_entry *reduce_entry; // of a plugin's reduction, or NULL
    unsigned reduce_plugin;
    struct schema reduced; // of a built-in reduction
    bool loaded;           // false: reads from another phase, or standard input when only checked
    struct buffer image;   // of its input table, when loaded
    uint64_t rows;         // the same
    // What it gives to a phase that reads from it, and to its result file.
    struct result_layout layout;
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

// Looks at all of it and collects every mistake in *d. `nursery` must be started and have no
// children. Takes the job in every case: prepared_finish frees it. -1 and *err on mistakes (which
// it then counts, with the kind of the first) and on failures of the system.
int prepare(struct job *job, struct nursery *nursery, const struct prepare_options *options,
            struct diagnostics *d, struct prepared *out, br_error *err);

void prepared_finish(struct prepared *p);

// Moves the image of a loaded phase's input table out of *p, where it is not needed any more. The
// phase is not loaded then; the caller finishes the buffer.
struct buffer prepared_take_image(struct prepared *p, size_t phase);

// Tasks of a phase with so many rows.
uint64_t prepared_tasks(const struct prepared *p, size_t phase, uint64_t rows);

// What the seeds of a phase's tasks are made of: the same for the same job and phase.
uint64_t prepared_seed(const struct prepared *p, const char *phase);

// Where a phase that names its `output` writes it: relative to the job file, "-" is standard
// output. Malloc'd; NULL and *err when out of memory.
char *prepared_output(const struct prepared *p, size_t phase, br_error *err);

#endif

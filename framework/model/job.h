// SPDX-License-Identifier: BSD-3-Clause
// A job as its file gives it, checked as far as the file alone allows. jobfile/spec.h makes it; it
// is read-only afterwards. Pure.
#ifndef BR_MODEL_JOB_H
#define BR_MODEL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/job_phase.h"
#include "model/job_workers.h"

struct job_plugin {
    char *name;
    char *path; // as written, relative to the job file; NULL = search the plugin path
    struct job_settings config;
    struct mark mark;
};

struct job_env {
    const char *name;  // both belong to the job
    const char *value; // NULL unsets the variable
};

#define JOB_UNLIMITED UINT64_MAX

struct job_limits {  // of each worker; JOB_UNLIMITED where the file gives none
    uint64_t memory; // bytes
    uint64_t cpu_time_ns;
    uint64_t open_files;
    uint64_t core_size; // bytes
    uint64_t printed;   // bytes on each stream
};

struct job {
    char *file;      // as the user named it, for messages
    char *directory; // paths in the file are relative to it: "." or a path without a final slash
    char *text;      // the file's content, for messages that show a line
    size_t text_length;
    char *name;
    struct job_workers workers;
    struct job_plugin *plugins;
    size_t plugin_count;
    struct job_env *env;
    size_t env_count;
    struct job_limits limits;
    struct job_phase *phases;
    size_t phase_count;
};

// Frees the job, which may be NULL or half built. Keeps errno.
void job_destroy(struct job *job);

// Sets before[0..phase_count) to whether that phase must have ended before phase `p` starts: its
// needs, the phase whose results it reads, and every sync phase before it; for a sync phase all
// before it.
void job_phases_before(const struct job *job, size_t p, bool *before);

// Splits "plugin.task" at its first dot. Returns the plugin's index in job.plugins, and the rest in
// *task; -1 if no plugin has that name.
int job_find_task(const struct job *job, const char *plugin_task, const char **task);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A run's directory: NAME.run, mode 0700, beside the job file or in the directory of --dir. It has
// the job as it was run, the journal, results/ and logs/. Files in it are reached by its
// descriptor, and symbolic links are not followed.
//
// Every error names the path and the cause. Its kind is BR_ERR_USAGE if a person can choose another
// place, BR_ERR_INTERRUPTED for a full disk or quota, else BR_ERR_SYSTEM.
#ifndef BR_JOURNAL_RUNDIR_H
#define BR_JOURNAL_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct rundir {
    char *path;         // as messages show it: "jobs/circles.run"
    char *logs_path;    // "jobs/circles.run/logs"
    char *results_path; // "jobs/circles.run/results"
    char *set_aside;    // where `fresh` moved the run that existed, or NULL
    bool has_journal;   // a run exists and is resumed
    int fd;             // descriptors: of the directory, its lock, logs/ and results/
    int lock;
    int logs;
    int results;
};

#define RUNDIR_NONE ((struct rundir){.fd = -1, .lock = -1, .logs = -1, .results = -1})

struct rundir_options {
    const char *name;      // of the job
    const char *job_file;  // path of the job file, as the user gave it
    const char *directory; // of --dir; NULL = beside the job file
    const void *job;       // content of the job file when it was read
    size_t job_size;       // in bytes
    bool fresh;            // set a run that exists aside, as NAME.run.1, NAME.run.2, ...
    bool resume;           // resume a run that exists; create one if none does
    bool is_try;           // NAME.try.run, which replaces an earlier try of that name
};

// Creates the directory with job.yaml, logs/ and results/, and takes its lock (journal/runlock.h).
// If it exists, it is refused, or set aside (`fresh`), or opened (`resume`); in the last case
// anything that a killed run had not created yet is created. A run that a living process writes is
// refused in each case. Returns -1 and *err on failure; nothing is left behind, but a run that was
// set aside stays there.
int rundir_create(struct rundir *out, const struct rundir_options *options, br_error *err);

// Opens the run in the directory `path`, for reading and for rundir_write. NULL: the newest run in
// the current directory, by the last change of its journal. Only `path`, `fd` and `logs_path` are
// set. Returns -1 and *err on failure, with BR_ERR_USAGE if there is no run.
int rundir_open(struct rundir *out, const char *path, br_error *err);

// Fills *err with "cannot WHAT PATH" and the description of errno, and with the kind that this
// header's first lines promise. ELOOP counts as a symbolic link that O_NOFOLLOW refused. Keeps
// errno. Returns -1.
int rundir_fail(br_error *err, const char *what, const char *path);

// Sets the kind of an error that errno `number` has caused.
void rundir_set_kind(br_error *err, int number);

// Frees and closes; the directory stays. Accepts a zeroed struct.
void rundir_finish(struct rundir *d);

// Opens logs/worker-N.out (stream 1) or .err (stream 2) for appending, mode 0600. A file that
// exists is opened again: a worker that replaces another continues it. Returns a close-on-exec
// descriptor, or -1 and *err.
int rundir_open_log(const struct rundir *d, unsigned worker, unsigned stream, br_error *err);

// Replaces the file `name` or leaves it as it was: a temporary file is written and renamed. It is
// not synced, because it can be made again from the journal. Returns -1 and *err on failure.
int rundir_write(const struct rundir *d, const char *name, const void *data, size_t size,
                 br_error *err);

#endif

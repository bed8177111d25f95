// SPDX-License-Identifier: BSD-3-Clause
// A run's directory: NAME.run, mode 0700, beside the job file or where --dir says, with the job as
// it was run, the journal, results/ and logs/. All that is done in it goes through its descriptor
// and follows no symbolic link.
//
// Every error names the path and the cause. Its kind: BR_ERR_USAGE where a person can choose
// another place, BR_ERR_INTERRUPTED for a full disk or quota, else BR_ERR_SYSTEM.
#ifndef BR_JOURNAL_RUNDIR_H
#define BR_JOURNAL_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct rundir {
    char *path;      // as messages show it: "jobs/circles.run"
    char *logs_path; // "jobs/circles.run/logs"
    char *results_path;
    char *set_aside;  // where `fresh` put the run that was there, or NULL
    bool has_journal; // a run that is there goes on
    int fd;
    int lock;
    int logs;
    int results;
};

#define RUNDIR_NONE ((struct rundir){.fd = -1, .lock = -1, .logs = -1, .results = -1})

struct rundir_options {
    const char *name;      // the job's
    const char *job_file;  // its path, as the user gave it
    const char *directory; // --dir; NULL = beside the job file
    const void *job;       // what the job file held when it was read
    size_t job_size;
    bool fresh;  // set a run that is there aside, as NAME.run.1, NAME.run.2, ...
    bool resume; // go on with it; without one, make a new one
};

// Makes the directory with job.yaml, logs/ and results/, and takes its lock (journal/runlock.h). A
// run that is there is refused; set aside when `fresh` asks for it; or, with `resume`, opened, and
// what a run that was killed at its very beginning had not made yet is made. One that a living
// process still writes is refused in every case. On failure nothing is left behind, but a run that
// was set aside stays there.
int rundir_create(struct rundir *out, const struct rundir_options *options, br_error *err);

// Opens the run in the directory `path`, to look at it and to write what is made from it with
// rundir_write; NULL: the newest in the current directory, by its journal's last change. Only
// `path` and `fd` are set, and `logs_path`. BR_ERR_USAGE where there is none.
int rundir_open(struct rundir *out, const char *path, br_error *err);

// Frees and closes; the directory stays. For a zeroed struct too.
void rundir_finish(struct rundir *d);

// Opens logs/worker-N.out (stream 1) or .err (stream 2) for appending, mode 0600: a close-on-exec
// descriptor, or -1 and *err. A file that is there is opened again: a replaced worker goes on in
// it.
int rundir_open_log(const struct rundir *d, unsigned worker, unsigned stream, br_error *err);

// Writes the file `name` whole or not at all: to a temporary name, then renamed over what was
// there. Not synced: what is written so can be made again from the journal.
int rundir_write(const struct rundir *d, const char *name, const void *data, size_t size,
                 br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What the commands do with a job, from its file to its exit status.
#ifndef BR_RUN_RUN_H
#define BR_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/process/nursery.h"
#include "jobfile/spec.h"
#include "journal/journal.h"
#include "run/prepare.h"
#include "run/status.h"
#include "views/progress.h"

// Reads and prepares the job at `path`: what every command with a job begins with. Mistakes are
// printed to standard error. RUN_OK with *out to be finished, or the status to end with.
enum run_status run_prepare(const char *path, const struct spec_override *overrides,
                            size_t override_count, struct nursery *nursery, bool check_only,
                            struct prepared *out);

struct run_options {
    const char *directory; // --dir, or NULL
    bool fresh;
    bool resume;
    bool retry_failed;                     // with resume
    const struct spec_override *overrides; // that the job was prepared with
    size_t override_count;
    bool journal; // false: nothing is written down
    enum journal_durability durability;
    const char *command; // that began this process
    const char *go_on;   // the command that goes on with the run, when it is interrupted
    bool json;           // the summary goes to standard output, as JSON
    bool quiet;          // only what went wrong is told
    int64_t grace_ns;    // that tasks in hand have when the run is asked to stop
    enum progress_mode progress;
    const char *version;
};

// Runs a prepared job to its end; takes over `p` and stops the nursery. Signals: see run/stop.h.
enum run_status run_job(struct prepared *p, struct nursery *nursery,
                        const struct run_options *options);

#endif

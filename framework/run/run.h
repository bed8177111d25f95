// SPDX-License-Identifier: BSD-3-Clause
// A job from its file to its exit status: the two steps that the commands take. Both are called
// from the program's one thread.
#ifndef BR_RUN_RUN_H
#define BR_RUN_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "exec/process/nursery.h"
#include "jobfile/spec.h"
#include "journal/journal.h"
#include "run/prepare.h"
#include "run/selection.h"
#include "run/status.h"
#include "views/progress.h"

// Reads and prepares the job at `path`. `check_only` leaves standard input unread. Starts *nursery,
// which must be NURSERY_NONE; the caller stops it in every case. Errors are written to standard
// error. Returns RUN_OK, and the caller finishes *out; or the status to exit with.
enum run_status run_prepare(const char *path, const struct spec_override *overrides,
                            size_t override_count, struct nursery *nursery, bool check_only,
                            struct prepared *out);

struct run_options {
    const char *directory; // --dir, or NULL
    bool fresh;
    bool resume;
    bool retry_failed;                     // with resume
    unsigned accept;                       // with resume; a set of enum accept_kind (run/accept.h)
    const struct spec_override *overrides; // those that the job was prepared with
    size_t override_count;
    bool journal; // false: no journal is written
    enum journal_durability durability;
    const char *command; // the command line of this process
    const char *go_on;   // the command line that resumes the run if it is interrupted
    bool json;           // the summary goes to standard output, as JSON
    bool quiet;          // only errors and failures are reported
    int64_t grace_ns;    // for running tasks when the run is asked to stop
    enum progress_mode progress;
    const char *version;
    struct selection_options part; // which tasks are run; all zero = all
};

// Runs a prepared job to its end. Finishes *p and stops the nursery in every case. Errors are
// written to standard error; signals are handled as run/stop.h says. Returns the status to exit
// with.
enum run_status run_job(struct prepared *p, struct nursery *nursery,
                        const struct run_options *options);

#endif

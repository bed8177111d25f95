// SPDX-License-Identifier: BSD-3-Clause
// Everything that a run writes to standard error: errors, progress, failures, the summary. No other
// file of framework/ writes there in the coordinator. Failures to write are ignored, because nobody
// is left to report them to. During a run a thread writes, so that a reader who waits does not stop
// the run.
//
// All calls come from the thread of the run, except terminal_interrupted.
#ifndef BR_RUN_TERMINAL_H
#define BR_RUN_TERMINAL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "exec/executor.h"
#include "journal/rundir.h"
#include "run/resume.h"
#include "run/status.h"
#include "views/failures.h"
#include "views/progress.h"
#include "views/summary.h"

// ---- Before and beside a run

struct terminal;

// Writes text that may have names of files in it: control characters are escaped. Without memory
// for that the text is written as it is. `t` is NULL outside of a run.
void terminal_write(const struct terminal *t, const char *text);

// Writes "batchrun: " and the error as a line. If memory ran out, and a limit (ulimit) of this
// process's memory is set, the line names that limit. `t` is NULL outside of a run.
void terminal_error(const struct terminal *t, const br_error *err);

// Writes that a signal ended the program before a run began. Async-signal-safe.
void terminal_interrupted(int signal);

// ---- During a run

struct terminal {
    struct writer *writer;    // of standard error if its reader may be slow; else NULL
    struct progress progress; // an event sink; the run calls its progress_tick
    struct failures *failures;
    const struct summary *summary;
    const struct rundir *dir;
    bool quiet; // only what went wrong is reported
};

// Borrows all three until terminal_finish.
void terminal_init(struct terminal *t, struct failures *failures, const struct summary *summary,
                   const struct rundir *dir, bool quiet);
void terminal_finish(struct terminal *t); // erases the progress and frees it
void terminal_close(struct terminal *t);  // the same; what the writer has not written is lost

// Prints whole lines, above the progress if there is one.
void terminal_print(struct terminal *t, const struct buffer *lines);

// Reports what the run begins with: the run that was set aside, or the one that is resumed.
void terminal_begin(struct terminal *t, const struct resume *resume);

// Reports a worker that no signal ends; `dead` is its report of the type DEAD.
void terminal_lost_worker(struct terminal *t, const struct exec_report *dead);

// Reports a worker that did not end normally when it had nothing left to run; `dead` is its report
// of the type DEAD.
void terminal_bad_end(struct terminal *t, const struct exec_report *dead);

// Prints the failures that have not been printed yet. To be called after all reports of a dispatch:
// output of a task may be reported after its end.
void terminal_failures(struct terminal *t);

// ---- At its end, after terminal_finish

// Writes the failures that are left and the summary. Returns false if memory runs out; nothing has
// been written then.
bool terminal_result(struct terminal *t, enum run_status status);

// Writes the command that resumes the run.
void terminal_resume_command(const struct terminal *t, const char *command);

#endif

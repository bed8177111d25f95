// SPDX-License-Identifier: BSD-3-Clause
// The text of `batchrun show` about a run, finished or not: failures, the slowest tasks, how far
// the run is, and what it waits for. All of it follows from the run's journal, which each call
// reads.
#ifndef BR_VIEWS_SHOW_H
#define BR_VIEWS_SHOW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"
#include "views/task_name.h"

// Prints a piece of text. Returns 0, or -1 and *err, which ends the listing.
typedef int show_print(const struct buffer *piece, br_error *err);

// Append the text about a run, or about one of its tasks. Return -1 and *err if the run cannot be
// read, memory runs out, or the run has no such task (BR_ERR_USAGE).
int show_run(const struct rundir *run, struct buffer *out, br_error *err);
int show_task(const struct rundir *run, const struct task_name *task, struct buffer *out,
              br_error *err);

// Prints a line for each task that failed, in the order of their ends, and then their number.
// Returns -1 and *err as above, or if `print` fails.
int show_failed(const struct rundir *run, show_print *print, br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Shows a run for `batchrun show`, while it goes on or afterwards: what failed, what was slowest,
// how far it is, and what it waits for. Everything is taken from its journal.
#ifndef BR_VIEWS_SHOW_H
#define BR_VIEWS_SHOW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"
#include "views/task_name.h"

// Writes a piece of text. -1 and *err ends the listing.
typedef int show_print(const struct buffer *piece, br_error *err);

// Append the whole run, or one task, to *out. Return -1 and *err if the run cannot be read or when
// out of memory; BR_ERR_USAGE if it has no such task.
int show_run(const struct rundir *run, struct buffer *out, br_error *err);
int show_task(const struct rundir *run, const struct task_name *task, struct buffer *out,
              br_error *err);

// Prints a line for each task that failed, in the order of their ends, and then their number.
// Returns -1 and *err as the functions above, or if `print` does.
int show_failed(const struct rundir *run, show_print *print, br_error *err);

#endif

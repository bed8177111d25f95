// SPDX-License-Identifier: BSD-3-Clause
// A run as `batchrun show` tells it, while it goes on or afterwards: what failed, what was slowest,
// how far it is, and what it waits for. All of it follows from its journal.
#ifndef BR_VIEWS_SHOW_H
#define BR_VIEWS_SHOW_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"
#include "views/task_name.h"

typedef int show_print(const struct buffer *piece, br_error *err);

// Each appends to *out. -1 and *err when the run cannot be read or out of memory; with
// BR_ERR_USAGE when it has no such task.
int show_run(const struct rundir *run, struct buffer *out, br_error *err);
int show_task(const struct rundir *run, const struct task_name *task, struct buffer *out,
              br_error *err);

// Gives out a line for each task that failed, in the order of their ends, and then their number.
int show_failed(const struct rundir *run, show_print *print, br_error *err);

#endif

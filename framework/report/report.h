// SPDX-License-Identifier: BSD-3-Clause
// Writes a run as one HTML page that needs nothing else: no script, no font, no other file.
#ifndef BR_REPORT_REPORT_H
#define BR_REPORT_REPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

// Appends the page of the run in `d`, as far as its journal goes. The size of the page (below 2 MB)
// and the memory that is used do not grow with the number of tasks. Returns -1 and *err if the run
// cannot be read or when out of memory.
int report_write(const struct rundir *d, struct buffer *out, br_error *err);

#endif

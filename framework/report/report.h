// SPDX-License-Identifier: BSD-3-Clause
// A run as one HTML page that needs nothing else: no script, no font, no other file.
#ifndef BR_REPORT_REPORT_H
#define BR_REPORT_REPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

// Appends the page for the run in `d`, as far as its journal goes. Its size and the memory used do
// not grow with the number of tasks; the page stays below 2 MB.
int report_write(const struct rundir *d, struct buffer *out, br_error *err);

#endif

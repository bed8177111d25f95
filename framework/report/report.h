// SPDX-License-Identifier: BSD-3-Clause
// A run as one HTML page that needs no script, no font and no other file.
#ifndef BR_REPORT_REPORT_H
#define BR_REPORT_REPORT_H

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

// Appends the page about the run in `d`, as far as its journal goes. The size of the page, at most
// 2 MB, and the memory used do not grow with the number of tasks. Returns -1 and *err if the
// journal cannot be read or memory runs out.
int report_write(const struct rundir *d, struct buffer *out, br_error *err);

#endif

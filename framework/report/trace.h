// SPDX-License-Identifier: BSD-3-Clause
// A run as Chrome trace JSON, for Perfetto and chrome://tracing: a lane for each worker, a slice
// for each attempt, an instant for each death of a worker, counters of running and failed tasks.
#ifndef BR_REPORT_TRACE_H
#define BR_REPORT_TRACE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

enum {
    TRACE_SLICES = 200000 // default limit; viewers can handle such a trace, of about 30 MB
};

struct trace_counts {
    uint64_t slices;    // slices written
    uint64_t per_slice; // consecutive successes of a phase in a worker that may share a slice
    uint64_t left_out;  // attempts and deaths beyond the limit
};

// Appends the trace of the run in `d`, and sets *counts. If there are more than `max_slices`
// attempts, consecutive successes in a worker share a slice; attempts beyond that are left out, and
// counted in the trace and in *counts. Memory grows with the number of slices, not of tasks.
// Returns -1 and *err if the journal cannot be read or memory runs out.
int trace_write(const struct rundir *d, uint64_t max_slices, struct buffer *out,
                struct trace_counts *counts, br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Writes a run as Chrome trace JSON, for Perfetto and chrome://tracing: a lane for each worker, a
// slice for each attempt, an instant for each death of a worker, counters of running and failed
// tasks.
#ifndef BR_REPORT_TRACE_H
#define BR_REPORT_TRACE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

enum {
    TRACE_SLICES = 200000 // viewers show so many without trouble; they take some 30 MB
};

struct trace_counts {
    uint64_t slices;    // that were written
    uint64_t per_slice; // at most so many consecutive successes share a slice
    uint64_t left_out;  // attempts and deaths beyond the limit
};

// Appends the trace of the run in `d`. If there are more than `max_slices` attempts, consecutive
// successes of one phase in a worker share a slice. Attempts that still do not fit are left out,
// and are counted in the trace and in *counts. Memory grows with the slices, not with the run.
// Returns -1 and *err if the run cannot be read or when out of memory.
int trace_write(const struct rundir *d, uint64_t max_slices, struct buffer *out,
                struct trace_counts *counts, br_error *err);

#endif

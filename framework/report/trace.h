// SPDX-License-Identifier: BSD-3-Clause
// A run as Chrome trace JSON, for Perfetto and chrome://tracing: a lane for each worker, a slice
// for each attempt, instants where workers died, counters of running and failed tasks.
#ifndef BR_REPORT_TRACE_H
#define BR_REPORT_TRACE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/rundir.h"

enum {
    TRACE_SLICES = 200000 // as many as viewers take with ease; some 30 MB
};

struct trace_counts {
    uint64_t slices;    // written
    uint64_t per_slice; // successes of one phase that follow each other in a worker and share one
    uint64_t left_out;  // attempts and deaths beyond the limit
};

// Appends the trace of the run in `d`. Where there are more than `max_slices` attempts, successes
// that follow each other in a worker share a slice; what is still too much is left out, and counted
// in the trace and in *counts. Memory grows with the slices, not with the run.
int trace_write(const struct rundir *d, uint64_t max_slices, struct buffer *out,
                struct trace_counts *counts, br_error *err);

#endif

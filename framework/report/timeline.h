// SPDX-License-Identifier: BSD-3-Clause
// A run in a fixed number of bins of time and rows of workers, whatever its length and width. A
// time that does not fit doubles the length of all bins, and a worker that does not fit doubles the
// number of workers in all rows. So one pass is enough, and a run can be drawn before its end. All
// calls for one timeline come from one thread.
#ifndef BR_REPORT_TIMELINE_H
#define BR_REPORT_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/attempts.h"

enum {
    TIMELINE_BINS = 960,
    TIMELINE_ROWS = 64
};

struct timeline_cell {
    int64_t busy_ns;
    int64_t lead_ns; // time of `phase` minus that of the other phases
    uint32_t phase;  // the phase with more than half of the time, if there is one
    uint32_t retries;
    uint32_t deaths; // deaths of workers
};

struct timeline_bin {
    int64_t busy_ns; // of all workers
    uint64_t ended;  // tasks that ended
    uint64_t failed; // tasks among these that failed
};

struct timeline {
    struct timeline_cell *cells; // TIMELINE_ROWS rows of TIMELINE_BINS
    struct timeline_bin bins[TIMELINE_BINS];
    int64_t bin_ns; // length of a bin
    uint32_t workers_per_row;
    size_t bin_count; // bins in use
    size_t row_count;
};

// Makes a timeline without attempts. Returns 0; -1 and *err if there is no memory. The other calls
// need no memory.
int timeline_init(struct timeline *t, br_error *err);
void timeline_finish(struct timeline *t);

// Extends the run to at least this time.
void timeline_extend(struct timeline *t, int64_t time_ns);

// Add an attempt, a worker, and the death of a worker.
void timeline_add(struct timeline *t, const struct attempt *a);
void timeline_add_worker(struct timeline *t, uint32_t worker);
void timeline_add_death(struct timeline *t, uint32_t worker, int64_t time_ns);

// Returns the cell in a row and a bin in use; it belongs to the timeline.
const struct timeline_cell *timeline_cell(const struct timeline *t, size_t row, size_t bin);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A run in a fixed number of bins of time and rows of workers, for any length and number of
// workers. If a time does not fit, every bin becomes twice as long; if a worker does not fit, every
// row holds twice as many. So one pass is enough, and a run that goes on can be drawn at any time.
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
    int64_t lead_ns; // by how much `phase` leads the others
    uint32_t phase;  // the phase with more than half of the busy time, if there is one
    uint32_t retries;
    uint32_t deaths; // of workers
};

struct timeline_bin {
    int64_t busy_ns; // sum of all workers
    uint64_t ended;  // tasks that ended in it
    uint64_t failed; // tasks that failed in it
};

struct timeline {
    struct timeline_cell *cells; // TIMELINE_ROWS rows of TIMELINE_BINS
    struct timeline_bin bins[TIMELINE_BINS];
    int64_t bin_ns; // length of a bin
    uint32_t workers_per_row;
    size_t bin_count; // bins that are used
    size_t row_count; // rows that are used
};

// Returns -1 and *err when out of memory.
int timeline_init(struct timeline *t, br_error *err);
void timeline_finish(struct timeline *t);

// Makes the run at least `time_ns` long.
void timeline_extend(struct timeline *t, int64_t time_ns);

void timeline_add(struct timeline *t, const struct attempt *a);
void timeline_add_worker(struct timeline *t, uint32_t worker);
void timeline_add_death(struct timeline *t, uint32_t worker, int64_t time_ns);

// Returns a cell, borrowed from `t`.
const struct timeline_cell *timeline_cell(const struct timeline *t, size_t row, size_t bin);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A run in a fixed number of bins of time and rows of workers, however long and wide it was. Time
// that does not fit makes every bin twice as long, and a worker that does not fit makes every row
// hold twice as many: so one pass is enough, and a run that goes on can be looked at any time.
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
    int64_t lead_ns; // by how much the phase below leads the others
    uint32_t phase;  // that most of the time went to, where one has more than half
    uint32_t retries;
    uint32_t deaths;
};

struct timeline_bin {
    int64_t busy_ns; // of all workers
    uint64_t ended;  // tasks
    uint64_t failed; // of these
};

struct timeline {
    struct timeline_cell *cells; // TIMELINE_ROWS rows of TIMELINE_BINS
    struct timeline_bin bins[TIMELINE_BINS];
    int64_t bin_ns; // length of a bin
    uint32_t workers_per_row;
    size_t bin_count; // used
    size_t row_count;
};

// -1 and *err when out of memory.
int timeline_init(struct timeline *t, br_error *err);
void timeline_finish(struct timeline *t);

// Makes the run at least so long.
void timeline_extend(struct timeline *t, int64_t time_ns);

void timeline_add(struct timeline *t, const struct attempt *a);
void timeline_add_worker(struct timeline *t, uint32_t worker);
void timeline_add_death(struct timeline *t, uint32_t worker, int64_t time_ns);

const struct timeline_cell *timeline_cell(const struct timeline *t, size_t row, size_t bin);

#endif

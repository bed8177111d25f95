// SPDX-License-Identifier: BSD-3-Clause
// How long attempts took: counts in bins of a quarter of an octave, from a nanosecond to centuries.
// A bin holds whole steps of a journal's durations, so that reading one back makes no pattern.
#ifndef BR_REPORT_HISTOGRAM_H
#define BR_REPORT_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HISTOGRAM_BINS = 256
};

struct histogram {
    uint64_t ok[HISTOGRAM_BINS];
    uint64_t others[HISTOGRAM_BINS]; // that did not succeed
    uint64_t count;                  // of both
    int64_t longest_ns;
};

void histogram_add(struct histogram *h, int64_t ns, bool ok);

// Where a duration of at least 1 ns stands on a scale that has bin i between i and i + 1.
double histogram_place(double ns);

// The middle of the bin below which, and in which, at least the part `q` of all lie; 0 when there
// are none.
int64_t histogram_quantile(const struct histogram *h, double q);

#endif

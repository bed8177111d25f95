// SPDX-License-Identifier: BSD-3-Clause
// A histogram of durations, in bins of a quarter of an octave from a nanosecond to centuries. Each
// bin holds whole steps of the rounded durations in a journal, so that rounding makes no pattern.
// An all-zero histogram is empty. All calls for one histogram come from one thread.
#ifndef BR_REPORT_HISTOGRAM_H
#define BR_REPORT_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

enum {
    HISTOGRAM_BINS = 256
};

struct histogram {
    uint64_t ok[HISTOGRAM_BINS];
    uint64_t others[HISTOGRAM_BINS]; // attempts that did not succeed
    uint64_t count;                  // all attempts
    int64_t longest_ns;
};

// Counts an attempt of `ns` nanoseconds.
void histogram_add(struct histogram *h, int64_t ns, bool ok);

// Returns the position of a duration of at least 1 ns on a scale on which bin i is from i to i + 1.
double histogram_place(double ns);

// Returns the middle of the first bin up to which (inclusive) at least the fraction `q` of all
// durations lie, in ns; 0 for an empty histogram.
int64_t histogram_quantile(const struct histogram *h, double q);

#endif

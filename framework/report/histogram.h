// SPDX-License-Identifier: BSD-3-Clause
// A histogram of the durations of attempts, in bins of a quarter of an octave, from a nanosecond to
// centuries. A bin holds whole steps of a journal's durations, so that rounding makes no pattern.
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
    uint64_t count;                  // of all attempts
    int64_t longest_ns;
};

void histogram_add(struct histogram *h, int64_t ns, bool ok);

// Returns the place of a duration of at least 1 ns on a scale on which bin i is between i and i
// + 1.
double histogram_place(double ns);

// Returns, in ns, the middle of the first bin up to which at least the part `q` of all attempts
// are; 0 if there are no attempts.
int64_t histogram_quantile(const struct histogram *h, double q);

#endif

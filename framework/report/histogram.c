// SPDX-License-Identifier: BSD-3-Clause
// Bins of durations: positions on a logarithmic scale, and quantiles.
#include "report/histogram.h"

#include <math.h>

enum {
    PARTS = 4 // bins of equal width in an octave
};

static unsigned bin_of(int64_t ns)
{
    if (ns < 1)
        ns = 1;
    unsigned octave = 63 - (unsigned)__builtin_clzll((unsigned long long)ns);
    unsigned part =
        octave >= 2 ? (unsigned)(ns >> (octave - 2)) & 3 : (unsigned)(ns << (2 - octave)) & 3;
    return octave * PARTS + part;
}

void histogram_add(struct histogram *h, int64_t ns, bool ok)
{
    (ok ? h->ok : h->others)[bin_of(ns)]++;
    h->count++;
    if (ns > h->longest_ns)
        h->longest_ns = ns;
}

double histogram_place(double ns)
{
    int exponent;
    double part = frexp(ns < 1 ? 1 : ns, &exponent); // 0.5 <= part < 1
    return (double)PARTS * (exponent - 1 + (2 * part - 1));
}

int64_t histogram_quantile(const struct histogram *h, double q)
{
    double wanted = q * (double)h->count;
    uint64_t below = 0;
    for (unsigned i = 0; i < HISTOGRAM_BINS; i++) {
        below += h->ok[i] + h->others[i];
        if (below == 0 || (double)below < wanted)
            continue;
        double octave = ldexp(1, (int)(i / PARTS));
        int64_t middle = (int64_t)(octave * (1 + ((double)(i % PARTS) + 0.5) / (double)PARTS));
        return middle < h->longest_ns ? middle : h->longest_ns;
    }
    return 0;
}

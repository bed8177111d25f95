// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdlib.h>

#include "journal/journal_format.h"
#include "report/histogram.h"
#include "support/suite.h"

static struct histogram h;

static void set_up(void)
{
    h = (struct histogram){0};
}

// Returns the bin of a duration.
static int bin_of(int64_t ns)
{
    struct histogram one = {0};
    histogram_add(&one, ns, true);
    for (int i = 0; i < HISTOGRAM_BINS; i++)
        if (one.ok[i] == 1)
            return i;
    ck_abort_msg("%lld ns fell into no bin", (long long)ns);
    return -1;
}

START_TEST(bins_are_quarters_of_octaves)
{
    ck_assert_int_eq(bin_of(-5), bin_of(1));
    ck_assert_int_eq(bin_of(1023) + 1, bin_of(1024));
    ck_assert_int_eq(bin_of(1024), bin_of(1279));
    ck_assert_int_eq(bin_of(1024) + 1, bin_of(1280));
    ck_assert_int_eq(bin_of(1024) + 4, bin_of(2048));
    ck_assert_int_lt(bin_of(INT64_MAX), HISTOGRAM_BINS);
}
END_TEST

START_TEST(positions_fit_the_bins)
{
    for (int64_t ns = 1; ns < INT64_MAX / 3; ns = ns * 3 / 2 + 1)
        ck_assert_int_eq((int)floor(histogram_place((double)ns)), bin_of(ns));
}
END_TEST

START_TEST(a_journal_s_rounding_leaves_a_duration_in_its_bin)
{
    for (uint32_t ns = 8; ns < UINT32_MAX / 2; ns += 1 + ns / 7)
        ck_assert_int_eq(bin_of(journal_duration_decode(journal_duration_encode(ns))), bin_of(ns));
}
END_TEST

START_TEST(quantiles)
{
    ck_assert_int_eq(histogram_quantile(&h, 0.5), 0);
    for (int i = 0; i < 90; i++)
        histogram_add(&h, 1000, true);
    for (int i = 0; i < 10; i++)
        histogram_add(&h, 1000000, false);
    ck_assert_int_ge(histogram_quantile(&h, 0.5), 896);
    ck_assert_int_lt(histogram_quantile(&h, 0.9), 1024);
    ck_assert_int_gt(histogram_quantile(&h, 0.95), 900000);
    ck_assert_int_le(histogram_quantile(&h, 1), 1000000);
    ck_assert_int_eq(h.longest_ns, 1000000);
    ck_assert_uint_eq(h.count, 100);
}
END_TEST

SUITE(histogram)
{
    FIXTURE(set_up, NULL);
    TEST(bins_are_quarters_of_octaves);
    TEST(positions_fit_the_bins);
    TEST(a_journal_s_rounding_leaves_a_duration_in_its_bin);
    TEST(quantiles);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "report/timeline.h"
#include "support/suite.h"

static struct timeline line;

static void set_up(void)
{
    ck_assert_int_eq(timeline_init(&line, NULL), 0);
}

static void tear_down(void)
{
    timeline_finish(&line);
}

static void add(uint32_t phase, uint32_t worker, int64_t start, int64_t end,
                enum outcome_status status, bool final)
{
    timeline_add(&line, &(struct attempt){.phase = phase,
                                          .worker = worker,
                                          .status = status,
                                          .final = final,
                                          .start_ns = start,
                                          .end_ns = end});
}

// Sums over all cells and bins, which joining must not change.
static void expect_sums(int64_t busy, uint64_t ended, uint64_t failed, uint64_t retries,
                        uint64_t deaths)
{
    int64_t bins = 0, cells = 0;
    for (size_t bin = 0; bin < TIMELINE_BINS; bin++) {
        bins += line.bins[bin].busy_ns;
        ended -= line.bins[bin].ended;
        failed -= line.bins[bin].failed;
        for (size_t row = 0; row < TIMELINE_ROWS; row++) {
            const struct timeline_cell *c = timeline_cell(&line, row, bin);
            cells += c->busy_ns;
            retries -= c->retries;
            deaths -= c->deaths;
        }
    }
    ck_assert_int_eq(bins, busy);
    ck_assert_int_eq(cells, busy);
    ck_assert_uint_eq(ended, 0);
    ck_assert_uint_eq(failed, 0);
    ck_assert_uint_eq(retries, 0);
    ck_assert_uint_eq(deaths, 0);
}

START_TEST(an_attempt_fills_the_bins_that_it_spans)
{
    int64_t bin = line.bin_ns;
    add(1, 2, bin / 2, 3 * bin + bin / 4, OUTCOME_OK, true);
    ck_assert_uint_eq(line.row_count, 3);
    ck_assert_uint_eq(line.bin_count, 4);
    ck_assert_int_eq(timeline_cell(&line, 2, 0)->busy_ns, bin / 2);
    ck_assert_int_eq(timeline_cell(&line, 2, 1)->busy_ns, bin);
    ck_assert_int_eq(timeline_cell(&line, 2, 3)->busy_ns, bin / 4);
    ck_assert_uint_eq(timeline_cell(&line, 2, 1)->phase, 1);
    ck_assert_uint_eq(line.bins[3].ended, 1);
    ck_assert_uint_eq(line.bins[3].failed, 0);
}
END_TEST

START_TEST(longer_and_wider_runs_lose_nothing)
{
    int64_t busy = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        int64_t start = (int64_t)i * i * 100000;
        add(i % 3, i, start, start + i, i % 5 ? OUTCOME_OK : OUTCOME_ERROR, i % 7 != 0);
        busy += i;
    }
    timeline_add_death(&line, 999, 5);
    uint64_t finals = 0, failed = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        finals += i % 7 != 0;
        failed += i % 7 != 0 && i % 5 == 0;
    }
    expect_sums(busy, finals, failed, 1000 - finals, 1);
    ck_assert_uint_eq(line.workers_per_row, 16);
    ck_assert_uint_eq(line.row_count, 63);
    ck_assert_uint_gt(line.bin_count, TIMELINE_BINS / 2);
    ck_assert_int_ge(line.bin_ns * TIMELINE_BINS, INT64_C(999) * 999 * 100000);
}
END_TEST

START_TEST(the_phase_with_most_of_the_time_comes_out)
{
    int64_t bin = line.bin_ns;
    add(1, 0, 0, bin / 4, OUTCOME_OK, true);
    add(2, 0, bin / 4, bin, OUTCOME_OK, true);
    ck_assert_uint_eq(timeline_cell(&line, 0, 0)->phase, 2);
    add(3, 0, bin, 2 * bin, OUTCOME_OK, true);
    timeline_extend(&line, bin * TIMELINE_BINS);
    ck_assert_int_eq(line.bin_ns, 2 * bin);
    ck_assert_uint_eq(timeline_cell(&line, 0, 0)->phase, 3);
    ck_assert_int_eq(timeline_cell(&line, 0, 0)->busy_ns, 2 * bin);
}
END_TEST

SUITE(timeline)
{
    FIXTURE(set_up, tear_down);
    TEST(an_attempt_fills_the_bins_that_it_spans);
    TEST(longer_and_wider_runs_lose_nothing);
    TEST(the_phase_with_most_of_the_time_comes_out);
}

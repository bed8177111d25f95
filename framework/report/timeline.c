// SPDX-License-Identifier: BSD-3-Clause
#include "report/timeline.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BIN_NS = 1024
};

int timeline_init(struct timeline *t, br_error *err)
{
    *t = (struct timeline){.bin_ns = FIRST_BIN_NS, .workers_per_row = 1};
    t->cells = calloc((size_t)TIMELINE_ROWS * TIMELINE_BINS, sizeof *t->cells);
    return t->cells ? 0 : br_error_nomem(err);
}

void timeline_finish(struct timeline *t)
{
    free(t->cells);
    t->cells = NULL;
}

static struct timeline_cell *cell_at(const struct timeline *t, size_t row, size_t bin)
{
    return &t->cells[row * TIMELINE_BINS + bin];
}

const struct timeline_cell *timeline_cell(const struct timeline *t, size_t row, size_t bin)
{
    return cell_at(t, row, bin);
}

// ---- Making room

// Gives time in a cell to a phase. This is a majority vote (Boyer and Moore): without a count for
// each phase, it finds the one that has more than half of the time.
static void vote(struct timeline_cell *c, uint32_t phase, int64_t ns)
{
    if (c->phase == phase || c->lead_ns == 0) {
        c->phase = phase;
        c->lead_ns += ns;
    } else if (ns > c->lead_ns) {
        c->phase = phase;
        c->lead_ns = ns - c->lead_ns;
    } else
        c->lead_ns -= ns;
}

static void join_cells(struct timeline_cell *to, const struct timeline_cell *a,
                       const struct timeline_cell *b)
{
    struct timeline_cell sum = *a;
    vote(&sum, b->phase, b->lead_ns);
    sum.busy_ns += b->busy_ns;
    sum.retries += b->retries;
    sum.deaths += b->deaths;
    *to = sum;
}

static void double_bins(struct timeline *t)
{
    for (size_t row = 0; row < TIMELINE_ROWS; row++) {
        struct timeline_cell *cells = cell_at(t, row, 0);
        for (size_t i = 0; i < TIMELINE_BINS / 2; i++)
            join_cells(&cells[i], &cells[2 * i], &cells[2 * i + 1]);
        memset(cells + TIMELINE_BINS / 2, 0, TIMELINE_BINS / 2 * sizeof *cells);
    }
    for (size_t i = 0; i < TIMELINE_BINS / 2; i++) {
        const struct timeline_bin *a = &t->bins[2 * i], *b = a + 1;
        t->bins[i] = (struct timeline_bin){.busy_ns = a->busy_ns + b->busy_ns,
                                           .ended = a->ended + b->ended,
                                           .failed = a->failed + b->failed};
    }
    memset(t->bins + TIMELINE_BINS / 2, 0, TIMELINE_BINS / 2 * sizeof *t->bins);
    t->bin_ns *= 2;
    t->bin_count = (t->bin_count + 1) / 2;
}

static void double_rows(struct timeline *t)
{
    for (size_t row = 0; row < TIMELINE_ROWS / 2; row++)
        for (size_t bin = 0; bin < TIMELINE_BINS; bin++)
            join_cells(cell_at(t, row, bin), cell_at(t, 2 * row, bin),
                       cell_at(t, 2 * row + 1, bin));
    memset(cell_at(t, TIMELINE_ROWS / 2, 0), 0,
           (size_t)TIMELINE_ROWS / 2 * TIMELINE_BINS * sizeof *t->cells);
    t->workers_per_row *= 2;
    t->row_count = (t->row_count + 1) / 2;
}

static size_t bin_of(struct timeline *t, int64_t time_ns)
{
    if (time_ns < 0)
        time_ns = 0;
    while (time_ns / t->bin_ns >= TIMELINE_BINS)
        double_bins(t);
    size_t bin = (size_t)(time_ns / t->bin_ns);
    if (bin >= t->bin_count)
        t->bin_count = bin + 1;
    return bin;
}

static size_t row_of(struct timeline *t, uint32_t worker)
{
    while (worker / t->workers_per_row >= TIMELINE_ROWS)
        double_rows(t);
    size_t row = worker / t->workers_per_row;
    if (row >= t->row_count)
        t->row_count = row + 1;
    return row;
}

// ---- The fold

void timeline_extend(struct timeline *t, int64_t time_ns)
{
    bin_of(t, time_ns);
}

void timeline_add(struct timeline *t, const struct attempt *a)
{
    size_t row = row_of(t, a->worker);
    size_t last = bin_of(t, a->end_ns);
    size_t first = bin_of(t, a->start_ns);
    int64_t from = a->start_ns;
    for (size_t bin = first; bin <= last; bin++) {
        int64_t to = bin == last ? a->end_ns : (int64_t)(bin + 1) * t->bin_ns;
        struct timeline_cell *c = cell_at(t, row, bin);
        vote(c, a->phase, to - from);
        c->busy_ns += to - from;
        t->bins[bin].busy_ns += to - from;
        from = to;
    }
    if (!a->final) {
        cell_at(t, row, last)->retries++;
        return;
    }
    t->bins[last].ended++;
    t->bins[last].failed += a->status != OUTCOME_OK;
}

void timeline_add_worker(struct timeline *t, uint32_t worker)
{
    row_of(t, worker);
}

void timeline_add_death(struct timeline *t, uint32_t worker, int64_t time_ns)
{
    size_t row = row_of(t, worker);
    cell_at(t, row, bin_of(t, time_ns))->deaths++;
}

// SPDX-License-Identifier: BSD-3-Clause
// The drawings of a report that have a time axis. Their horizontal unit is a bin. The browser
// stretches them to the width of the page, so text, which must keep its shape, is placed outside
// them.
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "report/html.h"
#include "report/report_parts.h"

enum {
    LEVELS = 4,       // steps of a cell's busy fraction
    ROW_UNITS = 10,   // height of a row of workers, in units of the drawing
    LABEL_EVERY = 13, // least distance of labels in px
    RATE_BINS = 8,    // bins of the timeline that make one bin of the throughput
    CHART_HEIGHT = 100,
    LEAST_HEIGHT = 3, // least height of failures, so that few of them can be seen
    MARK_BINS = 4     // width of a mark
};

size_t report_drawn(const struct report *r)
{
    return r->summary.phase_count < REPORT_PHASES ? r->summary.phase_count : REPORT_PHASES;
}

// Returns a time in per cent of the run, as the position of a label.
static double percent_of(const struct report *r, int64_t time_ns)
{
    double end = (double)r->summary.last_ns;
    double part = end > 0 ? 100 * (double)time_ns / end : 0;
    return part < 0 ? 0 : part > 100 ? 100 : part;
}

// Returns the length of the run in bins.
static double width_of(const struct report *r)
{
    double width = (double)r->summary.last_ns / (double)r->timeline.bin_ns;
    return width > 0.001 ? width : 0.001;
}

// ---- Axis

void report_time_axis(const struct report *r, struct buffer *out)
{
    struct html_axis axis = html_axis(r->summary.last_ns);
    buffer_text(out, "<div class=\"axis\">");
    for (int64_t at = 0, i = 0; at <= r->summary.last_ns; at += axis.step_ns, i++) {
        double left = percent_of(r, at);
        buffer_format(out, "<span%s style=\"left:%.2f%%\">",
                      i == 0      ? " class=\"first\""
                      : left > 96 ? " class=\"last\""
                      : i % 2     ? " class=\"odd\""
                                  : "",
                      left);
        html_tick(out, &axis, at);
        buffer_text(out, "</span>");
    }
    buffer_text(out, "</div>\n");
}

void report_time_grid(const struct report *r, struct buffer *out, double width, double height)
{
    struct html_axis axis = html_axis(r->summary.last_ns);
    buffer_text(out, "<path class=\"grid\" d=\"");
    for (int64_t at = 0; at <= r->summary.last_ns; at += axis.step_ns)
        buffer_format(out, "M%.2f 0V%g", percent_of(r, at) * width / 100, height);
    buffer_text(out, "\"/>\n");
}

// ---- Phases, a bar each

static void put_bars(const struct report *r, struct buffer *out)
{
    const struct summary *s = &r->summary;
    for (size_t i = 0; i < report_drawn(r); i++) {
        const struct summary_phase *p = &s->phases[i];
        if (p->ended && p->how == PHASE_SKIPPED)
            continue;
        double left = percent_of(r, p->start_ns);
        double width = percent_of(r, p->start_ns + summary_phase_wall(s, p)) - left;
        buffer_text(out, "<div class=\"row\"><span class=\"label\">");
        html_string(out, p->name);
        buffer_format(out,
                      "</span><div class=\"lane\"><i class=\"bar c%zu\" "
                      "style=\"left:%.2f%%;width:%.2f%%\" title=\"",
                      i % REPORT_COLOURS, left, width);
        html_string(out, p->name);
        buffer_text(out, ": ");
        text_duration(out, summary_phase_wall(s, p));
        buffer_text(out, "\"></i></div></div>\n");
    }
    if (report_drawn(r) < s->phase_count)
        buffer_format(out, "<p class=\"note\">And %zu more phases.</p>\n",
                      s->phase_count - report_drawn(r));
}

// ---- Workers: a row for each, or for several

// Returns how busy a cell is: 0 = idle, LEVELS = all the time.
static int level_of(const struct report *r, const struct timeline_cell *c)
{
    if (c->busy_ns <= 0)
        return 0;
    double whole = (double)r->timeline.bin_ns * r->timeline.workers_per_row;
    int level = 1 + (int)((double)c->busy_ns / whole * (double)LEVELS);
    return level < LEVELS ? level : LEVELS;
}

// Draws all cells of one colour and level as one path. Each cell is a piece of a broad line, and
// neighbours join, which keeps the page small.
static void put_cells(const struct report *r, size_t colour, int level, struct buffer *out)
{
    const struct timeline *t = &r->timeline;
    bool any = false;
    for (size_t row = 0; row < t->row_count; row++) {
        for (size_t bin = 0; bin < t->bin_count; bin++) {
            size_t start = bin;
            const struct timeline_cell *c = timeline_cell(t, row, bin);
            while (bin < t->bin_count && c->phase % REPORT_COLOURS == colour &&
                   level_of(r, c) == level)
                c = timeline_cell(t, row, ++bin);
            if (bin == start)
                continue;
            if (!any)
                buffer_format(out, "<path class=\"s%zu l%d\" d=\"", colour, level);
            any = true;
            buffer_format(out, "M%zu %zuh%zu", start, row * ROW_UNITS + ROW_UNITS / 2, bin - start);
        }
    }
    if (any)
        buffer_text(out, "\"/>\n");
}

// Draws marks; those that would overlap become one.
static void put_marks(const struct report *r, const char *class, bool deaths, struct buffer *out)
{
    const struct timeline *t = &r->timeline;
    buffer_format(out, "<path class=\"%s\" d=\"", class);
    for (size_t row = 0; row < t->row_count; row++)
        for (size_t bin = 0; bin < t->bin_count; bin++) {
            const struct timeline_cell *c = timeline_cell(t, row, bin);
            if (deaths ? c->deaths == 0 : c->retries == 0)
                continue;
            buffer_format(out, "M%zu.5 %zuv%d", bin, row * ROW_UNITS + (deaths ? 0 : 5),
                          deaths ? ROW_UNITS : 5);
            bin += MARK_BINS - 1;
        }
    buffer_text(out, "\"/>\n");
}

static void put_worker_words(const struct report *r, size_t row, bool long_form, struct buffer *out)
{
    const struct summary *s = &r->summary;
    size_t per_row = r->timeline.workers_per_row, first = row * per_row;
    size_t last = first + per_row - 1;
    if (last >= s->worker_count && s->worker_count > first)
        last = s->worker_count - 1;
    if (last > first) {
        buffer_format(out, "%s%zu-%zu", long_form ? "workers " : "", first, last);
        return;
    }
    buffer_format(out, "%s%zu", long_form ? "worker " : "", first);
    if (first >= s->worker_count)
        return;
    buffer_text(out, long_form ? " on cpus " : " <small>cpu ");
    cpuset_text(out, &s->workers[first].cpus);
    if (!long_form) {
        buffer_text(out, "</small>");
        return;
    }
    buffer_text(out, ": ");
    text_count(out, s->workers[first].tasks);
    buffer_text(out, " attempts in ");
    text_duration(out, s->workers[first].busy_ns);
}

static void put_hints(const struct report *r, double width, struct buffer *out)
{
    for (size_t row = 0; row < r->timeline.row_count; row++) {
        buffer_format(out, "<rect class=\"hint\" y=\"%zu\" width=\"%.2f\" height=\"%d\"><title>",
                      row * ROW_UNITS, width, ROW_UNITS);
        put_worker_words(r, row, true, out);
        buffer_text(out, "</title></rect>\n");
    }
}

static void put_worker_labels(const struct report *r, size_t row_px, struct buffer *out)
{
    size_t every = (LABEL_EVERY + row_px - 1) / row_px;
    buffer_text(out, "<div class=\"labels\">");
    for (size_t row = 0; row < r->timeline.row_count; row += every) {
        size_t rows = r->timeline.row_count - row < every ? r->timeline.row_count - row : every;
        buffer_format(out, "<span style=\"height:%zupx\">", rows * row_px);
        put_worker_words(r, row, false, out);
        buffer_text(out, "</span>");
    }
    buffer_text(out, "</div>\n");
}

static void put_workers(const struct report *r, struct buffer *out)
{
    size_t rows = r->timeline.row_count;
    size_t row_px = rows <= 12 ? 20 : rows <= 24 ? 14 : 8;
    double width = width_of(r), height = (double)(rows * ROW_UNITS);
    buffer_text(out, "<div class=\"chart\">\n");
    put_worker_labels(r, row_px, out);
    buffer_format(
        out,
        "<svg role=\"img\" aria-label=\"Timeline of the workers\" viewBox=\"0 0 %.2f %g\" "
        "preserveAspectRatio=\"none\" style=\"height:%zupx\">\n",
        width, height, rows * row_px);
    report_time_grid(r, out, width, height);
    buffer_text(out, "<g class=\"cells\">\n");
    for (size_t colour = 0; colour < REPORT_COLOURS; colour++)
        for (int level = 1; level <= LEVELS; level++)
            put_cells(r, colour, level, out);
    buffer_text(out, "</g>\n");
    put_marks(r, "retry", false, out);
    put_marks(r, "death", true, out);
    put_hints(r, width, out);
    buffer_text(out, "</svg>\n<span></span>");
    report_time_axis(r, out);
    buffer_text(out, "</div>\n");
}

void report_timeline(const struct report *r, struct buffer *out)
{
    if (r->timeline.row_count == 0 || r->summary.last_ns <= 0)
        return;
    buffer_text(out, "<section id=\"timeline\">\n<h2>Timeline</h2>\n"
                     "<p class=\"key\"><span><i class=\"swatch l4 c0\"></i> at work, in the "
                     "phase's colour</span> <span><i class=\"swatch l2 c0\"></i> partly</span> "
                     "<span><i class=\"tick retry\"></i> an attempt to be tried again</span> "
                     "<span><i class=\"tick death\"></i> a worker died</span></p>\n");
    put_bars(r, out);
    buffer_text(out, "<h3>Workers");
    if (r->timeline.workers_per_row > 1)
        buffer_format(out, ", %" PRIu32 " to a row", r->timeline.workers_per_row);
    buffer_text(out, "</h3>\n");
    put_workers(r, out);
    if (!r->summary.ended)
        buffer_text(out,
                    "<p class=\"note\">The run has not ended: tasks that still ran at the end of "
                    "its journal are not drawn.</p>\n");
    buffer_text(out, "</section>\n");
}

// ---- Running tasks and throughput

static void begin_chart(struct buffer *out, const char *name, const char *top, double width)
{
    buffer_format(out,
                  "<div class=\"chart\"><div class=\"scale\"><span>%s</span><span>0</span></div>\n"
                  "<svg role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %.2f %d\" "
                  "preserveAspectRatio=\"none\" style=\"height:110px\">\n",
                  top, name, width, CHART_HEIGHT);
}

static void end_chart(const struct report *r, struct buffer *out)
{
    buffer_text(out, "</svg>\n<span></span>");
    report_time_axis(r, out);
    buffer_text(out, "</div>\n");
}

// Returns the duration of a bin; the last one ended with the run.
static double bin_seconds(const struct report *r, size_t first, size_t count)
{
    int64_t start = (int64_t)first * r->timeline.bin_ns;
    int64_t length = (int64_t)count * r->timeline.bin_ns;
    int64_t left = r->summary.last_ns - start;
    return (double)(left < length && left > 0 ? left : length) / 1e9;
}

static void put_running(const struct report *r, struct buffer *out)
{
    const struct timeline *t = &r->timeline;
    double workers = r->summary.worker_slots ? r->summary.worker_slots : 1, width = width_of(r);
    char top[24];
    snprintf(top, sizeof top, "%" PRIu32, r->summary.worker_slots);
    begin_chart(out, "Running tasks over time", top, width);
    report_time_grid(r, out, width, CHART_HEIGHT);
    buffer_format(out, "<path class=\"area run\" d=\"M0 %d", CHART_HEIGHT);
    for (size_t i = 0; i < t->bin_count; i++) {
        double running = (double)t->bins[i].busy_ns / 1e9 / bin_seconds(r, i, 1);
        double part = running < workers ? running / workers : 1;
        buffer_format(out, "V%.1fH%zu", (double)CHART_HEIGHT * (1 - part), i + 1);
    }
    buffer_format(out, "V%dz\"/>\n", CHART_HEIGHT);
    end_chart(r, out);
}

struct rate {
    uint64_t ended, failed;
    double per_second;
};

static struct rate rate_at(const struct report *r, size_t first)
{
    struct rate rate = {0};
    for (size_t i = first; i < first + RATE_BINS && i < r->timeline.bin_count; i++) {
        rate.ended += r->timeline.bins[i].ended;
        rate.failed += r->timeline.bins[i].failed;
    }
    rate.per_second = (double)rate.ended / bin_seconds(r, first, RATE_BINS);
    return rate;
}

static void put_rate(const struct report *r, size_t first, double most, struct buffer *out)
{
    struct rate rate = rate_at(r, first);
    if (rate.ended == 0)
        return;
    double height = rate.per_second / most * (double)CHART_HEIGHT;
    double failed = height * (double)rate.failed / (double)rate.ended;
    if (failed < (double)LEAST_HEIGHT)
        failed = LEAST_HEIGHT;
    buffer_format(out,
                  "<g><rect class=\"area rate\" x=\"%zu\" y=\"%.1f\" width=\"%d\" "
                  "height=\"%.1f\"/>",
                  first, (double)CHART_HEIGHT - height, RATE_BINS, height);
    if (rate.failed > 0)
        buffer_format(out,
                      "<rect class=\"area hurt\" x=\"%zu\" y=\"%.1f\" width=\"%d\" "
                      "height=\"%.1f\"/>",
                      first, (double)CHART_HEIGHT - failed, RATE_BINS, failed);
    buffer_text(out, "<title>");
    text_count(out, rate.ended);
    buffer_text(out, " tasks ended");
    if (rate.failed > 0) {
        buffer_text(out, ", ");
        text_count(out, rate.failed);
        buffer_text(out, " of them failed");
    }
    buffer_text(out, " (");
    html_short(out, rate.per_second);
    buffer_text(out, "/s)</title></g>\n");
}

static void put_throughput(const struct report *r, struct buffer *out)
{
    double most = 0, width = width_of(r);
    for (size_t i = 0; i < r->timeline.bin_count; i += RATE_BINS) {
        double rate = rate_at(r, i).per_second;
        most = rate > most ? rate : most;
    }
    struct buffer top = BUFFER_EMPTY;
    html_short(&top, most);
    buffer_char(&top, '\0');
    begin_chart(out, "Tasks that ended per second", top.failed ? "" : top.data, width);
    report_time_grid(r, out, width, CHART_HEIGHT);
    for (size_t i = 0; most > 0 && i < r->timeline.bin_count; i += RATE_BINS)
        put_rate(r, i, most, out);
    end_chart(r, out);
    out->failed |= top.failed;
    buffer_finish(&top);
}

void report_rates(const struct report *r, struct buffer *out)
{
    if (r->timeline.row_count == 0 || r->summary.last_ns <= 0)
        return;
    buffer_text(out, "<section id=\"rates\">\n<h2>Running and throughput</h2>\n"
                     "<div class=\"pair\"><div><h3>Tasks running</h3>\n");
    put_running(r, out);
    buffer_text(out, "</div><div><h3>Tasks ended per second "
                     "<small><i class=\"swatch hurt\"></i> failed</small></h3>\n");
    put_throughput(r, out);
    buffer_text(out, "</div></div>\n</section>\n");
}

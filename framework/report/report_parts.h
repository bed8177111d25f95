// SPDX-License-Identifier: BSD-3-Clause
// The parts of a report's page: each appends one section, from folds that are complete.
#ifndef BR_REPORT_REPORT_PARTS_H
#define BR_REPORT_REPORT_PARTS_H

#include "base/buffer.h"
#include "journal/rundir.h"
#include "model/plan.h"
#include "report/attempts.h"
#include "report/core_time.h"
#include "report/histogram.h"
#include "report/timeline.h"
#include "views/failures.h"
#include "views/summary.h"

enum {
    REPORT_PHASES = 24,       // drawn; the table has more
    REPORT_FACTS = 64 * 1024, // bytes of what is told of sources and command lines
    REPORT_COLOURS = 8        // phases' colours, over and over
};

struct report {
    struct event_sink sink; // first: feeds all folds below
    struct summary summary;
    struct failures failures;
    struct attempts attempts;
    struct timeline timeline;
    struct core_time core_time;
    struct histogram *histograms; // REPORT_PHASES
    uint64_t deaths;
    uint64_t resumes;
    struct machine machine; // no units: not known
    struct buffer facts;    // of the environment, as HTML
    const struct rundir *dir;
};

extern const char report_style[]; // the page's CSS, made from report.css by the build

void report_verdict(const struct report *r, struct buffer *out);
void report_failures(const struct report *r, struct buffer *out);
void report_phases(const struct report *r, struct buffer *out);
void report_timeline(const struct report *r, struct buffer *out);
void report_rates(const struct report *r, struct buffer *out);
void report_durations(const struct report *r, struct buffer *out);
void report_core_time(const struct report *r, struct buffer *out);
void report_cores(const struct report *r, struct buffer *out);
void report_environment(const struct report *r, struct buffer *out);

// What the drawings over time share: labels below and lines behind. The lines are in an <svg> whose
// width is `width` and whose height is `height`.
void report_time_axis(const struct report *r, struct buffer *out);
void report_time_grid(const struct report *r, struct buffer *out, double width, double height);

// Appends a fact of the environment.
void report_fact(struct buffer *out, const char *name, const char *value);

// How many phases are drawn.
size_t report_drawn(const struct report *r);

#endif

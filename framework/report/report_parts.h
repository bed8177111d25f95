// SPDX-License-Identifier: BSD-3-Clause
// The parts of a report's page, shared by the files that draw them. Each report_* function appends
// one section, from folds that have taken all events. If memory runs out, out->failed is set.
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
    REPORT_PHASES = 24,       // phases that are drawn; the table has more
    REPORT_FACTS = 64 * 1024, // bytes about sources and command lines
    REPORT_COLOURS = 8        // colours of phases, used in turn
};

struct report {
    struct event_sink sink; // feeds all folds below; must be the first field
    struct summary summary;
    struct failures failures;
    struct attempts attempts;
    struct timeline timeline;
    struct core_time core_time;
    struct histogram *histograms; // REPORT_PHASES of them
    uint64_t deaths;              // of workers
    uint64_t resumes;
    struct machine machine; // has no units if it is not known
    struct buffer facts;    // facts about the environment, as HTML
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

// Append what the drawings over time share: the labels below a drawing, and the lines in its
// background, in units of an <svg> of that width and height.
void report_time_axis(const struct report *r, struct buffer *out);
void report_time_grid(const struct report *r, struct buffer *out, double width, double height);

// Appends a fact about the environment.
void report_fact(struct buffer *out, const char *name, const char *value);

// Returns how many phases are drawn.
size_t report_drawn(const struct report *r);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The parts of a report's page. Each function appends one section, from folds that are complete.
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
    REPORT_PHASES = 24,       // phases that are drawn; the table has all
    REPORT_FACTS = 64 * 1024, // bytes of facts about sources and command lines
    REPORT_COLOURS = 8        // colours of phases, which repeat
};

struct report {
    struct event_sink sink; // the first member; gives events to all folds below
    struct summary summary;
    struct failures failures;
    struct attempts attempts;
    struct timeline timeline;
    struct core_time core_time;
    struct histogram *histograms; // REPORT_PHASES of them
    uint64_t deaths;              // of workers
    uint64_t resumes;
    struct machine machine; // without units if it is not known
    struct buffer facts;    // about the environment, as HTML
    const struct rundir *dir;
};

extern const char report_style[]; // CSS

void report_verdict(const struct report *r, struct buffer *out);
void report_failures(const struct report *r, struct buffer *out);
void report_phases(const struct report *r, struct buffer *out);
void report_timeline(const struct report *r, struct buffer *out);
void report_rates(const struct report *r, struct buffer *out);
void report_durations(const struct report *r, struct buffer *out);
void report_core_time(const struct report *r, struct buffer *out);
void report_cores(const struct report *r, struct buffer *out);
void report_environment(const struct report *r, struct buffer *out);

// Append what the drawings over time have in common: the labels below, and the lines behind, which
// are in an <svg> of the given width and height.
void report_time_axis(const struct report *r, struct buffer *out);
void report_time_grid(const struct report *r, struct buffer *out, double width, double height);

// Appends a fact about the environment.
void report_fact(struct buffer *out, const char *name, const char *value);

// Returns the number of phases that are drawn.
size_t report_drawn(const struct report *r);

#endif

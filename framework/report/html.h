// SPDX-License-Identifier: BSD-3-Clause
// HTML from text that nobody vouches for, and axes.
#ifndef BR_REPORT_HTML_H
#define BR_REPORT_HTML_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Appends text for an element's content or a quoted attribute: markup, control characters and
// invalid UTF-8 escaped. What is longer than `max` bytes is cut, with a mark. html_lines keeps
// newlines and tabs.
void html_text(struct buffer *out, const char *text, size_t length, size_t max);
void html_lines(struct buffer *out, const char *text, size_t length, size_t max);

// html_text for names and other short things; NULL is a dash.
void html_string(struct buffer *out, const char *text);

// Appends a rate or a count in few characters: "87.5", "5.51 M".
void html_short(struct buffer *out, double value);

// Ticks of a linear time axis from 0 to `end_ns`: at most 8, at round figures in one unit.
struct html_axis {
    int64_t step_ns; // between two ticks
    int64_t unit_ns;
    const char *unit;
};

struct html_axis html_axis(int64_t end_ns);

// Appends a tick's label: "2.5 s". With a unit of its own where `axis` is NULL.
void html_tick(struct buffer *out, const struct html_axis *axis, int64_t ns);

#endif

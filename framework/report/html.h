// SPDX-License-Identifier: BSD-3-Clause
// Writes HTML from untrusted text, and time axes.
#ifndef BR_REPORT_HTML_H
#define BR_REPORT_HTML_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Append text as the content of an element or a quoted attribute: markup, control characters and
// invalid UTF-8 are escaped. A text that is longer than `max` bytes is cut, with a mark. html_lines
// keeps newlines and tabs.
void html_text(struct buffer *out, const char *text, size_t length, size_t max);
void html_lines(struct buffer *out, const char *text, size_t length, size_t max);

// As html_text, for names and other short texts. NULL becomes a dash.
void html_string(struct buffer *out, const char *text);

// Appends a rate or a count in few characters: "87.5", "5.51 M".
void html_short(struct buffer *out, double value);

// The ticks of a linear time axis from 0.
struct html_axis {
    int64_t step_ns; // between two ticks
    int64_t unit_ns; // length of the unit
    const char *unit;
};

// Returns an axis to `end_ns` with at most 8 ticks, at round figures in one unit.
struct html_axis html_axis(int64_t end_ns);

// Appends a tick's label: "2.5 s". If `axis` is NULL, the label has a unit of its own.
void html_tick(struct buffer *out, const struct html_axis *axis, int64_t ns);

#endif

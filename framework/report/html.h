// SPDX-License-Identifier: BSD-3-Clause
// HTML from untrusted text, and the ticks of time axes. Pure functions; if memory runs out,
// out->failed is set.
#ifndef BR_REPORT_HTML_H
#define BR_REPORT_HTML_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

// Append text as the content of an element or a quoted attribute: markup, control characters and
// invalid UTF-8 are escaped. Text longer than `max` bytes is cut, and a mark shows that. html_lines
// keeps newlines and tabs.
void html_text(struct buffer *out, const char *text, size_t length, size_t max);
void html_lines(struct buffer *out, const char *text, size_t length, size_t max);

// Appends a name or another short text like html_text; a dash if it is NULL.
void html_string(struct buffer *out, const char *text);

// Appends a rate or a count in few characters: "87.5", "5.51 M".
void html_short(struct buffer *out, double value);

// The ticks of a linear time axis from 0: at most 8, at round figures in one unit.
struct html_axis {
    int64_t step_ns; // between two ticks
    int64_t unit_ns; // length of the unit
    const char *unit;
};

// Returns the ticks of an axis from 0 to `end_ns`.
struct html_axis html_axis(int64_t end_ns);

// Appends the label of a tick: "2.5 s". If `axis` is NULL, a unit that fits `ns` is chosen.
void html_tick(struct buffer *out, const struct html_axis *axis, int64_t ns);

#endif

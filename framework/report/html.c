// SPDX-License-Identifier: BSD-3-Clause
#include "report/html.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
    SHORT_MAX = 120
};

// ---- Text

static void put_escaped(struct buffer *out, const struct buffer *text)
{
    for (size_t i = 0; i < text->length; i++) {
        switch (text->data[i]) {
        case '&':
            buffer_text(out, "&amp;");
            break;
        case '<':
            buffer_text(out, "&lt;");
            break;
        case '>':
            buffer_text(out, "&gt;");
            break;
        case '"':
            buffer_text(out, "&quot;");
            break;
        case '\'':
            buffer_text(out, "&#39;");
            break;
        default:
            buffer_char(out, text->data[i]);
        }
    }
}

// Returns the length of the longest start of at most `max` bytes that ends between characters.
static size_t cut(const char *text, size_t length, size_t max)
{
    if (length <= max)
        return length;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

void html_text(struct buffer *out, const char *text, size_t length, size_t max)
{
    struct buffer plain = BUFFER_EMPTY;
    size_t kept = cut(text, length, max);
    text_escaped(&plain, text, kept);
    put_escaped(out, &plain);
    if (kept < length)
        buffer_text(out, "\xe2\x80\xa6");
    out->failed |= plain.failed;
    buffer_finish(&plain);
}

void html_lines(struct buffer *out, const char *text, size_t length, size_t max)
{
    size_t kept = cut(text, length, max);
    for (size_t at = 0; at < kept;) {
        size_t run = 0;
        while (at + run < kept && text[at + run] != '\n' && text[at + run] != '\t')
            run++;
        html_text(out, text + at, run, run);
        at += run;
        if (at < kept)
            buffer_char(out, text[at++]);
    }
    if (kept < length)
        buffer_text(out, "\xe2\x80\xa6\n");
}

void html_string(struct buffer *out, const char *text)
{
    if (text)
        html_text(out, text, strlen(text), SHORT_MAX);
    else
        buffer_char(out, '-');
}

// ---- Numbers and axes

void html_short(struct buffer *out, double value)
{
    static const char *const suffixes[] = {"", " k", " M", " G"};
    size_t i = 0;
    for (; value >= 1000 && i < 3; i++)
        value /= 1000;
    buffer_format(out, "%.3g%s", value, suffixes[i]);
}

static const struct {
    int64_t ns;
    const char *name;
} units[] = {{3600 * NS_PER_S, "h"}, {60 * NS_PER_S, "min"}, {NS_PER_S, "s"},
             {NS_PER_MS, "ms"},      {NS_PER_US, "us"},      {1, "ns"}};

enum {
    SECONDS = 2 // index of seconds in the table of units
};

// Returns the index of the largest unit of which `ns` has at least `least`.
static size_t unit_of(int64_t ns, double least)
{
    size_t u = 0;
    while (units[u].ns > 1 && (double)ns < least * (double)units[u].ns)
        u++;
    return u;
}

struct html_axis html_axis(int64_t end_ns)
{
    size_t u = unit_of(end_ns, 2);
    int64_t base = units[u].ns > 1 ? units[u].ns / 10 : 1, step = base;
    static const int grow[] = {2, 5, 10};
    for (int i = 0; end_ns / step > 7; i++) {
        step = base * grow[i % 3];
        if (i % 3 == 2)
            base = step;
    }
    return (struct html_axis){.step_ns = step, .unit_ns = units[u].ns, .unit = units[u].name};
}

void html_tick(struct buffer *out, const struct html_axis *axis, int64_t ns)
{
    size_t own = unit_of(ns, 1);
    if (units[own].ns > NS_PER_S) // 100 s is a round figure, 1.66667 min is not
        own = SECONDS;
    if (ns == 0)
        buffer_char(out, '0');
    else if (axis)
        buffer_format(out, "%.6g %s", (double)ns / (double)axis->unit_ns, axis->unit);
    else
        buffer_format(out, "%.6g %s", (double)ns / (double)units[own].ns, units[own].name);
}

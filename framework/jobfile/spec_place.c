// SPDX-License-Identifier: BSD-3-Clause
// Follows a scalar's text and the job file side by side, by the rules of YAML's styles.
#include "jobfile/spec_place.h"

#include <string.h>

struct walk {
    const char *at, *end; // in the file
    struct mark mark;     // of `at`
    char style;           // ' or " or | or >, or NUL for a plain scalar
    uint32_t indent;      // of a block's lines
};

static void step(struct walk *w)
{
    if (*w->at == '\n')
        w->mark = (struct mark){w->mark.line + 1, 1};
    else if (((unsigned char)*w->at & 0xC0) != 0x80)
        w->mark.column++;
    w->at++;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Steps to the character at `begin`.
static void find(struct walk *w, struct mark begin)
{
    while (w->at < w->end && w->mark.line < begin.line)
        step(w);
    while (w->at < w->end && w->mark.line == begin.line && w->mark.column < begin.column)
        step(w);
    while (w->at < w->end && ((unsigned char)*w->at & 0xC0) == 0x80)
        w->at++; // the rest of the character before
}

static void skip_indent(struct walk *w)
{
    for (uint32_t i = 0; i < w->indent && w->at < w->end && *w->at == ' '; i++)
        step(w);
}

// Steps over what is before the first character of the text.
static void enter(struct walk *w)
{
    w->style = w->at < w->end && strchr("'\"|>", *w->at) ? *w->at : '\0';
    if (w->style)
        step(w);
    if (w->style != '|' && w->style != '>')
        return;
    while (w->at < w->end && *w->at != '\n')
        step(w);
    while (w->at < w->end && is_space(*w->at)) {
        if (*w->at == '\n')
            w->indent = 0;
        else
            w->indent++;
        step(w);
    }
}

// Returns the length of the escape at `at` in a text in double quotes.
static size_t escape_length(const char *at)
{
    return at[1] == 'x' ? 4 : at[1] == 'u' ? 6 : at[1] == 'U' ? 10 : 2;
}

// Steps over one character of the text, `c`, with all that stands for it. Returns false if the file
// has something else there.
static bool follow(struct walk *w, char c)
{
    if (w->style == '"' && *w->at == '\\' && w->end - w->at >= 2) {
        if (w->at[1] == '\n') { // the line goes on
            step(w);
            while (w->at < w->end && is_space(*w->at))
                step(w);
            return w->at < w->end && follow(w, c);
        }
        for (size_t left = escape_length(w->at); left > 0 && w->at < w->end; left--)
            step(w);
        return true;
    }
    if (w->style == '\'' && *w->at == '\'')
        step(w);
    if (w->at < w->end && *w->at == c) {
        step(w);
        if (c == '\n' && w->indent > 0)
            skip_indent(w);
        return true;
    }
    if (c != ' ' && c != '\n')
        return false;
    if (!is_space(*w->at)) // a further line break of several that are folded
        return c == '\n';
    while (w->at < w->end && is_space(*w->at))
        step(w);
    return true;
}

struct mark spec_place_within(const struct diagnostics *d, struct mark begin, const char *text,
                              size_t offset)
{
    struct walk w = {.at = d->source, .end = d->source + d->source_length, .mark = {1, 1}};
    if (begin.line == 0)
        return begin;
    if (d->source_length >= 3 && memcmp(d->source, "\xEF\xBB\xBF", 3) == 0)
        w.at += 3;
    find(&w, begin);
    enter(&w);
    for (size_t i = 0; i < offset; i++)
        if (w.at >= w.end || !follow(&w, text[i]))
            return begin;
    return w.mark;
}

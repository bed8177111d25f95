// SPDX-License-Identifier: BSD-3-Clause
// Collects errors and shows each with its line of the file and a caret.
#include "jobfile/diagnostic.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

enum {
    SHOWN_WIDTH = 100,
    SHOWN_BEFORE_CARET = 40, // cells of a long line that are shown before the caret
    OTHER_PLACE = UINT32_MAX,
};

#define CUT "..."

void diagnostics_init(struct diagnostics *d, const char *file, const char *source,
                      size_t source_length)
{
    *d = (struct diagnostics){.file = file, .source = source, .source_length = source_length};
}

void diagnostics_finish(struct diagnostics *d)
{
    buffer_finish(&d->text);
    buffer_finish(&d->shown);
}

// ---- The line and its caret

struct span {
    const char *text;
    size_t length;
};

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

// Returns line `number` (from 1) without its end; an empty one after the last. As in YAML, a line
// ends in \n, \r\n or \r.
static struct span find_line(const char *source, size_t length, uint32_t number)
{
    size_t at = length >= 3 && !memcmp(source, "\xEF\xBB\xBF", 3) ? 3 : 0;
    for (uint32_t line = 1; line < number && at < length; line++) {
        while (at < length && !is_break(source[at]))
            at++;
        if (at + 1 < length && source[at] == '\r' && source[at + 1] == '\n')
            at++;
        if (at < length)
            at++;
    }
    size_t end = at;
    while (end < length && !is_break(source[end]))
        end++;
    return (struct span){source + at, end - at};
}

// Whether terminals show the character two cells wide; an approximation of UAX #11.
static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
           (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
           (c >= 0x1F300 && c <= 0x1F64F) || (c >= 0x1F900 && c <= 0x1F9FF) ||
           (c >= 0x20000 && c <= 0x3FFFD);
}

// Appends the first character of `line` as it is shown, and sets *step to its bytes. Returns its
// width in terminal cells. A tab is shown as one blank, so that the caret stays below its
// character.
static size_t show_character(struct buffer *out, struct span line, size_t *step)
{
    *step = utf8_sequence(line.text, line.length);
    if (line.text[0] == '\t') {
        buffer_char(out, ' ');
        return 1;
    }
    size_t before = out->length;
    text_escaped(out, line.text, *step ? *step : 1);
    bool wide = *step && is_wide(utf8_code_point(line.text, *step));
    *step = *step ? *step : 1;
    return out->failed ? 1 : utf8_width(out->data + before, out->length - before) + wide;
}

struct layout {
    size_t caret; // cells before it
    size_t under; // cells it spans
    size_t total;
};

static struct layout measure(struct span line, size_t column, size_t length)
{
    struct layout l = {0};
    struct buffer scratch = BUFFER_EMPTY;
    size_t character = 1;
    while (line.length > 0) {
        size_t step;
        size_t cells = show_character(&scratch, line, &step);
        if (character < column)
            l.caret += cells;
        else if (character < column + length)
            l.under += cells;
        l.total += cells;
        character++;
        line = (struct span){line.text + step, line.length - step};
        buffer_clear(&scratch);
    }
    buffer_finish(&scratch);
    return l;
}

// Appends the characters that lie wholly between two cells. Returns the cell where the first
// begins.
static size_t show_window(struct buffer *out, struct span line, size_t from, size_t to)
{
    size_t cell = 0;
    size_t first = SIZE_MAX;
    while (line.length > 0 && cell < to) {
        size_t step;
        size_t before = out->length;
        size_t cells = show_character(out, line, &step);
        if (cell < from || cell + cells > to)
            out->length = before;
        else if (first == SIZE_MAX)
            first = cell;
        cell += cells;
        line = (struct span){line.text + step, line.length - step};
    }
    return first == SIZE_MAX ? from : first;
}

static void show_source(struct diagnostics *d, struct mark mark, size_t length, const char *hint)
{
    struct buffer *out = &d->text;
    struct span line = find_line(d->source, d->source_length, mark.line);
    struct layout l = measure(line, mark.column, length);
    size_t from = 0, to = l.total;
    if (l.total > SHOWN_WIDTH) {
        from = l.caret > SHOWN_BEFORE_CARET ? l.caret - SHOWN_BEFORE_CARET : 0;
        if (from + SHOWN_WIDTH > l.total)
            from = l.total - SHOWN_WIDTH;
        to = from + SHOWN_WIDTH;
    }
    buffer_format(out, "%5u | %s", mark.line, from > 0 ? CUT : "");
    size_t first = show_window(out, line, from, to);
    buffer_text(out, to < l.total ? CUT "\n" : "\n");
    while (out->length > 1 && !out->failed && out->data[out->length - 2] == ' ') {
        out->data[out->length - 2] = '\n';
        out->length--;
    }
    size_t indent = (l.caret > first ? l.caret - first : 0) + (from > 0 ? strlen(CUT) : 0);
    buffer_format(out, "      | %*s^", (int)indent, "");
    for (size_t i = 1; i < l.under && l.caret + i < to; i++)
        buffer_char(out, '~');
    if (hint) {
        buffer_char(out, ' ');
        text_escaped(out, hint, strlen(hint));
    }
    buffer_char(out, '\n');
}

// ---- Entries

__attribute__((format(printf, 2, 0))) static void escape_formatted(struct buffer *out,
                                                                   const char *format, va_list args)
{
    struct buffer message = BUFFER_EMPTY;
    buffer_formatv(&message, format, args);
    if (message.failed)
        out->failed = true;
    else
        text_escaped(out, message.data ? message.data : "", message.length);
    buffer_finish(&message);
}

// Counts an entry. Returns the entry to fill, or NULL if it is not shown.
static struct diagnostic_entry *begin(struct diagnostics *d, enum br_error_kind kind, uint32_t line,
                                      uint32_t column)
{
    if (d->count == 0)
        d->kind = kind;
    if (d->count++ >= DIAGNOSTICS_SHOWN)
        return NULL;
    struct diagnostic_entry *entry = &d->entries[d->count - 1];
    *entry = (struct diagnostic_entry){.mark = {line, column}, .begin = d->text.length};
    return entry;
}

void diagnostics_addv(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                      size_t length, const char *hint, const char *format, va_list args)
{
    struct diagnostic_entry *entry = begin(d, kind, mark.line, mark.column);
    if (!entry)
        return;
    text_escaped(&d->text, d->file, strlen(d->file));
    if (mark.line > 0)
        buffer_format(&d->text, ":%u:%u", mark.line, mark.column);
    buffer_text(&d->text, ": ");
    escape_formatted(&d->text, format, args);
    if (mark.line == 0 && hint) {
        buffer_text(&d->text, "; ");
        text_escaped(&d->text, hint, strlen(hint));
    }
    buffer_char(&d->text, '\n');
    if (mark.line > 0)
        show_source(d, mark, length, hint);
    entry->end = d->text.length;
}

void diagnostics_add(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                     size_t length, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    diagnostics_addv(d, kind, mark, length, hint, format, args);
    va_end(args);
}

void diagnostics_add_plain(struct diagnostics *d, enum br_error_kind kind, const char *format, ...)
{
    struct diagnostic_entry *entry = begin(d, kind, OTHER_PLACE, 0);
    if (!entry)
        return;
    va_list args;
    va_start(args, format);
    escape_formatted(&d->text, format, args);
    va_end(args);
    buffer_char(&d->text, '\n');
    entry->end = d->text.length;
}

// ---- The whole

static bool comes_before(const struct diagnostic_entry *a, const struct diagnostic_entry *b)
{
    if (a->mark.line != b->mark.line)
        return a->mark.line < b->mark.line;
    return a->mark.column < b->mark.column;
}

static size_t sort_entries(struct diagnostics *d)
{
    size_t count = d->count < DIAGNOSTICS_SHOWN ? d->count : DIAGNOSTICS_SHOWN;
    for (size_t i = 1; i < count; i++) {
        struct diagnostic_entry entry = d->entries[i];
        size_t at = i;
        for (; at > 0 && comes_before(&entry, &d->entries[at - 1]); at--)
            d->entries[at] = d->entries[at - 1];
        d->entries[at] = entry;
    }
    return count;
}

const char *diagnostics_text(struct diagnostics *d)
{
    buffer_finish(&d->shown);
    if (d->text.failed)
        return "out of memory while errors were collected\n";
    size_t count = sort_entries(d);
    for (size_t i = 0; i < count; i++)
        buffer_append(&d->shown, d->text.data + d->entries[i].begin,
                      d->entries[i].end - d->entries[i].begin);
    if (d->count > count)
        buffer_format(&d->shown, "%s and %zu more\n", CUT, d->count - count);
    if (d->count > 1) {
        buffer_format(&d->shown, "%zu errors in ", d->count);
        text_escaped(&d->shown, d->file, strlen(d->file));
        buffer_char(&d->shown, '\n');
    }
    buffer_char(&d->shown, '\0');
    return d->shown.failed ? "out of memory while errors were shown\n" : d->shown.data;
}

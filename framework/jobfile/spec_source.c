// SPDX-License-Identifier: BSD-3-Clause
#include "jobfile/spec_source.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

static bool is_utf16(const char *text, size_t length)
{
    if (length < 2)
        return false;
    bool marked = !memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2);
    return marked || (text[0] == '\0') != (text[1] == '\0');
}

enum verdict {
    FINE,
    MISLEADING, // shown to a person other than it is; a parser does not mind
    BROKEN
};

// Blanks that look like the one that indents.
static bool is_other_blank(uint32_t c)
{
    return c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F || c == 0x205F || c == 0x3000;
}

// `indents`: nothing but blanks stands before it on its line.
static enum verdict judge(const char *text, size_t step, bool indents)
{
    if (step == 0)
        return BROKEN;
    uint32_t c = utf8_code_point(text, step);
    if (indents && is_other_blank(c))
        return BROKEN;
    if (c == '\t' || c == '\n' || c == '\r')
        return FINE;
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
        c == 0xFFFE || c == 0xFFFF)
        return BROKEN;
    return utf8_is_hidden(c) ? MISLEADING : FINE;
}

static void complain(struct diagnostics *d, struct mark mark, const char *text, size_t step)
{
    if (step == 0) {
        diagnostics_add(d, BR_ERR_USAGE, mark, 1, "save the file as UTF-8",
                        "byte 0x%02X is not valid UTF-8", (unsigned char)text[0]);
        return;
    }
    uint32_t c = utf8_code_point(text, step);
    if (c == 0)
        diagnostics_add(d, BR_ERR_USAGE, mark, 1, "remove it", "a NUL byte in the file");
    else if (is_other_blank(c))
        diagnostics_add(
            d, BR_ERR_USAGE, mark, 1, "indent with plain blanks",
            "the character U+%04" PRIX32 " indents this line and only looks like a blank", c);
    else
        diagnostics_add(d, BR_ERR_USAGE, mark, 1,
                        "remove it, or write it as an escape in double quotes",
                        "the hidden character U+%04" PRIX32 " in the file", c);
}

int source_check(struct diagnostics *d)
{
    const char *text = d->source;
    size_t length = d->source_length;
    if (length > SPEC_FILE_MAX) {
        diagnostics_add(d, BR_ERR_USAGE, (struct mark){0, 0}, 1, NULL,
                        "the job file has %zu bytes; the limit is %d", length, SPEC_FILE_MAX);
        return -1;
    }
    if (is_utf16(text, length)) {
        diagnostics_add(d, BR_ERR_USAGE, (struct mark){0, 0}, 1, "save it as UTF-8",
                        "the job file is UTF-16 or binary, not UTF-8 text");
        return -1;
    }
    int result = 0;
    struct mark mark = {1, 1};
    uint32_t told = 0; // one mistake a line is enough
    bool indents = true;
    size_t at = length >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    while (at < length) {
        size_t step = utf8_sequence(text + at, length - at);
        enum verdict verdict = judge(text + at, step, indents);
        if (verdict != FINE && told != mark.line) {
            complain(d, mark, text + at, step);
            told = mark.line;
        }
        if (verdict == BROKEN)
            result = -1;
        indents = indents && text[at] == ' ';
        bool ends =
            text[at] == '\n' || (text[at] == '\r' && !(at + 1 < length && text[at + 1] == '\n'));
        indents = indents || ends;
        mark = ends ? (struct mark){mark.line + 1, 1} : (struct mark){mark.line, mark.column + 1};
        at += step ? step : 1;
    }
    return result;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "base/utf8.h"

#include <string.h>

size_t utf8_sequence(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    if (length == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    size_t need = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                  : (s[0] & 0xF0) == 0xE0        ? 3
                  : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                 : 0;
    if (need == 0 || need > length)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xED && s[1] > 0x9F;
    bool beyond = s[0] == 0xF4 && s[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : need;
}

size_t utf8_width(const char *text, size_t length)
{
    size_t width = 0;
    for (size_t at = 0; at < length; width++) {
        size_t step = utf8_sequence(text + at, length - at);
        at += step ? step : 1;
    }
    return width;
}

size_t utf8_cut(const char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return length;
}

void utf8_mark_cut(char *text, size_t size)
{
    memcpy(text + utf8_cut(text, size - sizeof "..."), "...", sizeof "...");
}

uint32_t utf8_code_point(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c = length == 1 ? s[0] : s[0] & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (s[i] & 0x3FU);
    return c;
}

bool utf8_is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F || c == 0x061C ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
           c == 0x2029 || c == 0xFEFF;
}

static bool is_joiner(uint32_t c)
{
    return c == 0x200C || c == 0x200D;
}

static bool is_unseen(uint32_t c)
{
    if (c == '\t' || c == '\n' || c == '\r')
        return false;
    return utf8_is_hidden(c) || c == 0xA0 || c == 0xAD || (c >= 0x2000 && c <= 0x200B) ||
           c == 0x202F || (c >= 0x205F && c <= 0x2064) || c == 0x3164;
}

uint32_t utf8_find_unseen(const char *text, size_t length, size_t *at)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_sequence(text + i, length - i);
        uint32_t c = step > 0 ? utf8_code_point(text + i, step) : 'x';
        step = step > 0 ? step : 1;
        bool inside = i > 0 && s[i - 1] >= 0x80 && i + step < length && s[i + step] >= 0x80;
        if (is_unseen(c) || (is_joiner(c) && !inside)) {
            if (at)
                *at = i;
            return c;
        }
        i += step;
    }
    return 0;
}

const char *utf8_unseen_name(uint32_t c)
{
    switch (c) {
    case 0xA0:
    case 0x202F:
    case 0x2007:
        return "a no-break space";
    case 0xAD:
        return "a soft hyphen";
    case 0x200B:
        return "a zero-width space";
    case 0x200C:
    case 0x200D:
        return "a zero-width joiner";
    case 0x2060:
        return "a word joiner";
    case 0xFEFF:
        return "a byte order mark";
    default:
        if (c == 0x205F || (c >= 0x2000 && c <= 0x200A))
            return "a space of another width";
        return c < 0xA0 ? "a control character" : "an invisible character";
    }
}

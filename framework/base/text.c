// SPDX-License-Identifier: BSD-3-Clause
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && is_digit(text[n]))
        n++;
    return n;
}

bool text_to_i64(const char *text, size_t length, int64_t *out)
{
    bool negative = length > 0 && text[0] == '-';
    size_t at = length > 0 && (text[0] == '-' || text[0] == '+');
    size_t digits = count_digits(text + at, length - at);
    if (digits == 0 || at + digits != length || (digits > 1 && text[at] == '0'))
        return false;
    uint64_t magnitude = 0;
    for (; at < length; at++) {
        if (__builtin_mul_overflow(magnitude, UINT64_C(10), &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(text[at] - '0'), &magnitude))
            return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

// Returns whether the text is [-+]?(\.digits|digits(\.digits?)?)([eE][-+]?digits)?, with no leading
// zeros.
static bool is_decimal(const char *text, size_t length)
{
    size_t at = length > 0 && (text[0] == '-' || text[0] == '+');
    size_t whole = count_digits(text + at, length - at);
    if (whole > 1 && text[at] == '0')
        return false;
    at += whole;
    size_t fraction = 0;
    if (at < length && text[at] == '.') {
        at++;
        fraction = count_digits(text + at, length - at);
        at += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < length && (text[at] == '-' || text[at] == '+'))
            at++;
        size_t exponent = count_digits(text + at, length - at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == length;
}

static bool special_f64(const char *text, size_t length, double *out)
{
    bool negative = length > 0 && text[0] == '-';
    size_t sign = length > 0 && (text[0] == '-' || text[0] == '+');
    const char *rest = text + sign;
    if (length - sign != 4)
        return false;
    if (!memcmp(rest, ".inf", 4) || !memcmp(rest, ".Inf", 4) || !memcmp(rest, ".INF", 4)) {
        *out = negative ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (sign == 0 &&
        (!memcmp(rest, ".nan", 4) || !memcmp(rest, ".NaN", 4) || !memcmp(rest, ".NAN", 4))) {
        *out = (double)NAN;
        return true;
    }
    return false;
}

// Returns the "C" locale, created once and kept, because numbers must not depend on the program's
// locale.
static locale_t c_locale(void)
{
    static locale_t locale;
    if (!locale)
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return locale;
}

// Reads a decimal of few digits and without an exponent, as most numbers are, in much less time
// than strtod. Its digits and the power of ten are exact as doubles, so the one division rounds
// once. Returns false for any other decimal.
static bool read_short(const char *text, size_t length, double *out)
{
    static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                    1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
    bool negative = text[0] == '-', fraction = false;
    uint64_t digits = 0;
    size_t places = 0;
    if (length >= sizeof powers / sizeof powers[0])
        return false;
    for (size_t i = negative || text[0] == '+'; i < length; i++) {
        if (is_digit(text[i])) {
            digits = digits * 10 + (uint64_t)(text[i] - '0');
            places += fraction;
        } else if (text[i] == '.')
            fraction = true;
        else
            return false;
    }
    if (digits > UINT64_C(1) << 53)
        return false;
    double value = (double)digits / powers[places];
    *out = negative ? -value : value;
    return true;
}

bool text_to_f64(const char *text, size_t length, double *out)
{
    if (special_f64(text, length, out))
        return true;
    if (!is_decimal(text, length))
        return false;
    if (read_short(text, length, out))
        return true;
    char small[64];
    char *copy = length < sizeof small ? small : malloc(length + 1);
    if (!copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    double value = strtod_l(copy, NULL, c_locale());
    if (copy != small)
        free(copy);
    if (isinf(value))
        return false;
    *out = value;
    return true;
}

void text_f64(struct buffer *out, double value)
{
    char text[DECIMAL_MAX];
    buffer_append(out, text, decimal_f64(text, value));
}

void text_escaped(struct buffer *out, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = utf8_sequence(text + at, length - at);
        if (step == 0) {
            buffer_format(out, "\\x%02x", (unsigned char)text[at]);
            at++;
            continue;
        }
        uint32_t c = utf8_code_point(text + at, step);
        if (c == '\n')
            buffer_text(out, "\\n");
        else if (c == '\t')
            buffer_text(out, "\\t");
        else if (utf8_is_hidden(c))
            buffer_format(out, c < 0x100 ? "\\x%02" PRIx32 : "\\u{%" PRIx32 "}", c);
        else
            buffer_append(out, text + at, step);
        at += step;
    }
}

void text_lines_escaped(struct buffer *out, const char *text, size_t length)
{
    const char *newline;
    while (length > 0 && (newline = memchr(text, '\n', length))) {
        size_t line = (size_t)(newline - text);
        text_escaped(out, text, line);
        buffer_char(out, '\n');
        text = newline + 1;
        length -= line + 1;
    }
    text_escaped(out, text, length);
}

void text_shell(struct buffer *out, const char *text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=./:,@%^#";
    // A # begins a comment only at the beginning of a word.
    if (text[0] != '\0' && text[0] != '#' && text[strspn(text, safe)] == '\0') {
        buffer_text(out, text);
        return;
    }
    buffer_char(out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buffer_text(out, "'\\''");
        else
            buffer_char(out, *text);
    buffer_char(out, '\'');
}

void text_json(struct buffer *out, const char *text, size_t length)
{
    buffer_char(out, '"');
    for (size_t at = 0; at < length;) {
        size_t step = utf8_sequence(text + at, length - at);
        unsigned char c = (unsigned char)text[at];
        if (step == 0) {
            buffer_text(out, "\\ufffd");
            step = 1;
        } else if (c == '"' || c == '\\')
            buffer_format(out, "\\%c", c);
        else if (c == '\n')
            buffer_text(out, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buffer_format(out, "\\u%04x", c);
        else
            buffer_append(out, text + at, step);
        at += step;
    }
    buffer_char(out, '"');
}

enum {
    WORD_MAX = 64
};

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

// Returns the optimal string alignment distance. No word is longer than WORD_MAX.
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= bn; j++)
        last[j] = j;
    for (size_t i = 1; i <= an; i++) {
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[bn];
}

const char *text_nearest(const char *text, const char *const *words, size_t count)
{
    size_t length = strlen(text);
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        if (length > WORD_MAX || other > WORD_MAX)
            continue;
        size_t d = distance(text, length, words[i], other);
        size_t longer = length > other ? length : other;
        if (d < best_distance && 3 * d <= longer + (longer < 6)) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

void text_duration(struct buffer *out, int64_t ns)
{
    double t = (double)ns;
    // Three digits are shown: a value that would round up to 1000 of a unit is 1 of the next.
    if (ns < 1000)
        buffer_format(out, "%" PRId64 " ns", ns);
    else if (t < 999.5e3)
        buffer_format(out, "%.3g us", t / 1e3);
    else if (t < 999.5e6)
        buffer_format(out, "%.3g ms", t / 1e6);
    else if (t < 59.95e9)
        buffer_format(out, "%.3g s", t / 1e9);
    else {
        int64_t s = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);
        if (s < 3600)
            buffer_format(out, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
        else
            buffer_format(out, "%" PRId64 "h%02" PRId64 "m%02" PRId64 "s", s / 3600, s / 60 % 60,
                          s % 60);
    }
}

void text_date(struct buffer *out, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    char text[64];
    size_t length =
        localtime_r(&seconds, &tm) ? strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) : 0;
    buffer_append(out, text, length);
}

void text_count(struct buffer *out, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer_char(out, ' ');
        buffer_char(out, digits[i]);
    }
}

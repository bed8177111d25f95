// SPDX-License-Identifier: BSD-3-Clause
#include "model/units.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit sizes[] = {
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static const struct unit durations[] = {
    {"ns", 1},       {"us", NS_PER_US},    {"ms", NS_PER_MS},
    {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S},
    {NULL, 0},
};

// Units as people write them, and the unit of the job file that they mean.
struct alias {
    const char *written; // in small letters
    const char *meant;
};

static const struct alias size_aliases[] = {
    {"k", "KiB"},   {"kb", "KiB"},  {"kib", "KiB"}, {"m", "MiB"},   {"mb", "MiB"},
    {"mib", "MiB"}, {"g", "GiB"},   {"gb", "GiB"},  {"gib", "GiB"}, {"t", "TiB"},
    {"tb", "TiB"},  {"tib", "TiB"}, {"ki", "KiB"},  {"mi", "MiB"},  {"gi", "GiB"},
    {"ti", "TiB"},  {"b", ""},      {"bytes", ""},  {NULL, NULL},
};

static const struct alias duration_aliases[] = {
    {"", "s"},         {"s", "s"},        {"sec", "s"},   {"secs", "s"}, {"second", "s"},
    {"seconds", "s"},  {"m", "m"},        {"min", "m"},   {"mins", "m"}, {"minute", "m"},
    {"minutes", "m"},  {"h", "h"},        {"hr", "h"},    {"hrs", "h"},  {"hour", "h"},
    {"hours", "h"},    {"ms", "ms"},      {"msec", "ms"}, {"us", "us"},  {"usec", "us"},
    {"\u00b5s", "us"}, {"\u03bcs", "us"}, {"nsec", "ns"}, {"ns", "ns"},  {NULL, NULL},
};

// Splits a decimal number, digits[.digits], at its point. Returns its length, or 0 if there is none
// at `text`.
static size_t number_length(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length && text[at] >= '0' && text[at] <= '9')
        at++;
    if (at == 0 || at == length || text[at] != '.')
        return at;
    size_t point = at++;
    while (at < length && text[at] >= '0' && text[at] <= '9')
        at++;
    return at > point + 1 ? at : 0;
}

static bool multiply_add(uint64_t *value, uint64_t factor, uint64_t more)
{
    return !__builtin_mul_overflow(*value, factor, value) &&
           !__builtin_add_overflow(*value, more, value);
}

// Computes number * factor, rounded to the nearest integer. Returns false if it does not fit.
static bool scale(const char *number, size_t length, uint64_t factor, uint64_t *out)
{
    uint64_t whole = 0;
    size_t at = 0;
    for (; at < length && number[at] != '.'; at++)
        if (!multiply_add(&whole, 10, (uint64_t)(number[at] - '0')))
            return false;
    // 18 digits are enough: later ones change less than one unit even with the largest factor.
    uint64_t fraction = 0, parts = 1;
    for (at++; at < length && parts < UINT64_C(1000000000000000000); at++) {
        fraction = fraction * 10 + (uint64_t)(number[at] - '0');
        parts *= 10;
    }
    unsigned __int128 product = (unsigned __int128)fraction * factor;
    uint64_t rounded = (uint64_t)((product + parts / 2) / parts);
    if (!multiply_add(&whole, factor, rounded))
        return false;
    *out = whole;
    return true;
}

static const struct unit *find_unit(const struct unit *units, const char *text, size_t length)
{
    for (; units->name; units++)
        if (strlen(units->name) == length && !memcmp(units->name, text, length))
            return units;
    return NULL;
}

static bool is_zero(const char *text, size_t length)
{
    return length == 1 && text[0] == '0';
}

static enum units_result parse(const struct unit *units, bool bare, const char *text, size_t length,
                               uint64_t *out)
{
    size_t digits = number_length(text, length);
    if (digits == 0)
        return UNITS_NO_NUMBER;
    if (digits == length) {
        if ((!bare && !is_zero(text, length)) || memchr(text, '.', length))
            return UNITS_NO_UNIT;
        return scale(text, length, 1, out) ? UNITS_OK : UNITS_TOO_LARGE;
    }
    const struct unit *unit = find_unit(units, text + digits, length - digits);
    if (!unit)
        return UNITS_BAD_UNIT;
    return scale(text, digits, unit->factor, out) ? UNITS_OK : UNITS_TOO_LARGE;
}

enum units_result units_size(const char *text, size_t length, uint64_t *out)
{
    return parse(sizes, true, text, length, out);
}

enum units_result units_duration(const char *text, size_t length, int64_t *out)
{
    uint64_t value;
    enum units_result result = parse(durations, false, text, length, &value);
    if (result != UNITS_OK)
        return result;
    if (value > INT64_MAX)
        return UNITS_TOO_LARGE;
    *out = (int64_t)value;
    return UNITS_OK;
}

// Looks up a unit among the aliases, in any case, with blanks before it.
static const char *find_alias(const struct alias *aliases, const char *written, size_t length)
{
    while (length > 0 && written[0] == ' ') {
        written++;
        length--;
    }
    for (; aliases->written; aliases++)
        if (strlen(aliases->written) == length && !strncasecmp(aliases->written, written, length))
            return aliases->meant;
    return NULL;
}

static bool meant(const struct alias *aliases, const char *text, size_t length,
                  char out[UNITS_MEANT])
{
    size_t digits = number_length(text, length);
    if (digits == 0 || digits > UNITS_MEANT - 8)
        return false;
    const char *unit = find_alias(aliases, text + digits, length - digits);
    if (!unit)
        return false;
    snprintf(out, UNITS_MEANT, "%.*s%s", (int)digits, text, unit);
    return true;
}

bool units_size_meant(const char *text, size_t length, char out[UNITS_MEANT])
{
    return meant(size_aliases, text, length, out);
}

bool units_duration_meant(const char *text, size_t length, char out[UNITS_MEANT])
{
    return meant(duration_aliases, text, length, out);
}

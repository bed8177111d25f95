// SPDX-License-Identifier: BSD-3-Clause
// Finds the type of a plain scalar from its text.
#include "jobfile/spec_scalar.h"

#include <string.h>

#include "base/text.h"

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(text, *words))
            return true;
    return false;
}

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

// Whether the text is [-+]?(\.digits|digits(\.digits?)?)([eE][-+]?digits)?; *whole if it has
// digits alone.
static bool looks_decimal(const char *text, bool *whole)
{
    text += *text == '-' || *text == '+';
    size_t before = digits(text), after = 0;
    text += before;
    *whole = *text == '\0' && before > 0;
    if (*text == '.') {
        text++;
        after = digits(text);
        text += after;
    }
    if (before + after == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        if (digits(text) == 0)
            return false;
        text += digits(text);
    }
    return *text == '\0';
}

static bool has_leading_zero(const char *text)
{
    text += *text == '-' || *text == '+';
    return text[0] == '0' && digits(text) > 1;
}

// Reads 0x1F and 0o17, which have no sign.
static bool looks_based(const char *text, unsigned *base)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'o') || text[2] == '\0')
        return false;
    *base = text[1] == 'x' ? 16 : 8;
    const char *allowed = *base == 16 ? "0123456789abcdefABCDEF" : "01234567";
    return text[2 + strspn(text + 2, allowed)] == '\0';
}

static unsigned digit_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

static enum scalar_kind resolve_based(const char *text, unsigned base, struct cell *out)
{
    int64_t value = 0;
    for (text += 2; *text; text++)
        if (__builtin_mul_overflow(value, (int64_t)base, &value) ||
            __builtin_add_overflow(value, (int64_t)digit_value(*text), &value))
            return SCALAR_TOO_LARGE;
    *out = (struct cell){.type = BR_I64, .i64 = value};
    return SCALAR_INTEGER;
}

static enum scalar_kind resolve_decimal(const struct node *node, bool whole, struct cell *out)
{
    struct cell cell = {.type = whole ? BR_I64 : BR_F64};
    if (has_leading_zero(node->text))
        return SCALAR_LEADING_ZERO;
    if (whole ? !text_to_i64(node->text, node->length, &cell.i64)
              : !text_to_f64(node->text, node->length, &cell.f64))
        return SCALAR_TOO_LARGE;
    *out = cell;
    return whole ? SCALAR_INTEGER : SCALAR_FLOAT;
}

enum scalar_kind spec_scalar_resolve(const struct node *node, struct cell *out)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = node->text;
    bool whole;
    unsigned base;
    double special;
    if (node->plain && is_one_of(text, nulls))
        return SCALAR_NULL;
    if (node->plain && (is_one_of(text, trues) || is_one_of(text, falses))) {
        *out = (struct cell){.type = BR_BOOL, .boolean = is_one_of(text, trues)};
        return SCALAR_BOOL;
    }
    if (node->plain && looks_based(text, &base))
        return resolve_based(text, base, out);
    if (node->plain && looks_decimal(text, &whole))
        return resolve_decimal(node, whole, out);
    if (node->plain && text_to_f64(text, node->length, &special)) { // such as .inf and .nan
        *out = (struct cell){.type = BR_F64, .f64 = special};
        return SCALAR_FLOAT;
    }
    *out = (struct cell){.type = BR_STR, .text = {text, node->length}};
    return SCALAR_TEXT;
}

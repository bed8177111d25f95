// SPDX-License-Identifier: BSD-3-Clause
#include "inputs/convert.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

enum {
    SHOWN_MAX = 60 // bytes of a text in a message
};

static bool is_text(enum br_type type)
{
    return type == BR_STR || type == BR_BYTES;
}

static bool is_word(const struct cell *in, const char *word)
{
    return in->text.length == strlen(word) && !memcmp(in->text.data, word, in->text.length);
}

static bool text_to_bool(const struct cell *in, bool *out)
{
    *out = is_word(in, "true") || is_word(in, "True") || is_word(in, "TRUE");
    return *out || is_word(in, "false") || is_word(in, "False") || is_word(in, "FALSE");
}

static bool text_to_any_f64(const struct cell *in, double *out)
{
    if (text_to_f64(in->text.data, in->text.length, out))
        return true;
    if (is_word(in, "nan"))
        *out = (double)NAN;
    else if (is_word(in, "inf"))
        *out = HUGE_VAL;
    else if (is_word(in, "-inf"))
        *out = -HUGE_VAL;
    else
        return false;
    return true;
}

static bool from_text(const struct cell *in, struct cell *out)
{
    switch (out->type) {
    case BR_I64:
        return text_to_i64(in->text.data, in->text.length, &out->i64);
    case BR_F64:
        return text_to_any_f64(in, &out->f64);
    case BR_BOOL:
        return text_to_bool(in, &out->boolean);
    case BR_STR:
        out->text = in->text;
        return !memchr(in->text.data, '\0', in->text.length);
    case BR_BYTES:
        out->text = in->text;
        return true;
    case BR_TYPE_NONE:
        break;
    }
    return false;
}

static void to_str(const struct cell *in, struct convert_text *text, struct cell *out)
{
    size_t length = in->type == BR_I64   ? decimal_i64(text->data, in->i64)
                    : in->type == BR_F64 ? decimal_f64(text->data, in->f64)
                                         : (in->boolean ? 4 : 5);
    if (in->type == BR_BOOL)
        memcpy(text->data, in->boolean ? "true" : "false", length);
    text->data[length] = '\0';
    out->text.data = text->data;
    out->text.length = length;
}

bool cell_convert(const struct cell *in, enum br_type type, struct convert_text *text,
                  struct cell *out)
{
    struct cell cell = {.type = type};
    if (in->type == type)
        cell = *in;
    else if (is_text(in->type)) {
        if (!from_text(in, &cell))
            return false;
    } else if (type == BR_STR)
        to_str(in, text, &cell);
    else if (in->type == BR_I64 && type == BR_F64)
        cell.f64 = (double)in->i64;
    else if (in->type == BR_F64 && type == BR_I64 && in->f64 >= -0x1p63 && in->f64 < 0x1p63 &&
             trunc(in->f64) == in->f64)
        cell.i64 = (int64_t)in->f64;
    else
        return false;
    *out = cell;
    return true;
}

bool type_converts(enum br_type from, enum br_type to)
{
    if (from == to || (to == BR_STR && from != BR_TYPE_NONE))
        return true;
    if (from == BR_I64 || from == BR_F64)
        return to == BR_I64 || to == BR_F64;
    return is_text(from) && is_text(to);
}

static void show(struct buffer *out, const struct cell *in)
{
    struct convert_text text;
    struct cell shown;
    if (!is_text(in->type)) {
        to_str(in, &text, &shown);
        buffer_append(out, shown.text.data, shown.text.length);
        return;
    }
    size_t length = in->text.length;
    if (length > SHOWN_MAX) {
        length = SHOWN_MAX;
        while (length > 0 && ((unsigned char)in->text.data[length] & 0xC0) == 0x80)
            length--; // not in the middle of a character
    }
    buffer_char(out, '"');
    buffer_append(out, in->text.data, length);
    buffer_text(out, length < in->text.length ? "...\"" : "\"");
}

void convert_problem(struct buffer *out, const struct cell *in, enum br_type type)
{
    static const char *const kinds[] = {
        [BR_TYPE_NONE] = "a value",  [BR_I64] = "an integer", [BR_F64] = "a number",
        [BR_BOOL] = "true or false", [BR_STR] = "text",       [BR_BYTES] = "text",
    };
    show(out, in);
    buffer_format(out, " is not %s (%s)", kinds[type], schema_type_name(type));
}

size_t convert_width(const struct cell *cell)
{
    struct convert_text text;
    struct cell shown;
    if (is_text(cell->type))
        return utf8_width(cell->text.data, cell->text.length);
    to_str(cell, &text, &shown);
    return shown.text.length;
}

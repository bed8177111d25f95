// SPDX-License-Identifier: BSD-3-Clause
// Converts values between the types of columns.
#include "inputs/convert.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/utf8.h"

enum {
    SHOWN_MAX = 60 // bytes of a text that a message shows
};

static bool is_word(const struct cell *in, const char *word)
{
    return in->text.length == strlen(word) && !memcmp(in->text.data, word, in->text.length);
}

static bool text_to_bool(const struct cell *in, bool *out)
{
    *out = is_word(in, "true") || is_word(in, "True") || is_word(in, "TRUE");
    return *out || is_word(in, "false") || is_word(in, "False") || is_word(in, "FALSE");
}

// Returns whether the text begins with `word`, in any case; *text is then what follows.
static bool skip_word(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncasecmp(*text, word, length) != 0)
        return false;
    *text += length;
    return true;
}

// Returns whether the text is (...), as after the nan of C's printf, or nothing.
static bool is_payload(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    if (*text == '\0')
        return true;
    size_t length = text[0] == '(' ? 1 + strspn(text + 1, allowed) : 0;
    return length > 0 && text[length] == ')' && text[length + 1] == '\0';
}

// Reads infinity and NaN as C, C++, Fortran, Java, Julia, MATLAB, Python and R write them, and as
// Microsoft's C library did: 1.#INF, 1.#QNAN, -1.#IND, with zeros at the end.
static bool special_f64(const char *text, double *out)
{
    bool negative = *text == '-', inf = false, nan = false;
    text += *text == '-' || *text == '+';
    if (skip_word(&text, "1.#")) {
        inf = skip_word(&text, "inf");
        nan = !inf &&
              (skip_word(&text, "qnan") || skip_word(&text, "snan") || skip_word(&text, "ind"));
        text += strspn(text, "0");
        inf = inf && *text == '\0';
        nan = nan && *text == '\0';
    } else if (skip_word(&text, "inf"))
        inf = *text == '\0' || (skip_word(&text, "inity") && *text == '\0');
    else
        nan = skip_word(&text, "nan") && is_payload(text);
    if (inf)
        *out = negative ? -HUGE_VAL : HUGE_VAL;
    else if (nan)
        *out = (double)NAN;
    return inf || nan;
}

static bool text_to_any_f64(const struct cell *in, double *out)
{
    return text_to_f64(in->text.data, in->text.length, out) ||
           (strlen(in->text.data) == in->text.length && special_f64(in->text.data, out));
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

bool convert_cell(const struct cell *in, enum br_type type, struct cell_room *text,
                  struct cell *out)
{
    struct cell cell = {.type = type};
    if (in->type == type)
        cell = *in;
    else if (schema_type_is_text(in->type)) {
        if (!from_text(in, &cell))
            return false;
    } else if (type == BR_STR)
        cell.text.data = cell_text(in, text, &cell.text.length);
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

bool convert_is_possible(enum br_type from, enum br_type to)
{
    if (from == to || (to == BR_STR && from != BR_TYPE_NONE))
        return true;
    if (from == BR_I64 || from == BR_F64)
        return to == BR_I64 || to == BR_F64;
    return schema_type_is_text(from) && schema_type_is_text(to);
}

enum br_type convert_natural_type(const struct cell *text)
{
    static const enum br_type tried[] = {BR_I64, BR_F64, BR_BOOL};
    struct cell_room room;
    struct cell cell;
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++)
        if (convert_cell(text, tried[i], &room, &cell))
            return tried[i];
    return BR_STR;
}

static void show(struct buffer *out, const struct cell *in)
{
    struct cell_room room;
    size_t length;
    const char *text = cell_text(in, &room, &length);
    if (!schema_type_is_text(in->type)) {
        buffer_append(out, text, length);
        return;
    }
    size_t shown = length > SHOWN_MAX ? utf8_cut(text, SHOWN_MAX) : length;
    buffer_char(out, '"');
    buffer_append(out, text, shown);
    buffer_text(out, shown < length ? "...\"" : "\"");
}

// Appends a hint if the text has characters that nobody sees, or stands for a missing number.
static void hint_text(struct buffer *out, const struct cell *in, enum br_type type)
{
    static const char *const missing[] = {"",      "NA",      "N/A",     "<NA>", "#N/A",
                                          "#NUM!", "#DIV/0!", "#VALUE!", "NULL", "null",
                                          "None",  "none",    "-",       "."};
    const char *text = in->text.data;
    size_t length = in->text.length;
    uint32_t unseen = utf8_find_unseen(text, length, NULL);
    if (unseen)
        buffer_format(out, "; remove %s (U+%04" PRIX32 ")", utf8_unseen_name(unseen), unseen);
    else if (length > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[length - 1])))
        buffer_text(out, "; remove the blank");
    else if (type == BR_F64 && memchr(text, ',', length) &&
             strspn(text, "+-.,0123456789eE") == length)
        buffer_text(out, "; write a decimal point, and no separators");
    for (size_t i = 0; type == BR_F64 && i < sizeof missing / sizeof missing[0]; i++)
        if (is_word(in, missing[i]))
            buffer_text(out, "; write nan for a missing number");
}

const char *convert_problem(struct buffer *out, const struct cell *in, enum br_type type)
{
    static const char *const kinds[] = {
        [BR_TYPE_NONE] = "a value",  [BR_I64] = "an integer", [BR_F64] = "a number",
        [BR_BOOL] = "true or false", [BR_STR] = "text",       [BR_BYTES] = "text",
    };
    show(out, in);
    buffer_format(out, " is not %s (%s)", kinds[type], schema_type_name(type));
    if (schema_type_is_text(in->type))
        hint_text(out, in, type);
    buffer_char(out, '\0');
    return out->failed ? "wrong value" : out->data;
}

size_t convert_width(const struct cell *cell)
{
    struct cell_room room;
    size_t length;
    const char *text = cell_text(cell, &room, &length);
    return utf8_width(text, length);
}

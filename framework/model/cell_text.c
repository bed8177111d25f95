// SPDX-License-Identifier: BSD-3-Clause
#include "model/cell_text.h"

#include <string.h>

#include "base/decimal.h"

const char *cell_text(const struct cell *cell, struct cell_room *room, size_t *length)
{
    if (schema_type_is_text(cell->type)) {
        *length = cell->text.length;
        return cell->text.data;
    }
    if (cell->type == BR_BOOL) {
        *length = cell->boolean ? 4 : 5;
        return cell->boolean ? "true" : "false";
    }
    *length = cell->type == BR_I64 ? decimal_i64(room->data, cell->i64)
                                   : decimal_f64(room->data, cell->f64);
    room->data[*length] = '\0';
    return room->data;
}

static size_t count_digits(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && text[n] >= '0' && text[n] <= '9')
        n++;
    return n;
}

// Returns whether the text of a number is certainly what decimal_f64 writes for it: at most 15
// digits, without an exponent and without zeros that could be left out.
static bool is_short_decimal(const char *text, size_t length)
{
    size_t sign = length > 0 && text[0] == '-';
    text += sign;
    length -= sign;
    size_t whole = count_digits(text, length);
    if (whole == 0 || whole > 15 || (whole > 1 && text[0] == '0'))
        return false;
    if (whole == length)
        return true;
    if (text[whole] != '.' || length > 16 || text[length - 1] == '0')
        return false;
    size_t fraction = count_digits(text + whole + 1, length - whole - 1);
    if (fraction == 0 || whole + 1 + fraction != length)
        return false;
    // Less than 0.0001 is written with an exponent.
    return text[0] != '0' || strspn(text + 2, "0") < 4;
}

bool cell_prints_as(const struct cell *cell, const char *text, size_t length)
{
    if (cell->type == BR_I64 && length < 20 && count_digits(text, length) == length)
        return true; // no text with zeros before it reads as an i64
    if (cell->type == BR_F64 && is_short_decimal(text, length))
        return true;
    struct cell_room room;
    size_t own;
    const char *printed = cell_text(cell, &room, &own);
    return own == length && !memcmp(printed, text, length);
}

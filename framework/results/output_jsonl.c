// SPDX-License-Identifier: BSD-3-Clause
// The jsonl format.
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/text.h"
#include "results/output_format.h"

static int put_word(struct output_stream *s, const char *word, br_error *err)
{
    return output_bytes(s, word, strlen(word), err);
}

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7E || text[i] == '"' || text[i] == '\\')
            return false;
    return true;
}

static int put_text(struct output_stream *s, const char *text, size_t length, br_error *err)
{
    if (length < OUTPUT_ROOM - 2 && is_plain(text, length)) { // the usual case needs no buffer
        char *to = output_room(s, length + 2, err);
        if (!to)
            return -1;
        to[0] = '"';
        memcpy(to + 1, text, length);
        to[length + 1] = '"';
        output_used(s, length + 2);
        return 0;
    }
    struct buffer json = BUFFER_EMPTY;
    text_json(&json, text, length);
    int result = buffer_check(&json, err);
    if (result == 0)
        result = output_bytes(s, json.data, json.length, err);
    buffer_finish(&json);
    return result;
}

static int put_bytes(struct output_stream *s, const char *data, size_t length, br_error *err)
{
    if (put_word(s, "\"", err) != 0 || output_base64(s, data, length, err) != 0)
        return -1;
    return put_word(s, "\"", err);
}

static int put_cell(struct output_stream *s, struct cell cell, br_error *err)
{
    if (cell.type == BR_STR)
        return put_text(s, cell.text.data, cell.text.length, err);
    if (cell.type == BR_BYTES)
        return put_bytes(s, cell.text.data, cell.text.length, err);
    if (cell.type == BR_BOOL)
        return put_word(s, cell.boolean ? "true" : "false", err);
    if (cell.type == BR_F64 && !isfinite(cell.f64))
        return put_word(s, "null", err);
    char *to = output_room(s, DECIMAL_MAX, err);
    if (!to)
        return -1;
    output_used(s, cell.type == BR_I64 ? decimal_i64(to, cell.i64) : decimal_f64(to, cell.f64));
    return 0;
}

// Returns whether the text is a JSON literal: a number, true or false.
static bool is_json(const char *text, size_t length)
{
    const char *at = text + (text[0] == '-');
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return true;
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && at[0] == '0'))
        return false;
    at += digits;
    if (*at == '.') {
        digits = strspn(++at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        digits = strspn(at, "0123456789");
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == text + length;
}

// Writes the cell of an input as it was written: as it is if that is JSON, else as a string.
static int put_written(struct output_stream *s, const struct output_rows *rows, size_t column,
                       uint64_t index, br_error *err)
{
    struct cell_room room;
    size_t length;
    const char *text = table_text(rows->inputs, column, index, &room, &length);
    return is_json(text, length) ? output_bytes(s, text, length, err)
                                 : put_text(s, text, length, err);
}

static int put_row(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                   br_error *err)
{
    const struct schema *schema = &rows->layout->schema;
    if (put_word(s, "{", err) != 0)
        return -1;
    for (size_t i = 0; i < schema->count; i++) {
        const char *name = schema->columns[i].name;
        const struct result_place *place = &rows->layout->places[i];
        if ((i > 0 && put_word(s, ",", err) != 0) || put_text(s, name, strlen(name), err) != 0 ||
            put_word(s, ":", err) != 0)
            return -1;
        int put =
            place->written
                ? put_written(s, rows, place->column, index, err)
                : put_cell(s, result_cell(rows->layout, i, rows->inputs, index, rows->cells), err);
        if (put != 0)
            return -1;
    }
    return put_word(s, "}\n", err);
}

int output_jsonl(struct output_stream *s, const struct output_rows *rows, br_error *err)
{
    return output_each(s, rows, put_row, err);
}

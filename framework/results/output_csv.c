// SPDX-License-Identifier: BSD-3-Clause
// The csv format.
#include <string.h>

#include "base/decimal.h"
#include "base/text.h"
#include "results/output_format.h"

static bool needs_quotes(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r')
            return true;
    return false;
}

// `alone`: the field is the only one of its line, which must not be empty.
static int put_quoted(struct output_stream *s, const char *text, size_t length, bool alone,
                      br_error *err)
{
    if (!needs_quotes(text, length) && !(alone && length == 0))
        return output_bytes(s, text, length, err);
    if (output_bytes(s, "\"", 1, err) != 0)
        return -1;
    while (length > 0) {
        const char *quote = memchr(text, '"', length);
        size_t part = quote ? (size_t)(quote - text) + 1 : length;
        if (output_bytes(s, text, part, err) != 0 || (quote && output_bytes(s, "\"", 1, err) != 0))
            return -1;
        text += part;
        length -= part;
    }
    return output_bytes(s, "\"", 1, err);
}

// On a terminal control characters are escaped.
static int put_text(struct output_stream *s, const char *text, size_t length, bool alone,
                    br_error *err)
{
    if (!s->terminal)
        return put_quoted(s, text, length, alone, err);
    struct buffer shown = BUFFER_EMPTY;
    text_lines_escaped(&shown, text, length);
    int result = buffer_check(&shown, err);
    if (result == 0)
        result = put_quoted(s, shown.data, shown.length, alone, err);
    buffer_finish(&shown);
    return result;
}

static int put_cell(struct output_stream *s, struct cell cell, bool alone, br_error *err)
{
    if (cell.type == BR_STR)
        return put_text(s, cell.text.data, cell.text.length, alone, err);
    if (cell.type == BR_BYTES && alone && cell.text.length == 0)
        return put_text(s, "", 0, alone, err);
    if (cell.type == BR_BYTES)
        return output_base64(s, cell.text.data, cell.text.length, err);
    char *to = output_room(s, DECIMAL_MAX, err);
    if (!to)
        return -1;
    if (cell.type == BR_I64)
        output_used(s, decimal_i64(to, cell.i64));
    else if (cell.type == BR_F64)
        output_used(s, decimal_f64(to, cell.f64));
    else
        return output_bytes(s, cell.boolean ? "true" : "false", cell.boolean ? 4 : 5, err);
    return 0;
}

static int put_separator(struct output_stream *s, bool last, br_error *err)
{
    char *to = output_room(s, 1, err);
    if (!to)
        return -1;
    *to = last ? '\n' : ',';
    output_used(s, 1);
    return 0;
}

static int put_row(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                   br_error *err)
{
    size_t count = rows->layout->schema.count;
    for (size_t i = 0; i < count; i++) {
        const struct result_place *place = &rows->layout->places[i];
        struct cell cell;
        struct cell_room room;
        if (place->written) {
            cell.type = BR_STR;
            cell.text.data =
                table_text(rows->inputs, place->column, index, &room, &cell.text.length);
        } else
            cell = result_cell(rows->layout, i, rows->inputs, index, rows->cells);
        if (put_cell(s, cell, count == 1, err) != 0 || put_separator(s, i + 1 == count, err) != 0)
            return -1;
    }
    return 0;
}

int output_csv(struct output_stream *s, const struct output_rows *rows, br_error *err)
{
    const struct schema *schema = &rows->layout->schema;
    for (size_t i = 0; i < schema->count; i++) {
        const char *name = schema->columns[i].name;
        if (put_text(s, name, strlen(name), false, err) != 0 ||
            put_separator(s, i + 1 == schema->count, err) != 0)
            return -1;
    }
    return output_each(s, rows, put_row, err);
}

// SPDX-License-Identifier: BSD-3-Clause
#include "model/row.h"

#include <string.h>

void row_pack(struct buffer *out, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t word = cells[i].type == BR_BOOL             ? cells[i].boolean
                        : schema_type_is_text(cells[i].type) ? cells[i].text.length
                                                             : (uint64_t)cells[i].i64;
        if (cells[i].type == BR_F64)
            memcpy(&word, &cells[i].f64, sizeof word);
        if (!schema_type_is_text(cells[i].type)) {
            buffer_append(out, &word, sizeof word);
            continue;
        }
        size_t padded = (cells[i].text.length + 8) / 8 * 8;
        char *to = buffer_extend(out, sizeof word + padded);
        if (!to)
            return;
        memcpy(to, &word, sizeof word);
        memset(to + padded, 0, 8); // the NUL and the padding lie within the last 8 bytes
        if (word > 0)
            memcpy(to + sizeof word, cells[i].text.data, word);
    }
}

// Reads a text at `at`, which begins with its length, within `left` bytes. Returns the number of
// bytes that it takes, or 0 if it is not valid.
static size_t unpack_text(const char *at, size_t left, struct cell *cell)
{
    uint64_t length;
    memcpy(&length, at, sizeof length);
    if (length >= left - 8)
        return 0;
    size_t padded = (size_t)(length + 8) / 8 * 8;
    if (padded > left - 8)
        return 0;
    const char *text = at + 8;
    for (size_t i = length; i < padded; i++)
        if (text[i] != '\0')
            return 0;
    if (cell->type == BR_STR && memchr(text, '\0', length))
        return 0;
    cell->text.data = text;
    cell->text.length = length;
    return 8 + padded;
}

bool row_unpack_first(const struct schema *schema, const void *data, size_t size,
                      struct cell *cells, size_t *used)
{
    const char *at = data;
    size_t left = size;
    for (size_t i = 0; i < schema->count; i++) {
        struct cell *cell = &cells[i];
        uint64_t word;
        size_t step = sizeof word;
        if (left < step)
            return false;
        memcpy(&word, at, sizeof word);
        cell->type = schema->columns[i].type;
        if (schema_type_is_text(cell->type))
            step = unpack_text(at, left, cell);
        else if (cell->type == BR_BOOL && word > 1)
            step = 0;
        else if (cell->type == BR_BOOL)
            cell->boolean = word == 1;
        else
            memcpy(&cell->i64, &word, sizeof word); // i64 and f64 have the same offset in a cell
        if (step == 0)
            return false;
        at += step;
        left -= step;
    }
    *used = size - left;
    return true;
}

bool row_unpack(const struct schema *schema, const void *data, size_t size, struct cell *cells)
{
    size_t used;
    return row_unpack_first(schema, data, size, cells, &used) && used == size;
}

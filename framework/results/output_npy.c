// SPDX-License-Identifier: BSD-3-Clause
#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "results/output_format.h"

// A Python string literal in ASCII, which every version of the format can hold.
static void put_literal(struct buffer *out, const char *text)
{
    size_t length = strlen(text);
    buffer_char(out, '\'');
    for (size_t at = 0; at < length;) {
        size_t step = utf8_sequence(text + at, length - at);
        const unsigned char *c = (const unsigned char *)text + at;
        if (step == 1 && *c >= 0x20 && *c < 0x7F && *c != '\'' && *c != '\\')
            buffer_char(out, text[at]);
        else if (step < 2)
            buffer_format(out, "\\x%02x", *c);
        else {
            uint32_t code = *c & (0xFFU >> (step + 1));
            for (size_t i = 1; i < step; i++)
                code = code << 6 | (c[i] & 0x3FU);
            buffer_format(out, "\\U%08" PRIx32, code);
        }
        at += step ? step : 1;
    }
    buffer_char(out, '\'');
}

static const char *const descriptions[] = {[BR_I64] = "<i8", [BR_F64] = "<f8", [BR_BOOL] = "|b1"};

static bool is_written(const struct output_rows *rows, size_t column)
{
    return rows->layout->schema.columns[column].type < BR_STR;
}

static void make_header(struct buffer *out, const struct output_rows *rows)
{
    const struct schema *schema = &rows->layout->schema;
    buffer_text(out, "{'descr': [");
    for (size_t i = 0; i < schema->count; i++) {
        if (!is_written(rows, i))
            continue;
        buffer_char(out, '(');
        put_literal(out, schema->columns[i].name);
        buffer_format(out, ", '%s'), ", descriptions[schema->columns[i].type]);
    }
    buffer_format(out, "], 'fortran_order': False, 'shape': (%" PRIu64 ",), }",
                  results_count(rows->results));
}

// Magic, version and length before the header, which spaces bring up to a multiple of 64 bytes.
static int put_header(struct output_stream *s, struct buffer *header, br_error *err)
{
    size_t before = header->length + 1 <= UINT16_MAX - 64 ? 10 : 12;
    while ((before + header->length + 1) % 64 != 0)
        buffer_char(header, ' ');
    buffer_char(header, '\n');
    if (buffer_check(header, err) != 0)
        return -1;
    uint32_t length = htole32((uint32_t)header->length);
    char start[12] = {'\x93', 'N', 'U', 'M', 'P', 'Y', before == 10 ? 1 : 2};
    memcpy(start + 8, &length, sizeof length); // version 1.0 has only the lower two bytes
    if (output_bytes(s, start, before, err) != 0)
        return -1;
    return output_bytes(s, header->data, header->length, err);
}

static int put_row(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                   br_error *err)
{
    for (size_t i = 0; i < rows->layout->schema.count; i++) {
        if (!is_written(rows, i))
            continue;
        struct cell cell = result_cell(rows->layout, i, rows->inputs, index, rows->cells);
        char *to = output_room(s, 8, err);
        if (!to)
            return -1;
        if (cell.type == BR_BOOL) {
            *to = cell.boolean;
            output_used(s, 1);
            continue;
        }
        uint64_t word;
        memcpy(&word, &cell.i64, sizeof word); // i64 and f64 share their place
        word = htole64(word);
        memcpy(to, &word, sizeof word);
        output_used(s, sizeof word);
    }
    return 0;
}

int output_npy(struct output_stream *s, const struct output_rows *rows, br_error *err)
{
    struct buffer header = BUFFER_EMPTY;
    make_header(&header, rows);
    int result = put_header(s, &header, err);
    buffer_finish(&header);
    return result == 0 ? output_each(s, rows, put_row, err) : -1;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "model/table_builder.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/cell_text.h"
#include "model/table_layout.h"

struct draft {
    struct table_column entry;
    char *name;
    uint64_t filled;      // number of cells so far
    bool has_text;        // str, bytes, and cells that are kept as they were written
    uint64_t offsets;     // offset of the offsets into the text
    uint64_t text;        // offset of the text
    uint64_t text_used;   // number of bytes of text so far
    bool text_is_growing; // the text lies at the image's end and may grow
};

struct table_builder {
    uint64_t rows;
    struct buffer image;
    struct draft *drafts; // by array_add
    size_t count;
    size_t growing; // index of the column that table_add_cell fills; none if not < count
};

struct table_builder *table_builder_create(uint64_t rows, br_error *err)
{
    struct table_builder *b = calloc(1, sizeof *b);
    if (!b) {
        br_error_nomem(err);
        return NULL;
    }
    b->rows = rows;
    b->growing = SIZE_MAX;
    void *head = buffer_extend(&b->image, sizeof(struct table_head));
    if (!head) {
        table_builder_destroy(b);
        br_error_nomem(err);
        return NULL;
    }
    memset(head, 0, sizeof(struct table_head));
    return b;
}

void table_builder_destroy(struct table_builder *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        free(b->drafts[i].name);
    free(b->drafts);
    buffer_finish(&b->image);
    free(b);
}

static int misuse(br_error *err, const char *name, const char *what)
{
    return br_error_set(err, BR_ERR_SYSTEM, "internal error: table column `%s`: %s", name, what);
}

// Returns the draft of that name, emptied for new content, or a new one; NULL and *err.
static struct draft *draft_named(struct table_builder *b, const char *name, br_error *err)
{
    if (b->growing < b->count &&
        b->drafts[b->growing].filled != b->drafts[b->growing].entry.length) {
        misuse(err, b->drafts[b->growing].name, "cells are missing");
        return NULL;
    }
    b->growing = SIZE_MAX;
    for (size_t i = 0; i < b->count; i++) {
        if (strcmp(b->drafts[i].name, name) != 0)
            continue;
        b->drafts[i] = (struct draft){.name = b->drafts[i].name};
        return &b->drafts[i];
    }
    if (b->count == SCHEMA_MAX) {
        br_error_set(err, BR_ERR_USAGE, "a table has at most %d columns", (int)SCHEMA_MAX);
        return NULL;
    }
    char *copy = strdup(name);
    if (!copy) {
        br_error_nomem(err);
        return NULL;
    }
    struct draft *draft = array_add(&b->drafts, &b->count, sizeof *b->drafts, err);
    if (!draft) {
        free(copy);
        return NULL;
    }
    draft->name = copy;
    return draft;
}

int table_add_range_i64(struct table_builder *b, const char *name, int64_t first, int64_t step,
                        br_error *err)
{
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    d->entry.type = BR_I64;
    d->entry.source = SOURCE_RANGE;
    d->entry.first = first;
    d->entry.step = step;
    return 0;
}

// Returns whether `count` values from `first` on are exact as doubles and, with places after the
// point, have no more digits than a double keeps of any decimal.
static bool is_narrow(i128 first, i128 step, uint64_t count, int exponent)
{
    if (exponent > 0 || exponent < -TABLE_PLACES_MAX)
        return false;
    const i128 limit = exponent == 0 ? (i128)1 << 53 : (i128)1000000000000000;
    i128 last = first + (i128)(count > 0 ? count - 1 : 0) * step;
    return first > -limit && first < limit && last > -limit && last < limit && step >= INT64_MIN &&
           step <= INT64_MAX;
}

int table_add_range_f64(struct table_builder *b, const char *name, i128 first, i128 step,
                        int exponent, br_error *err)
{
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    d->entry.type = BR_F64;
    if (is_narrow(first, step, b->rows, exponent)) {
        d->entry.source = SOURCE_RANGE;
        d->entry.first = (int64_t)first;
        d->entry.step = (int64_t)step;
        d->entry.places = (uint64_t)-exponent;
        return 0;
    }
    d->entry.source = SOURCE_DECIMAL;
    d->entry.wide_first[0] = (uint64_t)first;
    d->entry.wide_first[1] = (uint64_t)(first >> 64);
    d->entry.wide_step[0] = (uint64_t)step;
    d->entry.wide_step[1] = (uint64_t)(step >> 64);
    d->entry.exponent = exponent;
    return 0;
}

// What add_cells adds.
struct wanted {
    enum br_type type;
    bool written; // the cells are kept as they were written, too
    uint64_t divisor, length;
    size_t text_size; // SIZE_MAX: the text grows with each cell
};

// Adds the column with room for its cells, and for their text if its size is known.
static int add_cells(struct table_builder *b, const char *name, const struct wanted *w,
                     br_error *err)
{
    if (w->divisor == 0 || (w->length == 0 && b->rows > 0))
        return misuse(err, name, "no cells for its rows");
    // The sizes below must fit into 64 bits.
    if (w->length > SIZE_MAX / 32 || (w->text_size != SIZE_MAX && w->text_size > SIZE_MAX / 4))
        return br_error_nomem(err);
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    size_t place = (size_t)(d - b->drafts);
    bool is_text = schema_type_is_text(w->type);
    // The cells of a text column are its offsets.
    size_t cells = is_text ? 0 : w->length * table_cell_size(w->type);
    buffer_align(&b->image, 8);
    size_t start = b->image.length;
    d->has_text = is_text || w->written;
    d->offsets = (start + cells + 7) / 8 * 8;
    d->text = d->offsets + (w->length + 1) * 8;
    d->text_is_growing = d->has_text && w->text_size == SIZE_MAX;
    size_t text = d->has_text && !d->text_is_growing ? w->text_size + w->length : 0;
    void *room = buffer_extend(&b->image, d->has_text ? d->text - start + text : cells);
    d->entry = (struct table_column){
        .type = w->type,
        .source = w->divisor == 1 && w->length >= b->rows ? SOURCE_DIRECT : SOURCE_REPEATED,
        .divisor = w->divisor,
        .length = w->length,
        .cells = start,
        .text = is_text      ? d->text
                : w->written ? d->offsets
                             : 0,
        .text_size = text,
    };
    if (!room)
        return br_error_nomem(err);
    if (d->has_text) // the first offset is 0, and so are the bytes before it
        memset((char *)room + cells, 0, d->offsets - start - cells + 8);
    b->growing = w->text_size == SIZE_MAX ? place : SIZE_MAX;
    return 0;
}

int table_add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                    uint64_t length, br_error *err)
{
    return add_cells(b, name, &(struct wanted){type, false, divisor, length, SIZE_MAX}, err);
}

int table_add_written_cells(struct table_builder *b, const char *name, enum br_type type,
                            uint64_t divisor, uint64_t length, br_error *err)
{
    return add_cells(b, name, &(struct wanted){type, true, divisor, length, SIZE_MAX}, err);
}

int table_add_sized(struct table_builder *b, const char *name, enum br_type type, bool written,
                    size_t text_size, br_error *err)
{
    return add_cells(b, name, &(struct wanted){type, written, 1, b->rows, text_size}, err);
}

// Puts text after that of the cell before. Returns 0; -1 and *err for lack of memory, or of room in
// a sized column.
static int put_text(struct table_builder *b, struct draft *d, const char *text, size_t length,
                    br_error *err)
{
    size_t count = length + 1;
    if (d->text_is_growing) {
        if (!buffer_extend(&b->image, count))
            return br_error_nomem(err);
        d->entry.text_size += count;
    } else if (length >= d->entry.text_size - d->text_used)
        return misuse(err, d->name, "more text than announced");
    char *to = b->image.data + d->text + d->text_used;
    if (length > 0)
        memcpy(to, text, length);
    to[length] = '\0';
    d->text_used += count;
    uint64_t offset = d->text_used;
    memcpy(b->image.data + d->offsets + (d->filled + 1) * 8, &offset, sizeof offset);
    return 0;
}

int table_put_written(struct table_builder *b, size_t column, struct cell cell, const char *text,
                      size_t length, br_error *err)
{
    struct draft *d = &b->drafts[column];
    if (d->entry.source == SOURCE_RANGE || d->entry.source == SOURCE_DECIMAL ||
        cell.type != d->entry.type || d->filled == d->entry.length)
        return misuse(err, d->name, "a cell of another type, or too many");
    if (cell.type == BR_BOOL)
        b->image.data[d->entry.cells + d->filled] = cell.boolean;
    else if (!schema_type_is_text(cell.type))
        memcpy(b->image.data + d->entry.cells + d->filled * 8, &cell.i64, sizeof cell.i64);
    if (schema_type_is_text(cell.type)) {
        text = cell.text.data;
        length = cell.text.length;
    }
    if (d->has_text && put_text(b, d, text, length, err) != 0)
        return -1;
    d->filled++;
    return 0;
}

int table_put_cell(struct table_builder *b, size_t column, struct cell cell, br_error *err)
{
    struct cell_room room;
    const char *text = NULL;
    size_t length = 0;
    if (b->drafts[column].has_text && !schema_type_is_text(cell.type))
        text = cell_text(&cell, &room, &length);
    return table_put_written(b, column, cell, text, length, err);
}

int table_add_written(struct table_builder *b, struct cell cell, const char *text, size_t length,
                      br_error *err)
{
    if (b->growing >= b->count)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: a cell without its table column");
    return table_put_written(b, b->growing, cell, text, length, err);
}

int table_add_cell(struct table_builder *b, struct cell cell, br_error *err)
{
    if (b->growing >= b->count)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: a cell without its table column");
    return table_put_cell(b, b->growing, cell, err);
}

static int check_drafts(const struct table_builder *b, br_error *err)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct draft *d = &b->drafts[i];
        if (d->entry.source == SOURCE_RANGE || d->entry.source == SOURCE_DECIMAL)
            continue;
        if (d->filled != d->entry.length)
            return misuse(err, d->name, "cells are missing");
        if (d->has_text && d->text_used != d->entry.text_size)
            return misuse(err, d->name, "text is missing");
    }
    return 0;
}

int table_builder_finish(struct table_builder *b, struct buffer *out, br_error *err)
{
    if (check_drafts(b, err) != 0)
        return -1;
    struct buffer *image = &b->image;
    for (size_t i = 0; i < b->count; i++) {
        b->drafts[i].entry.name = image->length;
        buffer_append(image, b->drafts[i].name, strlen(b->drafts[i].name) + 1);
    }
    buffer_align(image, 8);
    struct table_head head = {.rows = b->rows, .column_count = b->count};
    memcpy(head.magic, TABLE_MAGIC, sizeof head.magic);
    head.directory = image->length;
    for (size_t i = 0; i < b->count; i++)
        buffer_append(image, &b->drafts[i].entry, sizeof b->drafts[i].entry);
    head.size = image->length;
    if (image->failed)
        return br_error_nomem(err);
    memcpy(image->data, &head, sizeof head);
    buffer_finish(out);
    *out = *image;
    *image = BUFFER_EMPTY;
    return 0;
}

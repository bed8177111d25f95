// SPDX-License-Identifier: BSD-3-Clause
#include "model/table_builder.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "model/table_layout.h"

struct draft {
    struct table_column entry;
    char *name;
    uint64_t filled;      // number of cells so far
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
    d->entry.first_i64 = first;
    d->entry.step_i64 = step;
    return 0;
}

int table_add_range_f64(struct table_builder *b, const char *name, double first, double step,
                        br_error *err)
{
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    d->entry.type = BR_F64;
    d->entry.source = SOURCE_RANGE;
    d->entry.first_f64 = first;
    d->entry.step_f64 = step;
    return 0;
}

// Adds the column with room for its cells, and for `text_size` bytes of text. SIZE_MAX: the text
// grows with each cell.
static int add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                     uint64_t length, size_t text_size, br_error *err)
{
    if (divisor == 0 || (length == 0 && b->rows > 0))
        return misuse(err, name, "no cells for its rows");
    // The sizes below must fit into 64 bits.
    if (length > SIZE_MAX / 16 || (text_size != SIZE_MAX && text_size > SIZE_MAX / 4))
        return br_error_nomem(err);
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    size_t place = (size_t)(d - b->drafts);
    size_t cells = schema_type_is_text(type) ? (length + 1) * 8 : length * table_cell_size(type);
    buffer_align(&b->image, 8);
    size_t start = b->image.length;
    d->text_is_growing = text_size == SIZE_MAX;
    size_t text = schema_type_is_text(type) && !d->text_is_growing ? text_size + length : 0;
    void *room = buffer_extend(&b->image, cells + text);
    d->entry = (struct table_column){
        .type = type,
        .source = divisor == 1 && length >= b->rows ? SOURCE_DIRECT : SOURCE_REPEATED,
        .divisor = divisor,
        .length = length,
        .cells = start,
        .text = schema_type_is_text(type) ? start + cells : 0,
        .text_size = text,
    };
    if (!room)
        return br_error_nomem(err);
    if (schema_type_is_text(type))
        memset(room, 0, 8); // the first offset is 0
    b->growing = d->text_is_growing ? place : SIZE_MAX;
    return 0;
}

int table_add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                    uint64_t length, br_error *err)
{
    return add_cells(b, name, type, divisor, length, SIZE_MAX, err);
}

int table_add_sized(struct table_builder *b, const char *name, enum br_type type, size_t text_size,
                    br_error *err)
{
    return add_cells(b, name, type, 1, b->rows, text_size, err);
}

// Puts text after the last cell's. Returns 0; -1 and *err for lack of memory, or of room in a sized
// column.
static int put_text(struct table_builder *b, struct draft *d, struct cell cell, br_error *err)
{
    size_t count = cell.text.length + 1;
    if (d->text_is_growing) {
        if (!buffer_extend(&b->image, count))
            return br_error_nomem(err);
        d->entry.text_size += count;
    } else if (cell.text.length >= d->entry.text_size - d->text_used)
        return misuse(err, d->name, "more text than announced");
    char *to = b->image.data + d->entry.text + d->text_used;
    if (cell.text.length > 0)
        memcpy(to, cell.text.data, cell.text.length);
    to[cell.text.length] = '\0';
    d->text_used += count;
    uint64_t offset = d->text_used;
    memcpy(b->image.data + d->entry.cells + (d->filled + 1) * 8, &offset, sizeof offset);
    return 0;
}

int table_put_cell(struct table_builder *b, size_t column, struct cell cell, br_error *err)
{
    struct draft *d = &b->drafts[column];
    if (d->entry.source == SOURCE_RANGE || cell.type != d->entry.type ||
        d->filled == d->entry.length)
        return misuse(err, d->name, "a cell of another type, or too many");
    if (schema_type_is_text(cell.type)) {
        if (put_text(b, d, cell, err) != 0)
            return -1;
    } else if (cell.type == BR_BOOL)
        b->image.data[d->entry.cells + d->filled] = cell.boolean;
    else
        memcpy(b->image.data + d->entry.cells + d->filled * 8, &cell.i64, sizeof cell.i64);
    d->filled++;
    return 0;
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
        if (d->entry.source == SOURCE_RANGE)
            continue;
        if (d->filled != d->entry.length)
            return misuse(err, d->name, "cells are missing");
        if (schema_type_is_text(d->entry.type) && d->text_used != d->entry.text_size)
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

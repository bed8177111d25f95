// SPDX-License-Identifier: BSD-3-Clause
//
// An image: the head, then the columns' cells as they were added, then the directory (one entry a
// column) and the names. All offsets count from the head; everything but text is 8-byte aligned.
//
//     i64, f64    8 bytes a cell
//     bool        1 byte a cell, not 0 = true
//     str, bytes  length + 1 offsets (64 bits) into the text behind them; cell i is the bytes from
//                 offset i to offset i + 1, the last of which is a NUL
#include "model/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char magic[8] = "BRtable1";

struct table_head {
    char magic[8];
    uint64_t size; // of the whole image
    uint64_t rows;
    uint64_t column_count;
    uint64_t directory; // offset
};

enum source {
    SOURCE_RANGE = 1, // first + row * step
    SOURCE_DIRECT,    // cell `row`: no division on the way
    SOURCE_REPEATED,  // cell row / divisor % length
};

struct table_column {
    uint32_t type;
    uint32_t source;
    uint64_t name; // offset of a NUL-terminated string
    union {
        struct {
            uint64_t divisor;
            uint64_t length;
            uint64_t cells; // offset
            uint64_t text;  // offset; str and bytes only
            uint64_t text_size;
        };
        struct {
            int64_t first_i64, step_i64;
        };
        struct {
            double first_f64, step_f64;
        };
    };
};

// ---- Reading

static const char *at_offset(const struct table *t, uint64_t offset)
{
    return (const char *)t->head + offset;
}

static const struct table_column *column_at(const struct table *t, size_t column)
{
    return (const struct table_column *)(const void *)at_offset(t, t->head->directory) + column;
}

static bool is_text(uint32_t type)
{
    return type == BR_STR || type == BR_BYTES;
}

static size_t cell_size(uint32_t type)
{
    return type == BR_BOOL ? 1 : 8;
}

// Whether `count` items of `size` bytes at `offset` lie within the image, aligned to `alignment`.
static bool lies_within(const struct table *t, uint64_t offset, uint64_t count, uint64_t size,
                        uint64_t alignment)
{
    return offset % alignment == 0 && offset <= t->size && count <= (t->size - offset) / size;
}

static bool name_is_sound(const struct table *t, uint64_t name)
{
    return name < t->size && memchr(at_offset(t, name), '\0', t->size - name);
}

static bool text_is_sound(const struct table *t, const struct table_column *c)
{
    if (c->length == UINT64_MAX || !lies_within(t, c->cells, c->length + 1, 8, 8) ||
        !lies_within(t, c->text, c->text_size, 1, 1))
        return false;
    const uint64_t *offsets = (const uint64_t *)(const void *)at_offset(t, c->cells);
    const char *text = at_offset(t, c->text);
    if (offsets[0] != 0 || offsets[c->length] != c->text_size)
        return false;
    for (uint64_t i = 0; i < c->length; i++)
        if (offsets[i + 1] <= offsets[i] || offsets[i + 1] > c->text_size ||
            text[offsets[i + 1] - 1] != '\0')
            return false;
    return true;
}

static bool column_is_sound(const struct table *t, const struct table_column *c)
{
    if (c->type < BR_I64 || c->type > BR_BYTES || !name_is_sound(t, c->name))
        return false;
    if (c->source == SOURCE_RANGE)
        return c->type == BR_I64 || c->type == BR_F64;
    if (c->source != SOURCE_DIRECT && c->source != SOURCE_REPEATED)
        return false;
    if (c->divisor == 0 || (c->length == 0 && t->head->rows > 0))
        return false;
    if (c->source == SOURCE_DIRECT && (c->divisor != 1 || c->length < t->head->rows))
        return false;
    if (is_text(c->type))
        return text_is_sound(t, c);
    size_t size = cell_size(c->type);
    return lies_within(t, c->cells, c->length, size, size);
}

static int damaged(br_error *err, const char *what)
{
    return br_error_set(err, BR_ERR_SYSTEM, "a table's image is damaged: %s", what);
}

int table_open(struct table *t, const void *data, size_t size, br_error *err)
{
    struct table view = {.head = data, .size = size};
    if ((uintptr_t)data % 8 != 0)
        return damaged(err, "it does not begin at a multiple of 8");
    if (size < sizeof *view.head || memcmp(view.head->magic, magic, sizeof magic) != 0)
        return damaged(err, "it does not begin as one");
    if (view.head->size != size)
        return damaged(err, "its size is not what it says");
    if (view.head->column_count > SCHEMA_MAX ||
        !lies_within(&view, view.head->directory, view.head->column_count,
                     sizeof(struct table_column), 8))
        return damaged(err, "its directory lies outside");
    for (size_t i = 0; i < view.head->column_count; i++)
        if (!column_is_sound(&view, column_at(&view, i)))
            return br_error_set(err, BR_ERR_SYSTEM, "a table's image is damaged: column %zu", i);
    *t = view;
    return 0;
}

uint64_t table_rows(const struct table *t)
{
    return t->head->rows;
}

size_t table_columns(const struct table *t)
{
    return t->head->column_count;
}

const char *table_column_name(const struct table *t, size_t column)
{
    return at_offset(t, column_at(t, column)->name);
}

enum br_type table_column_type(const struct table *t, size_t column)
{
    return column_at(t, column)->type;
}

int table_find(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->head->column_count; i++)
        if (!strcmp(table_column_name(t, i), name))
            return (int)i;
    return -1;
}

struct table_column_view table_view(const struct table *t, size_t column)
{
    const struct table_column *c = column_at(t, column);
    struct table_column_view v = {.type = BR_TYPE_NONE};
    if ((c->type != BR_I64 && c->type != BR_F64) || c->source == SOURCE_REPEATED)
        return v;
    v.type = c->type;
    if (c->source == SOURCE_RANGE) {
        memcpy(&v.first, &c->first_i64, sizeof v.first);
        memcpy(&v.step, &c->step_i64, sizeof v.step);
    } else
        v.cells = (const uint64_t *)(const void *)at_offset(t, c->cells);
    return v;
}

static struct cell range_cell(const struct table_column *c, uint64_t row)
{
    if (c->type == BR_F64)
        return (struct cell){.type = BR_F64, .f64 = c->first_f64 + (double)row * c->step_f64};
    // Unsigned: a range that would overflow wraps, whatever the image holds.
    uint64_t value = (uint64_t)c->first_i64 + row * (uint64_t)c->step_i64;
    return (struct cell){.type = BR_I64, .i64 = (int64_t)value};
}

static struct cell text_cell(const struct table *t, const struct table_column *c, uint64_t row)
{
    const uint64_t *offsets = (const uint64_t *)(const void *)at_offset(t, c->cells) + row;
    return (struct cell){
        .type = c->type,
        .text = {at_offset(t, c->text) + offsets[0], offsets[1] - offsets[0] - 1},
    };
}

struct cell table_cell(const struct table *t, size_t column, uint64_t row)
{
    const struct table_column *c = column_at(t, column);
    if (c->source == SOURCE_RANGE)
        return range_cell(c, row);
    if (c->source == SOURCE_REPEATED)
        row = row / c->divisor % c->length;
    const char *cells = at_offset(t, c->cells);
    // A literal for each type: filling one cell field by field costs a stalled store and load.
    switch (c->type) {
    case BR_I64:
        return (struct cell){.type = BR_I64, .i64 = ((const int64_t *)(const void *)cells)[row]};
    case BR_F64:
        return (struct cell){.type = BR_F64, .f64 = ((const double *)(const void *)cells)[row]};
    case BR_BOOL:
        return (struct cell){.type = BR_BOOL, .boolean = cells[row] != 0};
    default:
        return text_cell(t, c, row);
    }
}

// ---- Building

struct draft {
    struct table_column entry;
    char *name;
    uint64_t filled;      // cells so far
    uint64_t text_used;   // bytes of text so far
    bool text_is_growing; // the text lies at the image's end and may grow
};

struct table_builder {
    uint64_t rows;
    struct buffer image;
    struct draft *drafts; // room for SCHEMA_MAX would be wasteful: doubles at powers of two
    size_t count;
    size_t growing; // the column that table_add_cell adds to, when it is < count
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

// The draft of that name, emptied for new content, or a new one. NULL and *err.
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

// Adds the column with room for its cells, and for `text_size` bytes of text; SIZE_MAX = the text
// grows as cells come.
static int add_cells(struct table_builder *b, const char *name, enum br_type type, uint64_t divisor,
                     uint64_t length, size_t text_size, br_error *err)
{
    if (divisor == 0 || (length == 0 && b->rows > 0))
        return misuse(err, name, "no cells for its rows");
    // What follows must leave the sizes below within 64 bits.
    if (length > SIZE_MAX / 16 || (text_size != SIZE_MAX && text_size > SIZE_MAX / 4))
        return br_error_nomem(err);
    struct draft *d = draft_named(b, name, err);
    if (!d)
        return -1;
    size_t place = (size_t)(d - b->drafts);
    size_t cells = is_text(type) ? (length + 1) * 8 : length * cell_size(type);
    buffer_align(&b->image, 8);
    size_t start = b->image.length;
    d->text_is_growing = text_size == SIZE_MAX;
    size_t text = is_text(type) && !d->text_is_growing ? text_size + length : 0;
    void *room = buffer_extend(&b->image, cells + text);
    d->entry = (struct table_column){
        .type = type,
        .source = divisor == 1 && length >= b->rows ? SOURCE_DIRECT : SOURCE_REPEATED,
        .divisor = divisor,
        .length = length,
        .cells = start,
        .text = is_text(type) ? start + cells : 0,
        .text_size = text,
    };
    if (!room)
        return br_error_nomem(err);
    if (is_text(type))
        memset(room, 0, 8); // the first offset
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

// Text goes to where the last cell's ended. -1: no memory, or no room in a sized column.
static int put_text(struct table_builder *b, struct draft *d, struct cell cell, br_error *err)
{
    size_t count = cell.text.length + 1;
    if (d->text_is_growing) {
        if (!buffer_extend(&b->image, count))
            return br_error_nomem(err);
        d->entry.text_size += count;
    } else if (cell.text.length >= d->entry.text_size - d->text_used)
        return misuse(err, d->name, "more text than was said");
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
    if (is_text(cell.type)) {
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
        if (is_text(d->entry.type) && d->text_used != d->entry.text_size)
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
    memcpy(head.magic, magic, sizeof magic);
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

// ---- Packed rows

void row_pack(struct buffer *out, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t word = cells[i].type == BR_BOOL ? cells[i].boolean
                        : is_text(cells[i].type) ? cells[i].text.length
                                                 : (uint64_t)cells[i].i64;
        if (cells[i].type == BR_F64)
            memcpy(&word, &cells[i].f64, sizeof word);
        if (!is_text(cells[i].type)) {
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

// One text of at most `left` bytes at `at`, which begins with its length. The bytes it takes, or 0
// when it is not sound.
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
        if (is_text(cell->type))
            step = unpack_text(at, left, cell);
        else if (cell->type == BR_BOOL && word > 1)
            step = 0;
        else if (cell->type == BR_BOOL)
            cell->boolean = word == 1;
        else
            memcpy(&cell->i64, &word, sizeof word); // i64 and f64 share their place
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

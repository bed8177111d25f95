// SPDX-License-Identifier: BSD-3-Clause
#include "model/table.h"

#include "base/exact.h"
#include "model/table_layout.h"

enum {
    DECIMALS_MAX = 10100 // more than the exponents that decimal_read allows
};

static const char *at_offset(const struct table *t, uint64_t offset)
{
    return (const char *)t->head + offset;
}

static const struct table_column *column_at(const struct table *t, size_t column)
{
    return (const struct table_column *)(const void *)at_offset(t, t->head->directory) + column;
}

// Returns whether `count` items of `size` bytes at `offset` lie within the image, aligned to
// `alignment`.
static bool lies_within(const struct table *t, uint64_t offset, uint64_t count, uint64_t size,
                        uint64_t alignment)
{
    return offset % alignment == 0 && offset <= t->size && count <= (t->size - offset) / size;
}

static bool name_is_sound(const struct table *t, uint64_t name)
{
    return name < t->size && memchr(at_offset(t, name), '\0', t->size - name);
}

static bool text_is_sound(const struct table *t, const struct table_column *c, uint64_t at_offsets,
                          uint64_t at_text)
{
    if (c->length == UINT64_MAX || !lies_within(t, at_offsets, c->length + 1, 8, 8) ||
        !lies_within(t, at_text, c->text_size, 1, 1))
        return false;
    const uint64_t *offsets = (const uint64_t *)(const void *)at_offset(t, at_offsets);
    const char *text = at_offset(t, at_text);
    if (offsets[0] != 0 || offsets[c->length] != c->text_size)
        return false;
    for (uint64_t i = 0; i < c->length; i++)
        if (offsets[i + 1] <= offsets[i] || offsets[i + 1] > c->text_size ||
            text[offsets[i + 1] - 1] != '\0')
            return false;
    return true;
}

// Returns the offset of the text of written numbers, which is after its offsets.
static uint64_t written_text(const struct table_column *c)
{
    return c->text + (c->length + 1) * 8;
}

static bool column_is_sound(const struct table *t, const struct table_column *c)
{
    if (c->type < BR_I64 || c->type > BR_BYTES || !name_is_sound(t, c->name))
        return false;
    if (c->source == SOURCE_RANGE)
        return (c->type == BR_I64 || c->type == BR_F64) && c->places <= TABLE_PLACES_MAX;
    if (c->source == SOURCE_DECIMAL)
        return c->type == BR_F64 && c->exponent > -DECIMALS_MAX && c->exponent < DECIMALS_MAX;
    if (c->source != SOURCE_DIRECT && c->source != SOURCE_REPEATED)
        return false;
    if (c->divisor == 0 || (c->length == 0 && t->head->rows > 0))
        return false;
    if (c->source == SOURCE_DIRECT && (c->divisor != 1 || c->length < t->head->rows))
        return false;
    if (schema_type_is_text(c->type))
        return text_is_sound(t, c, c->cells, c->text);
    size_t size = table_cell_size(c->type);
    return lies_within(t, c->cells, c->length, size, size) &&
           (c->text == 0 || text_is_sound(t, c, c->text, written_text(c)));
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
    if (size < sizeof *view.head ||
        memcmp(view.head->magic, TABLE_MAGIC, sizeof view.head->magic) != 0)
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

uint64_t table_stored_cells(const struct table *t, size_t column, uint64_t *step)
{
    const struct table_column *c = column_at(t, column);
    uint64_t rows = t->head->rows;
    *step = 1;
    if (c->source != SOURCE_REPEATED || rows == 0)
        return rows;
    *step = c->divisor;
    uint64_t reached = (rows - 1) / c->divisor + 1;
    return reached < c->length ? reached : c->length;
}

struct table_column_view table_view(const struct table *t, size_t column)
{
    const struct table_column *c = column_at(t, column);
    struct table_column_view v = {.type = BR_TYPE_NONE};
    if ((c->type != BR_I64 && c->type != BR_F64) || c->source == SOURCE_REPEATED ||
        c->source == SOURCE_DECIMAL)
        return v;
    v.type = c->type;
    if (c->source == SOURCE_RANGE) {
        v.first = (uint64_t)c->first;
        v.step = (uint64_t)c->step;
        v.divisor = decimal_value((struct decimal){1, (int)c->places});
    } else
        v.cells = (const uint64_t *)(const void *)at_offset(t, c->cells);
    return v;
}

// Returns the exact value of a range. The sums are unsigned, so that a range that overflows wraps,
// whatever the image holds.
static struct decimal range_value(const struct table_column *c, uint64_t row)
{
    if (c->source == SOURCE_RANGE)
        return (struct decimal){(int64_t)((uint64_t)c->first + row * (uint64_t)c->step),
                                -(int)c->places};
    unsigned __int128 first = (unsigned __int128)c->wide_first[1] << 64 | c->wide_first[0];
    unsigned __int128 step = (unsigned __int128)c->wide_step[1] << 64 | c->wide_step[0];
    return (struct decimal){(i128)(first + row * step), (int)c->exponent};
}

static struct cell range_cell(const struct table_column *c, uint64_t row)
{
    struct decimal value = range_value(c, row);
    if (c->type == BR_F64)
        return (struct cell){.type = BR_F64, .f64 = decimal_value(value)};
    return (struct cell){.type = BR_I64, .i64 = (int64_t)value.digits};
}

static struct cell text_cell(const struct table *t, const struct table_column *c, uint64_t row)
{
    const uint64_t *offsets = (const uint64_t *)(const void *)at_offset(t, c->cells) + row;
    return (struct cell){
        .type = c->type,
        .text = {at_offset(t, c->text) + offsets[0], offsets[1] - offsets[0] - 1},
    };
}

static bool is_range(const struct table_column *c)
{
    return c->source == SOURCE_RANGE || c->source == SOURCE_DECIMAL;
}

struct cell table_cell(const struct table *t, size_t column, uint64_t row)
{
    const struct table_column *c = column_at(t, column);
    if (is_range(c))
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

bool table_is_written(const struct table *t, size_t column)
{
    const struct table_column *c = column_at(t, column);
    return c->source == SOURCE_DECIMAL ||
           (c->source != SOURCE_RANGE && !schema_type_is_text(c->type) && c->text != 0);
}

const char *table_text(const struct table *t, size_t column, uint64_t row, struct cell_room *room,
                       size_t *length)
{
    const struct table_column *c = column_at(t, column);
    if (c->type == BR_F64 && is_range(c)) {
        *length = decimal_text(room->data, range_value(c, row));
        room->data[*length] = '\0';
        return room->data;
    }
    if (!table_is_written(t, column)) {
        struct cell cell = table_cell(t, column, row);
        return cell_text(&cell, room, length);
    }
    if (c->source == SOURCE_REPEATED)
        row = row / c->divisor % c->length;
    const uint64_t *offsets = (const uint64_t *)(const void *)at_offset(t, c->text) + row;
    *length = offsets[1] - offsets[0] - 1;
    return at_offset(t, written_text(c)) + offsets[0];
}

// ---- Hashes

static uint64_t hash_column_name(const struct table *t, size_t column, table_hasher *hasher)
{
    const char *name = table_column_name(t, column);
    uint32_t type = table_column_type(t, column);
    return hasher(hasher(0, name, strlen(name)), &type, sizeof type);
}

static uint64_t hash_cell(uint64_t hash, const struct cell *c, table_hasher *hasher)
{
    switch (c->type) {
    case BR_I64:
        return hasher(hash, &c->i64, sizeof c->i64);
    case BR_F64:
        return hasher(hash, &c->f64, sizeof c->f64);
    case BR_BOOL:
        return hasher(hash, c->boolean ? "1" : "0", 1);
    default:
        return hasher(hash, c->text.data, c->text.length);
    }
}

// Continues a hash with the text of a cell that was written in another way than it is printed.
static uint64_t hash_written(uint64_t hash, const struct table *t, size_t column, uint64_t row,
                             table_hasher *hasher)
{
    struct cell_room room, plain_room;
    struct cell cell = table_cell(t, column, row);
    size_t length, plain_length;
    const char *text = table_text(t, column, row, &room, &length);
    const char *plain = cell_text(&cell, &plain_room, &plain_length);
    bool same = length == plain_length && memcmp(text, plain, length) == 0;
    return same ? hash : hasher(hash, text, length);
}

uint64_t table_hash_row(const struct table *t, size_t columns, uint64_t row, table_hasher *hasher)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < columns; i++) {
        struct cell cell = table_cell(t, i, row);
        uint64_t hash = hash_cell(hash_column_name(t, i, hasher), &cell, hasher);
        sum += table_is_written(t, i) ? hash_written(hash, t, i, row, hasher) : hash;
    }
    return sum;
}

static uint64_t hash_cells(const struct table *t, const struct table_column *c, uint64_t hash,
                           table_hasher *hasher)
{
    size_t offsets = (c->length + 1) * sizeof(uint64_t);
    if (!schema_type_is_text(c->type)) {
        hash = hasher(hash, at_offset(t, c->cells), c->length * table_cell_size(c->type));
        if (c->text == 0)
            return hash;
        hash = hasher(hash, at_offset(t, c->text), offsets);
        return hasher(hash, at_offset(t, written_text(c)), c->text_size);
    }
    hash = hasher(hash, at_offset(t, c->cells), offsets);
    return hasher(hash, at_offset(t, c->text), c->text_size);
}

uint64_t table_hash(const struct table *t, size_t columns, table_hasher *hasher)
{
    uint64_t rows = table_rows(t), sum = hasher(0, &rows, sizeof rows);
    for (size_t i = 0; i < columns; i++) {
        const struct table_column *c = column_at(t, i);
        uint64_t hash = hash_column_name(t, i, hasher);
        bool stored = c->source == SOURCE_DIRECT || c->source == SOURCE_REPEATED;
        // Offsets of cells say nothing; the same fields of a computed column are its values.
        uint64_t form[6] = {c->source, c->divisor, c->length};
        if (!stored)
            memcpy(&form[3], &c->cells, 3 * sizeof form[0]);
        hash = hasher(hash, form, sizeof form);
        sum += stored ? hash_cells(t, c, hash, hasher) : hash;
    }
    return sum;
}

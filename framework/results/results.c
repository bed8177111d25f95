// SPDX-License-Identifier: BSD-3-Clause
// Keeps the packed rows of results, and makes tables and layouts of them.
#include "results/results.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "model/command_line.h"
#include "model/row.h"
#include "model/table_builder.h"

struct results {
    const struct schema *schema;
    uint64_t rows;
    uint64_t count;
    size_t stride;       // bytes of a packed row if all rows have the same size, else 0
    uint64_t *done;      // a bit for each row: whether it succeeded
    size_t done_size;    // mapped bytes of `done`
    char *cells;         // the packed rows, or 64-bit offsets into `arena` if stride is 0
    size_t cells_size;   // mapped bytes of `cells`
    struct buffer arena; // packed rows of different lengths
    struct cell *spare;  // schema->count cells, for checking rows that are put
};

// ---- Memory

// Maps `count` items of `size` bytes of zeros, which use no memory until they are written. Returns
// NULL and *err on failure.
static void *map_zeros(uint64_t count, size_t size, size_t *mapped, br_error *err)
{
    if (count > SIZE_MAX / size) {
        br_error_set(err, BR_ERR_USAGE, "results of %" PRIu64 " tasks are too many to keep", count);
        return NULL;
    }
    size_t bytes = count > 0 ? count * size : size;
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        br_error_errno(err, "cannot get %zu bytes for the results of %" PRIu64 " tasks", bytes,
                       count);
        return NULL;
    }
    *mapped = bytes;
    return at;
}

static size_t stride_of(const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        if (schema->columns[i].type == BR_STR || schema->columns[i].type == BR_BYTES)
            return 0;
    return schema->count ? schema->count * 8 : 8; // 0 means rows of different lengths
}

struct results *results_create(const struct schema *schema, uint64_t rows, br_error *err)
{
    struct results *r = calloc(1, sizeof *r);
    if (!r) {
        br_error_nomem(err);
        return NULL;
    }
    r->schema = schema;
    r->rows = rows;
    r->stride = stride_of(schema);
    r->spare = calloc(schema->count + 1, sizeof *r->spare);
    if (!r->spare) {
        br_error_nomem(err);
        results_destroy(r);
        return NULL;
    }
    r->done = map_zeros(BITS_WORDS(rows), 8, &r->done_size, err);
    r->cells = r->done ? map_zeros(rows, r->stride ? r->stride : 8, &r->cells_size, err) : NULL;
    if (!r->cells) {
        results_destroy(r);
        return NULL;
    }
    return r;
}

void results_destroy(struct results *r)
{
    if (!r)
        return;
    int saved = errno;
    if (r->done)
        munmap(r->done, r->done_size);
    if (r->cells)
        munmap(r->cells, r->cells_size);
    buffer_finish(&r->arena);
    free(r->spare);
    free(r);
    errno = saved;
}

// ---- Rows

static void mark_done(struct results *r, uint64_t row)
{
    r->count += !bits_has(r->done, row);
    bits_add(r->done, row);
}

int results_put(struct results *r, uint64_t first, uint64_t count, const void *packed, size_t size,
                br_error *err)
{
    if (first > r->rows || count > r->rows - first)
        return br_error_set(err, BR_ERR_SYSTEM,
                            "internal error: results of tasks that do not exist");
    const char *at = packed;
    for (uint64_t row = first; row < first + count; row++) {
        size_t used;
        if (!row_unpack_first(r->schema, at, size, r->spare, &used))
            return br_error_set(err, BR_ERR_SYSTEM, "internal error: a result is malformed");
        if (r->stride == 0) {
            uint64_t offset = r->arena.length;
            buffer_append(&r->arena, at, used);
            if (buffer_check(&r->arena, err) != 0)
                return -1;
            memcpy(r->cells + row * 8, &offset, sizeof offset);
        } else if (used > 0)
            memcpy(r->cells + row * r->stride, at, used);
        mark_done(r, row);
        at += used;
        size -= used;
    }
    if (size > 0)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: a result is too long");
    return 0;
}

const struct schema *results_schema(const struct results *r)
{
    return r->schema;
}

uint64_t results_rows(const struct results *r)
{
    return r->rows;
}

uint64_t results_count(const struct results *r)
{
    return r->count;
}

bool results_has(const struct results *r, uint64_t row)
{
    return bits_has(r->done, row);
}

uint64_t results_next(const struct results *r, uint64_t from)
{
    return bits_next(r->done, from, r->rows);
}

const void *results_run(const struct results *r, uint64_t from, uint64_t *first, uint64_t *count,
                        size_t *size)
{
    *first = results_next(r, from);
    if (*first == r->rows)
        return NULL;
    if (r->stride > 0) {
        *count = bits_next_missing(r->done, *first, r->rows) - *first;
        *size = *count * r->schema->count * 8;
        return r->cells + *first * r->stride;
    }
    uint64_t offset;
    *count = 1;
    memcpy(&offset, r->cells + *first * 8, sizeof offset);
    row_unpack_first(r->schema, r->arena.data + offset, r->arena.length - offset, r->spare, size);
    return r->arena.data + offset;
}

void results_cells(const struct results *r, uint64_t row, struct cell *cells)
{
    size_t used;
    if (r->stride > 0) {
        row_unpack_first(r->schema, r->cells + row * r->stride, r->stride, cells, &used);
        return;
    }
    uint64_t offset;
    memcpy(&offset, r->cells + row * 8, sizeof offset);
    row_unpack_first(r->schema, r->arena.data + offset, r->arena.length - offset, cells, &used);
}

// ---- Layout

static int layout_add(struct result_layout *l, const char *name, enum br_type type,
                      enum result_source source, size_t column, br_error *err)
{
    int at = schema_find(&l->schema, name);
    if (at < 0) {
        if (schema_add(&l->schema, name, strlen(name), type, err) != 0)
            return -1;
        at = (int)l->schema.count - 1;
    }
    l->schema.columns[at].type = type;
    l->places[at] = (struct result_place){.source = source, .column = column};
    return 0;
}

static int layout_fill(struct result_layout *l, const struct schema *inputs,
                       const struct schema *results, br_error *err)
{
    if (inputs && layout_add(l, "index", BR_I64, RESULT_INDEX, 0, err) != 0)
        return -1;
    for (size_t i = 0; inputs && i < inputs->count; i++) {
        const struct column *c = &inputs->columns[i];
        if (strcmp(c->name, "index") != 0 && c->name[0] != COMMAND_SETTING &&
            layout_add(l, c->name, c->type, RESULT_INPUT, i, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < results->count; i++) {
        const struct column *c = &results->columns[i];
        if (layout_add(l, c->name, c->type, RESULT_RESULT, i, err) != 0)
            return -1;
    }
    return 0;
}

int result_layout_make(const struct schema *inputs, const struct schema *results,
                       struct result_layout *out, br_error *err)
{
    size_t room = 1 + (inputs ? inputs->count : 0) + results->count;
    struct result_layout l = {.places = calloc(room, sizeof *l.places)};
    if (!l.places)
        return br_error_nomem(err);
    if (layout_fill(&l, inputs, results, err) != 0) {
        result_layout_finish(&l);
        return -1;
    }
    *out = l;
    return 0;
}

void result_layout_finish(struct result_layout *layout)
{
    schema_finish(&layout->schema);
    free(layout->places);
    layout->places = NULL;
}

void result_layout_mark_written(struct result_layout *layout, const struct table *inputs)
{
    for (size_t i = 0; i < layout->schema.count; i++) {
        struct result_place *place = &layout->places[i];
        place->written = place->source == RESULT_INPUT && table_is_written(inputs, place->column);
    }
}

struct cell result_cell(const struct result_layout *layout, size_t column,
                        const struct table *inputs, uint64_t row, const struct cell *cells)
{
    struct result_place place = layout->places[column];
    if (place.source == RESULT_RESULT)
        return cells[place.column];
    if (place.source == RESULT_INPUT)
        return table_cell(inputs, place.column, row);
    return (struct cell){.type = BR_I64, .i64 = (int64_t)row};
}

int results_schema_of_table(const struct table *t, struct schema *out, br_error *err)
{
    struct schema s = {0};
    for (size_t i = 0; i < table_columns(t); i++) {
        const char *name = table_column_name(t, i);
        if (schema_add(&s, name, strlen(name), table_column_type(t, i), err) != 0) {
            schema_finish(&s);
            return -1;
        }
    }
    *out = s;
    return 0;
}

// ---- Table

// Adds the cell of an input as it was written, too.
static int add_written(struct table_builder *b, const struct table *inputs, size_t column,
                       uint64_t row, br_error *err)
{
    struct cell_room room;
    size_t length;
    const char *text = table_text(inputs, column, row, &room, &length);
    return table_add_written(b, table_cell(inputs, column, row), text, length, err);
}

static int add_column(struct table_builder *b, const struct result_layout *l, size_t column,
                      const struct results *r, const struct table *inputs, br_error *err)
{
    const struct column *c = &l->schema.columns[column];
    const struct result_place *place = &l->places[column];
    bool all = r->count == r->rows;
    if (place->source == RESULT_INDEX && all)
        return table_add_range_i64(b, c->name, 0, 1, err);
    if ((place->written ? table_add_written_cells : table_add_cells)(b, c->name, c->type, 1,
                                                                     r->count, err) != 0)
        return -1;
    for (uint64_t row = results_next(r, 0); row < r->rows; row = results_next(r, row + 1)) {
        if (place->source == RESULT_RESULT)
            results_cells(r, row, r->spare);
        int added = place->written
                        ? add_written(b, inputs, place->column, row, err)
                        : table_add_cell(b, result_cell(l, column, inputs, row, r->spare), err);
        if (added != 0)
            return -1;
    }
    return 0;
}

static int build_table(struct table_builder *b, const struct result_layout *l,
                       const struct results *r, const struct table *inputs, struct buffer *image,
                       br_error *err)
{
    for (size_t i = 0; i < l->schema.count; i++)
        if (add_column(b, l, i, r, inputs, err) != 0)
            return -1;
    return table_builder_finish(b, image, err);
}

int results_table(const struct results *r, const struct table *inputs, struct buffer *image,
                  br_error *err)
{
    struct schema columns = {0};
    struct result_layout layout;
    if (inputs && results_schema_of_table(inputs, &columns, err) != 0)
        return -1;
    int made = result_layout_make(inputs ? &columns : NULL, r->schema, &layout, err);
    schema_finish(&columns);
    if (made != 0)
        return -1;
    result_layout_mark_written(&layout, inputs);
    int result = -1;
    struct table_builder *b = table_builder_create(r->count, err);
    if (b)
        result = build_table(b, &layout, r, inputs, image, err);
    table_builder_destroy(b);
    result_layout_finish(&layout);
    return result;
}

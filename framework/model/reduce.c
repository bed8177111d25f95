// SPDX-License-Identifier: BSD-3-Clause
//
// Only the open blocks of the tree are kept, in a hash table by level and index. An open block has
// some of its children, but not all. When the last one comes, the block is added up, its sum goes
// to its parent as one value, and the block is freed. A block that is not in the table is either
// whole or untouched; the mark in its nearest open ancestor says which, and so detects a row that
// comes a second time.
#include "model/reduce.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEVEL_MAX = 64 // enough, because fan_in is 2 or more
};

// A numeric column.
struct lane {
    enum br_type type;
    size_t column; // its index in the rows
    size_t offset; // of its value, in bytes, in a row of fixed size
    // Results that need no tree, because their order does not matter. Sums of f64 use the blocks'
    // values.
    __int128 sum;
    int64_t i64;
    double f64;
};

struct block {
    struct block *next; // in its bucket, or in the list of spare blocks
    unsigned level;
    uint64_t index;
    uint64_t count;  // number of children that have come
    uint64_t *marks; // bit k: child k has come
    double *values;  // child k of tree lane t: values[t * fan_in + k]
};

struct reduce {
    enum job_reduce_kind kind;
    unsigned fan_in;
    uint64_t rows;
    uint64_t succeeded;
    struct schema schema;

    struct lane *lanes;
    size_t lane_count;
    size_t tree_lanes;       // number of lanes, the first ones, that are added up along the tree
    enum br_type *row_types; // of the columns if rows differ in size; else NULL
    size_t column_count;
    double *sums;   // [tree_lanes]: of one block
    char *gathered; // the lanes of one block's rows, if rows differ in size

    unsigned top;               // the level of the last block
    uint64_t widths[LEVEL_MAX]; // number of blocks at each level
    bool done;
    double *total; // [tree_lanes]: the sums when done

    struct block **buckets;
    size_t bucket_count; // a power of two
    size_t open_count;
    struct block *recent[LEVEL_MAX]; // the open block last used at each level, or NULL
    struct block *spare;
};

// The value of a row that adds nothing: adding it changes not even the sign of a zero.
#define NOTHING (-0.0)

// ---- Creating

static bool is_numeric(enum br_type type)
{
    return type == BR_I64 || type == BR_F64 || type == BR_BOOL;
}

static enum br_type result_type(enum job_reduce_kind kind, enum br_type type)
{
    if (kind == REDUCE_MEAN)
        return BR_F64;
    return kind == REDUCE_SUM && type == BR_BOOL ? BR_I64 : type;
}

static struct lane make_lane(enum job_reduce_kind kind, enum br_type type, size_t column)
{
    bool min = kind == REDUCE_MIN;
    return (struct lane){
        .type = type,
        .column = column,
        .i64 = min ? INT64_MAX : INT64_MIN,
        .f64 = min ? HUGE_VAL : -HUGE_VAL,
    };
}

static bool uses_tree(enum job_reduce_kind kind, enum br_type type)
{
    return type == BR_F64 && (kind == REDUCE_SUM || kind == REDUCE_MEAN);
}

// Adds the lanes, those of the tree first, and the columns of the result in the order of the rows'.
static int add_lanes(struct reduce *r, const struct schema *results, br_error *err)
{
    static const char count[] = "count";
    if (r->kind == REDUCE_COUNT)
        return schema_add(&r->schema, count, strlen(count), BR_I64, err);
    r->lanes = calloc(results->count ? results->count : 1, sizeof *r->lanes);
    if (!r->lanes)
        return br_error_nomem(err);
    for (int tree = 1; tree >= 0; tree--) {
        for (size_t c = 0; c < results->count; c++) {
            enum br_type type = results->columns[c].type;
            if (is_numeric(type) && uses_tree(r->kind, type) == tree)
                r->lanes[r->lane_count++] = make_lane(r->kind, type, c);
        }
        if (tree)
            r->tree_lanes = r->lane_count;
    }
    for (size_t c = 0; c < results->count; c++) {
        const struct column *column = &results->columns[c];
        if (is_numeric(column->type) && schema_add(&r->schema, column->name, strlen(column->name),
                                                   result_type(r->kind, column->type), err) != 0)
            return -1;
    }
    if (r->lane_count == 0)
        return br_error_set(err, BR_ERR_USAGE,
                            "there is nothing to reduce: the task has no result of type i64, f64 "
                            "or bool (reduce: count needs none)");
    return 0;
}

// Rows of numbers only have fixed offsets and are folded in place. From other rows the lanes are
// gathered first.
static int find_offsets(struct reduce *r, const struct schema *results, br_error *err)
{
    bool fixed = true;
    for (size_t c = 0; c < results->count; c++)
        fixed = fixed && is_numeric(results->columns[c].type);
    for (size_t i = 0; i < r->lane_count; i++)
        r->lanes[i].offset = 8 * (fixed ? r->lanes[i].column : i);
    r->column_count = results->count;
    if (fixed || r->kind == REDUCE_COUNT)
        return 0;
    r->row_types = calloc(results->count, sizeof *r->row_types);
    r->gathered = calloc((size_t)r->fan_in * r->lane_count + 1, 8);
    if (!r->row_types || !r->gathered)
        return br_error_nomem(err);
    for (size_t c = 0; c < results->count; c++)
        r->row_types[c] = results->columns[c].type;
    return 0;
}

static int make_tree(struct reduce *r, br_error *err)
{
    uint64_t width = r->rows;
    do {
        width = width / r->fan_in + (width % r->fan_in != 0);
        r->widths[r->top++] = width;
    } while (width > 1);
    r->top--;
    r->done = r->rows == 0;
    r->bucket_count = 16;
    r->buckets = calloc(r->bucket_count, sizeof *r->buckets);
    r->sums = calloc(2 * r->tree_lanes + 1, sizeof *r->sums);
    if (!r->buckets || !r->sums)
        return br_error_nomem(err);
    r->total = r->sums + r->tree_lanes;
    return 0;
}

struct reduce *reduce_create(enum job_reduce_kind kind, unsigned fan_in, uint64_t rows,
                             const struct schema *results, br_error *err)
{
    if (fan_in < 2 || fan_in > REDUCE_FAN_IN_MAX) {
        br_error_set(err, BR_ERR_USAGE, "fan_in is %u; it must be 2 to %d", fan_in,
                     REDUCE_FAN_IN_MAX);
        return NULL;
    }
    struct reduce *r = calloc(1, sizeof *r);
    if (!r) {
        br_error_nomem(err);
        return NULL;
    }
    r->kind = kind;
    r->fan_in = fan_in;
    r->rows = rows;
    if (add_lanes(r, results, err) != 0 || find_offsets(r, results, err) != 0 ||
        make_tree(r, err) != 0) {
        reduce_destroy(r);
        return NULL;
    }
    return r;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void reduce_destroy(struct reduce *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->buckets && i < r->bucket_count; i++)
        free_blocks(r->buckets[i]);
    free_blocks(r->spare);
    free(r->buckets);
    free(r->lanes);
    free(r->row_types);
    free(r->gathered);
    free(r->sums);
    schema_finish(&r->schema);
    free(r);
}

// ---- Open blocks

static size_t bucket_of(const struct reduce *r, unsigned level, uint64_t index)
{
    uint64_t hash = (index ^ (uint64_t)level << 58) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 32) & (r->bucket_count - 1);
}

static struct block *find_block(const struct reduce *r, unsigned level, uint64_t index)
{
    struct block *recent = r->recent[level];
    if (recent && recent->index == index)
        return recent;
    struct block *block = r->buckets[bucket_of(r, level, index)];
    while (block && (block->index != index || block->level != level))
        block = block->next;
    return block;
}

// Returns the number of children of a block: rows at level 0, else blocks of the level below. The
// last block of a level may have fewer.
static uint64_t child_count(const struct reduce *r, unsigned level, uint64_t index)
{
    uint64_t below = level == 0 ? r->rows : r->widths[level - 1];
    uint64_t left = below - index * r->fan_in;
    return left < r->fan_in ? left : r->fan_in;
}

static bool is_marked(const struct block *block, uint64_t child)
{
    return block->marks[child / 64] >> child % 64 & 1;
}

// Returns whether a block that is not open has been whole.
static bool was_whole(const struct reduce *r, unsigned level, uint64_t index)
{
    if (r->done)
        return true;
    for (; level < r->top; level++, index /= r->fan_in) {
        const struct block *parent = find_block(r, level + 1, index / r->fan_in);
        if (parent)
            return is_marked(parent, index % r->fan_in);
    }
    return false;
}

// Adds buckets for speed. Without memory for them the table still works.
static void grow_buckets(struct reduce *r)
{
    size_t before = r->bucket_count;
    struct block **old = r->buckets;
    struct block **buckets = calloc(2 * before, sizeof *buckets);
    if (!buckets)
        return;
    r->buckets = buckets;
    r->bucket_count = 2 * before;
    for (size_t i = 0; i < before; i++) {
        for (struct block *block = old[i], *next; block; block = next) {
            next = block->next;
            struct block **bucket = &buckets[bucket_of(r, block->level, block->index)];
            block->next = *bucket;
            *bucket = block;
        }
    }
    free(old);
}

static struct block *take_spare(struct reduce *r)
{
    size_t mark_bytes = (r->fan_in + 63) / 64 * sizeof(uint64_t);
    struct block *block = r->spare;
    if (block) {
        r->spare = block->next;
    } else {
        block =
            malloc(sizeof *block + mark_bytes + (size_t)r->fan_in * r->tree_lanes * sizeof(double));
        if (!block)
            return NULL;
        block->marks = (uint64_t *)(block + 1);
        block->values = (double *)((char *)block->marks + mark_bytes);
    }
    memset(block->marks, 0, mark_bytes);
    return block;
}

static int came_twice(const struct reduce *r, unsigned level, uint64_t index, br_error *err)
{
    uint64_t first = index;
    for (unsigned i = 0; i < level; i++)
        first *= r->fan_in;
    return br_error_set(err, BR_ERR_SYSTEM,
                        "a row at or soon after %" PRIu64 " was given to its reduction twice",
                        first);
}

// Returns the block, and opens it if it is untouched. NULL and *err if it has been whole.
static struct block *open_block(struct reduce *r, unsigned level, uint64_t index, br_error *err)
{
    struct block *block = find_block(r, level, index);
    if (block) {
        r->recent[level] = block;
        return block;
    }
    if (was_whole(r, level, index)) {
        came_twice(r, level + 1, index, err);
        return NULL;
    }
    block = take_spare(r);
    if (!block) {
        br_error_nomem(err);
        return NULL;
    }
    if (++r->open_count > r->bucket_count)
        grow_buckets(r);
    struct block **bucket = &r->buckets[bucket_of(r, level, index)];
    *block = (struct block){
        .next = *bucket,
        .level = level,
        .index = index,
        .marks = block->marks,
        .values = block->values,
    };
    *bucket = block;
    r->recent[level] = block;
    return block;
}

static void close_block(struct reduce *r, struct block *block)
{
    struct block **link = &r->buckets[bucket_of(r, block->level, block->index)];
    while (*link != block)
        link = &(*link)->next;
    *link = block->next;
    block->next = r->spare;
    r->spare = block;
    r->open_count--;
    if (r->recent[block->level] == block)
        r->recent[block->level] = NULL;
}

static int mark(const struct reduce *r, struct block *block, uint64_t child, uint64_t count,
                br_error *err)
{
    for (uint64_t k = child; k < child + count; k++) {
        if (is_marked(block, k))
            return came_twice(r, block->level, block->index * r->fan_in + k, err);
        block->marks[k / 64] |= UINT64_C(1) << k % 64;
    }
    block->count += count;
    return 0;
}

// ---- Up the tree

static double add_values(const double *values, uint64_t count)
{
    double sum = NOTHING;
    for (uint64_t k = 0; k < count; k++)
        sum += values[k];
    return sum;
}

static void finish_tree(struct reduce *r)
{
    for (size_t t = 0; t < r->tree_lanes; t++)
        r->total[t] = r->sums[t];
    r->done = true;
}

// Passes the sums of a whole block at level 0, r->sums, to its parent. If that makes the parent
// whole, continues with the parent.
static int block_whole(struct reduce *r, uint64_t index, br_error *err)
{
    for (unsigned level = 1; level <= r->top; level++) {
        uint64_t child = index % r->fan_in;
        index /= r->fan_in;
        struct block *parent = open_block(r, level, index, err);
        if (!parent || mark(r, parent, child, 1, err) != 0)
            return -1;
        for (size_t t = 0; t < r->tree_lanes; t++)
            parent->values[t * r->fan_in + child] = r->sums[t];
        if (parent->count < child_count(r, level, index))
            return 0;
        for (size_t t = 0; t < r->tree_lanes; t++)
            r->sums[t] = add_values(parent->values + t * r->fan_in, parent->count);
        close_block(r, parent);
    }
    if (r->done)
        return came_twice(r, 0, 0, err);
    finish_tree(r);
    return 0;
}

// ---- Rows

// Rows of fixed size, one after the other. NULL data: rows that add nothing.
struct span {
    const char *data;
    size_t stride;
};

static double load_f64(const char *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

static int64_t load_i64(const char *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double add_rows(struct span span, size_t offset, uint64_t count)
{
    double sum = NOTHING;
    const char *at = span.data + offset;
    for (uint64_t i = 0; i < count; i++, at += span.stride)
        sum += load_f64(at);
    return sum;
}

static int whole_block(struct reduce *r, uint64_t index, struct span span, uint64_t count,
                       br_error *err)
{
    if (r->open_count > 0 && find_block(r, 0, index))
        return came_twice(r, 1, index, err);
    for (size_t t = 0; t < r->tree_lanes; t++)
        r->sums[t] = span.data ? add_rows(span, r->lanes[t].offset, count) : NOTHING;
    return block_whole(r, index, err);
}

static int part_of_block(struct reduce *r, uint64_t index, uint64_t child, struct span span,
                         uint64_t count, br_error *err)
{
    struct block *block = open_block(r, 0, index, err);
    if (!block || mark(r, block, child, count, err) != 0)
        return -1;
    for (size_t t = 0; t < r->tree_lanes; t++) {
        double *values = block->values + t * r->fan_in + child;
        for (uint64_t i = 0; i < count; i++)
            values[i] =
                span.data ? load_f64(span.data + r->lanes[t].offset + i * span.stride) : NOTHING;
    }
    if (block->count < child_count(r, 0, index))
        return 0;
    for (size_t t = 0; t < r->tree_lanes; t++)
        r->sums[t] = add_values(block->values + t * r->fan_in, block->count);
    close_block(r, block);
    return block_whole(r, index, err);
}

static bool comes_first(enum job_reduce_kind kind, double a, double b)
{
    if (a == b)
        return a == 0 && !signbit(a) != !signbit(b) && !signbit(a) == (kind == REDUCE_MAX);
    return kind == REDUCE_MIN ? a < b : a > b;
}

// Folds a lane in a way in which order does not matter.
static void fold_lane(enum job_reduce_kind kind, struct lane *lane, struct span span,
                      uint64_t count)
{
    const char *at = span.data + lane->offset;
    for (uint64_t i = 0; i < count; i++, at += span.stride) {
        if (lane->type == BR_F64) {
            double value = load_f64(at);
            if (isnan(value) || (!isnan(lane->f64) && comes_first(kind, value, lane->f64)))
                lane->f64 = value;
            continue;
        }
        int64_t value = load_i64(at);
        lane->sum += value;
        if (kind == REDUCE_MIN ? value < lane->i64 : value > lane->i64)
            lane->i64 = value;
    }
}

// Takes rows first .. first + count - 1, which are all in one block.
static int take_span(struct reduce *r, uint64_t first, uint64_t count, struct span span,
                     br_error *err)
{
    uint64_t index = first / r->fan_in;
    uint64_t child = first % r->fan_in;
    int taken = count == child_count(r, 0, index)
                    ? whole_block(r, index, span, count, err)
                    : part_of_block(r, index, child, span, count, err);
    if (taken != 0)
        return -1;
    if (!span.data)
        return 0;
    r->succeeded += count;
    for (size_t i = r->tree_lanes; i < r->lane_count; i++)
        fold_lane(r->kind, &r->lanes[i], span, count);
    return 0;
}

static uint64_t rows_to_block_end(const struct reduce *r, uint64_t first, uint64_t count)
{
    uint64_t left = r->fan_in - first % r->fan_in;
    return count < left ? count : left;
}

static int check_rows(const struct reduce *r, uint64_t first, uint64_t count, br_error *err)
{
    if (first <= r->rows && count <= r->rows - first)
        return 0;
    return br_error_set(err, BR_ERR_SYSTEM,
                        "rows %" PRIu64 " to %" PRIu64 " were given to a reduction of %" PRIu64,
                        first, first + count - 1, r->rows);
}

static int bad_size(br_error *err)
{
    return br_error_set(err, BR_ERR_SYSTEM, "rows given to a reduction are not of its columns");
}

static int fixed_rows(struct reduce *r, uint64_t first, uint64_t count, const char *data,
                      size_t size, br_error *err)
{
    struct span span = {.data = data, .stride = 8 * r->column_count};
    if (count != 0 && (size / count != span.stride || size % count != 0))
        return bad_size(err);
    while (count > 0) {
        uint64_t n = rows_to_block_end(r, first, count);
        if (take_span(r, first, n, span, err) != 0)
            return -1;
        span.data += n * span.stride;
        first += n;
        count -= n;
    }
    return 0;
}

// Copies the numbers of one row to `lanes`. Returns the row's size, or 0 if it does not fit into
// `size`.
static size_t gather_row(const struct reduce *r, const char *data, size_t size, char *lanes)
{
    size_t at = 0;
    char *next[2] = {lanes, lanes + 8 * r->tree_lanes}; // the lanes of the tree come first
    for (size_t c = 0; c < r->column_count; c++) {
        if (size - at < 8)
            return 0;
        enum br_type type = r->row_types[c];
        if (is_numeric(type)) {
            char **lane = &next[!uses_tree(r->kind, type)];
            memcpy(*lane, data + at, 8);
            *lane += 8;
            at += 8;
            continue;
        }
        uint64_t length;
        memcpy(&length, data + at, 8);
        at += 8;
        if (length >= size - at)
            return 0;
        size_t padded = ((size_t)length + 1 + 7) & ~(size_t)7;
        if (padded > size - at)
            return 0;
        at += padded;
    }
    return at;
}

static int varied_rows(struct reduce *r, uint64_t first, uint64_t count, const char *data,
                       size_t size, br_error *err)
{
    struct span span = {.data = r->gathered, .stride = 8 * r->lane_count};
    while (count > 0) {
        uint64_t n = rows_to_block_end(r, first, count);
        for (uint64_t i = 0; i < n; i++) {
            size_t used = gather_row(r, data, size, r->gathered + i * span.stride);
            if (used == 0)
                return bad_size(err);
            data += used;
            size -= used;
        }
        if (take_span(r, first, n, span, err) != 0)
            return -1;
        first += n;
        count -= n;
    }
    return size == 0 ? 0 : bad_size(err);
}

// Takes rows that succeeded, for a reduction that needs only their number.
static int counted_rows(struct reduce *r, uint64_t first, uint64_t count, br_error *err)
{
    if (reduce_skip(r, first, count, err) != 0)
        return -1;
    r->succeeded += count;
    return 0;
}

int reduce_rows(struct reduce *r, uint64_t first, uint64_t count, const void *data, size_t size,
                br_error *err)
{
    if (check_rows(r, first, count, err) != 0)
        return -1;
    if (r->kind == REDUCE_COUNT)
        return counted_rows(r, first, count, err);
    return r->row_types ? varied_rows(r, first, count, data, size, err)
                        : fixed_rows(r, first, count, data, size, err);
}

int reduce_skip(struct reduce *r, uint64_t first, uint64_t count, br_error *err)
{
    if (check_rows(r, first, count, err) != 0)
        return -1;
    while (count > 0) {
        uint64_t n = rows_to_block_end(r, first, count);
        if (take_span(r, first, n, (struct span){0}, err) != 0)
            return -1;
        first += n;
        count -= n;
    }
    return 0;
}

// ---- The result

bool reduce_done(const struct reduce *r)
{
    return r->done;
}

size_t reduce_open_blocks(const struct reduce *r)
{
    return r->open_count;
}

const struct schema *reduce_schema(const struct reduce *r)
{
    return &r->schema;
}

// Returns the same NaN for every NaN, because its bits are part of the result.
static double one_nan(double value)
{
    return isnan(value) ? (double)NAN : value;
}

static struct cell sum_cell(const struct reduce *r, size_t i)
{
    const struct lane *lane = &r->lanes[i];
    bool mean = r->kind == REDUCE_MEAN;
    if (mean || lane->type == BR_F64) {
        double sum = lane->type == BR_F64 ? r->total[i] : (double)lane->sum;
        if (r->succeeded == 0)
            sum = 0;
        double value = mean ? sum / (double)r->succeeded : sum;
        return (struct cell){.type = BR_F64, .f64 = one_nan(value)};
    }
    return (struct cell){.type = BR_I64, .i64 = (int64_t)lane->sum};
}

static struct cell lane_cell(const struct reduce *r, size_t i)
{
    const struct lane *lane = &r->lanes[i];
    if (r->kind == REDUCE_SUM || r->kind == REDUCE_MEAN)
        return sum_cell(r, i);
    if (lane->type == BR_F64)
        return (struct cell){.type = BR_F64, .f64 = one_nan(lane->f64)};
    if (lane->type == BR_BOOL)
        return (struct cell){.type = BR_BOOL, .boolean = lane->i64 != 0};
    return (struct cell){.type = BR_I64, .i64 = lane->i64};
}

// Returns the index of a lane's column in the result: the number of lanes whose columns come
// before.
static size_t place_of(const struct reduce *r, const struct lane *lane)
{
    size_t place = 0;
    for (size_t i = 0; i < r->lane_count; i++)
        place += r->lanes[i].column < lane->column;
    return place;
}

static int check_result(const struct reduce *r, br_error *err)
{
    if (!r->done)
        return br_error_set(err, BR_ERR_SYSTEM, "a reduction was asked for before all rows came");
    if (r->kind == REDUCE_SUM || r->kind == REDUCE_COUNT || r->succeeded > 0)
        return 0;
    return br_error_set(err, BR_ERR_USAGE, "no task succeeded, so there is no %s",
                        r->kind == REDUCE_MEAN  ? "mean"
                        : r->kind == REDUCE_MIN ? "minimum"
                                                : "maximum");
}

static int check_sum(const struct reduce *r, const struct lane *lane, br_error *err)
{
    if (r->kind != REDUCE_SUM || (lane->sum >= INT64_MIN && lane->sum <= INT64_MAX))
        return 0;
    return br_error_set(err, BR_ERR_USAGE,
                        "the sum of `%s` is about %.6g, which an i64 cannot hold: have the task "
                        "return it as f64",
                        r->schema.columns[place_of(r, lane)].name, (double)lane->sum);
}

int reduce_result(const struct reduce *r, struct cell *cells, br_error *err)
{
    if (check_result(r, err) != 0)
        return -1;
    for (size_t i = 0; i < r->lane_count; i++)
        if (check_sum(r, &r->lanes[i], err) != 0)
            return -1;
    if (r->kind == REDUCE_COUNT)
        cells[0] = (struct cell){.type = BR_I64, .i64 = (int64_t)r->succeeded};
    for (size_t i = 0; i < r->lane_count; i++)
        cells[place_of(r, &r->lanes[i])] = lane_cell(r, i);
    return 0;
}

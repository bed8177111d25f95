// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/reduce.h"
#include "model/row.h"
#include "support/suite.h"

static const enum job_reduce_kind kinds[] = {REDUCE_SUM, REDUCE_MIN, REDUCE_MAX, REDUCE_MEAN,
                                             REDUCE_COUNT};

static void add_column(struct schema *s, const char *name, enum br_type type)
{
    br_error err;
    ck_assert_int_eq(schema_add(s, name, strlen(name), type, &err), 0);
}

static struct reduce *create(enum job_reduce_kind kind, unsigned fan_in, uint64_t rows,
                             const struct schema *s)
{
    br_error err = {.text = ""};
    struct reduce *r = reduce_create(kind, fan_in, rows, s, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

// Returns the next number of a small generator, which gives the same numbers on every machine.
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

// ---- One row after the other

// Gives cells[0 .. rows * columns), row-major; rows whose `ok` is false are skipped.
static void give(struct reduce *r, const struct cell *cells, size_t columns, uint64_t first,
                 uint64_t rows, const bool *ok)
{
    br_error err = {.text = ""};
    struct buffer packed = BUFFER_EMPTY;
    for (uint64_t i = first, n; i < first + rows; i += n) {
        for (n = 1; i + n < first + rows && ok[i + n] == ok[i]; n++)
            continue;
        buffer_clear(&packed);
        for (uint64_t k = i; k < i + n; k++)
            row_pack(&packed, cells + k * columns, columns);
        int given = ok[i] ? reduce_rows(r, i, n, packed.data, packed.length, &err)
                          : reduce_skip(r, i, n, &err);
        ck_assert_msg(given == 0, "%s", err.text);
    }
    buffer_finish(&packed);
}

static struct cell f64_cell(double value)
{
    return (struct cell){.type = BR_F64, .f64 = value};
}

static struct cell i64_cell(int64_t value)
{
    return (struct cell){.type = BR_I64, .i64 = value};
}

static struct cell bool_cell(bool value)
{
    return (struct cell){.type = BR_BOOL, .boolean = value};
}

static struct cell text_cell(const char *text)
{
    return (struct cell){.type = BR_STR, .text = {.data = text, .length = strlen(text)}};
}

static uint64_t bits(double value)
{
    uint64_t b;
    memcpy(&b, &value, sizeof b);
    return b;
}

START_TEST(every_kind_of_column)
{
    struct schema s = {0};
    add_column(&s, "name", BR_STR);
    add_column(&s, "n", BR_I64);
    add_column(&s, "x", BR_F64);
    add_column(&s, "yes", BR_BOOL);
    add_column(&s, "y", BR_F64);
    const struct cell cells[] = {
        text_cell("a"),        i64_cell(5),  f64_cell(0.5),  bool_cell(true),  f64_cell(1),
        text_cell(""),         i64_cell(7),  f64_cell(100),  bool_cell(true),  f64_cell(1000),
        text_cell("eight!!!"), i64_cell(-2), f64_cell(-1.5), bool_cell(false), f64_cell(3),
    };
    const bool ok[] = {true, false, true};
    const struct cell expected[][4] = {
        {i64_cell(3), f64_cell(-1.0), i64_cell(1), f64_cell(4)},
        {i64_cell(-2), f64_cell(-1.5), bool_cell(false), f64_cell(1)},
        {i64_cell(5), f64_cell(0.5), bool_cell(true), f64_cell(3)},
        {f64_cell(1.5), f64_cell(-0.5), f64_cell(0.5), f64_cell(2)},
        {i64_cell(2)},
    };
    struct reduce *r = create(kinds[_i], 2, 3, &s);
    const struct schema *out = reduce_schema(r);
    bool count = kinds[_i] == REDUCE_COUNT;
    ck_assert_uint_eq(out->count, count ? 1 : 4);
    ck_assert_str_eq(out->columns[0].name, count ? "count" : "n");
    ck_assert_str_eq(out->columns[out->count - 1].name, count ? "count" : "y");
    ck_assert(!reduce_done(r));
    give(r, cells, 5, 0, 3, ok);
    ck_assert(reduce_done(r));
    struct cell cell[4];
    br_error err;
    ck_assert_int_eq(reduce_result(r, cell, &err), 0);
    for (size_t i = 0; i < out->count; i++) {
        ck_assert_int_eq(cell[i].type, expected[_i][i].type);
        ck_assert_int_eq(cell[i].type, out->columns[i].type);
        if (cell[i].type == BR_F64)
            ck_assert_uint_eq(bits(cell[i].f64), bits(expected[_i][i].f64));
        else if (cell[i].type == BR_BOOL)
            ck_assert_int_eq(cell[i].boolean, expected[_i][i].boolean);
        else
            ck_assert_int_eq(cell[i].i64, expected[_i][i].i64);
    }
    reduce_destroy(r);
    schema_finish(&s);
}
END_TEST

// ---- One f64 or i64 column of a few rows

static int reduce_f64(enum job_reduce_kind kind, const double *values, uint64_t rows, double *out)
{
    struct schema s = {0};
    br_error err;
    struct cell cell = {0};
    add_column(&s, "x", BR_F64);
    struct reduce *r = create(kind, 2, rows, &s);
    ck_assert_int_eq(reduce_rows(r, 0, rows, values, rows * 8, &err), 0);
    int result = reduce_result(r, &cell, &err);
    *out = cell.f64;
    reduce_destroy(r);
    schema_finish(&s);
    return result;
}

START_TEST(nan_and_signed_zeros)
{
    double out;
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(reduce_f64(kinds[k], (double[]){1, -NAN, 2}, 3, &out), 0);
        ck_assert_uint_eq(bits(out), bits((double)NAN));
        ck_assert_int_eq(reduce_f64(kinds[k], (double[]){NAN, 0}, 2, &out), 0);
        ck_assert_uint_eq(bits(out), bits((double)NAN));
    }
    ck_assert_int_eq(reduce_f64(REDUCE_MIN, (double[]){0.0, -0.0, 0.0}, 3, &out), 0);
    ck_assert(out == 0 && signbit(out));
    ck_assert_int_eq(reduce_f64(REDUCE_MAX, (double[]){-0.0, 0.0, -0.0}, 3, &out), 0);
    ck_assert(out == 0 && !signbit(out));
    ck_assert_int_eq(reduce_f64(REDUCE_SUM, (double[]){-0.0, -0.0, -0.0}, 3, &out), 0);
    ck_assert(out == 0 && signbit(out));
    ck_assert_int_eq(reduce_f64(REDUCE_MIN, (double[]){INFINITY, INFINITY}, 2, &out), 0);
    ck_assert(isinf(out) && out > 0);
}
END_TEST

static int reduce_i64(enum job_reduce_kind kind, const int64_t *values, uint64_t rows,
                      struct cell *out, br_error *err)
{
    struct schema s = {0};
    add_column(&s, "n", BR_I64);
    struct reduce *r = create(kind, 2, rows, &s);
    ck_assert_int_eq(reduce_rows(r, 0, rows, values, rows * 8, err), 0);
    int result = reduce_result(r, out, err);
    reduce_destroy(r);
    schema_finish(&s);
    return result;
}

START_TEST(i64_sums_are_exact)
{
    static const int64_t back[] = {INT64_MAX, INT64_MAX, INT64_MIN, -INT64_MAX};
    static const int64_t over[] = {INT64_MAX, 1};
    static const int64_t low[] = {INT64_MIN, 0};
    struct cell cell = i64_cell(77);
    br_error err;
    ck_assert_int_eq(reduce_i64(REDUCE_SUM, over, 2, &cell, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_str_eq(err.text, "the sum of `n` is about 9.22337e+18, which an i64 cannot hold: "
                               "have the task return it as f64");
    ck_assert_int_eq(cell.i64, 77);
    ck_assert_int_eq(reduce_i64(REDUCE_SUM, back, 4, &cell, &err), 0);
    ck_assert_int_eq(cell.i64, -1);
    ck_assert_int_eq(reduce_i64(REDUCE_SUM, low, 2, &cell, &err), 0);
    ck_assert_int_eq(cell.i64, INT64_MIN);
    ck_assert_int_eq(reduce_i64(REDUCE_MEAN, over, 2, &cell, &err), 0);
    ck_assert_double_eq(cell.f64, 4611686018427387904.0);
}
END_TEST

START_TEST(no_row_succeeded)
{
    // Reductions of no rows at all, and of five rows that all failed.
    struct schema s = {0};
    add_column(&s, "x", BR_F64);
    add_column(&s, "n", BR_I64);
    for (uint64_t rows = 0; rows <= 5; rows += 5) {
        struct reduce *r = create(kinds[_i], 2, rows, &s);
        struct cell cell[2] = {i64_cell(77), i64_cell(77)};
        br_error err;
        ck_assert_int_eq(reduce_skip(r, 0, rows, &err), 0);
        ck_assert(reduce_done(r));
        int result = reduce_result(r, cell, &err);
        if (kinds[_i] == REDUCE_SUM) {
            ck_assert_int_eq(result, 0);
            ck_assert_uint_eq(bits(cell[0].f64), 0);
            ck_assert_int_eq(cell[1].i64, 0);
        } else if (kinds[_i] == REDUCE_COUNT) {
            ck_assert_int_eq(result, 0);
            ck_assert_int_eq(cell[0].i64, 0);
        } else {
            ck_assert_int_eq(result, -1);
            ck_assert_int_eq(err.kind, BR_ERR_USAGE);
            ck_assert_ptr_nonnull(strstr(err.text, "no task succeeded, so there is no m"));
            ck_assert_int_eq(cell[0].i64, 77);
        }
        reduce_destroy(r);
    }
    schema_finish(&s);
}
END_TEST

// ---- Wrong calls

START_TEST(impossible_reductions_are_refused)
{
    struct schema s = {0};
    br_error err;
    ck_assert_ptr_null(reduce_create(REDUCE_SUM, 64, 1, &s, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    add_column(&s, "name", BR_STR);
    ck_assert_ptr_null(reduce_create(REDUCE_MAX, 64, 1, &s, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "no result of type i64, f64 or bool"));
    reduce_destroy(create(REDUCE_COUNT, 64, 1, &s));
    ck_assert_ptr_null(reduce_create(REDUCE_COUNT, 1, 1, &s, &err));
    ck_assert_ptr_null(reduce_create(REDUCE_COUNT, REDUCE_FAN_IN_MAX + 1, 1, &s, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    reduce_destroy(create(REDUCE_COUNT, REDUCE_FAN_IN_MAX, UINT64_MAX, &s));
    reduce_destroy(create(REDUCE_COUNT, 2, UINT64_MAX, &s));
    reduce_destroy(NULL);
    schema_finish(&s);
}
END_TEST

// After rows [0, 4) of 10 and 9, with fan_in 2: whole blocks, a part of one, and gaps.
static const struct {
    uint64_t first, count;
    bool refused;
} strays[] = {
    {0, 1, true},          {3, 1, true},  {3, 2, true},  {8, 2, true},
    {9, 1, true},          {10, 1, true}, {0, 11, true}, {UINT64_MAX, 1, true},
    {4, UINT64_MAX, true}, {4, 5, false}, {6, 2, false},
};

START_TEST(a_row_comes_once)
{
    static const double values[11];
    struct schema s = {0};
    br_error err = {.text = ""};
    add_column(&s, "x", BR_F64);
    for (int skip = 0; skip < 2; skip++) {
        struct reduce *r = create(REDUCE_SUM, 2, 10, &s);
        ck_assert_int_eq(reduce_rows(r, 0, 4, values, 4 * 8, &err), 0);
        ck_assert_int_eq(reduce_skip(r, 9, 1, &err), 0);
        uint64_t count = strays[_i].count;
        int given = skip ? reduce_skip(r, strays[_i].first, count, &err)
                         : reduce_rows(r, strays[_i].first, count, values, count * 8, &err);
        ck_assert_int_eq(given, strays[_i].refused ? -1 : 0);
        if (given != 0)
            ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
        struct cell cell;
        ck_assert_int_eq(reduce_done(r), strays[_i].first == 4 && given == 0);
        ck_assert_int_eq(reduce_result(r, &cell, &err), reduce_done(r) ? 0 : -1);
        reduce_destroy(r);
    }
    schema_finish(&s);
}
END_TEST

START_TEST(a_finished_tree_takes_no_more)
{
    static const double values[9];
    struct schema s = {0};
    br_error err;
    add_column(&s, "x", BR_F64);
    for (uint64_t rows = 1; rows <= 9; rows++) {
        struct reduce *r = create(REDUCE_SUM, 3, rows, &s);
        ck_assert_int_eq(reduce_rows(r, 0, rows, values, rows * 8, &err), 0);
        ck_assert(reduce_done(r));
        ck_assert_uint_eq(reduce_open_blocks(r), 0);
        ck_assert_int_eq(reduce_rows(r, 0, rows, values, rows * 8, &err), -1);
        ck_assert_int_eq(reduce_skip(r, rows - 1, 1, &err), -1);
        reduce_destroy(r);
    }
    schema_finish(&s);
}
END_TEST

START_TEST(rows_must_be_of_the_columns)
{
    struct schema fixed = {0}, varied = {0};
    br_error err;
    add_column(&fixed, "x", BR_F64);
    add_column(&varied, "x", BR_F64);
    add_column(&varied, "name", BR_STR);
    struct buffer row = BUFFER_EMPTY;
    row_pack(&row, (struct cell[]){f64_cell(1), text_cell("seven 7")}, 2);
    ck_assert_uint_eq(row.length, 24);
    for (size_t size = 0; size < row.length; size++) {
        struct reduce *r = create(REDUCE_SUM, 2, 4, &varied);
        ck_assert_int_eq(reduce_rows(r, 0, 1, row.data, size, &err), -1);
        reduce_destroy(r);
        if (size == 8)
            continue;
        r = create(REDUCE_SUM, 2, 4, &fixed);
        ck_assert_int_eq(reduce_rows(r, 0, 1, row.data, size, &err), -1);
        ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
        reduce_destroy(r);
    }
    buffer_text(&row, "12345678");
    struct reduce *r = create(REDUCE_SUM, 2, 4, &varied);
    ck_assert_int_eq(reduce_rows(r, 0, 1, row.data, row.length, &err), -1);
    reduce_destroy(r);
    buffer_finish(&row);
    schema_finish(&fixed);
    schema_finish(&varied);
}
END_TEST

// ---- The tree: the same bits in any order

// A plain implementation of the header's definition: blocks of fan_in in order, until one is left.
static double plain_tree(const double *values, const bool *ok, uint64_t rows, unsigned fan_in)
{
    double *level = malloc(rows * sizeof *level);
    bool *any = malloc(rows * sizeof *any);
    ck_assert(level && any);
    memcpy(level, values, rows * sizeof *level);
    memcpy(any, ok, rows * sizeof *any);
    uint64_t width = rows;
    do {
        uint64_t blocks = 0;
        for (uint64_t i = 0; i < width; blocks++) {
            double sum = 0;
            bool some = false;
            for (unsigned k = 0; k < fan_in && i < width; k++, i++) {
                if (any[i])
                    sum = some ? sum + level[i] : level[i];
                some = some || any[i];
            }
            level[blocks] = sum;
            any[blocks] = some;
        }
        width = blocks;
    } while (width > 1);
    double sum = level[0];
    free(level);
    free(any);
    return sum;
}

enum {
    ROWS_MAX = 3000
};

struct sample {
    struct cell cells[2 * ROWS_MAX]; // f64; the second column, if there is one, is str
    double values[ROWS_MAX];
    bool ok[ROWS_MAX];
    uint64_t rows;
    size_t columns;
    unsigned fan_in;
};

static void make_sample(struct sample *s, uint64_t *state)
{
    static const char *const texts[] = {"", "a", "seven 7", "eight!!!", "a longer text"};
    s->rows = 1 + next_random(state) % (next_random(state) % 4 ? 200 : ROWS_MAX);
    s->fan_in = (unsigned)(2 + next_random(state) % (next_random(state) % 2 ? 4 : 99));
    s->columns = 1 + next_random(state) % 2;
    unsigned failing = next_random(state) % 3 ? 0 : 20;
    for (uint64_t i = 0; i < s->rows; i++) {
        // The numbers have very different sizes, so that every order gives another sum.
        s->values[i] = ldexp((double)(int64_t)next_random(state), (int)(next_random(state) % 80));
        s->ok[i] = next_random(state) % 100 >= failing;
        s->cells[i * s->columns] = f64_cell(s->values[i]);
        if (s->columns == 2)
            s->cells[2 * i + 1] = text_cell(texts[next_random(state) % 5]);
    }
    s->ok[0] = true;
}

// The sample's rows in chunks of random size, in random order.
static void give_shuffled(struct reduce *r, const struct sample *s, uint64_t *state)
{
    uint64_t starts[ROWS_MAX + 1];
    size_t chunks = 0;
    uint64_t most = 1 + next_random(state) % 150;
    for (uint64_t at = 0; at < s->rows; at += 1 + next_random(state) % most)
        starts[chunks++] = at;
    uint64_t order[ROWS_MAX];
    for (size_t i = 0; i < chunks; i++) {
        size_t j = (size_t)(next_random(state) % (i + 1));
        order[i] = order[j];
        order[j] = i;
    }
    starts[chunks] = s->rows;
    for (size_t i = 0; i < chunks; i++) {
        ck_assert(!reduce_done(r));
        give(r, s->cells, s->columns, starts[order[i]], starts[order[i] + 1] - starts[order[i]],
             s->ok);
    }
}

START_TEST(any_order_gives_the_same_bits)
{
    struct sample *s = malloc(sizeof *s);
    ck_assert_ptr_nonnull(s);
    uint64_t state = (uint64_t)_i * 1000;
    for (int round = 0; round < 40; round++) {
        make_sample(s, &state);
        double expected = plain_tree(s->values, s->ok, s->rows, s->fan_in);
        uint64_t count = 0;
        for (uint64_t i = 0; i < s->rows; i++)
            count += s->ok[i];
        struct schema schema = {0};
        add_column(&schema, "x", BR_F64);
        if (s->columns == 2)
            add_column(&schema, "name", BR_STR);
        struct reduce *r = create(REDUCE_SUM, s->fan_in, s->rows, &schema);
        struct reduce *mean = create(REDUCE_MEAN, s->fan_in, s->rows, &schema);
        give_shuffled(r, s, &state);
        give_shuffled(mean, s, &state);
        ck_assert(reduce_done(r) && reduce_done(mean));
        ck_assert_uint_eq(reduce_open_blocks(r), 0);
        struct cell cell;
        br_error err;
        ck_assert_int_eq(reduce_result(r, &cell, &err), 0);
        ck_assert_msg(bits(cell.f64) == bits(expected), "%a, not %a", cell.f64, expected);
        ck_assert_int_eq(reduce_result(mean, &cell, &err), 0);
        ck_assert_uint_eq(bits(cell.f64), bits(expected / (double)count));
        reduce_destroy(r);
        reduce_destroy(mean);
        schema_finish(&schema);
    }
    free(s);
}
END_TEST

// Eight workers take chunks in order, one at a time, as in a run.
START_TEST(memory_stays_flat)
{
    enum {
        WORKERS = 8,
        CHUNK = 100,
        ROWS = 1000000,
        FAN_IN = 16,
        LEVELS = 5
    };
    static const double values[CHUNK];
    struct schema s = {0};
    br_error err;
    add_column(&s, "x", BR_F64);
    struct reduce *r = create(REDUCE_SUM, FAN_IN, ROWS, &s);
    uint64_t held[WORKERS], next = 0, state = 1;
    for (int w = 0; w < WORKERS; w++, next += CHUNK)
        held[w] = next;
    size_t most = 0;
    while (!reduce_done(r)) {
        uint64_t w = next_random(&state) % WORKERS;
        if (held[w] == ROWS)
            continue;
        ck_assert_int_eq(reduce_rows(r, held[w], CHUNK, values, sizeof values, &err), 0);
        held[w] = next;
        next += next < ROWS ? CHUNK : 0;
        most = reduce_open_blocks(r) > most ? reduce_open_blocks(r) : most;
    }
    // A gap of one chunk has two ends at each level.
    ck_assert_uint_le(most, 2 * LEVELS * 10 * WORKERS);
    ck_assert_uint_gt(most, 0);
    reduce_destroy(r);

    r = create(REDUCE_SUM, FAN_IN, ROWS, &s);
    for (uint64_t at = 0; at < ROWS; at += CHUNK) {
        ck_assert_int_eq(reduce_rows(r, at, CHUNK, values, sizeof values, &err), 0);
        ck_assert_uint_le(reduce_open_blocks(r), LEVELS);
    }
    ck_assert(reduce_done(r));
    reduce_destroy(r);
    schema_finish(&s);
}
END_TEST

SUITE(reduce)
{
    LOOP_TEST(every_kind_of_column, 5);
    TEST(nan_and_signed_zeros);
    TEST(i64_sums_are_exact);
    LOOP_TEST(no_row_succeeded, 5);
    TEST(impossible_reductions_are_refused);
    LOOP_TEST(a_row_comes_once, COUNT(strays));
    TEST(a_finished_tree_takes_no_more);
    TEST(rows_must_be_of_the_columns);
    LOOP_TEST(any_order_gives_the_same_bits, 5);
    TEST(memory_stays_flat);
}

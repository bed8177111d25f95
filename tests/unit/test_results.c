// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "model/row.h"
#include "model/table_builder.h"
#include "results/results.h"
#include "support/suite.h"

static br_error err;

static struct cell i64(int64_t value)
{
    return (struct cell){.type = BR_I64, .i64 = value};
}

static struct cell str(const char *text)
{
    return (struct cell){.type = BR_STR, .text = {text, strlen(text)}};
}

static void put_i64(struct results *r, uint64_t row, int64_t value)
{
    struct buffer packed = BUFFER_EMPTY;
    struct cell cell = i64(value);
    row_pack(&packed, &cell, 1);
    ck_assert_int_eq(results_put(r, row, 1, packed.data, packed.length, &err), 0);
    buffer_finish(&packed);
}

static void parse(struct signature *s, const char *text)
{
    ck_assert_msg(signature_parse(text, s, &err) == 0, "%s", err.text);
}

// Its runs, put in order into another, make the same.
static void expect_runs(const struct results *r, unsigned runs)
{
    struct results *copy = results_create(results_schema(r), results_rows(r), &err);
    ck_assert_ptr_nonnull(copy);
    uint64_t first, count;
    size_t size;
    const void *rows;
    for (uint64_t at = 0; (rows = results_run(r, at, &first, &count, &size)); at = first + count) {
        ck_assert_int_eq(results_put(copy, first, count, rows, size, &err), 0);
        runs--;
    }
    ck_assert_uint_eq(runs, 0);
    ck_assert_uint_eq(results_count(copy), results_count(r));
    struct cell here[2], there[2];
    for (uint64_t row = results_next(r, 0); row < results_rows(r); row = results_next(r, row + 1)) {
        ck_assert(results_has(copy, row));
        results_cells(r, row, here);
        results_cells(copy, row, there);
        ck_assert_int_eq(here[0].i64, there[0].i64);
    }
    results_destroy(copy);
}

START_TEST(rows_come_in_any_order)
{
    struct signature s;
    parse(&s, "-> y:i64");
    struct results *r = results_create(&s.results, 200, &err);
    ck_assert_ptr_nonnull(r);
    static const uint64_t order[] = {199, 0, 64, 63, 128, 5};
    for (size_t i = 0; i < 6; i++)
        put_i64(r, order[i], (int64_t)order[i] * 10);
    put_i64(r, 5, 51);
    ck_assert_uint_eq(results_count(r), 6);
    ck_assert_uint_eq(results_rows(r), 200);
    ck_assert(results_has(r, 64) && !results_has(r, 65));
    static const uint64_t sorted[] = {0, 5, 63, 64, 128, 199, 200};
    uint64_t row = results_next(r, 0);
    for (size_t i = 0; i < 7; i++, row = results_next(r, row + 1))
        ck_assert_uint_eq(row, sorted[i]);
    struct cell cell;
    results_cells(r, 199, &cell);
    ck_assert_int_eq(cell.i64, 1990);
    results_cells(r, 5, &cell);
    ck_assert_int_eq(cell.i64, 51);
    expect_runs(r, 5);
    results_destroy(r);
    signature_finish(&s);
}
END_TEST

START_TEST(text_rows_of_different_lengths)
{
    struct signature s;
    parse(&s, "-> n:i64 s:str");
    struct results *r = results_create(&s.results, 3, &err);
    struct buffer packed = BUFFER_EMPTY;
    struct cell cells[4] = {i64(1), str("a longer text"), i64(2), str("")};
    row_pack(&packed, cells, 4);
    ck_assert_int_eq(results_put(r, 1, 2, packed.data, packed.length, &err), 0);
    buffer_clear(&packed);
    cells[1] = str("x");
    row_pack(&packed, cells, 2);
    ck_assert_int_eq(results_put(r, 0, 1, packed.data, packed.length, &err), 0);
    struct cell got[2];
    results_cells(r, 1, got);
    ck_assert_str_eq(got[1].text.data, "a longer text");
    results_cells(r, 2, got);
    ck_assert_int_eq(got[0].i64, 2);
    ck_assert_str_eq(got[1].text.data, "");
    results_cells(r, 0, got);
    ck_assert_str_eq(got[1].text.data, "x");
    expect_runs(r, 3);
    ck_assert_int_eq(results_put(r, 0, 2, packed.data, packed.length, &err), -1);
    ck_assert_int_eq(results_put(r, 3, 1, packed.data, packed.length, &err), -1);
    ck_assert_int_eq(results_put(r, 1, UINT64_MAX, packed.data, packed.length, &err), -1);
    row_pack(&packed, cells, 2);
    ck_assert_int_eq(results_put(r, 0, 1, packed.data, packed.length, &err), -1);
    buffer_finish(&packed);
    results_destroy(r);
    signature_finish(&s);
}
END_TEST

START_TEST(room_for_many_rows_costs_nothing)
{
    struct signature s;
    parse(&s, "-> a:f64 b:f64");
    struct results *r = results_create(&s.results, UINT64_C(1) << 30, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    results_destroy(r);
    ck_assert_ptr_null(results_create(&s.results, UINT64_MAX / 2, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "results of"));
    signature_finish(&s);
}
END_TEST

START_TEST(tasks_without_results_are_counted)
{
    struct signature s;
    parse(&s, "a:i64 ->");
    struct results *r = results_create(&s.results, 10, &err);
    ck_assert_int_eq(results_put(r, 2, 5, "", 0, &err), 0);
    ck_assert_uint_eq(results_count(r), 5);
    ck_assert_uint_eq(results_next(r, 0), 2);
    results_destroy(r);
    r = results_create(&s.results, 0, &err);
    ck_assert_uint_eq(results_next(r, 0), 0);
    results_destroy(r);
    signature_finish(&s);
}
END_TEST

static void make_inputs(struct buffer *image, struct table *t)
{
    struct table_builder *b = table_builder_create(4, &err);
    ck_assert_int_eq(table_add_range_i64(b, "index", 100, 1, &err), 0);
    ck_assert_int_eq(table_add_range_i64(b, "a", 10, 10, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "k", BR_STR, 1, 1, &err), 0);
    ck_assert_int_eq(table_add_cell(b, str("cm"), &err), 0);
    ck_assert_int_eq(table_builder_finish(b, image, &err), 0);
    table_builder_destroy(b);
    ck_assert_int_eq(table_open(t, image->data, image->length, &err), 0);
}

START_TEST(a_table_of_inputs_and_results)
{
    struct signature s;
    struct buffer input_image = BUFFER_EMPTY, image = BUFFER_EMPTY;
    struct table inputs, t;
    make_inputs(&input_image, &inputs);
    parse(&s, "-> y:i64 a:str");
    struct results *r = results_create(&s.results, 4, &err);
    static const char *const words[] = {"zero", "", "two", "three"};
    for (uint64_t row = 0; row < 4; row++) {
        if (row == 1)
            continue;
        struct buffer packed = BUFFER_EMPTY;
        struct cell cells[2] = {i64(-(int64_t)row), str(words[row])};
        row_pack(&packed, cells, 2);
        ck_assert_int_eq(results_put(r, row, 1, packed.data, packed.length, &err), 0);
        buffer_finish(&packed);
    }
    ck_assert_msg(results_table(r, &inputs, &image, &err) == 0, "%s", err.text);
    ck_assert_int_eq(table_open(&t, image.data, image.length, &err), 0);
    ck_assert_uint_eq(table_rows(&t), 3);
    ck_assert_uint_eq(table_columns(&t), 4);
    static const char *const names[] = {"index", "a", "k", "y"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(table_column_name(&t, i), names[i]);
    ck_assert_int_eq(table_cell(&t, 0, 1).i64, 2);
    ck_assert_str_eq(table_cell(&t, 1, 1).text.data, "two");
    ck_assert_str_eq(table_cell(&t, 2, 2).text.data, "cm");
    ck_assert_int_eq(table_cell(&t, 3, 2).i64, -3);
    buffer_finish(&image);
    ck_assert_int_eq(results_table(r, NULL, &image, &err), 0);
    ck_assert_int_eq(table_open(&t, image.data, image.length, &err), 0);
    ck_assert_uint_eq(table_columns(&t), 2);
    ck_assert_str_eq(table_column_name(&t, 0), "y");
    buffer_finish(&image);
    buffer_finish(&input_image);
    results_destroy(r);
    signature_finish(&s);
}
END_TEST

SUITE(results)
{
    TEST(rows_come_in_any_order);
    TEST(text_rows_of_different_lengths);
    TEST(room_for_many_rows_costs_nothing);
    TEST(tasks_without_results_are_counted);
    TEST(a_table_of_inputs_and_results);
}

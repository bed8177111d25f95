// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/row.h"
#include "model/table.h"
#include "model/table_builder.h"
#include "support/suite.h"

static br_error err;

static struct cell str(const char *text)
{
    return (struct cell){.type = BR_STR, .text = {text, strlen(text)}};
}

static struct cell i64(int64_t value)
{
    return (struct cell){.type = BR_I64, .i64 = value};
}

static struct cell f64(double value)
{
    return (struct cell){.type = BR_F64, .f64 = value};
}

static struct cell boolean(bool value)
{
    return (struct cell){.type = BR_BOOL, .boolean = value};
}

static void finish(struct table_builder *b, struct buffer *image, struct table *t)
{
    ck_assert_msg(table_builder_finish(b, image, &err) == 0, "%s", err.text);
    table_builder_destroy(b);
    ck_assert_msg(table_open(t, image->data, image->length, &err) == 0, "%s", err.text);
}

// Six rows: ranges, a stored text column, a repeating axis, a constant.
static void make_six(struct buffer *image, struct table *t)
{
    struct table_builder *b = table_builder_create(6, &err);
    ck_assert_int_eq(table_add_range_i64(b, "i", 10, -3, &err), 0);
    ck_assert_int_eq(table_add_range_f64(b, "x", 50, 25, -2, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "s", BR_STR, 1, 6, &err), 0);
    static const char *const words[] = {"", "a", "bc", "", "defghijkl", "z"};
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(table_add_cell(b, str(words[i]), &err), 0);
    ck_assert_int_eq(table_add_cells(b, "axis", BR_F64, 2, 3, &err), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(table_add_cell(b, f64(i * 1.5), &err), 0);
    ck_assert_int_eq(table_add_cells(b, "k", BR_BOOL, 1, 1, &err), 0);
    ck_assert_int_eq(table_add_cell(b, boolean(true), &err), 0);
    finish(b, image, t);
}

// A hash of its own: the order of calls and all bytes count.
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    hash = hash * 1099511628211U + size + 1;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 1099511628211U;
    return hash;
}

// Two columns, `a` and `b`, in either order, either computed or stored.
static void make_hashed(struct buffer *image, struct table *t, bool other_order, bool stored)
{
    struct table_builder *b = table_builder_create(3, &err);
    for (int column = 0; column < 2; column++) {
        if ((column == 1) != other_order) {
            ck_assert_int_eq(table_add_cells(b, "b", BR_STR, 1, 1, &err), 0);
            ck_assert_int_eq(table_add_cell(b, str("x"), &err), 0);
        } else if (stored) {
            ck_assert_int_eq(table_add_cells(b, "a", BR_I64, 1, 3, &err), 0);
            for (int i = 0; i < 3; i++)
                ck_assert_int_eq(table_add_cell(b, i64(i), &err), 0);
        } else {
            ck_assert_int_eq(table_add_range_i64(b, "a", 0, 1, &err), 0);
        }
    }
    finish(b, image, t);
}

START_TEST(rows_are_hashed_by_content)
{
    struct buffer images[4] = {{0}};
    struct table t[4];
    for (int i = 0; i < 4; i++)
        make_hashed(&images[i], &t[i], i & 1, i & 2);
    for (uint64_t row = 0; row < 3; row++)
        for (int i = 1; i < 4; i++)
            ck_assert(table_hash_row(&t[0], 2, row, hash_bytes) ==
                      table_hash_row(&t[i], 2, row, hash_bytes));
    ck_assert(table_hash_row(&t[0], 2, 0, hash_bytes) != table_hash_row(&t[0], 2, 1, hash_bytes));
    ck_assert(table_hash_row(&t[0], 1, 0, hash_bytes) != table_hash_row(&t[0], 2, 0, hash_bytes));
    ck_assert(table_hash(&t[0], 2, hash_bytes) == table_hash(&t[1], 2, hash_bytes));
    ck_assert(table_hash(&t[0], 2, hash_bytes) != table_hash(&t[2], 2, hash_bytes));
    ck_assert(table_hash(&t[0], 1, hash_bytes) != table_hash(&t[0], 2, hash_bytes));
    for (int i = 0; i < 4; i++)
        buffer_finish(&images[i]);
}
END_TEST

START_TEST(cells_come_back)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    make_six(&image, &t);
    ck_assert_uint_eq(table_rows(&t), 6);
    ck_assert_uint_eq(table_columns(&t), 5);
    ck_assert_int_eq(table_find(&t, "axis"), 3);
    ck_assert_int_eq(table_find(&t, "none"), -1);
    ck_assert_str_eq(table_column_name(&t, 1), "x");
    ck_assert_int_eq(table_column_type(&t, 4), BR_BOOL);
    ck_assert_int_eq(table_cell(&t, 0, 5).i64, -5);
    ck_assert_double_eq(table_cell(&t, 1, 2).f64, 1.0);
    ck_assert_str_eq(table_cell(&t, 2, 0).text.data, "");
    ck_assert_str_eq(table_cell(&t, 2, 4).text.data, "defghijkl");
    ck_assert_uint_eq(table_cell(&t, 2, 4).text.length, 9);
    for (uint64_t row = 0; row < 6; row++) {
        ck_assert_double_eq(table_cell(&t, 3, row).f64, (double)(row / 2) * 1.5);
        ck_assert(table_cell(&t, 4, row).boolean);
    }
    buffer_finish(&image);
}
END_TEST

START_TEST(views_have_the_same_cells)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    struct table_builder *b = table_builder_create(6, &err);
    ck_assert_int_eq(table_add_range_i64(b, "i", INT64_MAX - 2, 1, &err), 0); // the range wraps
    ck_assert_int_eq(table_add_range_f64(b, "x", 50, -25, -2, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "n", BR_I64, 1, 6, &err), 0);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(table_add_cell(b, i64(i * i - 7), &err), 0);
    ck_assert_int_eq(table_add_cells(b, "y", BR_F64, 1, 6, &err), 0);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(table_add_cell(b, f64(-i / 3.0), &err), 0);
    finish(b, &image, &t);
    for (size_t column = 0; column < 4; column++) {
        struct table_column_view v = table_view(&t, column);
        ck_assert_int_eq(v.type, table_column_type(&t, column));
        for (uint64_t row = 0; row < 6; row++) {
            struct cell c = table_cell(&t, column, row);
            if (v.type == BR_I64)
                ck_assert_int_eq((int64_t)table_view_i64(&v, row), c.i64);
            else
                ck_assert(table_view_f64(&v, row) == c.f64);
        }
    }
    buffer_finish(&image);
    make_six(&image, &t);
    for (size_t column = 2; column < 5; column++) // text, an axis, a constant
        ck_assert_int_eq(table_view(&t, column).type, BR_TYPE_NONE);
    buffer_finish(&image);
}
END_TEST

static const char *text_of(const struct table *t, size_t column, uint64_t row)
{
    static struct cell_room room;
    size_t length;
    const char *text = table_text(t, column, row, &room, &length);
    ck_assert_uint_eq(strlen(text), length);
    return text;
}

START_TEST(cells_are_kept_as_they_were_written)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    struct table_builder *b = table_builder_create(4, &err);
    ck_assert_int_eq(table_add_written_cells(b, "b", BR_BOOL, 1, 4, &err), 0);
    static const char *const words[] = {"TRUE", "true", "True", "TRUE"};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(table_add_written(b, boolean(true), words[i], strlen(words[i]), &err), 0);
    ck_assert_int_eq(table_add_written_cells(b, "axis", BR_F64, 2, 2, &err), 0);
    ck_assert_int_eq(table_add_written(b, f64(1.1), "1.10", 4, &err), 0);
    ck_assert_int_eq(table_add_cell(b, f64(0.5), &err), 0);
    ck_assert_int_eq(table_add_written_cells(b, "s", BR_STR, 1, 1, &err), 0);
    ck_assert_int_eq(table_add_written(b, str("own"), "other", 5, &err), 0);
    ck_assert_int_eq(table_add_sized(b, "n", BR_I64, true, 8, &err), 0);
    ck_assert_int_eq(table_add_sized(b, "m", BR_I64, false, 8, &err), 0);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(table_put_written(b, 3, i64(7), "+7", 2, &err), 0);
        ck_assert_int_eq(table_put_written(b, 4, i64(7), "+7", 2, &err), 0);
    }
    finish(b, &image, &t);
    for (size_t column = 0; column < 5; column++)
        ck_assert_int_eq(table_is_written(&t, column), column != 2 && column != 4);
    for (uint64_t row = 0; row < 4; row++) {
        ck_assert_str_eq(text_of(&t, 0, row), words[row]);
        ck_assert(table_cell(&t, 0, row).boolean);
        ck_assert_str_eq(text_of(&t, 1, row), row < 2 ? "1.10" : "0.5");
        ck_assert(table_cell(&t, 1, row).f64 == (row < 2 ? 1.1 : 0.5));
        ck_assert_str_eq(text_of(&t, 2, row), "own");
        ck_assert_str_eq(text_of(&t, 3, row), "+7");
        ck_assert_str_eq(text_of(&t, 4, row), "7");
        ck_assert_int_eq(table_cell(&t, 3, row).i64, 7);
    }
    buffer_finish(&image);
}
END_TEST

START_TEST(ranges_of_decimals_are_rounded_once)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    struct table_builder *b = table_builder_create(4, &err);
    i128 large = (i128)1000000000000000000 * 1000000;
    ck_assert_int_eq(table_add_range_f64(b, "x", 1, 1, -1, &err), 0);
    ck_assert_int_eq(table_add_range_f64(b, "wide", large + 3, -1, -24, &err), 0);
    ck_assert_int_eq(table_add_range_f64(b, "tens", 1, 2, 23, &err), 0);
    ck_assert_int_eq(table_add_range_f64(b, "whole", 9007199254740993, 2, 0, &err), 0);
    finish(b, &image, &t);
    static const char *const texts[][4] = {
        {"0.1", "0.2", "0.3", "0.4"},
        {"1.000000000000000000000003", "1.000000000000000000000002", "1.000000000000000000000001",
         "1"},
        {"1e+23", "3e+23", "5e+23", "7e+23"},
        {"9007199254740993", "9007199254740995", "9007199254740997", "9007199254740999"},
    };
    for (size_t column = 0; column < 4; column++)
        for (uint64_t row = 0; row < 4; row++) {
            ck_assert_str_eq(text_of(&t, column, row), texts[column][row]);
            ck_assert(table_cell(&t, column, row).f64 == strtod(texts[column][row], NULL));
        }
    ck_assert_int_eq(table_view(&t, 0).type, BR_F64);
    ck_assert_int_eq(table_view(&t, 1).type, BR_TYPE_NONE);
    buffer_finish(&image);
}
END_TEST

START_TEST(a_later_column_replaces_one_of_its_name)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    struct table_builder *b = table_builder_create(2, &err);
    ck_assert_int_eq(table_add_range_i64(b, "a", 0, 1, &err), 0);
    ck_assert_int_eq(table_add_range_i64(b, "b", 5, 1, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "a", BR_STR, 1, 1, &err), 0);
    ck_assert_int_eq(table_add_cell(b, str("new"), &err), 0);
    finish(b, &image, &t);
    ck_assert_uint_eq(table_columns(&t), 2);
    ck_assert_int_eq(table_find(&t, "a"), 0);
    ck_assert_str_eq(table_cell(&t, 0, 1).text.data, "new");
    ck_assert_int_eq(table_cell(&t, 1, 1).i64, 6);
    buffer_finish(&image);
}
END_TEST

START_TEST(sized_columns_fill_side_by_side)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    struct table_builder *b = table_builder_create(3, &err);
    ck_assert_int_eq(table_add_sized(b, "s", BR_STR, false, 6, &err), 0);
    ck_assert_int_eq(table_add_sized(b, "n", BR_I64, false, 0, &err), 0);
    ck_assert_int_eq(table_add_sized(b, "u", BR_BYTES, false, 0, &err), 0);
    static const char *const words[] = {"one", "", "two"};
    struct cell none = {.type = BR_BYTES, .text = {"", 0}};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(table_put_cell(b, 0, str(words[i]), &err), 0);
        ck_assert_int_eq(table_put_cell(b, 1, i64(i), &err), 0);
        ck_assert_int_eq(table_put_cell(b, 2, none, &err), 0);
    }
    finish(b, &image, &t);
    ck_assert_str_eq(table_cell(&t, 0, 0).text.data, "one");
    ck_assert_str_eq(table_cell(&t, 0, 1).text.data, "");
    ck_assert_str_eq(table_cell(&t, 0, 2).text.data, "two");
    ck_assert_int_eq(table_cell(&t, 1, 2).i64, 2);
    ck_assert_uint_eq(table_cell(&t, 2, 1).text.length, 0);
    buffer_finish(&image);
}
END_TEST

START_TEST(a_wrong_use_of_a_builder_is_an_error)
{
    struct buffer image = BUFFER_EMPTY;
    struct table_builder *b = table_builder_create(3, &err);
    ck_assert_int_eq(table_add_cell(b, i64(1), &err), -1);
    ck_assert_int_eq(table_add_cells(b, "none", BR_I64, 1, 0, &err), -1);
    ck_assert_int_eq(table_add_cells(b, "s", BR_STR, 1, 3, &err), 0);
    ck_assert_int_eq(table_add_cell(b, i64(1), &err), -1);
    ck_assert_int_eq(table_add_cell(b, str("a"), &err), 0);
    ck_assert_int_eq(table_add_range_i64(b, "i", 0, 1, &err), -1);
    ck_assert_int_eq(table_builder_finish(b, &image, &err), -1);
    table_builder_destroy(b);
    b = table_builder_create(2, &err);
    ck_assert_int_eq(table_add_sized(b, "s", BR_STR, false, 3, &err), 0);
    ck_assert_int_eq(table_put_cell(b, 0, str("ab"), &err), 0);
    ck_assert_int_eq(table_put_cell(b, 0, str("abc"), &err), -1);
    ck_assert_int_eq(table_put_cell(b, 0, str(""), &err), 0);
    ck_assert_int_eq(table_builder_finish(b, &image, &err), -1);
    table_builder_destroy(b);
    ck_assert_ptr_null(image.data);
}
END_TEST

START_TEST(a_table_without_rows_or_columns)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    finish(table_builder_create(1000, &err), &image, &t);
    ck_assert_uint_eq(table_rows(&t), 1000);
    ck_assert_uint_eq(table_columns(&t), 0);
    buffer_finish(&image);
    struct table_builder *b = table_builder_create(0, &err);
    ck_assert_int_eq(table_add_cells(b, "s", BR_STR, 1, 0, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "n", BR_I64, 1, 0, &err), 0);
    finish(b, &image, &t);
    ck_assert_uint_eq(table_rows(&t), 0);
    buffer_finish(&image);
}
END_TEST

// Reads all of a table that table_open accepted. A sanitizer detects a read outside the image.
static uint64_t read_all(const struct table *t)
{
    uint64_t sum = 0;
    uint64_t rows = table_rows(t) < 64 ? table_rows(t) : 64;
    for (size_t c = 0; c < table_columns(t); c++) {
        sum += strlen(table_column_name(t, c));
        for (uint64_t row = 0; row < rows; row++) {
            struct cell cell = table_cell(t, c, row);
            if (cell.type == BR_STR || cell.type == BR_BYTES)
                sum += strlen(cell.text.data) + cell.text.length;
        }
    }
    return sum;
}

START_TEST(no_damaged_image_is_read_outside)
{
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    make_six(&image, &t);
    for (size_t cut = 0; cut < image.length; cut++)
        ck_assert_int_eq(table_open(&t, image.data, cut, &err), -1);
    static const unsigned char values[] = {0x00, 0x01, 0x07, 0x7F, 0x80, 0xFF};
    for (size_t at = 0; at < image.length; at++) {
        char before = image.data[at];
        for (size_t v = 0; v < sizeof values; v++) {
            image.data[at] = (char)values[v];
            if (table_open(&t, image.data, image.length, &err) == 0)
                read_all(&t);
        }
        image.data[at] = before;
    }
    ck_assert_int_eq(table_open(&t, image.data, image.length, &err), 0);
    ck_assert_uint_gt(read_all(&t), 0);
    ck_assert_int_eq(table_open(&t, image.data + 4, image.length - 4, &err), -1);
    buffer_finish(&image);
}
END_TEST

static const char *schema_text = "-> i:i64 x:f64 b:bool s:str y:bytes";

START_TEST(rows_pack_and_unpack)
{
    struct signature s;
    ck_assert_int_eq(signature_parse(schema_text, &s, &err), 0);
    struct cell cells[5] = {
        i64(-7), f64(0.1), boolean(true), str("1234567"), {.type = BR_BYTES, .text = {"\0\1", 2}}};
    struct buffer out = BUFFER_EMPTY;
    row_pack(&out, cells, 5);
    row_pack(&out, cells, 5);
    ck_assert_uint_eq(out.length, 2 * (3 * 8 + 16 + 16));
    struct cell got[5];
    size_t used;
    ck_assert(row_unpack_first(&s.results, out.data, out.length, got, &used));
    ck_assert_uint_eq(used, out.length / 2);
    ck_assert(!row_unpack(&s.results, out.data, out.length, got));
    ck_assert(row_unpack(&s.results, out.data, used, got));
    ck_assert_int_eq(got[0].i64, -7);
    ck_assert_double_eq(got[1].f64, 0.1);
    ck_assert(got[2].boolean);
    ck_assert_str_eq(got[3].text.data, "1234567");
    ck_assert_uint_eq(got[4].text.length, 2);
    ck_assert_mem_eq(got[4].text.data, "\0\1\0", 3);
    buffer_finish(&out);
    signature_finish(&s);
}
END_TEST

// Every row that is accepted must be the only one with its values: packing it again gives the same
// bytes.
START_TEST(rows_from_others_are_not_trusted)
{
    struct signature s;
    ck_assert_int_eq(signature_parse(schema_text, &s, &err), 0);
    struct cell cells[5] = {i64(1), f64(2), boolean(false), str("abc"), str("12345678")};
    cells[4].type = BR_BYTES;
    struct buffer out = BUFFER_EMPTY, again = BUFFER_EMPTY;
    row_pack(&out, cells, 5);
    struct cell got[5];
    for (size_t cut = 0; cut < out.length; cut++) {
        char *exact = malloc(cut ? cut : 1); // a sanitizer detects a read beyond it
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, out.data, cut);
        ck_assert(!row_unpack(&s.results, exact, cut, got));
        free(exact);
    }
    for (size_t at = 0; at < out.length; at++) {
        char before = out.data[at];
        for (int value = 0; value < 256; value++) {
            out.data[at] = (char)value;
            if (!row_unpack(&s.results, out.data, out.length, got))
                continue;
            buffer_clear(&again);
            row_pack(&again, got, 5);
            ck_assert_uint_eq(again.length, out.length);
            ck_assert_mem_eq(again.data, out.data, out.length);
        }
        out.data[at] = before;
    }
    buffer_finish(&out);
    buffer_finish(&again);
    signature_finish(&s);
}
END_TEST

START_TEST(a_str_with_a_nul_inside_is_refused)
{
    struct signature s;
    ck_assert_int_eq(signature_parse("-> s:str", &s, &err), 0);
    struct cell cell = {.type = BR_STR, .text = {"a\0b", 3}}, got;
    struct buffer out = BUFFER_EMPTY;
    row_pack(&out, &cell, 1);
    ck_assert(!row_unpack(&s.results, out.data, out.length, &got));
    s.results.columns[0].type = BR_BYTES;
    ck_assert(row_unpack(&s.results, out.data, out.length, &got));
    buffer_finish(&out);
    signature_finish(&s);
}
END_TEST

SUITE(table)
{
    TEST(cells_come_back);
    TEST(rows_are_hashed_by_content);
    TEST(views_have_the_same_cells);
    TEST(cells_are_kept_as_they_were_written);
    TEST(ranges_of_decimals_are_rounded_once);
    TEST(a_later_column_replaces_one_of_its_name);
    TEST(sized_columns_fill_side_by_side);
    TEST(a_wrong_use_of_a_builder_is_an_error);
    TEST(a_table_without_rows_or_columns);
    TEST(no_damaged_image_is_read_outside);
    TEST(rows_pack_and_unpack);
    TEST(rows_from_others_are_not_trusted);
    TEST(a_str_with_a_nul_inside_is_refused);
}

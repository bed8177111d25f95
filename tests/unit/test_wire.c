// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "support/suite.h"

static struct wire over(const struct buffer *b)
{
    return (struct wire){.at = b->data, .left = b->length};
}

START_TEST(values_are_read_in_the_order_of_writing)
{
    struct buffer b = BUFFER_EMPTY;
    const double number = 0.1;
    double out;
    wire_put(&b, UINT64_MAX);
    wire_put_text(&b, "text");
    wire_put_text(&b, "");
    wire_put_text(&b, NULL);
    wire_put_bytes(&b, &number, sizeof number);
    struct wire w = over(&b);
    ck_assert_uint_eq(wire_get(&w), UINT64_MAX);
    ck_assert_str_eq(wire_get_text(&w), "text");
    ck_assert_str_eq(wire_get_text(&w), "");
    ck_assert_ptr_null(wire_get_text(&w));
    wire_get_bytes(&w, &out, sizeof out);
    ck_assert_double_eq(out, number);
    ck_assert(!w.bad);
    ck_assert_uint_eq(w.left, 0);
    buffer_finish(&b);
}
END_TEST

START_TEST(every_cut_is_bad_and_gives_zeros)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, 7);
    wire_put_text(&b, "text");
    wire_put_bytes(&b, "12345678", 8);
    for (size_t cut = 0; cut < b.length; cut++) {
        // The allocation has exactly this size, so that a sanitizer detects reading past its end.
        char *exact = malloc(cut + 1);
        char out[8];
        ck_assert(exact);
        memcpy(exact, b.data, cut);
        struct wire w = {.at = exact, .left = cut};
        wire_get(&w);
        wire_get_text(&w);
        wire_get_bytes(&w, out, sizeof out);
        ck_assert(w.bad);
        ck_assert_int_eq(out[0], 0);
        ck_assert_uint_eq(wire_get(&w), 0);
        ck_assert_ptr_null(wire_get_text(&w));
        free(exact);
    }
    buffer_finish(&b);
}
END_TEST

START_TEST(lengths_that_lie_are_bad)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, INT64_MAX, 9};
    for (size_t i = 0; i < 4; i++) {
        struct buffer b = BUFFER_EMPTY;
        char out[8];
        wire_put(&b, lengths[i]);
        wire_put(&b, 0);
        struct wire w = over(&b);
        ck_assert_ptr_null(wire_get_text(&w));
        ck_assert(w.bad);
        w = over(&b);
        wire_get_bytes(&w, out, sizeof out);
        ck_assert(w.bad);
        buffer_finish(&b);
    }
}
END_TEST

START_TEST(text_without_its_end_is_bad)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put_bytes(&b, "text", 4);
    struct wire w = over(&b);
    ck_assert_ptr_null(wire_get_text(&w));
    ck_assert(w.bad);
    buffer_finish(&b);
}
END_TEST

SUITE(wire)
{
    TEST(values_are_read_in_the_order_of_writing);
    TEST(every_cut_is_bad_and_gives_zeros);
    TEST(lengths_that_lie_are_bad);
    TEST(text_without_its_end_is_bad);
}

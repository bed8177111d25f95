// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "support/suite.h"

START_TEST(appends_follow_each_other)
{
    struct buffer b = BUFFER_EMPTY;
    br_error err;
    buffer_append(&b, NULL, 0);
    ck_assert_uint_eq(b.length, 0);
    buffer_text(&b, "one ");
    buffer_char(&b, '2');
    buffer_format(&b, " %d%s", 3, "!");
    ck_assert_int_eq(buffer_check(&b, &err), 0);
    char *text = buffer_take_string(&b, &err);
    ck_assert_str_eq(text, "one 2 3!");
    ck_assert_ptr_null(b.data);
    free(text);
}
END_TEST

START_TEST(it_grows_as_far_as_it_must)
{
    struct buffer b = BUFFER_EMPTY;
    for (int i = 0; i < 100000; i++)
        buffer_append(&b, &i, sizeof i);
    ck_assert_uint_eq(b.length, 100000 * sizeof(int));
    for (int i = 0; i < 100000; i++)
        if (((const int *)(const void *)b.data)[i] != i)
            ck_abort_msg("%d", i);
    buffer_clear(&b);
    ck_assert_uint_eq(b.length, 0);
    ck_assert_ptr_nonnull(b.data);
    buffer_finish(&b);
    ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(alignment_is_with_zeros)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_align(&b, 8);
    ck_assert_uint_eq(b.length, 0);
    buffer_text(&b, "abc");
    buffer_align(&b, 8);
    ck_assert_uint_eq(b.length, 8);
    ck_assert_mem_eq(b.data, "abc\0\0\0\0", 8);
    buffer_align(&b, 8);
    ck_assert_uint_eq(b.length, 8);
    buffer_finish(&b);
}
END_TEST

START_TEST(a_failure_is_kept_until_it_is_reset)
{
    struct buffer b = BUFFER_EMPTY;
    br_error err = {0};
    buffer_text(&b, "before");
    ck_assert_ptr_null(buffer_extend(&b, SIZE_MAX / 2));
    ck_assert(b.failed);
    ck_assert_uint_eq(b.length, 6);
    buffer_text(&b, "behind");
    ck_assert_uint_eq(b.length, 6);
    ck_assert_int_eq(buffer_check(&b, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    buffer_clear(&b);
    ck_assert(b.failed);
    buffer_reset(&b);
    buffer_text(&b, "again");
    ck_assert_uint_eq(b.length, 5);
    b.failed = true;
    ck_assert_ptr_null(buffer_take_string(&b, &err));
    ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(a_reset_keeps_a_small_allocation)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_text(&b, "text");
    buffer_reset(&b);
    ck_assert_uint_gt(b.capacity, 0);
    ck_assert_ptr_nonnull(buffer_extend(&b, BUFFER_KEPT + 1));
    buffer_reset(&b);
    ck_assert_uint_eq(b.capacity, 0);
    ck_assert_ptr_null(b.data);
}
END_TEST

SUITE(buffer)
{
    TEST(appends_follow_each_other);
    TEST(it_grows_as_far_as_it_must);
    TEST(alignment_is_with_zeros);
    TEST(a_failure_is_kept_until_it_is_reset);
    TEST(a_reset_keeps_a_small_allocation);
}

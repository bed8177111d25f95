// SPDX-License-Identifier: BSD-3-Clause
#include <stdint.h>
#include <stdlib.h>

#include "base/array.h"
#include "support/suite.h"

START_TEST(reserved_room_at_least_doubles)
{
    int *items = NULL;
    size_t capacity = 0;
    br_error err;
    ck_assert_int_eq(array_reserve(&items, 1, &capacity, sizeof *items, &err), 0);
    size_t before = capacity;
    items[0] = 7;
    ck_assert_int_eq(array_reserve(&items, before + 1, &capacity, sizeof *items, &err), 0);
    ck_assert_uint_ge(capacity, 2 * before);
    ck_assert_int_eq(items[0], 7);
    ck_assert_int_eq(array_reserve(&items, 1000, &capacity, sizeof *items, &err), 0);
    ck_assert_uint_ge(capacity, 1000);
    free(items);
}
END_TEST

START_TEST(added_elements_are_zero_and_stay)
{
    uint32_t *items = NULL;
    size_t count = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t *added = array_add(&items, &count, sizeof *items, NULL);
        ck_assert_ptr_nonnull(added);
        ck_assert_uint_eq(*added, 0);
        *added = i;
    }
    ck_assert_uint_eq(count, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(items[i], i);
    free(items);
}
END_TEST

START_TEST(an_array_is_extended_by_zeroes_and_never_shortened)
{
    char **items = NULL;
    size_t count = 0;
    br_error err;
    ck_assert_int_eq(array_extend(&items, &count, 3, sizeof *items, &err), 0);
    ck_assert_uint_eq(count, 3);
    items[2] = "kept";
    ck_assert_int_eq(array_extend(&items, &count, 2, sizeof *items, &err), 0);
    ck_assert_int_eq(array_extend(&items, &count, 5, sizeof *items, &err), 0);
    ck_assert_uint_eq(count, 5);
    ck_assert_str_eq(items[2], "kept");
    ck_assert_ptr_null(items[4]);
    free(items);
}
END_TEST

START_TEST(an_array_without_memory_is_unchanged)
{
    int *items = NULL;
    size_t count = 0, capacity = 0;
    br_error err = {0};
    ck_assert_int_eq(array_extend(&items, &count, SIZE_MAX / 2, sizeof *items, &err), -1);
    ck_assert_str_eq(err.text, "out of memory");
    ck_assert_int_eq(array_reserve(&items, SIZE_MAX / 2, &capacity, sizeof *items, NULL), -1);
    ck_assert_ptr_null(items);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(capacity, 0);
}
END_TEST

SUITE(array)
{
    TEST(reserved_room_at_least_doubles);
    TEST(added_elements_are_zero_and_stay);
    TEST(an_array_is_extended_by_zeroes_and_never_shortened);
    TEST(an_array_without_memory_is_unchanged);
}

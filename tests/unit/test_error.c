// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "support/suite.h"

START_TEST(text_and_kind_are_those_given)
{
    br_error err = {0};
    errno = EBUSY;
    ck_assert_int_eq(br_error_set(&err, BR_ERR_USAGE, "%d of %s", 3, "four"), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_str_eq(err.text, "3 of four");
    ck_assert_int_eq(errno, EBUSY);
    ck_assert_int_eq(br_error_set(NULL, BR_ERR_USAGE, "nobody hears"), -1);
    ck_assert_int_eq(br_error_nomem(&err), -1);
    ck_assert_str_eq(err.text, "out of memory");
}
END_TEST

START_TEST(errno_is_described_and_kept)
{
    br_error err = {0};
    errno = ENOENT;
    ck_assert_int_eq(br_error_errno(&err, "cannot open %s", "x"), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    ck_assert_str_eq(err.text, "cannot open x: No such file or directory");
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(br_error_errno(NULL, "x"), -1);
}
END_TEST

START_TEST(arguments_may_lie_in_the_error_itself)
{
    br_error err = {0};
    br_error_set(&err, BR_ERR_USAGE, "inner");
    br_error_set(&err, BR_ERR_USAGE, "outer: %s", err.text);
    ck_assert_str_eq(err.text, "outer: inner");
}
END_TEST

// Two-byte characters, so that of two neighbouring lengths one cuts within one.
START_TEST(long_texts_are_cut_between_characters)
{
    char text[4096];
    for (size_t shift = 0; shift < 2; shift++) {
        br_error err = {0};
        memset(text, 'a', shift);
        for (size_t i = shift; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xc3\xa9", 3);
        br_error_set(&err, BR_ERR_USAGE, "%s", text);
        size_t length = strlen(err.text);
        ck_assert_uint_ge(length, sizeof err.text - 3);
        ck_assert_str_eq(err.text + length - 3, "...");
        for (size_t at = 0; at < length;) {
            size_t step = utf8_sequence(err.text + at, length - at);
            ck_assert_uint_gt(step, 0);
            at += step;
        }
    }
}
END_TEST

SUITE(error)
{
    TEST(text_and_kind_are_those_given);
    TEST(errno_is_described_and_kept);
    TEST(arguments_may_lie_in_the_error_itself);
    TEST(long_texts_are_cut_between_characters);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/exact.h"
#include "support/suite.h"

static char text[DECIMAL_MAX + 1];

static const char *f64(double value)
{
    size_t length = decimal_f64(text, value);
    ck_assert_uint_lt(length, DECIMAL_MAX);
    text[length] = '\0';
    return text;
}

static const struct {
    double value;
    const char *text;
} known[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {-1.5, "-1.5"},
    {0.1, "0.1"},
    {0.3, "0.3"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1e15, "1e+15"},
    {123456789012345, "123456789012345"},
    {1234567890123456, "1234567890123456"},
    {9007199254740994, "9007199254740994"},
    {0.0001, "0.0001"},
    {0.00001, "1e-05"},
    {0.0001234, "0.0001234"},
    {100, "100"},
    {2.5e20, "2.5e+20"},
    {5e-324, "5e-324"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {-DBL_MAX, "-1.7976931348623157e+308"},
    {9.5367431640625e-07, "9.5367431640625e-07"},
    {5.684341886080802e-14, "5.684341886080802e-14"}, // 2^-44: its neighbours lie unevenly
    {HUGE_VAL, "inf"},
    {-HUGE_VAL, "-inf"},
};

START_TEST(known_values)
{
    ck_assert_str_eq(f64(known[_i].value), known[_i].text);
}
END_TEST

START_TEST(not_a_number)
{
    ck_assert_str_eq(f64((double)NAN), "nan");
}
END_TEST

START_TEST(integers)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-1, "-1"},
                 {1000, "1000"},
                 {INT64_MAX, "9223372036854775807"},
                 {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text[decimal_i64(text, cases[i].value)] = '\0';
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

// The text reads back exactly, and printf with a shorter precision gives none that does.
static void check_one(double value)
{
    char shorter[400];
    const char *got = f64(value);
    ck_assert_msg(strtod(got, NULL) == value, "%s is not %.17g", got, value);
    int digits = 0;
    const char *at = got + strspn(got, "-0.");
    for (; *at && *at != 'e'; at++)
        digits += *at != '.';
    if (digits <= 15)
        return; // trailing zeros of whole numbers count as digits, because printf prints them, too
    snprintf(shorter, sizeof shorter, "%.*g", digits - 1, value);
    ck_assert_msg(strtod(shorter, NULL) != value, "%s, but %s is shorter", got, shorter);
}

START_TEST(every_power_of_two_and_its_neighbours)
{
    for (int e = -1074; e < 1024; e++) {
        double value = ldexp(1, e);
        check_one(value);
        check_one(nextafter(value, 0) > 0 ? nextafter(value, 0) : value);
        check_one(nextafter(value, DBL_MAX));
    }
}
END_TEST

START_TEST(random_bits)
{
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < 50000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double value;
        memcpy(&value, &state, sizeof value);
        if (isfinite(value))
            check_one(value);
        check_one((double)(state >> 11) * 0x1p-53);
    }
}
END_TEST

// ---- Exact decimals

static const struct {
    const char *text, *printed;
    int exponent;
} exact[] = {
    {"0", "0", 0},
    {"-0.00", "0", 0},
    {"1.10", "1.1", -1},
    {"100", "100", 2},
    {"+1e-3", "0.001", -3},
    {"0.00012", "0.00012", -5},
    {".00001", "1e-05", -5},
    {"1.50e+20", "1.5e+20", 19},
    {"-12345678901234567890.123456789", "-12345678901234567890.123456789", -9},
    {"1234567890123456789012345678901234567", "1234567890123456789012345678901234567", 0},
    {"0.1234567890123456789012345678901234567", "0.1234567890123456789012345678901234567", -37},
};

START_TEST(exact_decimals)
{
    char printed[DECIMAL_TEXT_MAX + 1];
    struct decimal d;
    ck_assert(decimal_read(exact[_i].text, strlen(exact[_i].text), &d));
    ck_assert_int_eq(d.exponent, exact[_i].exponent);
    printed[decimal_text(printed, d)] = '\0';
    ck_assert_str_eq(printed, exact[_i].printed);
    ck_assert(decimal_value(d) == strtod(exact[_i].text, NULL));
}
END_TEST

START_TEST(decimals_with_too_many_digits)
{
    struct decimal d = {5, -1};
    i128 digits;
    ck_assert(!decimal_read("12345678901234567890123456789012345678", 38, &d));
    ck_assert(!decimal_read("1e99999", 7, &d));
    ck_assert(d.digits == 5 && d.exponent == -1);
    ck_assert(decimal_at(d, -3, &digits) && digits == 500);
    ck_assert(!decimal_at(d, 0, &digits));
    ck_assert(!decimal_at(d, -38, &digits));
    ck_assert(decimal_at((struct decimal){0, 0}, -300, &digits) && digits == 0);
    ck_assert(isinf(decimal_value((struct decimal){-1, 400})));
    ck_assert(decimal_value((struct decimal){1, -400}) == 0);
}
END_TEST

START_TEST(random_decimals)
{
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        char printed[DECIMAL_TEXT_MAX + 1];
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        struct decimal d = {(int64_t)(state >> (state % 50)), (int)(state % 67) - 33};
        printed[decimal_text(printed, d)] = '\0';
        double value = decimal_value(d);
        ck_assert_msg(value == strtod(printed, NULL), "%s", printed);
        if (d.digits < 1000000000000000 && d.digits > -1000000000000000)
            ck_assert_str_eq(f64(value), printed);
    }
}
END_TEST

SUITE(decimal)
{
    LOOP_TEST(known_values, COUNT(known));
    TEST(not_a_number);
    TEST(integers);
    TEST(every_power_of_two_and_its_neighbours);
    TEST(random_bits);
    LOOP_TEST(exact_decimals, COUNT(exact));
    TEST(decimals_with_too_many_digits);
    TEST(random_decimals);
}

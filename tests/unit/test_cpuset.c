// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "model/cpuset.h"
#include "support/golden.h"
#include "support/suite.h"

static struct cpuset set_of(const unsigned *cpus, size_t count)
{
    struct cpuset set = {0};
    for (size_t i = 0; i < count; i++)
        cpuset_add(&set, cpus[i]);
    return set;
}

#define SET(...)                                                                                   \
    set_of((const unsigned[]){__VA_ARGS__}, sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static void assert_text(struct cpuset set, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    cpuset_text(&text, &set);
    golden_text(&text, expected);
}

START_TEST(has_the_units_that_were_added)
{
    struct cpuset set = SET(0, 63, 64, 4095, 63);
    ck_assert_uint_eq(cpuset_count(&set), 4);
    ck_assert(cpuset_has(&set, 0) && cpuset_has(&set, 63) && cpuset_has(&set, 64));
    ck_assert(cpuset_has(&set, CPUSET_MAX - 1));
    ck_assert(!cpuset_has(&set, 1) && !cpuset_has(&set, 4094));
    ck_assert(!cpuset_has(&set, CPUSET_MAX) && !cpuset_has(&set, UINT32_MAX));
}
END_TEST

START_TEST(walks_in_order)
{
    struct cpuset set = SET(4095, 0, 64, 63, 1000);
    static const int order[] = {0, 63, 64, 1000, 4095};
    size_t n = 0;
    for (int c = cpuset_next(&set, 0); c >= 0; c = cpuset_next(&set, (unsigned)c + 1))
        ck_assert_int_eq(c, order[n++]);
    ck_assert_uint_eq(n, 5);
    ck_assert_int_eq(cpuset_next(&set, 1), 63);
    ck_assert_int_eq(cpuset_next(&set, CPUSET_MAX), -1);
    struct cpuset empty = {0};
    ck_assert_int_eq(cpuset_next(&empty, 0), -1);
}
END_TEST

START_TEST(compares_members)
{
    struct cpuset a = SET(1, 100), b = SET(100, 1), c = SET(1, 101), empty = {0};
    ck_assert(cpuset_equal(&a, &b));
    ck_assert(!cpuset_equal(&a, &c));
    ck_assert(!cpuset_equal(&a, &empty));
}
END_TEST

START_TEST(reads_as_ranges)
{
    assert_text((struct cpuset){0}, "none");
    assert_text(SET(7), "7");
    assert_text(SET(0, 1), "0-1");
    assert_text(SET(0, 1, 2, 3, 8, 10, 11), "0-3,8,10-11");
    assert_text(SET(62, 63, 64, 65), "62-65");
    assert_text(SET(4094, 4095), "4094-4095");
}
END_TEST

SUITE(cpuset)
{
    TEST(has_the_units_that_were_added);
    TEST(walks_in_order);
    TEST(compares_members);
    TEST(reads_as_ranges);
}

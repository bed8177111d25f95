// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "base/clock.h"
#include "base/stopwatch.h"
#include "support/suite.h"

// A time between two looks at the clock. However long this process is kept from running in between,
// a stopwatch is behind by less than what it tells without a look, and never ahead.
static void told_in_time(struct stopwatch *s)
{
    int64_t before = clock_now();
    int64_t told = stopwatch_now(s);
    ck_assert_int_ge(told, before - NS_PER_MS);
    ck_assert_int_le(told, clock_now() + NS_PER_MS);
}

START_TEST(never_goes_back)
{
    struct stopwatch s;
    stopwatch_init(&s, stopwatch_usable());
    int64_t last = stopwatch_now(&s);
    for (int64_t end = clock_now() + 20 * NS_PER_MS; clock_now() < end;)
        for (int i = 0; i < 100; i++) {
            int64_t now = stopwatch_now(&s);
            ck_assert_int_ge(now, last);
            last = now;
        }
    told_in_time(&s);
    ck_assert_uint_eq(s.good_for > 0, s.usable && s.rate > 0);
}
END_TEST

START_TEST(without_a_counter_it_is_the_clock)
{
    struct stopwatch s;
    stopwatch_init(&s, false);
    for (int64_t end = clock_now() + 5 * NS_PER_MS; clock_now() < end;) {
        int64_t before = clock_now();
        int64_t told = stopwatch_now(&s);
        ck_assert_int_ge(told, before);
        ck_assert_int_le(told, clock_now());
    }
}
END_TEST

// As after a night's sleep of the machine, or on a processor whose counter is set otherwise.
START_TEST(a_counter_that_jumps_is_not_believed)
{
    static const uint64_t jumps[] = {UINT64_C(1) << 60, -(UINT64_C(1) << 40)};
    struct stopwatch s;
    stopwatch_init(&s, stopwatch_usable());
    for (size_t i = 0; i < 2; i++) {
        for (int64_t end = clock_now() + 5 * NS_PER_MS; clock_now() < end;)
            (void)stopwatch_now(&s);
        s.ticks += jumps[i];
        told_in_time(&s);
    }
}
END_TEST

SUITE(stopwatch)
{
    TEST(never_goes_back);
    TEST(without_a_counter_it_is_the_clock);
    TEST(a_counter_that_jumps_is_not_believed);
}

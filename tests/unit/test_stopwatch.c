// SPDX-License-Identifier: BSD-3-Clause
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/stopwatch.h"
#include "support/suite.h"

// How many of the next looks at the clock are interrupted for DELAY_NS, and how many looks there
// were.
static unsigned interrupted, looks;

#define DELAY_NS (NS_PER_MS / 10)

static int read_clock(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) {
        void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
        memcpy(&real, &symbol, sizeof real);
    }
    return real(id, t);
}

// This function replaces the C library's.
int clock_gettime(clockid_t id, struct timespec *t)
{
    looks++;
    int result = read_clock(id, t);
    if (interrupted == 0)
        return result;
    interrupted--;
    struct timespec now;
    do
        read_clock(id, &now);
    while ((now.tv_sec - t->tv_sec) * NS_PER_S + now.tv_nsec - t->tv_nsec < DELAY_NS);
    return result;
}

// Compares a stopwatch with two looks at the clock, one before it and one after it. The stopwatch
// may differ from them by less than the time for which it does without a look, however long this
// process is kept from running in between.
static void check_time(struct stopwatch *s)
{
    int64_t before = clock_now();
    int64_t time = stopwatch_now(s);
    ck_assert_int_ge(time, before - NS_PER_MS);
    ck_assert_int_le(time, clock_now() + NS_PER_MS);
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
    check_time(&s);
    ck_assert_uint_eq(s.good_for > 0, s.usable && s.rate > 0);
}
END_TEST

START_TEST(without_a_counter_it_is_the_clock)
{
    struct stopwatch s;
    stopwatch_init(&s, false);
    for (int64_t end = clock_now() + 5 * NS_PER_MS; clock_now() < end;) {
        int64_t before = clock_now();
        int64_t time = stopwatch_now(&s);
        ck_assert_int_ge(time, before);
        ck_assert_int_le(time, clock_now());
    }
}
END_TEST

START_TEST(it_starts_with_a_look_that_was_not_interrupted)
{
    struct stopwatch s;
    if (stopwatch_ticks() == 0)
        return; // a machine without the counter
    interrupted = 3;
    looks = 0;
    stopwatch_init(&s, true);
    ck_assert_uint_eq(interrupted, 0);
    ck_assert_uint_gt(looks, 3);
}
END_TEST

START_TEST(it_starts_even_if_every_look_is_interrupted)
{
    struct stopwatch s;
    interrupted = UINT_MAX;
    int64_t before = clock_now();
    stopwatch_init(&s, true);
    ck_assert_int_ge(s.ns, before);
    ck_assert_int_le(s.ns, clock_now());
}
END_TEST

// The counter jumps when the machine has slept for a night, or on a processor whose counter is set
// to another value.
START_TEST(a_counter_that_jumps_is_not_used)
{
    static const uint64_t jumps[] = {UINT64_C(1) << 60, -(UINT64_C(1) << 40)};
    struct stopwatch s;
    stopwatch_init(&s, stopwatch_usable());
    for (size_t i = 0; i < 2; i++) {
        for (int64_t end = clock_now() + 5 * NS_PER_MS; clock_now() < end;)
            (void)stopwatch_now(&s);
        s.ticks += jumps[i];
        check_time(&s);
    }
}
END_TEST

SUITE(stopwatch)
{
    TEST(never_goes_back);
    TEST(without_a_counter_it_is_the_clock);
    TEST(a_counter_that_jumps_is_not_used);
    TEST(it_starts_with_a_look_that_was_not_interrupted);
    TEST(it_starts_even_if_every_look_is_interrupted);
}

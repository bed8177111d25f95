// SPDX-License-Identifier: BSD-3-Clause
// Limits of a task in virtual time.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exec/local/limit_watch.h"
#include "support/suite.h"

static const struct limit_watch_limits limits = {
    .memory = 1 << 30, .cpu_time_ns = NS_PER_S, .output = 1 << 20};

static char message[256];

static bool look(struct limit_watch *w, uint64_t task, int64_t since, int64_t cpu, int64_t now)
{
    struct exec_in_hand h = {.task = {.map = 1, .first = task, .count = 1}, .since_ns = since};
    struct limit_watch_sample seen = {.cpu_ns = cpu};
    return limit_watch_judge(w, &limits, &seen, &h, 1, now, message, sizeof message);
}

START_TEST(nothing_is_watched_without_limits)
{
    ck_assert(!limit_watch_is_on(&LIMIT_WATCH_NOTHING));
    ck_assert(limit_watch_is_on(&limits));
}
END_TEST

START_TEST(the_message_names_the_limit_and_the_value)
{
    struct exec_in_hand h = {.task = {.map = 1, .count = 1}};
    struct limit_watch w = {0};
    struct limit_watch_sample seen = {.resident = 3 << 29};
    ck_assert(limit_watch_judge(&w, &limits, &seen, &h, 1, 1, message, sizeof message));
    ck_assert_str_eq(message, "its worker's memory reached 1.5 GiB; limits.memory is 1 GiB");
    seen = (struct limit_watch_sample){.printed = 3 << 29};
    ck_assert(limit_watch_judge(&w, &limits, &seen, &h, 1, 2, message, sizeof message));
    ck_assert_str_eq(message, "it printed 1.5 GiB; limits.printed is 1 MiB");
    ck_assert(!look(&w, 0, 0, NS_PER_S - 1, 3));
    ck_assert(look(&w, 0, 0, NS_PER_S, 4));
    ck_assert_str_eq(message, "it used 1 s of CPU time; limits.cpu_time is 1 s");
}
END_TEST

START_TEST(cpu_time_is_the_tasks_own)
{
    struct limit_watch w = {0};
    ck_assert(!look(&w, 0, 0, 900 * NS_PER_MS, 900 * NS_PER_MS));
    // Task 1 began 100 ms ago; the 900 ms before that are another's.
    ck_assert(!look(&w, 1, 1700 * NS_PER_MS, 1800 * NS_PER_MS, 1800 * NS_PER_MS));
    ck_assert_int_eq(w.base_ns, 1700 * NS_PER_MS);
    ck_assert(!look(&w, 1, 1700 * NS_PER_MS, 2699 * NS_PER_MS, 2699 * NS_PER_MS));
    ck_assert(look(&w, 1, 1700 * NS_PER_MS, 2700 * NS_PER_MS, 2700 * NS_PER_MS));
}
END_TEST

START_TEST(another_attempt_begins_anew)
{
    struct limit_watch w = {0};
    struct exec_in_hand h = {.task = {.map = 1, .first = 4, .count = 1}};
    struct limit_watch_sample seen = {.cpu_ns = 900 * NS_PER_MS};
    ck_assert(
        !limit_watch_judge(&w, &limits, &seen, &h, 1, 900 * NS_PER_MS, message, sizeof message));
    h.task.attempt = 1;
    h.since_ns = 1000 * NS_PER_MS;
    seen.cpu_ns = 1100 * NS_PER_MS;
    ck_assert(
        !limit_watch_judge(&w, &limits, &seen, &h, 1, 1100 * NS_PER_MS, message, sizeof message));
}
END_TEST

START_TEST(the_next_look_comes_before_a_limit_can_be_exceeded_by_much)
{
    struct exec_in_hand h = {.task = {.map = 1, .count = 1}};
    struct limit_watch w = {0};
    struct limit_watch_sample seen = {0};
    ck_assert(!limit_watch_judge(&w, &limits, &seen, &h, 1, 0, message, sizeof message));
    ck_assert_int_le(w.next_ns, 100 * NS_PER_MS);
    // 40 ms of CPU time left: 10 ms of time for a worker of four CPUs.
    seen.cpu_ns = 960 * NS_PER_MS;
    ck_assert(!limit_watch_judge(&w, &limits, &seen, &h, 4, NS_PER_S, message, sizeof message));
    ck_assert_int_eq(w.next_ns, NS_PER_S + 10 * NS_PER_MS);
    seen.resident = limits.memory; // and never twice at the same moment
    ck_assert(!limit_watch_judge(&w, &limits, &seen, &h, 4, NS_PER_S, message, sizeof message));
    ck_assert_int_gt(w.next_ns, NS_PER_S);
}
END_TEST

SUITE(limit_watch)
{
    TEST(nothing_is_watched_without_limits);
    TEST(the_message_names_the_limit_and_the_value);
    TEST(cpu_time_is_the_tasks_own);
    TEST(another_attempt_begins_anew);
    TEST(the_next_look_comes_before_a_limit_can_be_exceeded_by_much);
}

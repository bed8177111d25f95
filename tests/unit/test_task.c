// SPDX-License-Identifier: BSD-3-Clause
// The calls of <batchrun/plugin.h> in a real worker: what a task reads, and what it gives.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

static const struct rig_options two = {.workers = 2};

START_TEST(a_task_can_ask_what_it_is)
{
    struct pool_map_options options = {.map.limits.hard_ns = 3600 * NS_PER_S};
    rig_run_one(&rig, two, "told", 5, 3, options);
    ck_assert_str_eq(rig.fates[0].text, "0 phase 1 1 1");
    ck_assert_str_eq(rig.fates[2].text, "2 phase 1 1 1");
    rig_close(&rig);
}
END_TEST

START_TEST(without_a_limit_there_is_no_time_to_run_out)
{
    rig_run_one(&rig, two, "told", 0, 1, (struct pool_map_options){0});
    ck_assert_str_eq(rig.fates[0].text, "0 phase 1 1 0");
    rig_close(&rig);
}
END_TEST

START_TEST(misuse_fails_the_task_and_says_why)
{
    static const char *const messages[] = {
        "there is no input column `j`",
        "input column `i` is i64, but the task reads it as str",
        "row 1 was requested, but the task has 1",
        "there is no result column `x`",
        "result column `y` is declared i64, but the task gives bytes",
        "the task returned 0 without giving result column `y`",
        "the task returned 5 without a message",
        "the first",
    };
    rig_run_one(&rig, two, "misuse", 0, 9, (struct pool_map_options){0});
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        ck_assert_int_eq(rig.fates[i].status, OUTCOME_ERROR);
        ck_assert_msg(strstr(rig.fates[i].text, messages[i]), "%s", rig.fates[i].text);
    }
    ck_assert_int_eq(rig.fates[8].status, OUTCOME_OK);
    ck_assert_int_eq(rig.fates[8].y, 2); // the last one counts
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_name_is_read_anew_at_each_call)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "renamed", 0, 8,
                (struct pool_map_options){0});
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(rig.fates[i].status, i % 4 == 0 ? OUTCOME_OK : OUTCOME_ERROR);
        if (i % 4 == 0)
            ck_assert_int_eq(rig.fates[i].y, i);
        else
            ck_assert_msg(strstr(rig.fates[i].text, i % 2 ? "no input column `j`" : "column `z`"),
                          "%s", rig.fates[i].text);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(a_nul_in_a_text_fails_only_its_task)
{
    rig_run_one(&rig, two, "nul_in_text", 0, 2, (struct pool_map_options){0});
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 2);
    ck_assert_ptr_nonnull(strstr(rig.fates[0].text, "column `s` is a str"));
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(long_texts_arrive)
{
    rig_open(&rig, two);
    for (int64_t size = 1; size < 4 << 20; size = size * 3 + 1)
        rig_run(&rig, rig_submit(&rig, "large", size, 2, (struct pool_map_options){0}));
    rig_run(&rig, rig_submit(&rig, "large", 131000, 100, (struct pool_map_options){0}));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 100);
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(seeds_are_the_same_whoever_runs_the_task)
{
    int64_t seeds[20];
    for (unsigned workers = 1; workers <= 3; workers++) {
        rig_run_one(&rig, (struct rig_options){.workers = workers}, "seed", 0, 20,
                    (struct pool_map_options){.chunk = workers});
        for (int i = 0; i < 20; i++) {
            if (workers == 1)
                seeds[i] = rig.fates[i].y;
            ck_assert_int_eq(rig.fates[i].y, seeds[i]);
            ck_assert(i == 0 || seeds[i] != seeds[i - 1]);
        }
        rig_close(&rig);
    }
}
END_TEST

SUITE(task)
{
    TEST(a_task_can_ask_what_it_is);
    TEST(without_a_limit_there_is_no_time_to_run_out);
    TEST(misuse_fails_the_task_and_says_why);
    TEST(a_name_is_read_anew_at_each_call);
    TEST(a_nul_in_a_text_fails_only_its_task);
    TEST(long_texts_arrive);
    TEST(seeds_are_the_same_whoever_runs_the_task);
}

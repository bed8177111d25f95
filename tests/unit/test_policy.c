// SPDX-License-Identifier: BSD-3-Clause
#include "model/policy.h"
#include "support/suite.h"

START_TEST(delays_grow_up_to_the_longest)
{
    struct retry_policy policy = {.delay_ns = 100, .factor = 2, .max_ns = 300};
    static const double delays[] = {100, 200, 300, 300};
    for (uint32_t attempt = 1; attempt <= 4; attempt++)
        ck_assert_double_eq(retry_policy_delay(&policy, attempt), delays[attempt - 1]);
    ck_assert_double_eq(retry_policy_delay(&policy, UINT32_MAX), 300);
}
END_TEST

START_TEST(a_first_delay_is_no_longer_than_the_longest)
{
    struct retry_policy policy = {.delay_ns = 100, .factor = 2, .max_ns = 50};
    ck_assert_double_eq(retry_policy_delay(&policy, 1), 50);
}
END_TEST

START_TEST(without_a_delay_there_is_none)
{
    struct retry_policy policy = {.factor = 2, .max_ns = 300};
    ck_assert_double_eq(retry_policy_delay(&policy, 3), 0);
}
END_TEST

SUITE(policy)
{
    TEST(delays_grow_up_to_the_longest);
    TEST(a_first_delay_is_no_longer_than_the_longest);
    TEST(without_a_delay_there_is_none);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "pool/due.h"
#include "support/suite.h"

enum {
    COUNT = 200,
    ROUNDS = 20000
};

START_TEST(the_earliest_comes_first)
{
    struct due_heap h = {0};
    struct due entries[3] = {0};
    br_error err;
    ck_assert_ptr_null(due_first(&h));
    ck_assert_int_eq(due_reserve(&h, 3, &err), 0);
    due_set(&h, &entries[0], 30);
    due_set(&h, &entries[1], 10);
    due_set(&h, &entries[2], 20);
    ck_assert_ptr_eq(due_first(&h), &entries[1]);
    due_set(&h, &entries[1], 40);
    ck_assert_ptr_eq(due_first(&h), &entries[2]);
    due_set(&h, &entries[2], INT64_MAX);
    due_set(&h, &entries[2], INT64_MAX);
    ck_assert_ptr_eq(due_first(&h), &entries[0]);
    due_set(&h, &entries[0], INT64_MAX);
    due_set(&h, &entries[1], INT64_MAX);
    ck_assert_ptr_null(due_first(&h));
    due_finish(&h);
}
END_TEST

static int64_t earliest(const struct due *entries)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < COUNT; i++)
        if (entries[i].place > 0 && entries[i].at_ns < first)
            first = entries[i].at_ns;
    return first;
}

START_TEST(any_order_of_changes_leaves_the_earliest_first)
{
    struct due_heap h = {0};
    struct due entries[COUNT] = {0};
    br_error err;
    uint64_t x = 88172645463325252;
    ck_assert_int_eq(due_reserve(&h, COUNT, &err), 0);
    for (int i = 0; i < ROUNDS; i++) {
        x ^= x << 13; // xorshift64
        x ^= x >> 7;
        x ^= x << 17;
        due_set(&h, &entries[x % COUNT], x >> 60 == 0 ? INT64_MAX : (int64_t)(x >> 32 & 0xFFF));
        const struct due *first = due_first(&h);
        if ((first ? first->at_ns : INT64_MAX) != earliest(entries))
            ck_abort_msg("round %d", i);
    }
    due_finish(&h);
}
END_TEST

SUITE(due)
{
    TEST(the_earliest_comes_first);
    TEST(any_order_of_changes_leaves_the_earliest_first);
}

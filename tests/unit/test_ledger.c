// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "base/bits.h"
#include "model/ledger.h"
#include "support/suite.h"

static uint64_t sum(const struct ledger *l)
{
    return l->granted + ledger_ended(l) + ledger_left(l);
}

static void assert_take(struct ledger *l, uint32_t most, int64_t now, struct ledger_work is)
{
    struct ledger_work w;
    ck_assert(ledger_take(l, most, now, &w));
    ck_assert_uint_eq(w.first, is.first);
    ck_assert_uint_eq(w.count, is.count);
    ck_assert_uint_eq(w.attempt, is.attempt);
    ck_assert_uint_eq(w.crashes, is.crashes);
    ck_assert(w.alone == is.alone);
    ck_assert_uint_eq(sum(l), l->tasks);
}

START_TEST(an_empty_ledger_is_done)
{
    struct ledger l;
    struct ledger_work w;
    ledger_init(&l, 0);
    ck_assert(ledger_done(&l));
    ck_assert(!ledger_ready(&l, 0));
    ck_assert(!ledger_take(&l, 1, 0, &w));
    ck_assert_int_eq(ledger_next_due(&l), INT64_MAX);
    ledger_finish(&l);
}
END_TEST

START_TEST(new_tasks_come_in_order)
{
    struct ledger l;
    ledger_init(&l, 10);
    assert_take(&l, 4, 0, (struct ledger_work){0, 4, 1, 0, false});
    assert_take(&l, 4, 0, (struct ledger_work){4, 4, 1, 0, false});
    assert_take(&l, 4, 0, (struct ledger_work){8, 2, 1, 0, false});
    ck_assert(!ledger_ready(&l, 0));
    ck_assert(!ledger_done(&l));
    ledger_end(&l, OUTCOME_OK, 9);
    ledger_end(&l, OUTCOME_ERROR, 1);
    ck_assert(ledger_done(&l));
    ck_assert_uint_eq(l.ended[OUTCOME_OK], 9);
    ck_assert_uint_eq(l.ended[OUTCOME_ERROR], 1);
    ledger_finish(&l);
}
END_TEST

START_TEST(tasks_beyond_32_bits_are_counted)
{
    struct ledger l;
    struct ledger_work w;
    uint64_t tasks = UINT64_C(10000000000);
    ledger_init(&l, tasks);
    for (uint64_t at = 0; at < tasks; at += w.count) {
        ck_assert(ledger_take(&l, UINT32_MAX, 0, &w));
        ck_assert_uint_eq(w.first, at);
        ledger_end(&l, OUTCOME_OK, w.count);
    }
    ck_assert(ledger_done(&l));
    ledger_finish(&l);
}
END_TEST

START_TEST(returned_tasks_keep_their_history_and_go_first)
{
    struct ledger l;
    br_error err;
    ledger_init(&l, 100);
    assert_take(&l, 50, 0, (struct ledger_work){0, 50, 1, 0, false});
    ck_assert(ledger_give_back(&l, &(struct ledger_work){20, 30, 1, 1, false}, &err) == 0);
    ck_assert_uint_eq(l.granted, 20);
    ck_assert_uint_eq(ledger_left(&l), 80);
    assert_take(&l, 10, 0, (struct ledger_work){20, 10, 1, 1, false});
    assert_take(&l, 50, 0, (struct ledger_work){30, 20, 1, 1, false});
    assert_take(&l, 50, 0, (struct ledger_work){50, 50, 1, 0, false});
    ledger_finish(&l);
}
END_TEST

START_TEST(a_waiting_task_comes_when_it_is_due)
{
    struct ledger l;
    br_error err;
    struct ledger_work w;
    ledger_init(&l, 3);
    assert_take(&l, 3, 0, (struct ledger_work){0, 3, 1, 0, false});
    ck_assert(ledger_retry(&l, &(struct ledger_work){1, 1, 2, 0, false}, 100, &err) == 0);
    ck_assert(ledger_retry(&l, &(struct ledger_work){0, 1, 2, 1, false}, 50, &err) == 0);
    ck_assert_int_eq(ledger_next_due(&l), 50);
    ck_assert(!ledger_ready(&l, 49));
    ck_assert(!ledger_take(&l, 3, 49, &w));
    assert_take(&l, 3, 50, (struct ledger_work){0, 1, 2, 1, false});
    ck_assert(!ledger_ready(&l, 99));
    assert_take(&l, 3, 1000, (struct ledger_work){1, 1, 2, 0, false});
    ck_assert_int_eq(ledger_next_due(&l), INT64_MAX);
    ledger_finish(&l);
}
END_TEST

START_TEST(waiting_tasks_block_no_new_ones)
{
    struct ledger l;
    br_error err;
    ledger_init(&l, 2);
    assert_take(&l, 1, 0, (struct ledger_work){0, 1, 1, 0, false});
    ck_assert(ledger_retry(&l, &(struct ledger_work){0, 1, 2, 0, false}, 1000, &err) == 0);
    assert_take(&l, 5, 0, (struct ledger_work){1, 1, 1, 0, false});
    ledger_finish(&l);
}
END_TEST

START_TEST(waiting_tasks_come_by_time_then_index)
{
    enum {
        N = 500
    };
    struct ledger l;
    br_error err;
    struct ledger_work w;
    ledger_init(&l, N);
    ck_assert(ledger_take(&l, N, 0, &w));
    for (uint64_t i = 0; i < N; i++)
        ck_assert(ledger_retry(&l, &(struct ledger_work){i, 1, 2, 0, false},
                               (int64_t)(i * 7919 % N / 10), &err) == 0);
    int64_t due = -1;
    uint64_t first = 0;
    for (int i = 0; i < N; i++) {
        int64_t next = ledger_next_due(&l);
        ck_assert(ledger_take(&l, N, INT64_MAX, &w));
        ck_assert(next > due || (next == due && w.first > first));
        due = next;
        first = w.first;
        ck_assert_uint_eq(sum(&l), N);
    }
    ledger_finish(&l);
}
END_TEST

START_TEST(stopping_skips_new_tasks_and_cancels_waiting_ones)
{
    struct ledger l;
    br_error err;
    struct ledger_work w;
    ledger_init(&l, 100);
    assert_take(&l, 40, 0, (struct ledger_work){0, 40, 1, 0, false});
    ck_assert(ledger_give_back(&l, &(struct ledger_work){30, 10, 1, 0, false}, &err) == 0);
    ck_assert(ledger_retry(&l, &(struct ledger_work){3, 1, 2, 0, false}, 50, &err) == 0);
    ck_assert_uint_eq(ledger_stop(&l), 70);
    ck_assert(!ledger_take(&l, 1, 0, &w));
    ck_assert(ledger_drop_waiting(&l, &w));
    ck_assert_uint_eq(w.first, 3);
    ck_assert(!ledger_drop_waiting(&l, &w));
    ck_assert_uint_eq(l.ended[OUTCOME_SKIPPED], 70);
    ck_assert_uint_eq(l.ended[OUTCOME_CANCELLED], 1);
    ck_assert_uint_eq(l.granted, 29);
    ck_assert_uint_eq(sum(&l), 100);
    ck_assert_uint_eq(ledger_stop(&l), 0);
    ledger_end(&l, OUTCOME_OK, 29);
    ck_assert(ledger_done(&l));
    ledger_finish(&l);
}
END_TEST

START_TEST(another_attempt_that_is_given_back_waits_again)
{
    struct ledger l;
    br_error err;
    struct ledger_work w;
    ledger_init(&l, 1);
    assert_take(&l, 1, 0, (struct ledger_work){0, 1, 1, 0, false});
    ck_assert(ledger_retry(&l, &(struct ledger_work){0, 1, 2, 0, false}, 50, &err) == 0);
    assert_take(&l, 1, 50, (struct ledger_work){0, 1, 2, 0, false});
    ck_assert(ledger_give_back(&l, &(struct ledger_work){0, 1, 2, 0, false}, &err) == 0);
    ck_assert(ledger_ready(&l, 50));
    ck_assert_uint_eq(ledger_stop(&l), 0);
    ck_assert(ledger_drop_waiting(&l, &w));
    ck_assert_uint_eq(w.attempt, 2);
    ck_assert_uint_eq(l.ended[OUTCOME_CANCELLED], 1);
    ck_assert(ledger_done(&l));
    ledger_finish(&l);
}
END_TEST

START_TEST(tasks_that_run_alone_come_one_at_a_time)
{
    struct ledger l;
    br_error err;
    ledger_init(&l, 10);
    assert_take(&l, 10, 0, (struct ledger_work){0, 10, 1, 0, false});
    ck_assert(ledger_give_back(&l, &(struct ledger_work){3, 2, 1, 0, true}, &err) == 0);
    ck_assert(ledger_next_alone(&l, 0));
    assert_take(&l, 10, 0, (struct ledger_work){3, 1, 1, 0, true});
    assert_take(&l, 10, 0, (struct ledger_work){4, 1, 1, 0, true});
    ck_assert(!ledger_next_alone(&l, 0));
    ck_assert(ledger_retry(&l, &(struct ledger_work){4, 1, 2, 1, true}, 50, &err) == 0);
    ck_assert(!ledger_next_alone(&l, 49));
    ck_assert(ledger_next_alone(&l, 50));
    assert_take(&l, 10, 50, (struct ledger_work){4, 1, 2, 1, true});
    ledger_finish(&l);
}
END_TEST

START_TEST(an_earlier_account_is_continued)
{
    // Of 200 tasks, 0 to 63, 70 and every third from 100 on have ended; 5 is to be run again,
    // and 80.
    uint64_t known[BITS_WORDS(200)] = {0};
    struct ledger_past past = {.known = known};
    for (uint64_t i = 0; i < 200; i++)
        if (i < 64 || i == 70 || i == 80 || (i >= 100 && i % 3 == 0)) {
            bits_add(known, i);
            past.ended[OUTCOME_OK] += i != 5 && i != 80;
        }
    const struct ledger_work again[] = {{80, 1, 2, 0, false}, {5, 1, 3, 1, false}};
    past.again = again;
    past.again_count = 2;
    struct ledger l;
    ledger_init(&l, 200);
    ck_assert_int_eq(ledger_resume(&l, &past, NULL), 0);
    uint64_t left = 200 - past.ended[OUTCOME_OK];
    ck_assert_uint_eq(ledger_left(&l), left);
    assert_take(&l, 10, 0, (struct ledger_work){5, 1, 3, 1, false});
    assert_take(&l, 10, 0, (struct ledger_work){80, 1, 2, 0, false});
    assert_take(&l, 4, 0, (struct ledger_work){64, 4, 1, 0, false});
    assert_take(&l, 4, 0, (struct ledger_work){68, 2, 1, 0, false});
    assert_take(&l, 4, 0, (struct ledger_work){71, 4, 1, 0, false});
    assert_take(&l, 100, 0, (struct ledger_work){75, 5, 1, 0, false});
    assert_take(&l, 100, 0, (struct ledger_work){81, 21, 1, 0, false});
    struct ledger_work w;
    uint64_t taken = 2 + 4 + 2 + 4 + 5 + 21;
    for (; ledger_take(&l, 100, 0, &w); taken += w.count)
        for (uint32_t i = 0; i < w.count; i++)
            ck_assert(!bits_has(known, w.first + i));
    ck_assert_uint_eq(taken, left);
    ck_assert(!ledger_ready(&l, INT64_MAX));
    ledger_end(&l, OUTCOME_OK, left);
    ck_assert(ledger_done(&l));
    ledger_finish(&l);
    // Stopped at once: new tasks and those to be run again end, no others.
    ledger_init(&l, 200);
    ck_assert_int_eq(ledger_resume(&l, &past, NULL), 0);
    ck_assert_uint_eq(ledger_stop(&l), left - 2);
    ck_assert(ledger_drop_waiting(&l, &w) && ledger_drop_waiting(&l, &w));
    ck_assert(ledger_done(&l));
    ledger_finish(&l);
}
END_TEST

SUITE(ledger)
{
    TEST(an_empty_ledger_is_done);
    TEST(new_tasks_come_in_order);
    TEST(tasks_beyond_32_bits_are_counted);
    TEST(returned_tasks_keep_their_history_and_go_first);
    TEST(a_waiting_task_comes_when_it_is_due);
    TEST(waiting_tasks_block_no_new_ones);
    TEST(waiting_tasks_come_by_time_then_index);
    TEST(tasks_that_run_alone_come_one_at_a_time);
    TEST(stopping_skips_new_tasks_and_cancels_waiting_ones);
    TEST(another_attempt_that_is_given_back_waits_again);
    TEST(an_earlier_account_is_continued);
}

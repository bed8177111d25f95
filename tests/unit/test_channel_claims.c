// SPDX-License-Identifier: BSD-3-Clause
// Granting, claiming and taking back over a channel.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/channel_pair.h"
#include "support/suite.h"

START_TEST(outcomes_come_back_as_granted)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_in_hand h;
    uint32_t row;
    pair_open(&p, BR_I64);
    pair_grant(&p, 100, 10);
    ck_assert(!channel_in_hand(&p.c, &h));
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert_uint_eq(claim.grant.first, 100);
    ck_assert_uint_eq(claim.grant.attempt, 3);
    ck_assert(claim.queue_low);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert(channel_next_task(&p.w, &row));
        ck_assert_uint_eq(row, i);
        ck_assert(channel_in_hand(&p.c, &h));
        pair_publish(&p, &claim, row, 7 * i);
    }
    ck_assert(!channel_next_task(&p.w, &row));
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert_int_eq(b.kind, RECORD_OK);
    ck_assert_uint_eq(b.tasks.first, 100);
    ck_assert_uint_eq(b.tasks.count, 10);
    ck_assert_uint_eq(b.tasks.crashes, 2);
    ck_assert_uint_eq(b.size, 80);
    ck_assert_uint_eq(((const uint64_t *)b.payload)[9], 63);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_EMPTY);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(what_is_taken_back_is_not_claimed)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_grant back;
    uint32_t row;
    pair_open(&p, BR_I64);
    pair_grant(&p, 50, 10);
    ck_assert(channel_next_grant(&p.w, &claim));
    for (int i = 0; i < 3; i++)
        ck_assert(channel_next_task(&p.w, &row));
    ck_assert_uint_eq(channel_take_back(&p.c, 2, 100, &back), 0); // no such map
    ck_assert_uint_eq(channel_take_back(&p.c, 1, 4, &back), 4);
    ck_assert_uint_eq(back.first, 56);
    ck_assert_uint_eq(channel_take_back(&p.c, 0, 100, &back), 3);
    ck_assert_uint_eq(back.first, 53);
    ck_assert_uint_eq(channel_take_back(&p.c, 0, 100, &back), 0);
    ck_assert(!channel_next_task(&p.w, &row));
    for (uint32_t i = 0; i < 3; i++)
        pair_publish(&p, &claim, i, i);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 3);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

// ---- A grant's end that is undecided

struct undecided {
    struct channel_pair *pair;
    struct channel_claim claim;
    uint32_t row;
    bool claimed;
};

static void *claim_one(void *arg)
{
    struct undecided *u = arg;
    MUST(channel_next_grant(&u->pair->w, &u->claim));
    u->claimed = channel_next_task(&u->pair->w, &u->row);
    return NULL;
}

// Takes the first of two grants back while the worker starts it, and decides on `end`. Checks that
// the worker waits for the decision and does not skip to the second grant.
static void decide(uint32_t end, struct undecided *out)
{
    static struct channel_pair p;
    pthread_t thread;
    *out = (struct undecided){.pair = &p};
    pair_open(&p, BR_I64);
    pair_grant(&p, 100, 10);
    pair_grant(&p, 200, 10);
    atomic_store(&p.c.down->ends[0].word, grant_word(0, 0, 0));
    MUST(pthread_create(&thread, NULL, claim_one, out) == 0);
    while (atomic_load(&p.c.up->cursor) == grant_word(0, GRANT_WORD_FLAG, 0))
        sched_yield();
    MUST(atomic_load(&p.c.up->cursor) == grant_word(0, GRANT_WORD_FLAG, 1));
    atomic_store(&p.c.down->ends[0].word, grant_word(0, GRANT_WORD_FLAG, end));
    pthread_join(thread, NULL);
    pair_close(&p);
}

START_TEST(a_worker_waits_for_a_decision)
{
    struct undecided u;
    decide(1, &u);
    ck_assert(u.claimed);
    ck_assert_uint_eq(u.claim.grant.first, 100);
    ck_assert_uint_eq(u.row, 0);
    decide(0, &u);
    ck_assert(!u.claimed);
}
END_TEST

// The worker is late by more grants than a cursor could count if it had 22 bits for the sequence.
START_TEST(a_late_worker_claims_nothing_of_a_grant_that_is_gone)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_grant back;
    uint32_t row;
    pair_open(&p, BR_I64);
    p.c.granted = p.c.retired = 1 << 23;
    p.c.down->granted = 1 << 23;
    for (int i = 0; i < 2 * EXECUTOR_QUEUE; i++) {
        pair_grant(&p, 100, 10);
        ck_assert_uint_eq(channel_take_back(&p.c, 1, 100, &back), 10);
        ck_assert_uint_eq(channel_load(&p.c), 0);
    }
    pair_grant(&p, 7, 1);
    do
        ck_assert(channel_next_grant(&p.w, &claim));
    while (!channel_next_task(&p.w, &row));
    ck_assert_uint_eq(claim.grant.first, 7);
    pair_publish(&p, &claim, row, 1);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.first, 7);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(a_cancel_is_for_one_task)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct exec_in_hand h;
    uint32_t row;
    pair_open(&p, BR_I64);
    pair_grant(&p, 0, 3);
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert(channel_next_task(&p.w, &row));
    ck_assert(channel_in_hand(&p.c, &h));
    ck_assert(!channel_cancelled(&p.w, &claim, 0));
    channel_progress(&p.w, 0.25);
    ck_assert(channel_in_hand(&p.c, &h));
    ck_assert_double_eq(h.progress, 0.25);
    h.task.first = 1;
    channel_cancel(&p.c, &h.task);
    ck_assert(!channel_cancelled(&p.w, &claim, 0));
    ck_assert(!channel_cancelled(&p.w, &claim, 1));
    h.task.first = 0;
    channel_cancel(&p.c, &h.task);
    ck_assert(channel_cancelled(&p.w, &claim, 0));
    ck_assert(!channel_cancelled(&p.w, &claim, 1));
    pair_close(&p);
}
END_TEST

// A worker that waits for room in the ring has not published what its task did long ago.
START_TEST(a_worker_that_may_have_waited_for_room_starts_anew)
{
    for (uint32_t count = 1; count <= CHANNEL_RING / 40; count += CHANNEL_RING / 40 - 1) {
        struct channel_pair p;
        struct channel_claim claim;
        struct channel_batch b;
        struct exec_in_hand h;
        uint32_t row;
        pair_open(&p, BR_I64);
        pair_grant(&p, 0, count + 1);
        ck_assert(channel_next_grant(&p.w, &claim));
        for (uint32_t i = 0; i < count && p.w.written < CHANNEL_RING / 2; i++) {
            ck_assert(channel_next_task(&p.w, &row));
            pair_publish(&p, &claim, row, i);
        }
        ck_assert(channel_next_task(&p.w, &row));
        int64_t looked = clock_now();
        while (pair_read(&p, &b) == CHANNEL_BATCH)
            ;
        channel_read_done(&p.c);
        ck_assert(channel_in_hand(&p.c, &h));
        ck_assert_int_eq(h.since_ns >= looked, count > 1);
        pair_close(&p);
    }
}
END_TEST

START_TEST(a_closed_channel_ends_the_worker_after_its_grants)
{
    struct channel_pair p;
    struct channel_claim claim;
    pair_open(&p, BR_I64);
    pair_grant(&p, 0, 1);
    channel_close(&p.c);
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert(!channel_next_grant(&p.w, &claim));
    pair_close(&p);
}
END_TEST

// ---- Claims while tasks are taken back

enum {
    MANY = 200000 // tasks
};

static void *work(void *arg)
{
    struct channel_pair *p = arg;
    struct channel_claim claim;
    uint32_t row;
    while (channel_next_grant(&p->w, &claim))
        while (channel_next_task(&p->w, &row))
            pair_publish_fast(p, &claim, row, claim.grant.first + row, 1);
    return NULL;
}

// What the coordinator of this test knows.
struct account {
    struct exec_grant returned[64];
    size_t returned_count;
    uint64_t next, done;
    uint8_t *ran;
};

static void give_some(struct channel_pair *p, struct account *a, uint64_t x)
{
    while (channel_load(&p->c) < EXECUTOR_QUEUE) {
        if (a->returned_count > 0) {
            struct exec_grant g = a->returned[--a->returned_count];
            channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
        } else if (a->next < MANY) {
            struct exec_grant g = {.map = 1 + x / 128 % 2, .first = a->next};
            g.count = (uint32_t)(x % 97 + 1);
            if (g.count > MANY - a->next)
                g.count = (uint32_t)(MANY - a->next);
            channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
            a->next += g.count;
        } else
            return;
    }
}

static void read_some(struct channel_pair *p, struct account *a)
{
    struct channel_batch b;
    enum channel_read state;
    while ((state = pair_read(p, &b)) == CHANNEL_BATCH)
        for (uint32_t i = 0; i < b.tasks.count; i++) {
            uint64_t task = b.tasks.first + i;
            MUST(task < MANY && a->ran[task] == 0);
            MUST(((const uint64_t *)b.payload)[i] == task);
            a->ran[task] = 1;
            a->done++;
        }
    MUST(state == CHANNEL_EMPTY);
    channel_read_done(&p->c);
}

START_TEST(every_task_is_run_once_or_comes_back)
{
    struct channel_pair p;
    pthread_t thread;
    struct account a = {.ran = calloc(MANY, 1)};
    ck_assert(a.ran);
    pair_open(&p, BR_I64);
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &p), 0);
    for (uint64_t x = 88172645463325252U; a.done < MANY;) {
        pair_random(&x);
        give_some(&p, &a, x);
        struct exec_grant back;
        if (x % 4 == 0 && a.returned_count < 64 &&
            channel_take_back(&p.c, x / 4 % 3, x / 16 % 60 + 1, &back) > 0)
            a.returned[a.returned_count++] = back;
        read_some(&p, &a);
    }
    channel_close(&p.c);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    free(a.ran);
    pair_close(&p);
}
END_TEST

SUITE(channel_claims)
{
    TEST(outcomes_come_back_as_granted);
    TEST(what_is_taken_back_is_not_claimed);
    TEST(a_worker_waits_for_a_decision);
    TEST(a_late_worker_claims_nothing_of_a_grant_that_is_gone);
    TEST(a_cancel_is_for_one_task);
    TEST(a_worker_that_may_have_waited_for_room_starts_anew);
    TEST(a_closed_channel_ends_the_worker_after_its_grants);
    TEST(every_task_is_run_once_or_comes_back);
}

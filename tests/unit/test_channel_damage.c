// SPDX-License-Identifier: BSD-3-Clause
// What the coordinator accepts of a channel whose worker has died, broken the protocol or written
// over its records.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/channel_pair.h"
#include "support/suite.h"

// ---- A death

START_TEST(a_death_blames_the_running_task)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_in_hand h;
    struct exec_grant left;
    uint32_t row;
    pair_open(&p, BR_I64);
    pair_grant(&p, 0, 5);
    pair_grant(&p, 10, 5);
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert(!claim.queue_low);
    for (int i = 0; i < 3; i++) {
        ck_assert(channel_next_task(&p.w, &row));
        if (i < 2)
            pair_publish(&p, &claim, row, 0);
    }
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert(channel_blamed(&p.c, false, &h));
    ck_assert_uint_eq(h.task.first, 2);
    ck_assert(channel_unreported(&p.c, false, &left));
    ck_assert_uint_eq(left.first, 3);
    ck_assert_uint_eq(left.count, 2);
    ck_assert(channel_unreported(&p.c, false, &left));
    ck_assert_uint_eq(left.first, 10);
    ck_assert_uint_eq(left.count, 5);
    ck_assert(!channel_unreported(&p.c, false, &left));
    pair_close(&p);
}
END_TEST

static void assert_printers(const struct channel_pair *p, uint64_t first, uint32_t count)
{
    struct exec_grant printers = channel_printers(&p->c);
    ck_assert_uint_eq(printers.first, first);
    ck_assert_uint_eq(printers.count, count);
}

// Output that no record attributes may be of any task of this grant since the worker last collected
// output.
START_TEST(tasks_since_output_was_last_collected_may_have_printed_the_rest)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    pair_open(&p, BR_I64);
    assert_printers(&p, 0, 0); // no grant
    for (uint64_t first = 100; first <= 200; first += 100) {
        pair_grant(&p, first, 4);
        ck_assert(channel_next_grant(&p.w, &claim));
        for (uint32_t i = 0; i < 4; i++) {
            ck_assert(channel_next_task(&p.w, &row));
            assert_printers(&p, first + (i < 2 ? 0 : 2), i < 2 ? i + 1 : i - 1);
            if (i == 1 || i == 3)
                channel_output_seen(&p.w); // the worker dies before it publishes the outcome
            if (i % 2)
                assert_printers(&p, first + i, 1);
            pair_publish(&p, &claim, row, 0);
            ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
        }
    }
    pair_close(&p);
}
END_TEST

// ---- Records that break the protocol

// Returns how the coordinator reads this record of the first task of a grant.
static enum channel_read say(enum br_type type, struct record r, const void *data, size_t size)
{
    struct channel_pair p;
    struct channel_batch b;
    pair_open(&p, type);
    pair_grant(&p, 0, 2);
    pair_claim_first(&p);
    channel_publish(&p.w, &r, NULL, 0, data, size, 0);
    enum channel_read state = pair_read(&p, &b);
    MUST(channel_load(&p.c) == 1);
    pair_close(&p);
    return state;
}

START_TEST(what_fits_no_grant_is_a_fault)
{
    uint64_t words[4] = {1};
    struct record_end end = {.status = OUTCOME_SKIPPED};
    struct record_output output = {.stream = 3, .rows = 1};
#define SAY(type, data, size, ...) say(type, (struct record){__VA_ARGS__}, data, size)
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = RECORD_OK), CHANNEL_BATCH);
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = RECORD_OK, .row = 1), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = RECORD_OK, .grant = 1), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, words, 16, .kind = RECORD_OK), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = 99), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = 0), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, words, 8, .kind = RECORD_LONG_OK), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, &end, sizeof end, .kind = RECORD_END), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_I64, &output, sizeof output, .kind = RECORD_OUTPUT), CHANNEL_FAULT);
    words[0] = 2;
    ck_assert_int_eq(SAY(BR_BOOL, words, 8, .kind = RECORD_OK), CHANNEL_FAULT);
    words[0] = UINT64_MAX;
    ck_assert_int_eq(SAY(BR_STR, words, 32, .kind = RECORD_OK), CHANNEL_FAULT);
    words[0] = 5; // "\0\0\0\0\0" is not a str
    ck_assert_int_eq(SAY(BR_STR, words, 16, .kind = RECORD_OK), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_BYTES, words, 16, .kind = RECORD_OK), CHANNEL_BATCH);
#undef SAY
}
END_TEST

// Publishes one valid outcome.
static void one_outcome(struct channel_pair *p)
{
    pair_open(p, BR_I64);
    pair_grant(p, 0, 2);
    struct channel_claim claim = pair_claim_first(p);
    pair_publish(p, &claim, 0, 1);
}

START_TEST(a_record_longer_than_what_was_written_is_a_fault)
{
    struct channel_pair p;
    struct channel_batch b;
    one_outcome(&p);
    struct record *r = (struct record *)p.w.ring;
    r->kind = RECORD_LONG_OK;
    r->size = sizeof(struct record_long) + 8; // valid if as much was written
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(more_than_the_ring_holds_is_a_fault)
{
    struct channel_pair p;
    struct channel_batch b;
    one_outcome(&p);
    // The next record moves the ring's end by more than the ring.
    p.w.written += CHANNEL_RING;
    struct record r = {.kind = RECORD_OK, .row = 1};
    uint64_t word = 1;
    channel_publish(&p.w, &r, NULL, 0, &word, 8, 0);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(pieces_belong_to_one_long_result)
{
    struct channel_pair p;
    struct channel_batch b;
    uint64_t word = 1;
    pair_open(&p, BR_I64);
    pair_grant(&p, 0, 2);
    struct channel_claim claim = pair_claim_first(&p);
    struct record r = {.kind = RECORD_FRAGMENT};
    channel_publish(&p.w, &r, NULL, 0, &word, 8, 0);
    pair_publish(&p, &claim, 0, 1);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

// ---- Records that were written over

enum {
    FULL = sizeof(struct record) + 8, // bytes of the records of a row of one word
    COMPACT = sizeof(struct record_compact) + 8
};

static struct record *record_at(const struct channel_pair *p, uint32_t row)
{
    return (struct record *)(void *)(p->w.ring + row * FULL);
}

// Publishes seven rows of ten. The eighth task is running, and two more grants wait.
static void seven_outcomes(struct channel_pair *p, bool alone, bool compact)
{
    struct channel_claim claim;
    uint32_t row;
    struct exec_grant g = {.map = 1, .first = 100, .count = 10, .attempt = 3, .alone = alone};
    pair_open(p, BR_I64);
    channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
    pair_grant(p, 200, 5);
    pair_grant(p, 300, 5);
    MUST(channel_next_grant(&p->w, &claim));
    for (uint32_t i = 0; i < 8; i++) {
        MUST(channel_next_task(&p->w, &row));
        if (i < 7 && compact)
            pair_publish_fast(p, &claim, row, i, 7 * i);
        else if (i < 7)
            pair_publish(p, &claim, row, i);
    }
}

static void assert_left(struct channel_pair *p, uint64_t first, uint32_t count, bool alone)
{
    struct exec_grant left;
    MUST(channel_unreported(&p->c, true, &left));
    MUST(left.first == first && left.count == count && left.alone == alone);
}

// Changes each bit of the fifth record and its payload in turn.
static void damage_the_fifth(bool compact)
{
    size_t at = compact ? FULL + 3 * COMPACT : 4 * FULL, size = compact ? COMPACT : FULL;
    for (unsigned bit = 0; bit < 8 * size; bit++) {
        struct channel_pair p;
        struct channel_batch b;
        struct exec_in_hand h;
        struct exec_grant left;
        seven_outcomes(&p, false, compact);
        p.w.ring[at + bit / 8] ^= (char)(1U << bit % 8);
        MUST(pair_read(&p, &b) == CHANNEL_BATCH);
        MUST(b.tasks.first == 100 && b.tasks.count == 4);
        MUST(pair_read(&p, &b) == CHANNEL_FAULT);
        MUST(!channel_blamed(&p.c, true, &h));
        assert_left(&p, 104, 4, true);
        assert_left(&p, 108, 2, false);
        assert_left(&p, 200, 5, false);
        assert_left(&p, 300, 5, false);
        MUST(!channel_unreported(&p.c, true, &left));
        pair_close(&p);
    }
}

START_TEST(what_is_proved_stays_and_the_rest_comes_back_alone)
{
    damage_the_fifth(false);
    damage_the_fifth(true);
}
END_TEST

START_TEST(a_record_counts_only_at_its_position)
{
    struct channel_pair p;
    struct channel_batch b;
    seven_outcomes(&p, false, false);
    // The same record as the one before it, at the next position.
    struct record *to = record_at(&p, 0);
    memmove((char *)to + FULL, to, 3 * FULL);
    p.c.read = FULL;
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(a_compact_record_counts_only_for_its_task_and_position)
{
    struct channel_pair p;
    struct channel_batch b;
    seven_outcomes(&p, false, true);
    char *second = p.w.ring + FULL;
    memcpy(second + COMPACT, second, COMPACT);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 2);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
    seven_outcomes(&p, false, true);
    p.c.queue[0].done = 1; // the record is of task 0
    p.c.read = FULL + COMPACT;
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(damaged_claims_leave_no_more_suspects_than_a_ring_holds)
{
    struct channel_pair p;
    struct channel_batch b;
    struct exec_grant left;
    uint64_t alone = 0, rest = 0;
    pair_open(&p, BR_I64);
    pair_grant(&p, 0, 10000);
    pair_grant(&p, 10000, EXECUTOR_GRANT_MAX);
    memset(p.w.up, 0xA5, 256);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    while (channel_unreported(&p.c, true, &left))
        *(left.alone ? &alone : &rest) += left.count;
    ck_assert_uint_eq(alone, CHANNEL_RING / CHANNEL_RECORD_MIN + 1);
    ck_assert_uint_eq(alone + rest, 10000 + EXECUTOR_GRANT_MAX);
    pair_close(&p);
}
END_TEST

START_TEST(a_task_granted_alone_is_blamed_for_damage)
{
    struct channel_pair p;
    struct channel_batch b;
    struct exec_in_hand h;
    seven_outcomes(&p, true, false);
    record_at(&p, 0)->duration_ns++;
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    ck_assert(channel_blamed(&p.c, true, &h));
    ck_assert_uint_eq(h.task.first, 100);
    pair_close(&p);
}
END_TEST

// Changes a bit of each word of the payload in turn, for a record of this kind.
static void damage_payload(uint16_t kind, const void *head, size_t head_size, size_t size)
{
    char *data = calloc(size + 1, 1);
    MUST(data);
    memset(data, 'm', size);
    for (size_t at = 0; at <= head_size + size; at += 8) {
        struct channel_pair p;
        struct channel_batch b;
        pair_open(&p, BR_BYTES);
        pair_grant(&p, 0, 2);
        pair_claim_first(&p);
        channel_publish(&p.w, &(struct record){.kind = kind}, head, head_size, data, size, 0);
        bool whole = at >= head_size + size;
        if (!whole)
            p.w.ring[sizeof(struct record) + at] ^= 1;
        enum channel_read state = pair_read(&p, &b);
        MUST(state == (whole ? CHANNEL_BATCH : CHANNEL_FAULT));
        pair_close(&p);
    }
    free(data);
}

START_TEST(damage_to_any_kind_of_record_is_found)
{
    struct record_long times = {.duration_ns = 5};
    struct record_end end = {.status = OUTCOME_ERROR};
    struct record_output output = {.rows = 1, .stream = 1};
    uint64_t row[2] = {1, 'x'}; // a row of one bytes cell
    damage_payload(RECORD_END, &end, sizeof end, 21);
    damage_payload(RECORD_OUTPUT, &output, sizeof output, 0);
    struct {
        struct record_long times;
        uint64_t row[2];
    } both = {times, {row[0], row[1]}};
    damage_payload(RECORD_LONG_OK, &both, sizeof both, 0);
}
END_TEST

START_TEST(a_damaged_piece_of_a_long_result_is_found)
{
    struct channel_pair p;
    struct channel_batch b;
    static char piece[CHANNEL_PAYLOAD_MAX];
    pair_open(&p, BR_BYTES);
    pair_grant(&p, 0, 2);
    pair_claim_first(&p);
    channel_publish(&p.w, &(struct record){.kind = RECORD_FRAGMENT}, NULL, 0, piece, sizeof piece,
                    0);
    p.w.ring[sizeof piece] = 'x';
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

SUITE(channel_damage)
{
    TEST(a_death_blames_the_running_task);
    TEST(tasks_since_output_was_last_collected_may_have_printed_the_rest);
    TEST(what_fits_no_grant_is_a_fault);
    TEST(a_record_longer_than_what_was_written_is_a_fault);
    TEST(more_than_the_ring_holds_is_a_fault);
    TEST(pieces_belong_to_one_long_result);
    TEST(what_is_proved_stays_and_the_rest_comes_back_alone);
    TEST(a_record_counts_only_at_its_position);
    TEST(a_compact_record_counts_only_for_its_task_and_position);
    TEST(damaged_claims_leave_no_more_suspects_than_a_ring_holds);
    TEST(a_task_granted_alone_is_blamed_for_damage);
    TEST(damage_to_any_kind_of_record_is_found);
    TEST(a_damaged_piece_of_a_long_result_is_found);
}

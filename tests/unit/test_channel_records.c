// SPDX-License-Identifier: BSD-3-Clause
// The records of a channel: rows of any size, and compact records.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/row.h"
#include "support/channel_pair.h"
#include "support/suite.h"

// ---- Results of any size

static const size_t sizes[] = {0,
                               1,
                               7,
                               8,
                               9,
                               1000,
                               CHANNEL_PAYLOAD_MAX - 64,
                               CHANNEL_PAYLOAD_MAX - 40,
                               CHANNEL_PAYLOAD_MAX - 32,
                               CHANNEL_PAYLOAD_MAX - 24,
                               CHANNEL_PAYLOAD_MAX - 16,
                               CHANNEL_PAYLOAD_MAX - 8,
                               CHANNEL_PAYLOAD_MAX,
                               CHANNEL_PAYLOAD_MAX + 1,
                               2 * CHANNEL_PAYLOAD_MAX - 24,
                               CHANNEL_RING,
                               3 << 20};

enum {
    SIZES = sizeof sizes / sizeof sizes[0]
};

// Makes the row of a bytes or str result of `size` bytes.
static void make_row(struct buffer *b, enum br_type type, size_t size)
{
    char *text = malloc(size + 1);
    MUST(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i * 31 % 26);
    text[size] = '\0';
    struct cell c = {.type = type, .text = {text, size}};
    buffer_reset(b);
    row_pack(b, &c, 1);
    free(text);
}

static void *publish_sizes(void *arg)
{
    struct channel_pair *p = arg;
    struct channel_claim claim;
    struct buffer row = BUFFER_EMPTY;
    uint32_t at;
    MUST(channel_next_grant(&p->w, &claim));
    while (channel_next_task(&p->w, &at)) {
        make_row(&row, p->schema.columns[0].type, sizes[at % SIZES]);
        // The allocation has the row's exact size, so that a sanitizer sees reads past its end.
        char *exact = malloc(row.length);
        MUST(exact);
        memcpy(exact, row.data, row.length);
        struct record r = {.grant = (uint32_t)claim.sequence, .row = at};
        struct record_long times = {.duration_ns = 5, .cpu_ns = 6, .cpu = 7};
        bool measured = at >= SIZES || row.length > CHANNEL_PAYLOAD_MAX;
        r.kind = measured ? RECORD_LONG_OK : RECORD_OK;
        channel_publish(&p->w, &r, &times, measured ? sizeof times : 0, exact, row.length, 0);
        free(exact);
    }
    channel_wake_coordinator(&p->w, 0);
    buffer_finish(&row);
    return NULL;
}

static void assert_rows(const struct channel_batch *b, enum br_type type, uint64_t first)
{
    struct buffer row = BUFFER_EMPTY;
    const char *at = b->payload;
    for (uint32_t i = 0; i < b->tasks.count; i++) {
        make_row(&row, type, sizes[(first + i) % SIZES]);
        MUST(at + row.length <= b->payload + b->size);
        MUST(memcmp(at, row.data, row.length) == 0);
        at += row.length;
    }
    MUST(at == b->payload + b->size);
    buffer_finish(&row);
}

static void check_sizes(enum br_type type)
{
    struct channel_pair p;
    pthread_t thread;
    pair_open(&p, type);
    pair_grant(&p, 0, 2 * SIZES);
    MUST(pthread_create(&thread, NULL, publish_sizes, &p) == 0);
    for (uint64_t next = 0; next < 2 * SIZES;) {
        struct channel_batch b;
        enum channel_read state = pair_read(&p, &b);
        MUST(state == CHANNEL_BATCH || state == CHANNEL_EMPTY);
        channel_read_done(&p.c);
        if (state == CHANNEL_EMPTY) {
            pair_wait_doorbell(&p);
            continue;
        }
        MUST(b.tasks.first == next);
        MUST(b.kind == RECORD_OK || (b.times.duration_ns == 5 && b.times.cpu == 7));
        assert_rows(&b, type, next);
        next += b.tasks.count;
    }
    pthread_join(thread, NULL);
    pair_close(&p);
}

START_TEST(bytes_of_any_size_arrive)
{
    check_sizes(BR_BYTES);
}
END_TEST

START_TEST(texts_of_any_size_arrive)
{
    check_sizes(BR_STR);
}
END_TEST

// ---- Compact records

enum {
    FULL = sizeof(struct record) + 8, // bytes of the records of a row of one word
    COMPACT = sizeof(struct record_compact) + 8
};

// Read one by one, each record begins where the one before it has ended.
START_TEST(compact_records_have_their_times_and_rows)
{
    struct channel_pair p;
    struct channel_batch b;
    pair_open(&p, BR_I64);
    pair_grant(&p, 100, 8);
    struct channel_claim claim = pair_claim_first(&p);
    for (uint32_t i = 0, row = 0; i < 7; i++) {
        pair_publish_fast(&p, &claim, row, i, 7 * i);
        ck_assert(channel_next_task(&p.w, &row));
    }
    ck_assert_uint_eq(p.c.up->written, FULL + 6 * COMPACT);
    for (uint32_t i = 0; i < 7; i++) {
        p.c.up->written = FULL + i * COMPACT;
        ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
        ck_assert_uint_eq(b.tasks.first, 100 + i);
        ck_assert_uint_eq(b.tasks.count, 1);
        ck_assert_int_eq(b.start_ns, 1000 + 7 * i * (i - 1) / 2);
        ck_assert_uint_eq(b.durations[0], 7 * i);
        ck_assert_uint_eq(*(const uint64_t *)b.payload, i);
    }
    pair_close(&p);
}
END_TEST

START_TEST(rows_of_many_words_can_be_compact)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    br_error err = {0};
    uint64_t row[3];
    uint32_t at;
    uint64_t seen = 0;
    pair_open(&p, BR_I64);
    MUST(schema_add(&p.schema, "y", 1, BR_F64, &err) == 0);
    MUST(schema_add(&p.schema, "z", 1, BR_I64, &err) == 0);
    pair_grant(&p, 0, 9000); // more than one call of channel_read takes
    MUST(channel_next_grant(&p.w, &claim));
    while (channel_next_task(&p.w, &at)) {
        for (size_t i = 0; i < 3; i++)
            row[i] = 3 * at + i;
        channel_publish_fast(&p.w, 0, at, at, row, 3, at + 1);
    }
    ck_assert_uint_lt(p.w.written, 9000 * (sizeof row + sizeof(struct record_compact) + 1));
    while (pair_read(&p, &b) == CHANNEL_BATCH)
        for (uint32_t i = 0; i < 3 * b.tasks.count; i++)
            MUST(((const uint64_t *)b.payload)[i] == seen++);
    ck_assert_uint_eq(seen, 27000);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(only_whole_words_within_a_record_can_be_compact)
{
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_PAYLOAD_MAX), CHANNEL_PAYLOAD_MAX / 8);
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_PAYLOAD_MAX + 8), 0);
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_RESULT_MAX), 0);
    ck_assert_uint_eq(channel_row_words(NULL, 12), 0);
}
END_TEST

START_TEST(rows_that_must_be_checked_are_not_compact)
{
    struct channel_pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    pair_open(&p, BR_BOOL);
    pair_grant(&p, 0, 2);
    MUST(channel_next_grant(&p.w, &claim));
    for (uint32_t i = 0; i < 2; i++) {
        MUST(channel_next_task(&p.w, &row));
        pair_publish_fast(&p, &claim, row, 1, 1);
    }
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 1);
    ck_assert_int_eq(pair_read(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

SUITE(channel_records)
{
    TEST(bytes_of_any_size_arrive);
    TEST(texts_of_any_size_arrive);
    TEST(compact_records_have_their_times_and_rows);
    TEST(rows_of_many_words_can_be_compact);
    TEST(only_whole_words_within_a_record_can_be_compact);
    TEST(rows_that_must_be_checked_are_not_compact);
}

// SPDX-License-Identifier: BSD-3-Clause
// Both sides of a channel in one process; the worker's is a thread where they must not wait for
// each other. CHANNEL_TEST_LOOPS=1000 and more for a long run.
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/channel/channel_plain.h"
#include "model/row.h"
#include "support/suite.h"

struct pair {
    struct channel c;
    struct channel_worker w;
    int bell;
    struct schema schema;
};

static uint64_t loops(uint64_t otherwise)
{
    const char *text = getenv("CHANNEL_TEST_LOOPS");
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void pair_open(struct pair *p, enum br_type type)
{
    br_error err = {0};
    *p = (struct pair){.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    MUST(schema_add(&p->schema, "x", 1, type, &err) == 0);
    MUST(channel_create(&p->c, &err) == 0);
    MUST(channel_attach(&p->w, p->c.down_fd, p->c.up_fd, p->bell, &err) == 0);
}

static void pair_close(struct pair *p)
{
    channel_detach(&p->w);
    channel_destroy(&p->c);
    schema_finish(&p->schema);
    close(p->bell);
}

static void grant(struct pair *p, uint64_t first, uint32_t count)
{
    struct exec_grant g = {.map = 1, .first = first, .count = count, .attempt = 3, .crashes = 2};
    channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
}

static void publish_word(struct channel_worker *w, const struct channel_claim *claim, uint32_t row,
                         uint64_t word)
{
    struct record r = {.kind = RECORD_OK, .grant = (uint32_t)claim->sequence, .row = row};
    channel_publish(w, &r, NULL, 0, &word, sizeof word, 0);
}

// As a worker does it: brief where it may be. The task takes `ns`.
static void publish_plain(struct channel_worker *w, const struct channel_claim *claim, uint32_t row,
                          uint64_t word, uint32_t ns)
{
    int64_t start = row == 0 ? 1000 : w->brief_ns;
    channel_publish_plain(w, (uint32_t)claim->sequence, row, start, &word, 1, start + ns);
}

static enum channel_read read_next(struct pair *p, struct channel_batch *b)
{
    const char *fault = NULL;
    enum channel_read state = channel_read(&p->c, clock_now(), b, &fault);
    MUST(state != CHANNEL_FAULT || fault);
    return state;
}

START_TEST(outcomes_come_back_as_granted)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_in_hand h;
    uint32_t row;
    pair_open(&p, BR_I64);
    grant(&p, 100, 10);
    ck_assert(!channel_in_hand(&p.c, &h));
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert_uint_eq(claim.grant.first, 100);
    ck_assert_uint_eq(claim.grant.attempt, 3);
    ck_assert(claim.few_behind);
    for (uint32_t i = 0; i < 10; i++) {
        ck_assert(channel_next_task(&p.w, &row));
        ck_assert_uint_eq(row, i);
        ck_assert(channel_in_hand(&p.c, &h));
        publish_word(&p.w, &claim, row, 7 * i);
    }
    ck_assert(!channel_next_task(&p.w, &row));
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
    ck_assert_int_eq(b.kind, RECORD_OK);
    ck_assert_uint_eq(b.tasks.first, 100);
    ck_assert_uint_eq(b.tasks.count, 10);
    ck_assert_uint_eq(b.tasks.crashes, 2);
    ck_assert_uint_eq(b.size, 80);
    ck_assert_uint_eq(((const uint64_t *)b.payload)[9], 63);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_EMPTY);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(what_is_taken_back_is_not_claimed)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_grant back;
    uint32_t row;
    pair_open(&p, BR_I64);
    grant(&p, 50, 10);
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
        publish_word(&p.w, &claim, i, i);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 3);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

// ---- A grant's end that is undecided

struct undecided {
    struct pair *pair;
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

// Of two grants the first is being taken back while the worker comes to it: it waits for the
// decision, and does not go on to the second.
static void decide(uint32_t end, struct undecided *out)
{
    static struct pair p;
    pthread_t thread;
    *out = (struct undecided){.pair = &p};
    pair_open(&p, BR_I64);
    grant(&p, 100, 10);
    grant(&p, 200, 10);
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

// More grants have come and gone than a claim of 22 bits could count.
START_TEST(a_late_worker_claims_nothing_of_a_grant_that_is_gone)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_grant back;
    uint32_t row;
    pair_open(&p, BR_I64);
    for (int i = 0; i < 1 << 23; i++) {
        grant(&p, 100, 10);
        MUST(channel_take_back(&p.c, 1, 100, &back) == 10);
        MUST(channel_load(&p.c) == 0);
    }
    grant(&p, 7, 1);
    do
        MUST(channel_next_grant(&p.w, &claim));
    while (!channel_next_task(&p.w, &row));
    ck_assert_uint_eq(claim.grant.first, 7);
    publish_word(&p.w, &claim, row, 1);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.first, 7);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(a_cancel_is_for_one_task)
{
    struct pair p;
    struct channel_claim claim;
    struct exec_in_hand h;
    uint32_t row;
    pair_open(&p, BR_I64);
    grant(&p, 0, 3);
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

START_TEST(a_death_blames_the_task_in_hand)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    struct exec_in_hand h;
    struct exec_grant left;
    uint32_t row;
    pair_open(&p, BR_I64);
    grant(&p, 0, 5);
    grant(&p, 10, 5);
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert(!claim.few_behind);
    for (int i = 0; i < 3; i++) {
        ck_assert(channel_next_task(&p.w, &row));
        if (i < 2)
            publish_word(&p.w, &claim, row, 0);
    }
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
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

static void assert_printers(const struct pair *p, uint64_t first, uint32_t count)
{
    struct exec_grant printers = channel_printers(&p->c);
    ck_assert_uint_eq(printers.first, first);
    ck_assert_uint_eq(printers.count, count);
}

// What is unclaimed in the log may be of any task since the worker's last look, of this grant.
START_TEST(a_death_leaves_words_of_tasks_since_the_last_look)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    pair_open(&p, BR_I64);
    assert_printers(&p, 0, 0); // no grant
    for (uint64_t first = 100; first <= 200; first += 100) {
        grant(&p, first, 4);
        ck_assert(channel_next_grant(&p.w, &claim));
        for (uint32_t i = 0; i < 4; i++) {
            ck_assert(channel_next_task(&p.w, &row));
            assert_printers(&p, first + (i < 2 ? 0 : 2), i < 2 ? i + 1 : i - 1);
            if (i == 1 || i == 3)
                channel_looked(&p.w); // and dies before the outcome is out
            if (i % 2)
                assert_printers(&p, first + i, 1);
            publish_word(&p.w, &claim, row, 0);
            ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
        }
    }
    pair_close(&p);
}
END_TEST

START_TEST(a_closed_channel_ends_the_worker_after_its_grants)
{
    struct pair p;
    struct channel_claim claim;
    pair_open(&p, BR_I64);
    grant(&p, 0, 1);
    channel_close(&p.c);
    ck_assert(channel_next_grant(&p.w, &claim));
    ck_assert(!channel_next_grant(&p.w, &claim));
    pair_close(&p);
}
END_TEST

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

// The row of a bytes or str result of `size` bytes.
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
    struct pair *p = arg;
    struct channel_claim claim;
    struct buffer row = BUFFER_EMPTY;
    uint32_t at;
    MUST(channel_next_grant(&p->w, &claim));
    while (channel_next_task(&p->w, &at)) {
        make_row(&row, p->schema.columns[0].type, sizes[at % SIZES]);
        // An allocation of its own size, so that reading past its end is seen.
        char *exact = malloc(row.length);
        MUST(exact);
        memcpy(exact, row.data, row.length);
        struct record r = {.grant = (uint32_t)claim.sequence, .row = at};
        struct record_long times = {.duration_ns = 5, .cpu_ns = 6, .cpu = 7};
        bool is_long = at >= SIZES || row.length > CHANNEL_PAYLOAD_MAX;
        r.kind = is_long ? RECORD_LONG_OK : RECORD_OK;
        channel_publish(&p->w, &r, &times, is_long ? sizeof times : 0, exact, row.length, 0);
        free(exact);
    }
    channel_ring_bell(&p->w, 0);
    buffer_finish(&row);
    return NULL;
}

static void wait_bell(struct pair *p)
{
    struct pollfd fd = {.fd = p->bell, .events = POLLIN};
    uint64_t rings;
    MUST(poll(&fd, 1, 10000) == 1);
    MUST(read(p->bell, &rings, sizeof rings) == (ssize_t)sizeof rings);
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
    struct pair p;
    pthread_t thread;
    pair_open(&p, type);
    grant(&p, 0, 2 * SIZES);
    MUST(pthread_create(&thread, NULL, publish_sizes, &p) == 0);
    for (uint64_t next = 0; next < 2 * SIZES;) {
        struct channel_batch b;
        enum channel_read state = read_next(&p, &b);
        MUST(state == CHANNEL_BATCH || state == CHANNEL_EMPTY);
        channel_read_done(&p.c);
        if (state == CHANNEL_EMPTY) {
            wait_bell(&p);
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

// ---- What a worker may not say

static enum channel_read say(enum br_type type, struct record r, const void *data, size_t size)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    pair_open(&p, type);
    grant(&p, 0, 2);
    MUST(channel_next_grant(&p.w, &claim));
    MUST(channel_next_task(&p.w, &row));
    channel_publish(&p.w, &r, NULL, 0, data, size, 0);
    enum channel_read state = read_next(&p, &b);
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
    words[0] = 5; // "\0\0\0\0\0" is no str
    ck_assert_int_eq(SAY(BR_STR, words, 16, .kind = RECORD_OK), CHANNEL_FAULT);
    ck_assert_int_eq(SAY(BR_BYTES, words, 16, .kind = RECORD_OK), CHANNEL_BATCH);
#undef SAY
}
END_TEST

// One outcome as it should be, before something is done to it.
static void one_outcome(struct pair *p)
{
    struct channel_claim claim;
    uint32_t row;
    pair_open(p, BR_I64);
    grant(p, 0, 2);
    MUST(channel_next_grant(&p->w, &claim));
    MUST(channel_next_task(&p->w, &row));
    publish_word(&p->w, &claim, row, 1);
}

START_TEST(a_record_longer_than_what_was_written_is_a_fault)
{
    struct pair p;
    struct channel_batch b;
    one_outcome(&p);
    struct record *r = (struct record *)p.w.ring;
    r->kind = RECORD_LONG_OK;
    r->size = sizeof(struct record_long) + 8; // would be right, if it were there
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(more_than_the_ring_holds_is_a_fault)
{
    struct pair p;
    struct channel_batch b;
    one_outcome(&p);
    // The next record moves the ring's end by more than the ring.
    p.w.written += CHANNEL_RING;
    struct record r = {.kind = RECORD_OK, .row = 1};
    uint64_t word = 1;
    channel_publish(&p.w, &r, NULL, 0, &word, 8, 0);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(pieces_belong_to_one_long_result)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint64_t word = 1;
    uint32_t row;
    pair_open(&p, BR_I64);
    grant(&p, 0, 2);
    MUST(channel_next_grant(&p.w, &claim));
    MUST(channel_next_task(&p.w, &row));
    struct record r = {.kind = RECORD_FRAGMENT};
    channel_publish(&p.w, &r, NULL, 0, &word, 8, 0);
    publish_word(&p.w, &claim, row, 1);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

// ---- What is written over

enum {
    FULL = sizeof(struct record) + 8, // a row of one word
    BRIEF = sizeof(struct record_brief) + 8
};

static struct record *record_at(const struct pair *p, uint32_t row)
{
    return (struct record *)(void *)(p->w.ring + row * FULL);
}

// Seven rows of ten published, the eighth in hand, and two grants behind.
static void seven_outcomes(struct pair *p, bool alone, bool brief)
{
    struct channel_claim claim;
    uint32_t row;
    struct exec_grant g = {.map = 1, .first = 100, .count = 10, .attempt = 3, .alone = alone};
    pair_open(p, BR_I64);
    channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
    grant(p, 200, 5);
    grant(p, 300, 5);
    MUST(channel_next_grant(&p->w, &claim));
    for (uint32_t i = 0; i < 8; i++) {
        MUST(channel_next_task(&p->w, &row));
        if (i < 7 && brief)
            publish_plain(&p->w, &claim, row, i, 7 * i);
        else if (i < 7)
            publish_word(&p->w, &claim, row, i);
    }
}

static void assert_left(struct pair *p, uint64_t first, uint32_t count, bool alone)
{
    struct exec_grant left;
    MUST(channel_unreported(&p->c, true, &left));
    MUST(left.first == first && left.count == count && left.alone == alone);
}

// Every bit of the fifth record and its payload.
static void damage_the_fifth(bool brief)
{
    size_t at = brief ? FULL + 3 * BRIEF : 4 * FULL, size = brief ? BRIEF : FULL;
    for (unsigned bit = 0; bit < 8 * size; bit++) {
        struct pair p;
        struct channel_batch b;
        struct exec_in_hand h;
        struct exec_grant left;
        seven_outcomes(&p, false, brief);
        p.w.ring[at + bit / 8] ^= (char)(1U << bit % 8);
        MUST(read_next(&p, &b) == CHANNEL_BATCH);
        MUST(b.tasks.first == 100 && b.tasks.count == 4);
        MUST(read_next(&p, &b) == CHANNEL_FAULT);
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

START_TEST(a_record_counts_in_its_place_alone)
{
    struct pair p;
    struct channel_batch b;
    seven_outcomes(&p, false, false);
    // The very record, as if it had been published a little later.
    struct record *to = record_at(&p, 0);
    memmove((char *)to + FULL, to, 3 * FULL);
    p.c.read = FULL;
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(a_brief_record_counts_for_its_task_and_place_alone)
{
    struct pair p;
    struct channel_batch b;
    seven_outcomes(&p, false, true);
    char *second = p.w.ring + FULL;
    memcpy(second + BRIEF, second, BRIEF);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 2);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
    seven_outcomes(&p, false, true);
    p.c.queue[0].done = 1; // it speaks of the first
    p.c.read = FULL + BRIEF;
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(brief_records_have_their_times_and_rows)
{
    struct pair p;
    struct channel_batch b;
    seven_outcomes(&p, false, true);
    uint64_t all = p.c.up->written;
    for (uint32_t end = 1; end <= 7;
         end++) { // read one by one, each begins where the last has ended
        p.c.up->written = FULL + (end - 1) * BRIEF;
        ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
        ck_assert_uint_eq(b.tasks.first, 100 + end - 1);
        ck_assert_uint_eq(b.tasks.count, 1);
        ck_assert_int_eq(b.start_ns, 1000 + 7 * (end - 1) * (end - 2) / 2);
        ck_assert_uint_eq(b.durations[0], 7 * (end - 1));
        ck_assert_uint_eq(*(const uint64_t *)b.payload, end - 1);
    }
    ck_assert_uint_eq(all, p.c.up->written);
    pair_close(&p);
}
END_TEST

START_TEST(rows_of_many_words_can_be_brief)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    br_error err = {0};
    uint64_t row[3];
    uint32_t at;
    uint64_t seen = 0;
    pair_open(&p, BR_I64);
    MUST(schema_add(&p.schema, "y", 1, BR_F64, &err) == 0);
    MUST(schema_add(&p.schema, "z", 1, BR_I64, &err) == 0);
    grant(&p, 0, 9000); // more than are read at a time
    MUST(channel_next_grant(&p.w, &claim));
    while (channel_next_task(&p.w, &at)) {
        for (size_t i = 0; i < 3; i++)
            row[i] = 3 * at + i;
        channel_publish_plain(&p.w, 0, at, at, row, 3, at + 1);
    }
    ck_assert_uint_lt(p.w.written, 9000 * (sizeof row + sizeof(struct record_brief) + 1));
    while (read_next(&p, &b) == CHANNEL_BATCH)
        for (uint32_t i = 0; i < 3 * b.tasks.count; i++)
            MUST(((const uint64_t *)b.payload)[i] == seen++);
    ck_assert_uint_eq(seen, 27000);
    ck_assert_uint_eq(channel_load(&p.c), 0);
    pair_close(&p);
}
END_TEST

START_TEST(a_row_longer_than_a_record_is_not_plain)
{
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_PAYLOAD_MAX), CHANNEL_PAYLOAD_MAX / 8);
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_PAYLOAD_MAX + 8), 0);
    ck_assert_uint_eq(channel_row_words(NULL, CHANNEL_RESULT_MAX), 0);
    ck_assert_uint_eq(channel_row_words(NULL, 12), 0);
}
END_TEST

START_TEST(what_has_to_be_checked_is_not_brief)
{
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    pair_open(&p, BR_BOOL);
    grant(&p, 0, 2);
    MUST(channel_next_grant(&p.w, &claim));
    for (uint32_t i = 0; i < 2; i++) {
        MUST(channel_next_task(&p.w, &row));
        publish_plain(&p.w, &claim, row, 1, 1);
    }
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_BATCH);
    ck_assert_uint_eq(b.tasks.count, 1);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

START_TEST(damaged_claims_leave_no_more_suspects_than_a_ring_holds)
{
    struct pair p;
    struct channel_batch b;
    struct exec_grant left;
    uint64_t alone = 0, rest = 0;
    pair_open(&p, BR_I64);
    grant(&p, 0, 10000);
    grant(&p, 10000, EXECUTOR_GRANT_MAX);
    memset(p.w.up, 0xA5, 256);
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    while (channel_unreported(&p.c, true, &left))
        *(left.alone ? &alone : &rest) += left.count;
    ck_assert_uint_eq(alone, CHANNEL_RING / CHANNEL_RECORD_MIN + 1);
    ck_assert_uint_eq(alone + rest, 10000 + EXECUTOR_GRANT_MAX);
    pair_close(&p);
}
END_TEST

START_TEST(damage_by_a_task_alone_is_its_own)
{
    struct pair p;
    struct channel_batch b;
    struct exec_in_hand h;
    seven_outcomes(&p, true, false);
    record_at(&p, 0)->duration_ns++;
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    ck_assert(channel_blamed(&p.c, true, &h));
    ck_assert_uint_eq(h.task.first, 100);
    pair_close(&p);
}
END_TEST

// A bit of each word of what a record of this kind carries.
static void damage_payload(uint16_t kind, const void *head, size_t head_size, size_t size)
{
    char *data = calloc(size + 1, 1);
    MUST(data);
    memset(data, 'm', size);
    for (size_t at = 0; at <= head_size + size; at += 8) {
        struct pair p;
        struct channel_claim claim;
        struct channel_batch b;
        uint32_t row;
        pair_open(&p, BR_BYTES);
        grant(&p, 0, 2);
        MUST(channel_next_grant(&p.w, &claim));
        MUST(channel_next_task(&p.w, &row));
        channel_publish(&p.w, &(struct record){.kind = kind}, head, head_size, data, size, 0);
        bool whole = at >= head_size + size;
        if (!whole)
            p.w.ring[sizeof(struct record) + at] ^= 1;
        enum channel_read state = read_next(&p, &b);
        MUST(state == (whole ? CHANNEL_BATCH : CHANNEL_FAULT));
        pair_close(&p);
    }
    free(data);
}

START_TEST(no_kind_of_record_is_believed_when_damaged)
{
    struct record_long times = {.duration_ns = 5};
    struct record_end end = {.status = OUTCOME_ERROR};
    struct record_output output = {.rows = 1, .stream = 1};
    uint64_t row[2] = {1, 'x'}; // of one bytes cell
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
    struct pair p;
    struct channel_claim claim;
    struct channel_batch b;
    uint32_t row;
    static char piece[CHANNEL_PAYLOAD_MAX];
    pair_open(&p, BR_BYTES);
    grant(&p, 0, 2);
    MUST(channel_next_grant(&p.w, &claim));
    MUST(channel_next_task(&p.w, &row));
    channel_publish(&p.w, &(struct record){.kind = RECORD_FRAGMENT}, NULL, 0, piece, sizeof piece,
                    0);
    p.w.ring[sizeof piece] = 'x';
    ck_assert_int_eq(read_next(&p, &b), CHANNEL_FAULT);
    pair_close(&p);
}
END_TEST

// ---- Claims against taking back

enum {
    MANY = 200000
};

static void *work(void *arg)
{
    struct pair *p = arg;
    struct channel_claim claim;
    uint32_t row;
    while (channel_next_grant(&p->w, &claim))
        while (channel_next_task(&p->w, &row))
            publish_plain(&p->w, &claim, row, claim.grant.first + row, 1);
    return NULL;
}

struct account {
    struct exec_grant returned[64];
    size_t returned_count;
    uint64_t next, done;
    uint8_t *ran;
};

static void give_some(struct pair *p, struct account *a, uint64_t x)
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

static void read_some(struct pair *p, struct account *a)
{
    struct channel_batch b;
    enum channel_read state;
    while ((state = read_next(p, &b)) == CHANNEL_BATCH)
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
    struct pair p;
    pthread_t thread;
    struct account a = {.ran = calloc(MANY, 1)};
    ck_assert(a.ran);
    pair_open(&p, BR_I64);
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &p), 0);
    for (uint64_t x = 88172645463325252U; a.done < MANY;) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
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

// ---- A worker that writes anything anywhere it can

static uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

// A value that is likely to be taken for something.
static uint64_t tempting(uint64_t *x, const struct pair *p)
{
    uint64_t r = random_next(x);
    switch (r % 8) {
    case 0:
        return r;
    case 1:
        return r >> 8 & 0xFF;
    case 2:
        return p->w.written + (r >> 8) % 256 * 8;
    case 3:
        return p->w.written + CHANNEL_RING - (r >> 8) % 64;
    case 4:
        return (r >> 8 & 3) << 48 | (r >> 16 & 15) << 24 | (r >> 24 & 15);
    case 5:
        return UINT64_MAX - (r >> 8) % 16;
    case 6:
        return (r >> 8 & 7) << 32 | (r >> 16) % CHANNEL_PAYLOAD_MAX;
    default:
        return 0;
    }
}

static void scribble(struct pair *p, uint64_t *x)
{
    uint64_t *page = (uint64_t *)(void *)p->w.up;
    uint64_t *ring = (uint64_t *)(void *)p->w.ring;
    for (uint64_t n = random_next(x) % 4; n > 0; n--)
        page[random_next(x) % 32] = tempting(x, p);
    for (uint64_t n = random_next(x) % 16; n > 0; n--)
        ring[(p->w.written / 8 + random_next(x) % 64) % (CHANNEL_RING / 8)] = tempting(x, p);
}

enum {
    HELD = 64
};

// Outcomes so far of the tasks granted in one life of a worker: none twice, none not granted.
struct tally {
    uint8_t accounted[HELD];
    uint64_t next;
};

static void count(struct tally *t, const struct exec_grant *tasks)
{
    MUST(tasks->map == 1 && tasks->attempt == 3 && tasks->crashes == 2);
    for (uint32_t i = 0; i < tasks->count; i++) {
        MUST(tasks->first + i < t->next);
        MUST(t->accounted[tasks->first + i]++ == 0);
    }
}

static uint64_t bytes_seen; // so that what is given is read

static enum channel_read take(struct pair *p, struct tally *t)
{
    struct channel_batch b;
    enum channel_read state;
    while ((state = read_next(p, &b)) == CHANNEL_BATCH) {
        for (size_t i = 0; b.kind != RECORD_OUTPUT && i < b.size; i++)
            bytes_seen += (unsigned char)b.payload[i];
        if (b.kind == RECORD_OUTPUT)
            MUST(b.tasks.first + b.tasks.count <= t->next);
        else
            count(t, &b.tasks);
    }
    channel_read_done(&p->c);
    return state;
}

static void bury(struct pair *p, struct tally *t, bool damaged)
{
    struct exec_in_hand h;
    struct exec_grant left;
    if (channel_blamed(&p->c, damaged, &h))
        count(t, &h.task);
    while (channel_unreported(&p->c, damaged, &left))
        count(t, &left);
    MUST(channel_load(&p->c) == 0);
    for (uint64_t i = 0; i < t->next; i++)
        MUST(t->accounted[i] == 1);
}

static void act(struct pair *p, struct tally *t, uint64_t *x)
{
    struct exec_grant back;
    struct exec_in_hand h;
    uint64_t r = random_next(x);
    if (r % 4 == 0 && channel_load(&p->c) < EXECUTOR_QUEUE && t->next + 8 <= HELD) {
        t->next += 8;
        grant(p, t->next - 8, 8);
    } else if (r % 4 == 1 && channel_take_back(&p->c, 0, r / 4 % 4 + 1, &back) > 0)
        count(t, &back);
    else if (r % 4 == 2 && channel_in_hand(&p->c, &h)) {
        MUST(h.task.first < t->next && t->accounted[h.task.first] == 0);
        MUST(h.progress >= 0 && h.progress <= 1);
        channel_cancel(&p->c, &h.task);
    }
}

// Well-behaved for a while: a scribbler that is found at once tries little.
static void behave(struct pair *p, uint64_t *x)
{
    struct channel_claim claim = {.sequence = p->c.retired};
    uint32_t row;
    if (p->c.retired == p->c.granted)
        return;
    p->w.end = &p->c.down->ends[p->c.retired % EXECUTOR_QUEUE].word;
    p->w.cursor =
        grant_word(p->c.retired, GRANT_WORD_FLAG, p->c.queue[p->c.retired % EXECUTOR_QUEUE].done);
    if (!channel_next_task(&p->w, &row))
        return;
    uint64_t cells[4] = {8, random_next(x), 0, 0};
    if (p->c.queue[0].row_words > 0)
        publish_plain(&p->w, &claim, row, cells[1], (uint32_t)(*x % 100));
    else {
        struct record r = {.kind = RECORD_OK, .grant = (uint32_t)claim.sequence, .row = row};
        channel_publish(&p->w, &r, NULL, 0, cells, 24, 0);
    }
}

START_TEST(scribbling_costs_the_scribbler_alone)
{
    uint64_t x = 0x2545F4914F6CDD1D;
    for (uint64_t i = 0, most = loops(2000); i < most; i++) {
        struct pair p;
        struct tally t = {0};
        pair_open(&p, i % 2 ? BR_I64 : BR_BYTES);
        for (int k = 0; k < 100; k++) {
            act(&p, &t, &x);
            behave(&p, &x);
            if (random_next(&x) % 4 == 0)
                scribble(&p, &x);
            if (take(&p, &t) != CHANNEL_EMPTY)
                break;
        }
        bury(&p, &t, i % 4 < 3);
        pair_close(&p);
    }
}
END_TEST

struct scribbler {
    struct pair *pair;
    _Atomic bool stop;
    uint64_t x;
};

static void *scribble_on(void *arg)
{
    struct scribbler *s = arg;
    while (!s->stop)
        scribble(s->pair, &s->x);
    return NULL;
}

// The memory changes while it is read. (A race on purpose: not for ThreadSanitizer.)
START_TEST(scribbling_while_it_is_read)
{
    uint64_t x = 0x9E3779B97F4A7C15;
    for (uint64_t i = 0, most = loops(200); i < most; i++) {
        struct pair p;
        struct tally t = {0};
        pthread_t thread;
        pair_open(&p, i % 2 ? BR_I64 : BR_BYTES);
        struct scribbler s = {.pair = &p, .x = x + i};
        MUST(pthread_create(&thread, NULL, scribble_on, &s) == 0);
        for (int k = 0; k < 1000; k++) {
            act(&p, &t, &x);
            if (take(&p, &t) != CHANNEL_EMPTY)
                break;
        }
        bury(&p, &t, i % 4 < 3);
        s.stop = true;
        pthread_join(thread, NULL);
        pair_close(&p);
    }
}
END_TEST

SUITE(channel)
{
    TEST(outcomes_come_back_as_granted);
    TEST(what_is_taken_back_is_not_claimed);
    TEST(a_worker_waits_for_a_decision);
    TEST(a_late_worker_claims_nothing_of_a_grant_that_is_gone);
    TEST(a_cancel_is_for_one_task);
    TEST(a_death_blames_the_task_in_hand);
    TEST(a_death_leaves_words_of_tasks_since_the_last_look);
    TEST(a_closed_channel_ends_the_worker_after_its_grants);
    TEST(bytes_of_any_size_arrive);
    TEST(texts_of_any_size_arrive);
    TEST(what_fits_no_grant_is_a_fault);
    TEST(a_record_longer_than_what_was_written_is_a_fault);
    TEST(more_than_the_ring_holds_is_a_fault);
    TEST(pieces_belong_to_one_long_result);
    TEST(what_is_proved_stays_and_the_rest_comes_back_alone);
    TEST(a_record_counts_in_its_place_alone);
    TEST(a_brief_record_counts_for_its_task_and_place_alone);
    TEST(brief_records_have_their_times_and_rows);
    TEST(rows_of_many_words_can_be_brief);
    TEST(a_row_longer_than_a_record_is_not_plain);
    TEST(what_has_to_be_checked_is_not_brief);
    TEST(damaged_claims_leave_no_more_suspects_than_a_ring_holds);
    TEST(damage_by_a_task_alone_is_its_own);
    TEST(no_kind_of_record_is_believed_when_damaged);
    TEST(a_damaged_piece_of_a_long_result_is_found);
    TEST(every_task_is_run_once_or_comes_back);
    TEST(scribbling_costs_the_scribbler_alone);
    TEST(scribbling_while_it_is_read);
}

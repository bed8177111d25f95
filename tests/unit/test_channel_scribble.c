// SPDX-License-Identifier: BSD-3-Clause
// A worker that writes anything to all of its channel that it can reach. Whatever it does, each
// task is accounted for once. With BATCHRUN_LONG there are more rounds.
#include <pthread.h>

#include "support/channel_pair.h"
#include "support/suite.h"

// Returns a value that the coordinator may take for a valid one.
static uint64_t tempting(uint64_t *x, const struct channel_pair *p)
{
    uint64_t r = pair_random(x);
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

static void scribble(struct channel_pair *p, uint64_t *x)
{
    uint64_t *page = (uint64_t *)(void *)p->w.up;
    uint64_t *ring = (uint64_t *)(void *)p->w.ring;
    for (uint64_t n = pair_random(x) % 4; n > 0; n--)
        page[pair_random(x) % 32] = tempting(x, p);
    for (uint64_t n = pair_random(x) % 16; n > 0; n--)
        ring[(p->w.written / 8 + pair_random(x) % 64) % (CHANNEL_RING / 8)] = tempting(x, p);
}

enum {
    HELD = 64
};

// How often each task that was granted to one worker is accounted for: at most once.
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

static uint64_t bytes_seen; // so that every byte of a payload is read

static enum channel_read take(struct channel_pair *p, struct tally *t)
{
    struct channel_batch b;
    enum channel_read state;
    while ((state = pair_read(p, &b)) == CHANNEL_BATCH) {
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

static void bury(struct channel_pair *p, struct tally *t, bool damaged)
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

static void act(struct channel_pair *p, struct tally *t, uint64_t *x)
{
    struct exec_grant back;
    struct exec_in_hand h;
    uint64_t r = pair_random(x);
    if (r % 4 == 0 && channel_load(&p->c) < EXECUTOR_QUEUE && t->next + 8 <= HELD) {
        t->next += 8;
        pair_grant(p, t->next - 8, 8);
    } else if (r % 4 == 1 && channel_take_back(&p->c, 0, r / 4 % 4 + 1, &back) > 0)
        count(t, &back);
    else if (r % 4 == 2 && channel_in_hand(&p->c, &h)) {
        MUST(h.task.first < t->next && t->accounted[h.task.first] == 0);
        MUST(h.progress >= 0 && h.progress <= 1);
        channel_cancel(&p->c, &h.task);
    }
}

// Runs a task as an honest worker does, because a scribbler that is found at once tries little.
static void behave(struct channel_pair *p, uint64_t *x)
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
    uint64_t cells[4] = {8, pair_random(x), 0, 0};
    if (p->c.queue[0].row_words > 0)
        pair_publish_fast(p, &claim, row, cells[1], (uint32_t)(*x % 100));
    else {
        struct record r = {.kind = RECORD_OK, .grant = (uint32_t)claim.sequence, .row = row};
        channel_publish(&p->w, &r, NULL, 0, cells, 24, 0);
    }
}

START_TEST(scribbling_costs_the_scribbler_alone)
{
    uint64_t x = 0x2545F4914F6CDD1D;
    for (uint64_t i = 0, most = (is_long() ? 20 : 1) * 2000; i < most; i++) {
        struct channel_pair p;
        struct tally t = {0};
        pair_open(&p, i % 2 ? BR_I64 : BR_BYTES);
        for (int k = 0; k < 100; k++) {
            act(&p, &t, &x);
            behave(&p, &x);
            if (pair_random(&x) % 4 == 0)
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
    struct channel_pair *pair;
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

// The memory changes while it is read. This is a race on purpose; ThreadSanitizer reports it.
START_TEST(scribbling_while_it_is_read)
{
    uint64_t x = 0x9E3779B97F4A7C15;
    for (uint64_t i = 0, most = (is_long() ? 20 : 1) * 200; i < most; i++) {
        struct channel_pair p;
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

SUITE(channel_scribble)
{
    TEST(scribbling_costs_the_scribbler_alone);
    TEST(scribbling_while_it_is_read);
}

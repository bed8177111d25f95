// SPDX-License-Identifier: BSD-3-Clause
#include "support/channel_pair.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/suite.h"

void pair_open(struct channel_pair *p, enum br_type type)
{
    br_error err = {0};
    *p = (struct channel_pair){.doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    MUST(p->doorbell >= 0);
    MUST(schema_add(&p->schema, "x", 1, type, &err) == 0);
    MUST(channel_create(&p->c, &err) == 0);
    MUST(channel_attach(&p->w, p->c.down_fd, p->c.up_fd, p->doorbell, &err) == 0);
}

void pair_close(struct channel_pair *p)
{
    channel_detach(&p->w);
    channel_destroy(&p->c);
    schema_finish(&p->schema);
    close(p->doorbell);
}

void pair_grant(struct channel_pair *p, uint64_t first, uint32_t count)
{
    struct exec_grant g = {.map = 1, .first = first, .count = count, .attempt = 3, .crashes = 2};
    channel_grant(&p->c, &g, &(struct exec_map){.results = &p->schema}, clock_now());
}

void pair_publish(struct channel_pair *p, const struct channel_claim *claim, uint32_t row,
                  uint64_t word)
{
    struct record r = {.kind = RECORD_OK, .grant = (uint32_t)claim->sequence, .row = row};
    channel_publish(&p->w, &r, NULL, 0, &word, sizeof word, 0);
}

void pair_publish_fast(struct channel_pair *p, const struct channel_claim *claim, uint32_t row,
                       uint64_t word, uint32_t ns)
{
    int64_t start = row == 0 ? 1000 : p->w.compact_ns;
    channel_publish_fast(&p->w, (uint32_t)claim->sequence, row, start, &word, 1, start + ns);
}

enum channel_read pair_read(struct channel_pair *p, struct channel_batch *b)
{
    const char *fault = NULL;
    enum channel_read state = channel_read(&p->c, clock_now(), b, &fault);
    MUST(state != CHANNEL_FAULT || fault);
    return state;
}

void pair_wait_doorbell(struct channel_pair *p)
{
    struct pollfd fd = {.fd = p->doorbell, .events = POLLIN};
    uint64_t rings;
    MUST(poll(&fd, 1, (int)(patience() * 1000)) == 1);
    MUST(read(p->doorbell, &rings, sizeof rings) == (ssize_t)sizeof rings);
}

struct channel_claim pair_claim_first(struct channel_pair *p)
{
    struct channel_claim claim;
    uint32_t row;
    MUST(channel_next_grant(&p->w, &claim));
    MUST(channel_next_task(&p->w, &row) && row == 0);
    return claim;
}

uint64_t pair_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

// SPDX-License-Identifier: BSD-3-Clause
// Both sides of a channel in one process, for tests. A test uses each side from one thread only.
#ifndef BR_TESTS_SUPPORT_CHANNEL_PAIR_H
#define BR_TESTS_SUPPORT_CHANNEL_PAIR_H

#include "exec/channel/channel_coordinator.h"
#include "exec/channel/channel_worker.h"

struct channel_pair {
    struct channel c;
    struct channel_worker w;
    int doorbell;         // the eventfd by which the worker wakes the coordinator
    struct schema schema; // results of the granted tasks: one column `x`
};

// Both fail the test if they fail. `type` is the type of the result column.
void pair_open(struct channel_pair *p, enum br_type type);
void pair_close(struct channel_pair *p);

// Grants tasks of map 1, attempt 3, which have killed 2 workers so far.
void pair_grant(struct channel_pair *p, uint64_t first, uint32_t count);

// Publishes a RECORD_OK with a row of one word.
void pair_publish(struct channel_pair *p, const struct channel_claim *claim, uint32_t row,
                  uint64_t word);

// Publishes a row of one word as a worker does it for a short task: a compact record if the one
// before it allows that. Task 0 of a grant starts at time 1000; each task takes `ns`.
void pair_publish_fast(struct channel_pair *p, const struct channel_claim *claim, uint32_t row,
                       uint64_t word, uint32_t ns);

// Returns what channel_read returns. Fails the test if there is a fault without a text.
enum channel_read pair_read(struct channel_pair *p, struct channel_batch *b);

// Waits until the worker wakes the coordinator. Fails the test when patience() is over.
void pair_wait_doorbell(struct channel_pair *p);

// Takes the next grant of the channel and its first task. Returns the claim.
struct channel_claim pair_claim_first(struct channel_pair *p);

// Returns the next number of a xorshift generator; *x is its state, not 0.
uint64_t pair_random(uint64_t *x);

#endif

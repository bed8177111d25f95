// SPDX-License-Identifier: BSD-3-Clause
// The coordinator's private account of what its worker holds: what channel_coordinator.c and
// channel_read.c share. Nothing else includes it.
#ifndef BR_EXEC_CHANNEL_CHANNEL_ACCOUNT_H
#define BR_EXEC_CHANNEL_CHANNEL_ACCOUNT_H

#include "exec/channel/channel_coordinator.h"
#include "exec/channel/channel_memory.h"

// Returns the account of a grant that is not retired, by its sequence number.
static inline struct channel_granted *channel_granted_at(struct channel *c, uint64_t sequence)
{
    return &c->queue[sequence % EXECUTOR_QUEUE];
}

// Returns the shared word of the grant's end.
static inline _Atomic uint64_t *channel_end_at(const struct channel *c, uint64_t sequence)
{
    return &c->down->ends[sequence % EXECUTOR_QUEUE].word;
}

// Returns how many tasks of grant `sequence` the worker has claimed, given its cursor. An honest
// worker's cursor is between `done` and `end`; with any other, all tasks count as claimed.
static inline uint32_t channel_claimed(const struct channel_granted *g, uint64_t sequence,
                                       uint64_t cursor)
{
    uint32_t next = cursor >> 22 < sequence ? 0 : grant_word_tasks(cursor);
    bool possible =
        (cursor & GRANT_WORD_FLAG) && cursor >> 22 <= sequence && next >= g->done && next <= g->end;
    return possible ? next : g->end;
}

// Returns the task `row` of the grant, as a grant of one task.
static inline struct exec_grant channel_task_at(const struct channel_granted *g, uint32_t row)
{
    struct exec_grant task = g->grant;
    task.first += row;
    task.count = 1;
    return task;
}

// Retires the oldest grants of which every task is accounted for.
static inline void channel_retire_done(struct channel *c)
{
    while (c->retired < c->granted &&
           channel_granted_at(c, c->retired)->done == channel_granted_at(c, c->retired)->end)
        c->retired++;
}

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The two steps of a channel that a worker takes for every plain task: claiming it, publishing what
// has become of it. In a header, so that they are part of the loop that takes them.
#ifndef BR_EXEC_CHANNEL_CHANNEL_PLAIN_H
#define BR_EXEC_CHANNEL_CHANNEL_PLAIN_H

#include "exec/channel/channel_layout.h"

// What is left of a claim when the task is not before the grant's decided end as last seen: whether
// it is before its end as decided.
bool channel_next_task_late(struct channel_worker *c, uint32_t *row);

// Claims the next task of the grant in work; false when none is left. c->at_last says whether any
// is left behind it, as far as is known then.
static inline bool channel_next_task(struct channel_worker *c, uint32_t *row)
{
    uint64_t cursor = ++c->cursor;
    atomic_store_explicit(&c->up->cursor, cursor, memory_order_release);
    // See channel.h: the order of the two is the coordinator's care.
    if (c->fenced)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    // Not negative and small: of the same grant, decided, and no lower.
    uint64_t left = atomic_load_explicit(c->end, memory_order_acquire) - cursor;
    if (left >= GRANT_WORD_FLAG)
        return channel_next_task_late(c, row);
    *row = grant_word_tasks(cursor) - 1;
    c->at_last = left == 0;
    return true;
}

// Waits until the ring has room for `size` more bytes; wakes the coordinator if it has enough to
// read.
void channel_make_room(struct channel_worker *c, size_t size);

static inline char *channel_room_for(struct channel_worker *c, size_t size)
{
    if (c->written + size > c->free_until)
        channel_make_room(c, size);
    return c->ring + c->written % CHANNEL_RING;
}

static inline void channel_published(struct channel_worker *c, size_t size)
{
    c->written += size;
    atomic_store_explicit(&c->up->written, c->written, memory_order_release);
}

// A RECORD_OK in full, that a brief one may follow.
void channel_publish_ok(struct channel_worker *c, const struct record *r, const void *row,
                        size_t size, int64_t now);

// Publishes the row of a task that has ended `now`, less than CHANNEL_BRIEF_NS after start_ns, as
// channel_row_words words, of which there are some. Leaves it to other records to wake the
// coordinator in time.
static inline void channel_publish_plain(struct channel_worker *c, uint32_t grant, uint32_t task,
                                         int64_t start_ns, const uint64_t *row, size_t words,
                                         int64_t now)
{
    uint32_t duration = (uint32_t)(now - start_ns);
    if (start_ns != c->brief_ns || grant != c->brief_grant) {
        channel_publish_ok(
            c,
            &(struct record){
                .grant = grant, .row = task, .start_ns = start_ns, .duration_ns = duration},
            row, words * 8, now);
        return;
    }
    size_t whole = sizeof(struct record_brief) + words * 8;
    char *at = channel_room_for(c, whole);
    uint32_t mark = RECORD_BRIEF | duration << BRIEF_KIND_BITS;
    uint64_t sum = check_begin_brief(mark, grant, task, c->written);
    if (words == 1) // what most are, without the loop
        sum = check_copy(sum, at + sizeof(struct record_brief), (const char *)row, 8);
    else
        sum = check_copy(sum, at + sizeof(struct record_brief), (const char *)row, words * 8);
    uint64_t head = (uint64_t)mark << 32 | check_end(sum);
    memcpy(at, &head, sizeof head);
    c->brief_ns = now;
    channel_published(c, whole);
}

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of a channel: it takes grants, claims their tasks one by one and publishes an
// outcome for each, in order. One thread uses a struct channel_worker. The two steps that every
// short task takes, claiming and publishing, are inline, so that they become part of the worker's
// loop.
#ifndef BR_EXEC_CHANNEL_CHANNEL_WORKER_H
#define BR_EXEC_CHANNEL_CHANNEL_WORKER_H

#include "exec/channel/channel_check.h"
#include "exec/channel/channel_memory.h"

struct channel_worker {
    const struct channel_down *down;
    struct channel_up *up;
    char *ring;                  // mapped twice in a row, so a record never wraps
    int doorbell;                // eventfd that wakes the coordinator
    uint64_t grants;             // number of grants taken so far
    uint64_t cursor;             // private copy of up->cursor
    const _Atomic uint64_t *end; // end of the current grant
    bool is_last;                // the running task is the last of its grant, as far as is known
    bool needs_fence;            // this side must issue its own fence: no membarrier reaches it
    uint64_t written;            // private copy of up->written
    uint64_t free_until;         // channel_make_room must be called before `written` passes this
    uint64_t compact_grant;      // grant of which the next record may be compact, or UINT64_MAX
    int64_t compact_ns;          // start time of the next compact record
    uint64_t last_wake;          // `written` when the coordinator was last woken
    int64_t last_wake_ns;        // time when the coordinator was last woken
    int64_t idle_spin_ns;        // how long to poll for a grant before sleeping; set by the caller
};

// A grant that the worker has taken.
struct channel_claim {
    struct exec_grant grant; // without `crashes` and `alone`
    uint64_t sequence;
    struct channel_call call; // with function NULL if the grant is of a plugin's task
    const void *items;        // inputs of the call for this grant; NULL if they are in a table
    bool queue_low;           // few or no grants wait after this one: wake the coordinator
};

// Maps both memories of a channel and prepares *c. The descriptors stay the caller's and may be
// closed, but `doorbell` must stay open. Returns 0, or -1 and *err (BR_ERR_SYSTEM) if the memory
// cannot be mapped or is not a channel. channel_detach unmaps.
int channel_attach(struct channel_worker *c, int down_fd, int up_fd, int doorbell, br_error *err);
void channel_detach(struct channel_worker *c);

// Takes the next grant. Blocks until there is one or the channel is closed. Returns true and fills
// *claim, which is valid until the next call; false if the worker shall end: the channel is closed
// and every grant was taken.
bool channel_next_grant(struct channel_worker *c, struct channel_claim *claim);

// Slow path of channel_next_task, for a task at or after the end of the grant as last seen: reads
// the end again, and waits while it is undecided.
bool channel_next_task_late(struct channel_worker *c, uint32_t *row);

// Takes the next task of the current grant. Returns true and sets *row to the task's index within
// the grant; false if the grant is finished or its rest was taken back. Blocks only while taking
// back is undecided. After a return of true c->is_last is whether it is the last task of the grant,
// as far as is known.
static inline bool channel_next_task(struct channel_worker *c, uint32_t *row)
{
    uint64_t cursor = ++c->cursor;
    atomic_store_explicit(&c->up->cursor, cursor, memory_order_release);
    // channel_memory.h explains why the coordinator orders this store before the load below.
    if (c->needs_fence)
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
    // If the difference is small and not negative, the end is decided, of the same grant, and not
    // before the cursor.
    uint64_t left = atomic_load_explicit(c->end, memory_order_acquire) - cursor;
    if (left >= GRANT_WORD_FLAG)
        return channel_next_task_late(c, row);
    *row = grant_word_tasks(cursor) - 1;
    c->is_last = left == 0;
    return true;
}

// Waits until the ring has room for `size` more bytes. Wakes the coordinator first if half a ring
// is unread or there is no room.
void channel_make_room(struct channel_worker *c, size_t size);

// Returns where the next record of `size` bytes goes. Blocks while the ring is full.
static inline char *channel_room_for(struct channel_worker *c, size_t size)
{
    if (c->written + size > c->free_until)
        channel_make_room(c, size);
    return c->ring + c->written % CHANNEL_RING;
}

// Publishes the `size` bytes that were written where channel_room_for said.
static inline void channel_published(struct channel_worker *c, size_t size)
{
    c->written += size;
    atomic_store_explicit(&c->up->written, c->written, memory_order_release);
}

// Appends a record with a payload of `head` and `data`. A payload longer than CHANNEL_PAYLOAD_MAX
// travels as fragments, which only a RECORD_LONG_OK may have. Sets r->size and leaves the other
// fields as they are. Blocks while the ring is full. `now` is the present time: the coordinator is
// woken if the last wake-up was 10 ms before.
void channel_publish(struct channel_worker *c, struct record *r, const void *head, size_t head_size,
                     const void *data, size_t size, int64_t now);

// Appends a RECORD_OK with a payload of one row, at most CHANNEL_PAYLOAD_MAX bytes. A compact
// record may follow it. `r` needs no kind and no size. Blocks and wakes as channel_publish does.
void channel_publish_ok(struct channel_worker *c, const struct record *r, const void *row,
                        size_t size, int64_t now);

// Publishes the success of a task that started at start_ns and ended at `now`, less than
// CHANNEL_COMPACT_NS later. Its row is `words` words, as channel_row_words counts them, at least
// one. Blocks while the ring is full. A compact record does not wake the coordinator after 10 ms;
// the caller publishes another record now and then.
static inline void channel_publish_fast(struct channel_worker *c, uint32_t grant, uint32_t task,
                                        int64_t start_ns, const uint64_t *row, size_t words,
                                        int64_t now)
{
    uint32_t duration = (uint32_t)(now - start_ns);
    if (start_ns != c->compact_ns || grant != c->compact_grant) {
        channel_publish_ok(
            c,
            &(struct record){
                .grant = grant, .row = task, .start_ns = start_ns, .duration_ns = duration},
            row, words * 8, now);
        return;
    }
    size_t whole = sizeof(struct record_compact) + words * 8;
    char *at = channel_room_for(c, whole);
    uint32_t mark = RECORD_COMPACT | duration << COMPACT_KIND_BITS;
    uint64_t sum = check_begin_compact(mark, grant, task, c->written);
    if (words == 1) // most rows have one word, and need no loop
        sum = check_copy(sum, at + sizeof(struct record_compact), (const char *)row, 8);
    else
        sum = check_copy(sum, at + sizeof(struct record_compact), (const char *)row, words * 8);
    uint64_t head = (uint64_t)mark << 32 | check_end(sum);
    memcpy(at, &head, sizeof head);
    c->compact_ns = now;
    channel_published(c, whole);
}

// Sets how much of the running task is done, 0 to 1, for channel_in_hand. Never blocks.
void channel_progress(struct channel_worker *c, double fraction);

// Records that the output of all tasks up to the current one has been collected.
void channel_output_seen(struct channel_worker *c);

// Wakes the coordinator, so that it reads what was published. Never blocks.
void channel_wake_coordinator(struct channel_worker *c, int64_t now);

// Returns whether the coordinator asks the task `row` of the grant to stop.
bool channel_cancelled(const struct channel_worker *c, const struct channel_claim *claim,
                       uint32_t row);

#endif

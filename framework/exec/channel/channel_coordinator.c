// SPDX-License-Identifier: BSD-3-Clause
// The coordinator's side of a channel, except reading outcomes (channel_read.c).
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/channel/channel_account.h"

enum {
    FULL_BYTES = CHANNEL_RING / 4 // with so many bytes unread, a record may not fit into the ring
};

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

// Returns whether membarrier(2) can order the accesses of other processes on this kernel.
static bool has_remote_barrier(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED) &&
           (commands & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

int channel_create(struct channel *c, br_error *err)
{
    *c = (struct channel){.down_fd = -1, .up_fd = -1};
    c->suspects = CHANNEL_RING / CHANNEL_RECORD_MIN + 1; // a full ring and the running task
    c->down_fd = fd_memory("batchrun-grants", sizeof *c->down, err);
    if (c->down_fd < 0)
        return -1;
    void *down = mmap(NULL, sizeof *c->down, PROT_READ | PROT_WRITE, MAP_SHARED, c->down_fd, 0);
    if (down == MAP_FAILED) {
        br_error_errno(err, "cannot map a channel");
        channel_destroy(c);
        return -1;
    }
    c->down = down;
    c->down->magic = CHANNEL_MAGIC;
    c->down->remote_barrier = c->remote_barrier = has_remote_barrier();
    fd_seal_foreign_writes(c->down_fd);
    c->up_fd = fd_memory("batchrun-outcomes", CHANNEL_WORDS + CHANNEL_RING, err);
    char *up = c->up_fd < 0 ? NULL : channel_map_up(c->up_fd, err);
    if (!up) {
        channel_destroy(c);
        return -1;
    }
    c->up = (struct channel_up *)up;
    c->up->cursor = grant_word(0, GRANT_WORD_FLAG, 0);
    c->ring = up + CHANNEL_WORDS;
    return 0;
}

void channel_destroy(struct channel *c)
{
    if (c->down)
        munmap(c->down, sizeof *c->down);
    if (c->up)
        channel_unmap_up(c->up);
    fd_close(&c->down_fd);
    fd_close(&c->up_fd);
    buffer_finish(&c->fragments);
    buffer_finish(&c->payload);
    buffer_finish(&c->durations);
    buffer_finish(&c->cells);
    *c = (struct channel){.down_fd = -1, .up_fd = -1};
}

unsigned channel_load(const struct channel *c)
{
    return (unsigned)(c->granted - c->retired);
}

// The fence orders the stores before it and the load of the worker's flag: either this side sees
// the flag, or the worker sees what was published.
static void wake_if_asleep(struct channel *c)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&c->up->sleeping, memory_order_relaxed) == 0)
        return;
    atomic_fetch_add(&c->down->bell, 1);
    futex_wake(&c->down->bell);
}

void channel_grant(struct channel *c, const struct exec_grant *g, const struct exec_map *map,
                   int64_t now)
{
    uint64_t sequence = c->granted;
    size_t at = sequence % EXECUTOR_QUEUE;
    *channel_granted_at(c, sequence) =
        (struct channel_granted){.grant = *g,
                                 .results = map->results,
                                 .out_size = map->out_size,
                                 .row_words = channel_row_words(map->results, map->out_size),
                                 .end = g->count,
                                 .given_ns = now};
    // The worker may still copy the previous grant of this place. If its copy has anything of this
    // grant, then it also sees that the end of the previous one was decided.
    atomic_thread_fence(memory_order_release);
    c->down->grants[at] = (struct down_grant){
        .map = g->map,
        .first = g->first,
        .count = g->count,
        .attempt = g->attempt,
        .call = {.function = map->function,
                 .in_size = map->in_size,
                 .out_size = map->out_size,
                 .first_index = map->first_index,
                 .limits = map->limits},
        .inline_items = map->items != NULL,
    };
    if (map->items)
        memcpy(c->down->items[at], (const char *)map->items + g->first * map->in_size,
               g->count * map->in_size);
    atomic_store_explicit(channel_end_at(c, sequence),
                          grant_word(sequence, GRANT_WORD_FLAG, g->count), memory_order_release);
    c->granted++;
    atomic_store_explicit(&c->down->granted, c->granted, memory_order_release);
    wake_if_asleep(c);
}

// Returns how many tasks of the grant the worker has claimed.
static uint32_t claimed(const struct channel *c, uint64_t sequence)
{
    uint64_t cursor = atomic_load_explicit(&c->up->cursor, memory_order_acquire);
    return channel_claimed(&c->queue[sequence % EXECUTOR_QUEUE], sequence, cursor);
}

// Orders the stores of both sides before it and the loads of both sides after it. Returns false if
// the kernel refuses, so that nothing is known of the worker's order.
static bool barrier_for_both(const struct channel *c)
{
    atomic_thread_fence(memory_order_seq_cst);
    return !c->remote_barrier ||
           syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

// Lowers the end of the grant by up to `most` tasks that have not started. Returns the new end, or
// the old one if there is nothing to take.
static uint32_t lower_end(struct channel *c, uint64_t sequence, uint64_t most)
{
    uint32_t was = channel_granted_at(c, sequence)->end, started = claimed(c, sequence);
    uint32_t end = most < was - started ? was - (uint32_t)most : started;
    if (end == was)
        return was;
    atomic_store_explicit(channel_end_at(c, sequence), grant_word(sequence, 0, end),
                          memory_order_release);
    started = barrier_for_both(c) ? claimed(c, sequence) : was;
    if (started > end)
        end = started;
    atomic_store_explicit(channel_end_at(c, sequence), grant_word(sequence, GRANT_WORD_FLAG, end),
                          memory_order_release);
    return end;
}

uint32_t channel_take_back(struct channel *c, uint64_t map, uint64_t most, struct exec_grant *out)
{
    for (uint64_t s = c->granted; s-- > c->retired;) {
        struct channel_granted *g = channel_granted_at(c, s);
        if (map != 0 && g->grant.map != map)
            continue;
        uint32_t end = lower_end(c, s, most);
        if (end == g->end)
            continue;
        *out = g->grant;
        out->first += end;
        out->count = g->end - end;
        g->end = end;
        channel_retire_done(c);
        return out->count;
    }
    return 0;
}

bool channel_in_hand(const struct channel *c, struct exec_in_hand *out)
{
    if (c->retired == c->granted)
        return false;
    const struct channel_granted *g = &c->queue[c->retired % EXECUTOR_QUEUE];
    if (claimed(c, c->retired) == g->done)
        return false;
    out->task = channel_task_at(g, g->done);
    out->since_ns = c->last_end_ns > g->given_ns ? c->last_end_ns : g->given_ns;
    if (c->room_ns > out->since_ns)
        out->since_ns = c->room_ns;
    uint32_t millionths = atomic_load_explicit(&c->up->progress, memory_order_relaxed);
    out->progress = (millionths < 1000000 ? millionths : 1000000) / 1e6;
    return true;
}

void channel_cancel(struct channel *c, const struct exec_grant *task)
{
    const struct channel_granted *g = channel_granted_at(c, c->retired);
    if (c->retired == c->granted || g->grant.map != task->map ||
        g->grant.first + g->done != task->first)
        return;
    uint64_t word = (c->retired + 1) << 32 | g->done;
    atomic_store_explicit(&c->down->cancelled, word, memory_order_relaxed);
}

void channel_close(struct channel *c)
{
    atomic_store(&c->down->closing, 1);
    wake_if_asleep(c);
}

void channel_read_done(struct channel *c)
{
    uint64_t before = atomic_load_explicit(&c->down->read, memory_order_relaxed);
    if (before == c->read)
        return;
    if (c->read - before >= FULL_BYTES)
        c->room_ns = clock_now();
    atomic_store_explicit(&c->down->read, c->read, memory_order_release);
    wake_if_asleep(c);
}

// ---- After a worker's death

bool channel_blamed(struct channel *c, bool damaged, struct exec_in_hand *out)
{
    if (damaged && c->retired < c->granted && !channel_granted_at(c, c->retired)->grant.alone)
        return false;
    if (!channel_in_hand(c, out))
        return false;
    channel_granted_at(c, c->retired)->done++;
    channel_retire_done(c);
    return true;
}

struct exec_grant channel_printers(const struct channel *c)
{
    if (c->retired == c->granted)
        return (struct exec_grant){.count = 0};
    const struct channel_granted *g = &c->queue[c->retired % EXECUTOR_QUEUE];
    uint64_t seen = atomic_load_explicit(&c->up->output_seen, memory_order_relaxed);
    uint32_t first = grant_word_is_of(seen, c->retired) ? grant_word_tasks(seen) : 0;
    if (first > g->done)
        first = g->done;
    struct exec_grant tasks = channel_task_at(g, first);
    tasks.count = g->done - first + 1;
    return tasks;
}

// Returns how many of the grant's tasks without an outcome may have started; they are the first of
// these.
static uint32_t maybe_started(const struct channel *c, const struct channel_granted *g)
{
    uint32_t count = claimed(c, c->retired) - g->done;
    return count < c->suspects ? count : c->suspects;
}

bool channel_unreported(struct channel *c, bool damaged, struct exec_grant *out)
{
    if (c->retired == c->granted)
        return false;
    struct channel_granted *g = channel_granted_at(c, c->retired);
    uint32_t suspects = damaged ? maybe_started(c, g) : 0;
    *out = g->grant;
    out->first += g->done;
    out->count = suspects > 0 ? suspects : g->end - g->done;
    out->alone |= suspects > 0;
    c->suspects -= suspects;
    g->done += out->count;
    channel_retire_done(c);
    return true;
}

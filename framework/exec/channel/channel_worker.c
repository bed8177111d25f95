// SPDX-License-Identifier: BSD-3-Clause
// The parts of the worker's side of a channel that are not inline: waiting for grants, decisions
// and room in the ring, and records that are not compact.
#include "exec/channel/channel_worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/owned.h"

enum {
    WAKE_BYTES = CHANNEL_RING / 2,  // unread bytes of the ring at which the coordinator is woken
    WAKE_NS = 10000000,             // time since the last wake-up after which a record causes one
    QUEUE_LOW = EXECUTOR_QUEUE / 4, // number of waiting grants at which more are requested
    BELL_RESCAN_NS = 250000000,     // longest delay that a lost wake-up can cause
    DECISION_YIELDS = 100,          // yields at an undecided end before the worker sleeps instead
    DECISION_NS = 1000000,          // how long it sleeps then
};

static void futex_wait(const _Atomic uint32_t *word, uint32_t value, int64_t ns)
{
    struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Returns whether the coordinator's barriers order this process's accesses from now on.
static bool share_barriers(const struct channel_down *down)
{
    return down->remote_barrier &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

int channel_attach(struct channel_worker *c, int down_fd, int up_fd, int doorbell, br_error *err)
{
    const struct channel_down *down = mmap(NULL, sizeof *down, PROT_READ, MAP_SHARED, down_fd, 0);
    if (down == MAP_FAILED)
        return br_error_errno(err, "cannot map a channel");
    char *up = channel_map_up(up_fd, err);
    if (!up || down->magic != CHANNEL_MAGIC) {
        if (up) {
            br_error_set(err, BR_ERR_SYSTEM, "the channel's memory is not a channel");
            channel_unmap_up(up);
        }
        munmap(owned(down), sizeof *down);
        return -1;
    }
    // If a child that a task has forked returns into the worker's code, it must not publish as if
    // it were the worker: it has no memory to write to.
    (void)madvise(up, CHANNEL_PAGE, MADV_DONTFORK);
    (void)madvise(up + CHANNEL_WORDS, 2 * (size_t)CHANNEL_RING, MADV_DONTFORK);
    *c = (struct channel_worker){.down = down,
                                 .up = (struct channel_up *)up,
                                 .ring = up + CHANNEL_WORDS,
                                 .doorbell = doorbell,
                                 .needs_fence = !share_barriers(down),
                                 .free_until = WAKE_BYTES,
                                 .compact_grant = UINT64_MAX};
    return 0;
}

void channel_detach(struct channel_worker *c)
{
    munmap(owned(c->down), sizeof *c->down);
    channel_unmap_up(c->up);
    *c = (struct channel_worker){.doorbell = -1};
}

void channel_wake_coordinator(struct channel_worker *c, int64_t now)
{
    uint64_t one = 1;
    c->last_wake = c->written;
    c->last_wake_ns = now;
    // EAGAIN means that the counter is at its maximum: the coordinator has wake-ups enough.
    while (write(c->doorbell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

// Sleeps until the coordinator changes the bell, or until the next rescan. `value` is the bell as
// it was before the caller last checked the condition that it waits for.
static void sleep_for_bell(struct channel_worker *c, uint32_t value)
{
    futex_wait(&c->down->bell, value, BELL_RESCAN_NS);
}

static bool grant_is_there(const struct channel_worker *c)
{
    return atomic_load_explicit(&c->down->granted, memory_order_acquire) > c->grants;
}

static bool wait_for_grant(struct channel_worker *c)
{
    if (grant_is_there(c))
        return true;
    if (c->written != c->last_wake)
        channel_wake_coordinator(c, clock_now());
    if (c->idle_spin_ns > 0) {
        for (int64_t until = clock_now() + c->idle_spin_ns; clock_now() < until;) {
            for (int i = 0; i < 20; i++) {
                if (grant_is_there(c))
                    return true;
                cpu_relax();
            }
            sched_yield(); // the coordinator may need this core to grant
        }
    }
    bool there = false;
    atomic_store(&c->up->sleeping, 1);
    for (;;) {
        uint32_t bell = atomic_load(&c->down->bell);
        atomic_thread_fence(memory_order_seq_cst);
        there = grant_is_there(c);
        if (there || atomic_load(&c->down->closing))
            break;
        sleep_for_bell(c, bell);
    }
    atomic_store(&c->up->sleeping, 0);
    return there;
}

// A grant that was taken back as a whole is skipped: its place may already hold a later grant, and
// its map may be gone. A grant whose end is undecided is not skipped: a cursor of a later grant
// would mean that all its tasks were claimed. The copied grant is valid if the word of its end,
// read after the copy, still has its sequence number.
bool channel_next_grant(struct channel_worker *c, struct channel_claim *claim)
{
    bool current;
    do {
        if (!wait_for_grant(c))
            return false;
        // Grants older than EXECUTOR_QUEUE were all taken back.
        uint64_t granted = atomic_load_explicit(&c->down->granted, memory_order_acquire);
        if (granted - c->grants > EXECUTOR_QUEUE)
            c->grants = granted - EXECUTOR_QUEUE;
        size_t at = c->grants % EXECUTOR_QUEUE;
        const struct down_grant *g = &c->down->grants[at];
        *claim = (struct channel_claim){
            .grant = {.map = g->map, .first = g->first, .count = g->count, .attempt = g->attempt},
            .sequence = c->grants,
            .call = g->call,
            .items = g->inline_items ? c->down->items[at] : NULL,
        };
        atomic_thread_fence(memory_order_acquire);
        uint64_t end = atomic_load_explicit(&c->down->ends[at].word, memory_order_acquire);
        current = grant_word_is_of(end, c->grants) &&
                  (grant_word_tasks(end) > 0 || !(end & GRANT_WORD_FLAG));
        c->cursor = grant_word(c->grants, GRANT_WORD_FLAG, 0);
        c->end = &c->down->ends[at].word;
        c->grants++;
    } while (!current);
    uint64_t waiting = atomic_load_explicit(&c->down->granted, memory_order_acquire) - c->grants;
    claim->queue_low = waiting == 0 || waiting == QUEUE_LOW;
    return true;
}

bool channel_next_task_late(struct channel_worker *c, uint32_t *row)
{
    uint32_t tasks = grant_word_tasks(c->cursor);
    uint64_t end;
    for (int looks = 0;; looks++) {
        end = atomic_load_explicit(c->end, memory_order_acquire);
        if (!grant_word_is_of(end, c->cursor >> 22))
            return false;
        if (tasks <= grant_word_tasks(end))
            break;
        if (end & GRANT_WORD_FLAG)
            return false;
        // The coordinator decides at once, unless it has no core or was stopped.
        if (looks < DECISION_YIELDS)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = DECISION_NS}, NULL);
    }
    *row = tasks - 1;
    c->is_last = tasks == grant_word_tasks(end);
    return true;
}

// Returns whether `size` more bytes fit, and sets c->free_until.
static bool has_room(struct channel_worker *c, size_t size)
{
    uint64_t end = atomic_load_explicit(&c->down->read, memory_order_acquire) + CHANNEL_RING;
    c->free_until = end < c->last_wake + WAKE_BYTES ? end : c->last_wake + WAKE_BYTES;
    return end - c->written >= size;
}

void channel_make_room(struct channel_worker *c, size_t size)
{
    if (c->written - c->last_wake >= WAKE_BYTES)
        channel_wake_coordinator(c, clock_now());
    if (has_room(c, size))
        return;
    channel_wake_coordinator(c, clock_now());
    atomic_store(&c->up->sleeping, 1);
    for (;;) {
        uint32_t bell = atomic_load(&c->down->bell);
        atomic_thread_fence(memory_order_seq_cst);
        if (has_room(c, size))
            break;
        sleep_for_bell(c, bell);
    }
    atomic_store(&c->up->sleeping, 0);
}

static void put_record(struct channel_worker *c, const struct record *r, const void *head,
                       size_t head_size, const void *data, int64_t now)
{
    size_t whole = record_span(r->size);
    char *at = channel_room_for(c, whole);
    // Copied field by field: loading as a whole what was just stored in halves is slow.
    struct record *to = (struct record *)(void *)at;
    to->size = r->size;
    to->kind = r->kind;
    to->grant = r->grant;
    to->row = r->row;
    to->start_ns = r->start_ns;
    to->duration_ns = r->duration_ns;
    uint64_t sum = check_begin(r, c->written);
    sum = check_copy(sum, at + sizeof *r, head, head_size);
    sum = check_copy(sum, at + sizeof *r + head_size, data, r->size - head_size);
    to->check = check_end(sum);
    c->compact_grant = UINT64_MAX;
    channel_published(c, whole);
    if (now - c->last_wake_ns >= WAKE_NS)
        channel_wake_coordinator(c, now);
}

void channel_publish(struct channel_worker *c, struct record *r, const void *head, size_t head_size,
                     const void *data, size_t size, int64_t now)
{
    const char *rest = data;
    // The head is small and travels with the last piece.
    while (head_size + size > CHANNEL_PAYLOAD_MAX) {
        struct record piece = *r;
        piece.kind = RECORD_FRAGMENT;
        piece.size = size < CHANNEL_PAYLOAD_MAX ? (uint32_t)size : CHANNEL_PAYLOAD_MAX;
        put_record(c, &piece, NULL, 0, rest, now);
        rest += piece.size;
        size -= piece.size;
    }
    r->size = (uint32_t)(head_size + size);
    put_record(c, r, head, head_size, rest, now);
}

void channel_publish_ok(struct channel_worker *c, const struct record *r, const void *row,
                        size_t size, int64_t now)
{
    struct record whole = *r;
    whole.kind = RECORD_OK;
    whole.size = (uint32_t)size;
    put_record(c, &whole, NULL, 0, row, now);
    c->compact_grant = r->grant;
    c->compact_ns = r->start_ns + r->duration_ns;
}

void channel_progress(struct channel_worker *c, double fraction)
{
    double millionths = fraction > 0 ? (fraction < 1 ? fraction * 1e6 : 1e6) : 0;
    atomic_store_explicit(&c->up->progress, (uint32_t)millionths, memory_order_relaxed);
}

void channel_output_seen(struct channel_worker *c)
{
    atomic_store_explicit(&c->up->output_seen, c->cursor, memory_order_relaxed);
}

bool channel_cancelled(const struct channel_worker *c, const struct channel_claim *claim,
                       uint32_t row)
{
    uint64_t word = atomic_load_explicit(&c->down->cancelled, memory_order_relaxed);
    return word == ((claim->sequence + 1) << 32 | row);
}

// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of a channel.
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
#include "exec/channel/channel_plain.h"

enum {
    BELL_BYTES = CHANNEL_RING / 2,
    BELL_NS = 10000000,
    QUEUE_LOW = EXECUTOR_QUEUE / 4, // grants left when it is time for more
    BELL_RESCAN_NS = 250000000,     // a lost wake-up is a delay of at most this
    DECISION_LOOKS = 100,           // at an undecided end, before it sleeps a while between two
    DECISION_NS = 1000000,
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

// Whether the coordinator's barriers are ours from now on.
static bool share_barriers(const struct channel_down *down)
{
    return down->two_sided &&
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
        munmap((void *)down, sizeof *down);
        return -1;
    }
    // A child that a task forks and that comes back here would publish as if it were the worker; it
    // finds nothing to write to instead.
    (void)madvise(up, CHANNEL_PAGE, MADV_DONTFORK);
    (void)madvise(up + CHANNEL_WORDS, 2 * (size_t)CHANNEL_RING, MADV_DONTFORK);
    *c = (struct channel_worker){.down = down,
                                 .up = (struct channel_up *)up,
                                 .ring = up + CHANNEL_WORDS,
                                 .doorbell = doorbell,
                                 .fenced = !share_barriers(down),
                                 .free_until = BELL_BYTES,
                                 .brief_grant = UINT64_MAX};
    return 0;
}

void channel_detach(struct channel_worker *c)
{
    munmap((void *)c->down, sizeof *c->down);
    channel_unmap_up(c->up);
    *c = (struct channel_worker){.doorbell = -1};
}

void channel_ring_bell(struct channel_worker *c, int64_t now)
{
    uint64_t one = 1;
    c->rung = c->written;
    c->rung_ns = now;
    // EAGAIN: the counter is at its top, so the coordinator has been told often enough.
    while (write(c->doorbell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

// Sleeps until the coordinator rings, or the rescan is due. `value` was read before the caller last
// looked in vain.
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
    if (c->written != c->rung)
        channel_ring_bell(c, clock_now());
    if (c->idle_spin_ns > 0) {
        for (int64_t until = clock_now() + c->idle_spin_ns; clock_now() < until;) {
            for (int i = 0; i < 20; i++) {
                if (grant_is_there(c))
                    return true;
                cpu_relax();
            }
            sched_yield(); // whoever is to grant may need this very core
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

// A grant all of which was taken back is passed over: its place may already hold a later one, and
// its map may be gone. One whose end is undecided is not: a cursor beyond it would say that all of
// it was claimed. What was copied is of this grant when the word, read after it, still is.
bool channel_next_grant(struct channel_worker *c, struct channel_claim *claim)
{
    bool current;
    do {
        if (!wait_for_grant(c))
            return false;
        // What is further back than the queue is long has been taken back.
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
    uint64_t behind = atomic_load_explicit(&c->down->granted, memory_order_acquire) - c->grants;
    claim->few_behind = behind == 0 || behind == QUEUE_LOW;
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
        // The coordinator decides at once, where it has a core and nobody has stopped it.
        if (looks < DECISION_LOOKS)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = DECISION_NS}, NULL);
    }
    *row = tasks - 1;
    c->at_last = tasks == grant_word_tasks(end);
    return true;
}

static bool has_room(struct channel_worker *c, size_t size)
{
    uint64_t end = atomic_load_explicit(&c->down->read, memory_order_acquire) + CHANNEL_RING;
    c->free_until = end < c->rung + BELL_BYTES ? end : c->rung + BELL_BYTES;
    return end - c->written >= size;
}

void channel_make_room(struct channel_worker *c, size_t size)
{
    if (c->written - c->rung >= BELL_BYTES)
        channel_ring_bell(c, clock_now());
    if (has_room(c, size))
        return;
    channel_ring_bell(c, clock_now());
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
    // Field by field, for the reason that check_begin has.
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
    c->brief_grant = UINT64_MAX;
    channel_published(c, whole);
    if (now - c->rung_ns >= BELL_NS)
        channel_ring_bell(c, now);
}

void channel_publish(struct channel_worker *c, struct record *r, const void *head, size_t head_size,
                     const void *data, size_t size, int64_t now)
{
    const char *rest = data;
    // The head is small and always travels with the last piece.
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
    c->brief_grant = r->grant;
    c->brief_ns = r->start_ns + r->duration_ns;
}

void channel_progress(struct channel_worker *c, double fraction)
{
    double millionths = fraction > 0 ? (fraction < 1 ? fraction * 1e6 : 1e6) : 0;
    atomic_store_explicit(&c->up->progress, (uint32_t)millionths, memory_order_relaxed);
}

void channel_looked(struct channel_worker *c)
{
    atomic_store_explicit(&c->up->looked, c->cursor, memory_order_relaxed);
}

bool channel_cancelled(const struct channel_worker *c, const struct channel_claim *claim,
                       uint32_t row)
{
    uint64_t word = atomic_load_explicit(&c->down->cancelled, memory_order_relaxed);
    return word == ((claim->sequence + 1) << 32 | row);
}

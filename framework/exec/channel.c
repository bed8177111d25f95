// SPDX-License-Identifier: BSD-3-Clause
#include "exec/channel.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "model/table.h"

#define CHANNEL_MAGIC UINT64_C(0xba7c4ead0c4a1101)

enum {
    PAGE = 4096,
    RECORD_ALIGN = 8,
    RUN_MAX = 4096,                 // records read at a time
    QUEUE_LOW = EXECUTOR_QUEUE / 4, // grants left when it is time for more
    BELL_BYTES = CHANNEL_RING / 2,
    RESCAN_NS = 250000000, // a lost wake-up is a delay of at most this
    BELL_NS = 10000000,
};

struct down_grant {
    uint64_t map;
    uint64_t first;
    uint32_t count;
    uint32_t attempt;
    struct channel_call call;
    uint64_t inline_items; // whether the inputs are in the grant's part of `items`
};

// Written by the coordinator alone. Fields that change at different times have lines of their own.
struct channel_down {
    uint64_t magic;
    _Alignas(64) _Atomic uint32_t bell; // futex: something has changed below
    _Atomic uint32_t closing;
    _Alignas(64) _Atomic uint64_t granted;
    _Alignas(64) _Atomic uint64_t read;      // bytes of the ring
    _Alignas(64) _Atomic uint64_t cancelled; // grant's sequence (low half) and row
    _Alignas(64) struct down_grant grants[EXECUTOR_QUEUE];
    _Alignas(PAGE) char items[EXECUTOR_QUEUE][EXECUTOR_INLINE];
};

struct claim_word {
    _Alignas(64) _Atomic uint64_t word; // next: 21 bits, end: 21 bits, generation: 22 bits
};

struct channel_up {
    struct claim_word claims[EXECUTOR_QUEUE];
    _Alignas(64) _Atomic uint64_t written; // bytes of the ring
    _Alignas(64) _Atomic uint32_t sleeping;
    _Atomic uint32_t progress; // of the task in hand, in millionths
};

_Static_assert(sizeof(struct channel_up) <= PAGE, "one page each");
_Static_assert(sizeof(struct record) == 32, "no holes");
_Static_assert(EXECUTOR_GRANT_MAX < 1 << 21, "a claim word holds it");

static uint64_t claim_pack(uint64_t sequence, uint32_t next, uint32_t end)
{
    return sequence << 42 | (uint64_t)end << 21 | next;
}

static uint32_t claim_next(uint64_t word)
{
    return word & 0x1FFFFF;
}

static uint32_t claim_end(uint64_t word)
{
    return word >> 21 & 0x1FFFFF;
}

static bool claim_is_of(uint64_t word, uint64_t sequence)
{
    return word >> 42 == (sequence & 0x3FFFFF);
}

static size_t record_span(uint32_t payload)
{
    return sizeof(struct record) +
           (((size_t)payload + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1));
}

static void futex_wait(const _Atomic uint32_t *word, uint32_t value, int64_t ns)
{
    struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// The worker's half: a page of words, then the ring; the ring's pages once more behind it, so that
// a record is contiguous wherever it begins.
static void *map_up(int fd, int protection, br_error *err)
{
    size_t size = PAGE + 2 * (size_t)CHANNEL_RING;
    char *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        br_error_errno(err, "cannot map a channel");
        return NULL;
    }
    if (mmap(at, PAGE + CHANNEL_RING, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
        mmap(at + PAGE + CHANNEL_RING, CHANNEL_RING, protection, MAP_SHARED | MAP_FIXED, fd,
             PAGE) == MAP_FAILED) {
        br_error_errno(err, "cannot map a channel");
        munmap(at, size);
        return NULL;
    }
    return at;
}

// ---- The worker's side

int channel_attach(struct channel_worker *c, int down_fd, int up_fd, int doorbell, br_error *err)
{
    const struct channel_down *down = mmap(NULL, sizeof *down, PROT_READ, MAP_SHARED, down_fd, 0);
    if (down == MAP_FAILED)
        return br_error_errno(err, "cannot map a channel");
    char *up = map_up(up_fd, PROT_READ | PROT_WRITE, err);
    // A child that a task forks and that comes back here would publish as if it were the worker; it
    // finds nothing to write to instead.
    if (up)
        (void)madvise(up, PAGE + 2 * (size_t)CHANNEL_RING, MADV_DONTFORK);
    if (!up || down->magic != CHANNEL_MAGIC) {
        if (up) {
            br_error_set(err, BR_ERR_SYSTEM, "the channel's memory is not a channel");
            munmap(up, PAGE + 2 * (size_t)CHANNEL_RING);
        }
        munmap((void *)down, sizeof *down);
        return -1;
    }
    *c = (struct channel_worker){
        .down = down, .up = (struct channel_up *)up, .ring = up + PAGE, .doorbell = doorbell};
    return 0;
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
    futex_wait(&c->down->bell, value, RESCAN_NS);
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

static bool is_claimable(uint64_t word, uint64_t sequence)
{
    return claim_is_of(word, sequence) && claim_next(word) < claim_end(word);
}

// A grant all of which was taken back is passed over: its place may already hold a later one, and
// its map may be gone. What was copied is of this grant when the word, read after it, still is.
bool channel_next_grant(struct channel_worker *c, struct channel_claim *claim)
{
    bool current;
    do {
        if (!wait_for_grant(c))
            return false;
        // What is further back than the queue is long has been taken back. Passing it over keeps
        // the generation, which is short, from meaning another grant.
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
        uint64_t word = atomic_load_explicit(&c->up->claims[at].word, memory_order_acquire);
        current = is_claimable(word, c->grants);
        c->grants++;
    } while (!current);
    uint64_t behind = atomic_load_explicit(&c->down->granted, memory_order_acquire) - c->grants;
    claim->few_behind = behind == 0 || behind == QUEUE_LOW;
    return true;
}

bool channel_next_task(struct channel_worker *c, const struct channel_claim *claim, uint32_t *row)
{
    _Atomic uint64_t *at = &c->up->claims[claim->sequence % EXECUTOR_QUEUE].word;
    uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
    do {
        if (!is_claimable(word, claim->sequence))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(at, &word, word + 1, memory_order_acq_rel,
                                                    memory_order_relaxed));
    *row = claim_next(word);
    return true;
}

bool channel_has_more(const struct channel_worker *c, const struct channel_claim *claim)
{
    size_t at = claim->sequence % EXECUTOR_QUEUE;
    uint64_t word = atomic_load_explicit(&c->up->claims[at].word, memory_order_relaxed);
    return is_claimable(word, claim->sequence);
}

static uint64_t room(const struct channel_worker *c)
{
    return CHANNEL_RING - (c->written - atomic_load_explicit(&c->down->read, memory_order_acquire));
}

static void wait_for_room(struct channel_worker *c, size_t size)
{
    channel_ring_bell(c, clock_now());
    atomic_store(&c->up->sleeping, 1);
    for (;;) {
        uint32_t bell = atomic_load(&c->down->bell);
        atomic_thread_fence(memory_order_seq_cst);
        if (room(c) >= size)
            break;
        sleep_for_bell(c, bell);
    }
    atomic_store(&c->up->sleeping, 0);
}

static void put_record(struct channel_worker *c, const struct record *r, const void *head,
                       size_t head_size, const void *data)
{
    size_t whole = record_span(r->size);
    if (room(c) < whole)
        wait_for_room(c, whole);
    char *at = c->ring + c->written % CHANNEL_RING;
    memcpy(at, r, sizeof *r);
    if (head_size > 0)
        memcpy(at + sizeof *r, head, head_size);
    if (r->size > head_size)
        memcpy(at + sizeof *r + head_size, data, r->size - head_size);
    c->written += whole;
    atomic_store_explicit(&c->up->written, c->written, memory_order_release);
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
        put_record(c, &piece, NULL, 0, rest);
        rest += piece.size;
        size -= piece.size;
    }
    r->size = (uint32_t)(head_size + size);
    put_record(c, r, head, head_size, rest);
    if (c->written - c->rung >= BELL_BYTES || now - c->rung_ns >= BELL_NS)
        channel_ring_bell(c, now);
}

void channel_progress(struct channel_worker *c, double fraction)
{
    double millionths = fraction > 0 ? (fraction < 1 ? fraction * 1e6 : 1e6) : 0;
    atomic_store_explicit(&c->up->progress, (uint32_t)millionths, memory_order_relaxed);
}

bool channel_cancelled(const struct channel_worker *c, const struct channel_claim *claim,
                       uint32_t row)
{
    uint64_t word = atomic_load_explicit(&c->down->cancelled, memory_order_relaxed);
    return word == ((claim->sequence + 1) << 32 | row);
}

// ---- The coordinator's side

int channel_create(struct channel *c, br_error *err)
{
    *c = (struct channel){.down_fd = -1, .up_fd = -1};
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
    fd_seal_foreign_writes(c->down_fd);
    c->up_fd = fd_memory("batchrun-outcomes", PAGE + CHANNEL_RING, err);
    char *up = c->up_fd < 0 ? NULL : map_up(c->up_fd, PROT_READ | PROT_WRITE, err);
    if (!up) {
        channel_destroy(c);
        return -1;
    }
    c->up = (struct channel_up *)up;
    c->ring = up + PAGE;
    return 0;
}

void channel_destroy(struct channel *c)
{
    if (c->down)
        munmap(c->down, sizeof *c->down);
    if (c->up)
        munmap(c->up, PAGE + 2 * (size_t)CHANNEL_RING);
    fd_close(&c->down_fd);
    fd_close(&c->up_fd);
    buffer_finish(&c->fragments);
    buffer_finish(&c->payload);
    buffer_finish(&c->durations);
    buffer_finish(&c->cells);
    *c = (struct channel){.down_fd = -1, .up_fd = -1};
}

static struct channel_granted *granted_at(struct channel *c, uint64_t sequence)
{
    return &c->queue[sequence % EXECUTOR_QUEUE];
}

static _Atomic uint64_t *claim_at(const struct channel *c, uint64_t sequence)
{
    return &c->up->claims[sequence % EXECUTOR_QUEUE].word;
}

unsigned channel_load(const struct channel *c)
{
    return (unsigned)(c->granted - c->retired);
}

// The fence orders what was published before against the worker's flag: either it is seen here, or
// the worker sees what was published.
static void wake_if_asleep(struct channel *c)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&c->up->sleeping, memory_order_relaxed) == 0)
        return;
    atomic_fetch_add(&c->down->bell, 1);
    futex_wake(&c->down->bell);
}

// Rows of i64 and f64 alone: every bit pattern of the right size is a row.
static size_t plain_words(const struct schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->columns[i].type != BR_I64 && s->columns[i].type != BR_F64)
            return 0;
    return s->count;
}

void channel_grant(struct channel *c, const struct exec_grant *g, const struct exec_map *map,
                   int64_t now)
{
    uint64_t sequence = c->granted;
    size_t at = sequence % EXECUTOR_QUEUE;
    *granted_at(c, sequence) =
        (struct channel_granted){.grant = *g,
                                 .results = map->results,
                                 .out_size = map->out_size,
                                 .row_words = map->results ? plain_words(map->results) : 0,
                                 .end = g->count,
                                 .given_ns = now};
    c->down->grants[at] = (struct down_grant){
        .map = g->map,
        .first = g->first,
        .count = g->count,
        .attempt = g->attempt,
        .call = {map->function, map->in_size, map->out_size, map->soft_ns, map->hard_ns},
        .inline_items = map->items != NULL,
    };
    if (map->items)
        memcpy(c->down->items[at], (const char *)map->items + g->first * map->in_size,
               g->count * map->in_size);
    atomic_store_explicit(claim_at(c, sequence), claim_pack(sequence, 0, g->count),
                          memory_order_relaxed);
    c->granted++;
    atomic_store_explicit(&c->down->granted, c->granted, memory_order_release);
    wake_if_asleep(c);
}

// Leaves out of account grants of which nothing is outstanding.
static void retire_done(struct channel *c)
{
    while (c->retired < c->granted &&
           granted_at(c, c->retired)->done == granted_at(c, c->retired)->end)
        c->retired++;
}

// Lowers the end of the grant to keep what has started; the new end, or the old one when there is
// nothing to take or the word is not what was granted (the next read or the deadline deals with
// that).
static uint32_t lower_end(struct channel *c, uint64_t sequence, uint64_t most)
{
    const struct channel_granted *g = granted_at(c, sequence);
    uint64_t word = atomic_load_explicit(claim_at(c, sequence), memory_order_acquire);
    uint32_t end;
    do {
        uint32_t next = claim_next(word);
        if (!claim_is_of(word, sequence) || claim_end(word) != g->end || next < g->done ||
            next > g->end)
            return g->end;
        end = most < g->end - next ? g->end - (uint32_t)most : next;
    } while (!atomic_compare_exchange_weak_explicit(claim_at(c, sequence), &word,
                                                    claim_pack(sequence, claim_next(word), end),
                                                    memory_order_acq_rel, memory_order_acquire));
    return end;
}

uint32_t channel_take_back(struct channel *c, uint64_t map, uint64_t most, struct exec_grant *out)
{
    for (uint64_t s = c->granted; s-- > c->retired;) {
        struct channel_granted *g = granted_at(c, s);
        if (map != 0 && g->grant.map != map)
            continue;
        uint32_t end = lower_end(c, s, most);
        if (end == g->end)
            continue;
        *out = g->grant;
        out->first += end;
        out->count = g->end - end;
        g->end = end;
        retire_done(c);
        return out->count;
    }
    return 0;
}

static struct exec_grant task_at(const struct channel_granted *g, uint32_t row)
{
    struct exec_grant task = g->grant;
    task.first += row;
    task.count = 1;
    return task;
}

bool channel_in_hand(const struct channel *c, struct exec_in_hand *out)
{
    if (c->retired == c->granted)
        return false;
    const struct channel_granted *g = &c->queue[c->retired % EXECUTOR_QUEUE];
    uint64_t word = atomic_load_explicit(claim_at(c, c->retired), memory_order_acquire);
    // Any other value than what is not claimed yet counts as claimed, a false one too.
    if (word == claim_pack(c->retired, g->done, g->end))
        return false;
    out->task = task_at(g, g->done);
    out->since_ns = c->last_end_ns > g->given_ns ? c->last_end_ns : g->given_ns;
    uint32_t millionths = atomic_load_explicit(&c->up->progress, memory_order_relaxed);
    out->progress = (millionths < 1000000 ? millionths : 1000000) / 1e6;
    return true;
}

void channel_cancel(struct channel *c, const struct exec_grant *task)
{
    const struct channel_granted *g = granted_at(c, c->retired);
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

// ---- Reading outcomes

static enum channel_read fault(const char **text, const char *what)
{
    *text = what;
    return CHANNEL_FAULT;
}

// Copies the next record's head out of shared memory and checks what does not depend on its kind.
static enum channel_read next_head(const struct channel *c, uint64_t written, struct record *r,
                                   const char **text)
{
    uint64_t unread = written - c->read;
    if (unread == 0)
        return CHANNEL_EMPTY;
    if (unread > CHANNEL_RING || unread % RECORD_ALIGN || unread < sizeof *r)
        return fault(text, "its ring's end is impossible");
    memcpy(r, c->ring + c->read % CHANNEL_RING, sizeof *r);
    if (r->size > CHANNEL_PAYLOAD_MAX + sizeof(struct record_end) || record_span(r->size) > unread)
        return fault(text, "a record's length is impossible");
    if (c->retired == c->granted || r->grant != (uint32_t)c->retired)
        return fault(text, "a record speaks of a grant that the worker does not hold");
    if (r->row != c->queue[c->retired % EXECUTOR_QUEUE].done)
        return fault(text, "a record speaks of a task that is not the next one");
    if (c->fragments.length > 0 && r->kind != RECORD_FRAGMENT && r->kind != RECORD_LONG_OK)
        return fault(text, "a record stands between the pieces of a result");
    return CHANNEL_BATCH;
}

static const char *payload_of(const struct channel *c)
{
    return c->ring + c->read % CHANNEL_RING + sizeof(struct record);
}

// Whether the private copy is a row of the results that the grant's tasks give.
// A function's may have more behind it where `emitted`.
static enum channel_read check_row(struct channel *c, const struct channel_granted *g,
                                   const char *data, size_t size, bool emitted, const char **text)
{
    bool fits;
    if (!g->results)
        fits = emitted ? size >= g->out_size : size == g->out_size;
    else if (g->row_words > 0)
        fits = size == g->row_words * 8;
    else {
        buffer_reset(&c->cells);
        struct cell *cells = buffer_extend(&c->cells, g->results->count * sizeof *cells);
        if (!cells)
            return CHANNEL_FAILED;
        fits = row_unpack(g->results, data, size, cells);
    }
    return fits ? CHANNEL_BATCH : fault(text, "a result is not a row of the task's result columns");
}

// A time from a worker is a claim too: it only moves forward, and not past now.
static void note_end(struct channel *c, const struct record *r, int64_t duration, int64_t now)
{
    int64_t end;
    if (__builtin_add_overflow(r->start_ns, duration, &end) || end > now)
        end = now;
    if (end > c->last_end_ns)
        c->last_end_ns = end;
}

// A run of RECORD_OK, read as one: the path that every plain task takes. What is wrong behind good
// records is found by the next read.
static enum channel_read read_run(struct channel *c, uint64_t written, struct record r, int64_t now,
                                  struct channel_batch *out, const char **text)
{
    struct channel_granted *g = granted_at(c, c->retired);
    uint32_t first = g->done;
    uint32_t most = g->end - first < RUN_MAX ? g->end - first : RUN_MAX;
    uint32_t *durations = buffer_extend(&c->durations, most * sizeof *durations);
    if (!durations)
        return CHANNEL_FAILED;
    out->start_ns = r.start_ns;
    enum channel_read state = CHANNEL_BATCH;
    struct record last = r;
    do {
        size_t at = c->payload.length;
        char *copy = buffer_extend(&c->payload, r.size);
        if (!copy) {
            state = CHANNEL_FAILED;
            break;
        }
        memcpy(copy, payload_of(c), r.size);
        state = check_row(c, g, copy, r.size, false, text);
        if (state != CHANNEL_BATCH) {
            c->payload.length = at;
            break;
        }
        durations[g->done - first] = r.duration_ns;
        c->read += record_span(r.size);
        g->done++;
        last = r;
    } while (g->done - first < most && next_head(c, written, &r, text) == CHANNEL_BATCH &&
             r.kind == RECORD_OK);
    if (g->done == first)
        return state;
    note_end(c, &last, last.duration_ns, now);
    out->kind = RECORD_OK;
    out->tasks = g->grant;
    out->tasks.first += first;
    out->tasks.count = g->done - first;
    out->durations = durations;
    out->payload = c->payload.data;
    out->size = c->payload.length;
    return CHANNEL_BATCH;
}

static size_t head_size(uint16_t kind)
{
    switch (kind) {
    case RECORD_LONG_OK:
        return sizeof(struct record_long);
    case RECORD_END:
        return sizeof(struct record_end);
    case RECORD_OUTPUT:
        return sizeof(struct record_output);
    default:
        return 0;
    }
}

static enum channel_read keep_fragment(struct channel *c, const struct record *r, const char **text)
{
    if (c->fragments.length + r->size > CHANNEL_RESULT_MAX)
        return fault(text, "a result is longer than 1 GiB");
    buffer_append(&c->fragments, payload_of(c), r->size);
    if (c->fragments.failed)
        return CHANNEL_FAILED;
    c->read += record_span(r->size);
    return CHANNEL_EMPTY;
}

// Copies the record's head into *head and what follows it, behind the fragments kept before, into
// c->payload.
static enum channel_read copy_out(struct channel *c, const struct record *r, void *head,
                                  const char **text)
{
    size_t size = head_size(r->kind);
    if (r->size < size || (r->kind == RECORD_OUTPUT && r->size != size))
        return fault(text, "a record is not as long as its kind");
    memcpy(head, payload_of(c), size);
    buffer_append(&c->payload, c->fragments.data, c->fragments.length);
    buffer_append(&c->payload, payload_of(c) + size, r->size - size);
    buffer_char(&c->payload, '\0');
    return c->payload.failed ? CHANNEL_FAILED : CHANNEL_BATCH;
}

static bool may_end_so(uint32_t status)
{
    return status == OUTCOME_ERROR || status == OUTCOME_CANCELLED || status == OUTCOME_TIMED_OUT;
}

static enum channel_read read_single(struct channel *c, const struct record *r, int64_t now,
                                     struct channel_batch *out, const char **text)
{
    struct channel_granted *g = granted_at(c, c->retired);
    enum channel_read state = copy_out(c, r, &out->end, text);
    if (state != CHANNEL_BATCH)
        return state;
    out->kind = r->kind;
    out->tasks = task_at(g, g->done);
    out->start_ns = r->start_ns;
    out->payload = c->payload.data;
    out->size = c->payload.length - 1;
    if (r->kind == RECORD_OUTPUT) {
        uint32_t rows = out->output.rows;
        if ((out->output.stream != 1 && out->output.stream != 2) || rows == 0 || rows > g->done + 1)
            return fault(text, "a record of output is impossible");
        out->tasks.first -= rows - 1;
        out->tasks.count = rows;
        c->read += record_span(r->size);
        return CHANNEL_BATCH;
    }
    if (r->kind == RECORD_END && !may_end_so(out->end.status))
        return fault(text, "an outcome is none that a worker may give");
    if (r->kind == RECORD_LONG_OK)
        state = check_row(c, g, out->payload, out->size, true, text);
    if (state != CHANNEL_BATCH)
        return state;
    note_end(c, r, out->times.duration_ns, now);
    buffer_clear(&c->fragments);
    c->read += record_span(r->size);
    g->done++;
    return CHANNEL_BATCH;
}

// With nothing left to read the claim words must be as they were granted, and at most one task
// ahead of the outcomes. A worker that finds them otherwise waits for ever, and so would we.
static enum channel_read check_claims(const struct channel *c, const char **text)
{
    for (uint64_t s = c->retired; s < c->granted; s++) {
        const struct channel_granted *g = &c->queue[s % EXECUTOR_QUEUE];
        uint64_t word = atomic_load_explicit(claim_at(c, s), memory_order_acquire);
        uint64_t written = atomic_load_explicit(&c->up->written, memory_order_acquire);
        if (written != c->read)
            return CHANNEL_EMPTY; // more came meanwhile: a later look decides
        if (!claim_is_of(word, s) || claim_end(word) != g->end || claim_next(word) > g->end ||
            claim_next(word) < g->done || claim_next(word) > g->done + 1)
            return fault(text, "a claim is not of what was granted");
    }
    return CHANNEL_EMPTY;
}

enum channel_read channel_read(struct channel *c, int64_t now, struct channel_batch *out,
                               const char **text)
{
    uint64_t written = atomic_load_explicit(&c->up->written, memory_order_acquire);
    buffer_reset(&c->payload);
    buffer_reset(&c->durations);
    for (;;) {
        struct record r;
        enum channel_read state = next_head(c, written, &r, text);
        if (state != CHANNEL_BATCH)
            return state == CHANNEL_EMPTY ? check_claims(c, text) : state;
        switch (r.kind) {
        case RECORD_FRAGMENT:
            state = keep_fragment(c, &r, text);
            if (state != CHANNEL_EMPTY)
                return state;
            continue;
        case RECORD_OK:
            state = read_run(c, written, r, now, out, text);
            break;
        case RECORD_LONG_OK:
        case RECORD_END:
        case RECORD_OUTPUT:
            state = read_single(c, &r, now, out, text);
            break;
        default:
            return fault(text, "a record is of no known kind");
        }
        retire_done(c);
        return state;
    }
}

void channel_read_done(struct channel *c)
{
    if (atomic_load_explicit(&c->down->read, memory_order_relaxed) == c->read)
        return;
    atomic_store_explicit(&c->down->read, c->read, memory_order_release);
    wake_if_asleep(c);
}

// ---- After a worker's death

bool channel_blamed(struct channel *c, struct exec_in_hand *out)
{
    if (!channel_in_hand(c, out))
        return false;
    granted_at(c, c->retired)->done++;
    retire_done(c);
    return true;
}

bool channel_unstarted(struct channel *c, struct exec_grant *out)
{
    if (c->retired == c->granted)
        return false;
    struct channel_granted *g = granted_at(c, c->retired);
    *out = g->grant;
    out->first += g->done;
    out->count = g->end - g->done;
    g->done = g->end;
    retire_done(c);
    return true;
}

// SPDX-License-Identifier: BSD-3-Clause
// Iterators: chunks of items are taken from the caller's iterator as results are yielded, so that
// no more items than the look-ahead are under way (submitted and not yielded).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library/library_call.h"
#include "library/library_drive.h"
#include "library/library_imap.h"
#include "library/library_result.h"
#include "library/library_struct.h"

enum {
    CHUNKS_A_WORKER = 8,         // default look-ahead
    SMALL_ITEMS_A_WORKER = 128,  // default look-ahead if it is larger and the items are small
    SMALL_ITEMS_BYTES = 64 << 10 // largest size of so many small items together
};

struct burst {          // a call of consecutive items that were not all yielded yet
    struct burst *next; // the burst taken after this one
    br_result *result;
    size_t first; // index of its first item
    size_t yielded;
    size_t cursor;    // item at which to begin looking for one that has ended
    bool *is_yielded; // of each item
};

struct br_imap {
    br_imap *next_of_pool, *previous_of_pool;
    br_pool *pool;
    br_function *function;
    br_next_item *next;
    void *user;
    size_t in_size, out_size;
    br_imap_options options;
    br_call_options call; // of each burst
    size_t burst;         // most items taken and submitted together: one or several chunks
    struct burst *oldest, **newest;
    size_t taken;     // number of items submitted so far
    size_t under_way; // number of items submitted and not yielded
    char *items;      // room for a burst of items
    size_t pending;   // number in `items` that are taken and not submitted yet
    char *emitted;    // the bytes that the item last yielded has emitted
    size_t emitted_size;
    bool ended;                                // the caller's iterator has no more items
    bool failed;                               // the caller's iterator failed
    char message[sizeof((br_error *)0)->text]; // of the item last yielded
};

static size_t default_lookahead(const br_imap *it)
{
    size_t chunks, workers = it->pool->stats.workers, size = it->in_size + it->out_size;
    if (__builtin_mul_overflow(CHUNKS_A_WORKER * workers, it->options.chunk_size, &chunks))
        return SIZE_MAX;
    size_t small = size <= SMALL_ITEMS_BYTES / SMALL_ITEMS_A_WORKER ? SMALL_ITEMS_A_WORKER : 0;
    return chunks > small * workers ? chunks : small * workers;
}

// Chooses chunks of at most half the look-ahead, so that one runs while another is yielded, and
// bursts of as many chunks as fit into half the look-ahead and half the queue, and travel without
// shared memory.
static void settle_options(br_imap *it)
{
    it->call.on_result = it->call.on_error = NULL;
    if (it->options.chunk_size == 0)
        it->options.chunk_size = 1;
    if (it->options.lookahead == 0)
        it->options.lookahead = default_lookahead(it);
    size_t half = it->options.lookahead - it->options.lookahead / 2;
    if (it->options.chunk_size > half)
        it->options.chunk_size = half;
    it->call.chunk_size = it->options.chunk_size;
    size_t most = it->in_size > 0 ? EXECUTOR_INLINE / it->in_size : EXECUTOR_INLINE;
    size_t queue = it->pool->options.max_queued / 2;
    if (most > half)
        most = half;
    if (it->pool->options.max_queued > 0 && most > queue)
        most = queue;
    it->burst = most > it->options.chunk_size ? most - most % it->options.chunk_size
                                              : it->options.chunk_size;
}

static void link_to_pool(br_imap *it)
{
    br_pool *p = it->pool;
    it->next_of_pool = p->imaps;
    if (p->imaps)
        p->imaps->previous_of_pool = it;
    p->imaps = it;
}

static void unlink_from_pool(br_imap *it)
{
    if (it->previous_of_pool)
        it->previous_of_pool->next_of_pool = it->next_of_pool;
    else
        it->pool->imaps = it->next_of_pool;
    if (it->next_of_pool)
        it->next_of_pool->previous_of_pool = it->previous_of_pool;
}

static int make_room(br_imap *it, br_error *err)
{
    if (library_check_sizes(it->burst, it->in_size, it->out_size, err) != 0)
        return -1;
    it->items = malloc(it->burst * it->in_size + 1);
    return it->items ? 0 : br_error_nomem(err);
}

// Copies the program's options, of the sizes that it knows.
static int take_options(br_imap *it, const br_imap_options *options, size_t size, size_t call_size,
                        br_error *err)
{
    if (library_take_struct(&it->options, sizeof it->options, options, size, err) != 0 ||
        library_take_struct(&it->call, sizeof it->call, it->options.call, call_size, err) != 0)
        return -1;
    settle_options(it);
    return 0;
}

br_imap *br_pool_imap_sized(br_pool *p, br_function *function, br_next_item *next, void *user,
                            size_t in_size, size_t out_size, const br_imap_options *options,
                            size_t size, size_t call_size, br_error *err)
{
    if (!function || !next) {
        br_error_set(err, BR_ERR_USAGE, "br_pool_imap needs a function and an iterator");
        return NULL;
    }
    br_imap *it = calloc(1, sizeof *it);
    if (!it) {
        br_error_nomem(err);
        return NULL;
    }
    *it = (br_imap){.pool = p,
                    .function = function,
                    .next = next,
                    .user = user,
                    .in_size = in_size,
                    .out_size = out_size};
    it->newest = &it->oldest;
    if (take_options(it, options, size, call_size, err) != 0 || make_room(it, err) != 0 ||
        !library_enter(p, err)) {
        free(it->items);
        free(it);
        return NULL;
    }
    link_to_pool(it);
    library_leave(p);
    return it;
}

// Takes items from the caller's iterator, without the lock. Returns their number.
static size_t take_items(br_imap *it, size_t most)
{
    size_t n = 0;
    for (; n < most && !it->ended; n++) {
        int got = it->next(it->user, it->items + n * it->in_size);
        if (got == 1)
            continue;
        it->ended = true;
        it->failed = got < 0;
        break;
    }
    return n;
}

static int submit_burst(br_imap *it, size_t count, int64_t room_until, br_error *err)
{
    struct burst *c = calloc(1, sizeof *c);
    bool *is_yielded = calloc(count, sizeof *is_yielded);
    if (!c || !is_yielded) {
        free(c);
        free(is_yielded);
        return br_error_nomem(err);
    }
    *c = (struct burst){.first = it->taken, .is_yielded = is_yielded};
    struct library_call call = {.function = it->function,
                                .in = it->items,
                                .count = count,
                                .in_size = it->in_size,
                                .out_size = it->out_size,
                                .first_index = it->taken,
                                .room_until = room_until};
    c->result = library_submit(it->pool, &call, &it->call, err);
    if (!c->result) {
        free(is_yielded);
        free(c);
        return -1;
    }
    *it->newest = c;
    it->newest = &c->next;
    it->taken += count;
    it->under_way += count;
    return 0;
}

// Returns whether the pool takes items, before they are taken from the caller.
static int check_open(br_imap *it, br_error *err)
{
    if (!library_enter(it->pool, err))
        return -1;
    int result = library_check_open(it->pool, err);
    library_leave(it->pool);
    return result;
}

static size_t room_of(const br_imap *it)
{
    size_t room = it->options.lookahead - it->under_way;
    return room < it->burst ? room - room % it->options.chunk_size : it->burst;
}

// Fills the look-ahead, in whole chunks. Called without the lock, because `next` is the caller's.
// Waits for room in the queue only if nothing is under way that could be yielded instead. On
// failure the items that it took stay pending. Returns 0; -1 and *err.
static int look_ahead(br_imap *it, int64_t room_until, br_error *err)
{
    for (size_t room; (room = room_of(it)) > 0;) {
        if (it->pending == 0 && !it->ended) {
            if (check_open(it, err) != 0)
                return -1;
            it->pending = take_items(it, room);
        }
        if (it->pending == 0)
            break;
        if (!library_enter(it->pool, err))
            return -1;
        int result = submit_burst(it, it->pending, it->oldest ? 0 : room_until, err);
        if (result == 0) {
            it->pending = 0;
            library_start(it->pool);
        }
        library_leave(it->pool);
        if (result != 0)
            return -1;
    }
    return 0;
}

// ---- Yielding

struct yieldable {
    br_imap *it;
    struct burst *burst;
    size_t item;
    bool may_take; // the look-ahead may be filled
};

static bool can_yield(const struct burst *c, size_t i)
{
    return !c->is_yielded[i] && c->result->items[i].status != BR_PENDING;
}

// Looks first at the item after the last yielded, because items end about in order. Returns whether
// an item can be yielded, and sets *item to its index in the burst.
static bool find_in(struct burst *c, bool ordered, size_t *item)
{
    size_t count = c->result->count;
    *item = c->cursor;
    if (ordered)
        return can_yield(c, c->yielded);
    for (size_t looked = 0; looked < count; looked++) {
        if (can_yield(c, *item))
            return true;
        *item = *item + 1 < count ? *item + 1 : 0;
    }
    return false;
}

// Finds an item that can be yielded now: the next one if the iterator is ordered, else any.
static bool find_item(struct yieldable *y)
{
    for (struct burst *c = y->it->oldest; c; c = c->next) {
        y->burst = c;
        if (find_in(c, y->it->options.ordered, &y->item))
            return true;
        if (y->it->options.ordered)
            return false;
    }
    return false;
}

static void drop_burst(br_imap *it, struct burst *c)
{
    struct burst **at = &it->oldest;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (it->newest == &c->next)
        it->newest = at;
    c->result->examined = true;
    library_release(c->result);
    free(c->is_yielded);
    free(c);
}

static void forget_emitted(br_imap *it)
{
    free(it->emitted);
    it->emitted = NULL;
    it->emitted_size = 0;
}

// Takes an item's emitted bytes out of its result, which may be freed with the item's chunk.
static void take_emitted(br_imap *it, br_result *r, size_t i)
{
    struct item_bytes *e = library_emitted(r, i);
    if (!e)
        return;
    it->emitted = e->data;
    it->emitted_size = e->size;
    *e = (struct item_bytes){.index = i};
}

static void yield(struct yieldable *y, void *out, br_outcome *outcome, size_t size, size_t *index)
{
    br_imap *it = y->it;
    struct burst *c = y->burst;
    br_outcome o;
    library_outcome(c->result, y->item, &o);
    it->message[0] = '\0';
    if (o.message[0] != '\0')
        snprintf(it->message, sizeof it->message, "%s", o.message);
    o.message = it->message; // the result may be freed before the caller reads it
    if (outcome)
        library_give_struct(outcome, size, &o, sizeof o);
    if (out && o.status == BR_OK && it->out_size > 0)
        memcpy(out, c->result->out + y->item * it->out_size, it->out_size);
    if (index)
        *index = c->first + y->item;
    take_emitted(it, c->result, y->item);
    c->is_yielded[y->item] = true;
    c->yielded++;
    c->cursor = y->item + 1 < c->result->count ? y->item + 1 : 0;
    it->under_way--;
    if (c->yielded == c->result->count)
        drop_burst(it, c);
}

// Returns whether to take more items now: room for a burst has come, or the workers have little to
// do. Few large bursts cost less than many small ones.
static bool wants_items(const struct yieldable *y)
{
    const br_imap *it = y->it;
    size_t room = room_of(it);
    if (!y->may_take || room == 0 || (it->ended && it->pending == 0))
        return false;
    size_t low = it->options.lookahead / 4, two = 2 * (size_t)it->pool->stats.workers;
    if (low / it->options.chunk_size < two)
        low = two * it->options.chunk_size;
    return room >= it->burst || it->pool->queued < low;
}

// A library_condition: an item can be yielded, or more items can be taken. `user` is a struct
// yieldable.
static bool can_continue(void *user)
{
    struct yieldable *y = user;
    return find_item(y) || wants_items(y);
}

// Called with the lock. Returns 1 if an item was yielded, 0 if there are no more, -1 and *err.
static int yield_next(struct yieldable *y, int64_t deadline, void *out, br_outcome *outcome,
                      size_t size, size_t *index, br_error *err)
{
    br_imap *it = y->it;
    for (;;) {
        if (wants_items(y)) {
            int64_t room_until = library_room_until(it->pool);
            library_leave(it->pool);
            // Items that are under way are yielded even if no more can be taken.
            int result = look_ahead(it, deadline < room_until ? deadline : room_until, err);
            if (!library_enter(it->pool, err))
                return -1;
            if (result != 0 && !it->oldest)
                return -1;
            y->may_take = result == 0;
        }
        if (!it->oldest)
            return it->failed ? br_error_set(err, BR_ERR_USAGE, "the iterator of the items failed")
                              : 0;
        bool waited = library_drive_until(it->pool, deadline, can_continue, y);
        if (find_item(y)) {
            yield(y, out, outcome, size, index);
            return 1;
        }
        if (!waited)
            return br_error_set(err, BR_ERR_TIMEOUT, "the next result is not there yet");
    }
}

int br_imap_next_sized(br_imap *it, double timeout, void *out, br_outcome *outcome, size_t size,
                       size_t *index, br_error *err)
{
    if (!library_enter(it->pool, err))
        return -1;
    forget_emitted(it);
    struct yieldable y = {.it = it, .may_take = true};
    int64_t deadline = library_deadline(it->pool, timeout);
    int result = yield_next(&y, deadline, out, outcome, size, index, err);
    library_leave(it->pool);
    return result;
}

const void *br_imap_emitted(br_imap *it, size_t *size)
{
    *size = it->emitted_size;
    return it->emitted;
}

static void free_imap(br_imap *it)
{
    while (it->oldest)
        drop_burst(it, it->oldest);
    unlink_from_pool(it);
    forget_emitted(it);
    free(it->items);
    free(it);
}

void library_free_imaps(br_pool *p)
{
    while (p->imaps)
        free_imap(p->imaps);
}

void br_imap_free(br_imap *it)
{
    if (!it || !library_enter(it->pool, NULL))
        return;
    br_pool *p = it->pool;
    for (struct burst *c = it->oldest; c; c = c->next)
        library_cancel(c->result);
    free_imap(it);
    library_start(p);
    library_leave(p);
}

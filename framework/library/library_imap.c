// SPDX-License-Identifier: BSD-3-Clause
// Iterators: chunks of items are taken from the caller's iterator as results are yielded, so that
// no more than the look-ahead are under way.
#include <stdlib.h>
#include <string.h>

#include "library/library_call.h"
#include "library/library_drive.h"
#include "library/library_imap.h"
#include "library/library_result.h"

enum {
    CHUNKS_A_WORKER = 8
};

struct chunk {          // a call of consecutive items that were not all yielded yet
    struct chunk *next; // the chunk taken after this one
    br_result *result;
    size_t first; // index of its first item
    size_t yielded;
    size_t cursor; // item at which to begin looking for one that has ended
    bool *gone;    // of each item: it was yielded
};

struct br_imap {
    br_imap *next_of_pool, *previous_of_pool;
    br_pool *pool;
    br_function *function;
    br_next_item *next;
    void *user;
    size_t in_size, out_size;
    br_imap_options options;
    struct chunk *oldest, **newest;
    size_t taken;     // number of items submitted so far
    size_t under_way; // number of items submitted and not yielded
    char *items;      // room for a chunk of items
    size_t pending;   // number in `items` that are taken and not submitted yet
    char *emitted;    // what the item last yielded has emitted
    size_t emitted_size;
    bool ended;                                // the caller's iterator has no more items
    bool failed;                               // the caller's iterator failed
    char message[sizeof((br_error *)0)->text]; // of the item last yielded
};

static size_t default_lookahead(const br_pool *p, size_t chunk)
{
    size_t items;
    if (__builtin_mul_overflow((size_t)CHUNKS_A_WORKER * p->stats.workers, chunk, &items))
        return SIZE_MAX;
    return items;
}

// Chooses chunks of half the look-ahead at most, so that one runs while another is yielded.
static void settle_options(br_imap *it, const br_imap_options *options)
{
    if (options)
        it->options = *options;
    it->options.call.on_result = it->options.call.on_error = NULL;
    if (it->options.chunk_size == 0)
        it->options.chunk_size = 1;
    if (it->options.lookahead == 0)
        it->options.lookahead = default_lookahead(it->pool, it->options.chunk_size);
    size_t half = it->options.lookahead - it->options.lookahead / 2;
    if (it->options.chunk_size > half)
        it->options.chunk_size = half;
    it->options.call.chunk_size = it->options.chunk_size;
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
    if (library_check_sizes(it->options.chunk_size, it->in_size, it->out_size, err) != 0)
        return -1;
    it->items = malloc(it->options.chunk_size * it->in_size + 1);
    return it->items ? 0 : br_error_nomem(err);
}

br_imap *br_pool_imap(br_pool *p, br_function *function, br_next_item *next, void *user,
                      size_t in_size, size_t out_size, const br_imap_options *options,
                      br_error *err)
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
    settle_options(it, options);
    if (make_room(it, err) != 0 || !library_enter(p, err)) {
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

static int submit_chunk(br_imap *it, size_t count, int64_t room_until, br_error *err)
{
    struct chunk *c = calloc(1, sizeof *c);
    bool *gone = calloc(count, sizeof *gone);
    if (!c || !gone) {
        free(c);
        free(gone);
        return br_error_nomem(err);
    }
    *c = (struct chunk){.first = it->taken, .gone = gone};
    struct library_call call = {.function = it->function,
                                .in = it->items,
                                .count = count,
                                .in_size = it->in_size,
                                .out_size = it->out_size,
                                .first_index = it->taken,
                                .room_until = room_until};
    c->result = library_submit(it->pool, &call, &it->options.call, err);
    if (!c->result) {
        free(gone);
        free(c);
        return -1;
    }
    *it->newest = c;
    it->newest = &c->next;
    it->taken += count;
    it->under_way += count;
    return 0;
}

// Keeps the look-ahead filled, a whole chunk at a time. Called without the lock, because `next` is
// the caller's. Waits for room in the queue only if nothing is under way that could be yielded
// instead. On failure the items that it took stay pending. Returns 0; -1 and *err.
static int look_ahead(br_imap *it, int64_t room_until, br_error *err)
{
    while (it->options.lookahead - it->under_way >= it->options.chunk_size) {
        if (it->pending == 0)
            it->pending = take_items(it, it->options.chunk_size);
        if (it->pending == 0)
            break;
        if (!library_enter(it->pool, err))
            return -1;
        int result = submit_chunk(it, it->pending, it->oldest ? 0 : room_until, err);
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
    struct chunk *chunk;
    size_t item;
};

static bool can_yield(const struct chunk *c, size_t i)
{
    return !c->gone[i] && c->result->status[i] != BR_PENDING;
}

// Looks first at the item after the last yielded, because items end about in order. Returns whether
// one can be yielded, and it in *item.
static bool find_in(struct chunk *c, bool ordered, size_t *item)
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

// Finds an item that can be yielded now: the next one if the iterator is ordered, else any. A
// library_condition; `user` is a struct yieldable.
static bool find_item(void *user)
{
    struct yieldable *y = user;
    for (struct chunk *c = y->it->oldest; c; c = c->next) {
        y->chunk = c;
        if (find_in(c, y->it->options.ordered, &y->item))
            return true;
        if (y->it->options.ordered)
            return false;
    }
    return false;
}

static void drop_chunk(br_imap *it, struct chunk *c)
{
    struct chunk **at = &it->oldest;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (it->newest == &c->next)
        it->newest = at;
    c->result->examined = true;
    library_release(c->result);
    free(c->gone);
    free(c);
}

static void forget_emitted(br_imap *it)
{
    free(it->emitted);
    it->emitted = NULL;
    it->emitted_size = 0;
}

// Takes what an item emitted out of its result, which may be freed with the item's chunk.
static void take_emitted(br_imap *it, br_result *r, size_t i)
{
    struct item_bytes *e = library_emitted(r, i);
    if (!e)
        return;
    it->emitted = e->data;
    it->emitted_size = e->size;
    *e = (struct item_bytes){.index = i};
}

static void yield(struct yieldable *y, void *out, br_outcome *outcome, size_t *index)
{
    br_imap *it = y->it;
    struct chunk *c = y->chunk;
    br_outcome o;
    library_outcome(c->result, y->item, &o);
    strncpy(it->message, o.message, sizeof it->message - 1);
    o.message = it->message; // the result may be freed before the caller reads it
    if (outcome)
        *outcome = o;
    if (out && o.status == BR_OK && it->out_size > 0)
        memcpy(out, c->result->out + y->item * it->out_size, it->out_size);
    if (index)
        *index = c->first + y->item;
    take_emitted(it, c->result, y->item);
    c->gone[y->item] = true;
    c->yielded++;
    c->cursor = y->item + 1 < c->result->count ? y->item + 1 : 0;
    it->under_way--;
    if (c->yielded == c->result->count)
        drop_chunk(it, c);
}

int br_imap_next(br_imap *it, double timeout, void *out, br_outcome *outcome, size_t *index,
                 br_error *err)
{
    int64_t deadline = library_deadline(timeout, library_now(it->pool));
    int64_t room_until = library_room_until(it->pool);
    // Items that are under way are yielded even if no more can be taken.
    if (look_ahead(it, deadline < room_until ? deadline : room_until, err) != 0 && !it->oldest)
        return -1;
    forget_emitted(it);
    if (!it->oldest)
        return it->failed ? br_error_set(err, BR_ERR_USAGE, "the iterator of the items failed") : 0;
    if (!library_enter(it->pool, err))
        return -1;
    struct yieldable y = {.it = it};
    int result = 1;
    if (library_drive_until(it->pool, deadline, find_item, &y) || find_item(&y))
        yield(&y, out, outcome, index);
    else
        result = br_error_set(err, BR_ERR_TIMEOUT, "the next result is not there yet");
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
        drop_chunk(it, it->oldest);
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
    for (struct chunk *c = it->oldest; c; c = c->next)
        library_cancel(c->result);
    free_imap(it);
    library_start(p);
    library_leave(p);
}

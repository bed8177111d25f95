// SPDX-License-Identifier: BSD-3-Clause
// The coordinator's reading of outcomes from a channel. Every record is a claim of the worker,
// which is checked against the private account before it counts.
#include <string.h>

#include "exec/channel/channel_account.h"
#include "exec/channel/channel_check.h"
#include "model/row.h"

enum {
    RUN_MAX = 2048,     // records read at a time, so that they stay in the nearest cache
    RUN_BYTES = 1 << 15 // bytes of rows of compact records read at a time
};

static enum channel_read fault(const char **text, const char *what)
{
    *text = what;
    return CHANNEL_FAULT;
}

// Checks the end of the ring and sets *kind to that of the next record. `written` is the end of the
// ring as the worker published it.
static inline enum channel_read next_kind(const struct channel *c, uint64_t written, uint32_t *kind,
                                          const char **text)
{
    uint64_t unread = written - c->read;
    if (unread == 0)
        return CHANNEL_EMPTY;
    if (unread > CHANNEL_RING || unread % RECORD_ALIGN || unread < CHANNEL_RECORD_MIN)
        return fault(text, "its ring's end is impossible");
    if (c->retired == c->granted)
        return fault(text, "a record names a grant that the worker does not hold");
    struct record_compact r;
    memcpy(&r, c->ring + c->read % CHANNEL_RING, sizeof r);
    *kind = r.mark % (1 << COMPACT_KIND_BITS);
    return CHANNEL_BATCH;
}

// Copies the head of the next record, which is not compact, out of shared memory and checks the
// fields that do not depend on its kind.
static inline enum channel_read next_head(const struct channel *c, uint64_t written,
                                          struct record *r, const char **text)
{
    uint64_t unread = written - c->read;
    if (unread < sizeof *r)
        return fault(text, "its ring's end is impossible");
    memcpy(r, c->ring + c->read % CHANNEL_RING, sizeof *r);
    if (r->size > CHANNEL_PAYLOAD_MAX + sizeof(struct record_end) || record_span(r->size) > unread)
        return fault(text, "a record's length is impossible");
    if (r->grant != (uint32_t)c->retired)
        return fault(text, "a record names a grant that the worker does not hold");
    if (r->row != c->queue[c->retired % EXECUTOR_QUEUE].done)
        return fault(text, "a record names a task that is not the next one");
    if (c->fragments.length > 0 && r->kind != RECORD_FRAGMENT && r->kind != RECORD_LONG_OK)
        return fault(text, "a record is between the pieces of a result");
    return CHANNEL_BATCH;
}

static const char *payload_of(const struct channel *c)
{
    return c->ring + c->read % CHANNEL_RING + sizeof(struct record);
}

// Copies the payload out of shared memory in two parts. Returns CHANNEL_BATCH if the copies and *r
// are what the worker published, as the check proves.
static inline __attribute__((always_inline)) enum channel_read
copy_proved(const struct channel *c, const struct record *r, void *head, size_t head_size,
            void *data, const char **text)
{
    const char *payload = payload_of(c);
    uint64_t sum = check_begin(r, c->read);
    sum = check_copy(sum, head, payload, head_size);
    sum = check_copy(sum, data, payload + head_size, r->size - head_size);
    return check_end(sum) == r->check ? CHANNEL_BATCH : fault(text, "a record was written over");
}

static enum channel_read not_a_row(const char **text)
{
    return fault(text, "a result is not a row of the task's result columns");
}

// Checks that the private copy is a row of the grant's results, for rows of several sizes. If
// `emitted`, the result of a function may be followed by more bytes.
static enum channel_read check_content(struct channel *c, const struct channel_granted *g,
                                       const char *data, size_t size, bool emitted,
                                       const char **text)
{
    bool fits;
    if (!g->results)
        fits = emitted ? size >= g->out_size : size == g->out_size;
    else {
        buffer_reset(&c->cells);
        struct cell *cells = buffer_extend(&c->cells, g->results->count * sizeof *cells);
        if (!cells)
            return CHANNEL_FAILED;
        fits = row_unpack(g->results, data, size, cells);
    }
    return fits ? CHANNEL_BATCH : not_a_row(text);
}

static inline enum channel_read check_row(struct channel *c, const struct channel_granted *g,
                                          const char *data, size_t size, bool emitted,
                                          const char **text)
{
    if (g->row_words == 0 || emitted)
        return check_content(c, g, data, size, emitted, text);
    return size == g->row_words * 8 ? CHANNEL_BATCH : not_a_row(text);
}

// Notes the end of an outcome. The worker's times are a claim too: the noted time only moves
// forward, and not past `now`.
static void note_end(struct channel *c, int64_t start, int64_t duration, int64_t now)
{
    int64_t end;
    if (__builtin_add_overflow(start, duration, &end) || end > now)
        end = now;
    if (end > c->last_end_ns)
        c->last_end_ns = end;
}

// Reads the next record, which is a RECORD_OK, and appends its row to c->payload.
static enum channel_read read_ok(struct channel *c, struct channel_granted *g, uint64_t written,
                                 uint32_t *duration, const char **text)
{
    struct record r;
    enum channel_read state = next_head(c, written, &r, text);
    if (state == CHANNEL_BATCH && r.kind != RECORD_OK)
        state = fault(text, "a record is of no known kind");
    if (state != CHANNEL_BATCH)
        return state;
    size_t at = c->payload.length;
    char *copy = buffer_extend(&c->payload, r.size);
    if (!copy)
        return CHANNEL_FAILED;
    state = copy_proved(c, &r, NULL, 0, copy, text);
    if (state == CHANNEL_BATCH)
        state = check_row(c, g, copy, r.size, false, text);
    if (state != CHANNEL_BATCH) {
        c->payload.length = at;
        return state;
    }
    *duration = r.duration_ns;
    c->read += record_span(r.size);
    g->done++;
    c->compact_ns = (int64_t)((uint64_t)r.start_ns + r.duration_ns);
    return CHANNEL_BATCH;
}

// Copies up to `most` compact records with rows of `words` words. Stops at the end of the ring, at
// a record of another kind and at one that was written over. Returns how many were copied, and sets
// *passed to the sum of their durations. The ring is mapped twice in a row, so they are contiguous.
static inline __attribute__((always_inline)) uint32_t
copy_compact(const struct channel *c, uint64_t written, uint32_t row, uint32_t most, size_t words,
             uint32_t *durations, char *rows, uint64_t *passed)
{
    const size_t size = words * 8, span = sizeof(struct record_compact) + size;
    const char *at = c->ring + c->read % CHANNEL_RING;
    uint64_t place = c->read, sum_of_durations = 0;
    uint32_t count = 0;
    if (most > (written - place) / span)
        most = (uint32_t)((written - place) / span);
    for (; count < most; count++, at += span, place += span, rows += size) {
        uint64_t head = read_word(at);
        uint32_t check = (uint32_t)head, mark = (uint32_t)(head >> 32);
        if (mark % (1 << COMPACT_KIND_BITS) != RECORD_COMPACT)
            break;
        uint64_t sum = check_begin_compact(mark, (uint32_t)c->retired, row + count, place);
        sum = check_copy(sum, rows, at + sizeof head, size);
        if (check_end(sum) != check)
            break;
        durations[count] = mark >> COMPACT_KIND_BITS;
        sum_of_durations += mark >> COMPACT_KIND_BITS;
    }
    *passed = sum_of_durations;
    return count;
}

// Reads up to `most` compact records that come next, and appends their rows to c->payload.
static enum channel_read read_compact(struct channel *c, struct channel_granted *g,
                                      uint64_t written, uint32_t most, uint32_t *durations,
                                      const char **text)
{
    if (g->row_words == 0 || c->fragments.length > 0)
        return fault(text, "a record is of no known kind");
    size_t size = g->row_words * 8, at = c->payload.length;
    if (most > RUN_BYTES / size)
        most = size < RUN_BYTES ? (uint32_t)(RUN_BYTES / size) : 1;
    char *rows = buffer_extend(&c->payload, most * size);
    if (!rows)
        return CHANNEL_FAILED;
    // Most rows have one word. They have a loop of their own, which the compiler specializes.
    uint64_t passed;
    uint32_t count =
        g->row_words == 1
            ? copy_compact(c, written, g->done, most, 1, durations, rows, &passed)
            : copy_compact(c, written, g->done, most, g->row_words, durations, rows, &passed);
    c->payload.length = at + count * size;
    if (count == 0)
        return fault(text, "a record was written over");
    c->read += count * (sizeof(struct record_compact) + size);
    g->done += count;
    c->compact_ns = (int64_t)((uint64_t)c->compact_ns + passed);
    return CHANNEL_BATCH;
}

// Reads a run of RECORD_OK and RECORD_COMPACT as one batch. The records of all short tasks take
// this path. A fault after good records is reported by the next read.
static enum channel_read read_run(struct channel *c, uint64_t written, uint32_t kind, int64_t now,
                                  struct channel_batch *out, const char **text)
{
    struct channel_granted *g = channel_granted_at(c, c->retired);
    uint32_t first = g->done;
    uint32_t most = g->end - first < RUN_MAX ? g->end - first : RUN_MAX;
    uint32_t *durations = buffer_extend(&c->durations, most * sizeof *durations);
    if (!durations)
        return CHANNEL_FAILED;
    enum channel_read state = CHANNEL_BATCH;
    out->start_ns = c->compact_ns;
    while (g->done - first < most && state == CHANNEL_BATCH) {
        uint32_t count = g->done - first;
        if (kind == RECORD_COMPACT)
            state = read_compact(c, g, written, most - count, durations + count, text);
        else if (kind == RECORD_OK)
            state = read_ok(c, g, written, durations + count, text);
        else
            break;
        if (count == 0 && kind == RECORD_OK && state == CHANNEL_BATCH)
            out->start_ns = (int64_t)((uint64_t)c->compact_ns - durations[0]);
        if (state == CHANNEL_BATCH)
            state = next_kind(c, written, &kind, text);
    }
    if (g->done == first)
        return state;
    note_end(c, c->compact_ns, 0, now);
    out->kind = RECORD_OK;
    out->tasks = g->grant;
    out->tasks.first += first;
    out->tasks.count = g->done - first;
    out->durations = durations;
    out->payload = c->payload.data;
    out->size = c->payload.length;
    return CHANNEL_BATCH;
}

static size_t head_size(uint32_t kind)
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

// Appends the payload of a fragment to c->fragments. Returns CHANNEL_EMPTY if it is good.
static enum channel_read keep_fragment(struct channel *c, const struct record *r, const char **text)
{
    if (c->fragments.length + r->size > CHANNEL_RESULT_MAX)
        return fault(text, "a result is longer than 1 GiB");
    char *copy = buffer_extend(&c->fragments, r->size);
    if (!copy)
        return CHANNEL_FAILED;
    if (copy_proved(c, r, NULL, 0, copy, text) != CHANNEL_BATCH)
        return CHANNEL_FAULT;
    c->read += record_span(r->size);
    return CHANNEL_EMPTY;
}

// Copies the record's fixed part into *head, and the rest, after the fragments kept so far, into
// c->payload with a NUL after it.
static enum channel_read copy_out(struct channel *c, const struct record *r, void *head,
                                  const char **text)
{
    size_t size = head_size(r->kind);
    if (r->size < size || (r->kind == RECORD_OUTPUT && r->size != size))
        return fault(text, "a record is not as long as its kind");
    // The fragments become the payload: they may be a gigabyte.
    if (c->fragments.length > 0) {
        struct buffer spare = c->payload;
        c->payload = c->fragments;
        c->fragments = spare;
    }
    char *copy = buffer_extend(&c->payload, r->size - size + 1);
    if (!copy)
        return CHANNEL_FAILED;
    copy[r->size - size] = '\0';
    return copy_proved(c, r, head, size, copy, text);
}

static bool is_outcome_of_worker(uint32_t status)
{
    return status == OUTCOME_ERROR || status == OUTCOME_CRASHED || status == OUTCOME_CANCELLED ||
           status == OUTCOME_TIMED_OUT || status == OUTCOME_OVER_LIMIT;
}

// Reads a record that is a batch of its own: of an outcome with its times, or of output.
static enum channel_read read_single(struct channel *c, const struct record *r, int64_t now,
                                     struct channel_batch *out, const char **text)
{
    struct channel_granted *g = channel_granted_at(c, c->retired);
    enum channel_read state = copy_out(c, r, &out->end, text);
    if (state != CHANNEL_BATCH)
        return state;
    out->kind = r->kind;
    out->tasks = channel_task_at(g, g->done);
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
    if (r->kind == RECORD_END && !is_outcome_of_worker(out->end.status))
        return fault(text, "an outcome is not one that a worker may report");
    if (r->kind == RECORD_LONG_OK)
        state = check_row(c, g, out->payload, out->size, true, text);
    if (state != CHANNEL_BATCH)
        return state;
    note_end(c, r->start_ns, out->times.duration_ns, now);
    buffer_clear(&c->fragments);
    c->read += record_span(r->size);
    g->done++;
    return CHANNEL_BATCH;
}

// Checks the cursor when nothing is left to read: an honest worker has claimed at most one task
// without an outcome.
static enum channel_read check_cursor(const struct channel *c, const char **text)
{
    if (c->retired == c->granted)
        return CHANNEL_EMPTY;
    const struct channel_granted *g = &c->queue[c->retired % EXECUTOR_QUEUE];
    uint64_t cursor = atomic_load_explicit(&c->up->cursor, memory_order_acquire);
    uint64_t written = atomic_load_explicit(&c->up->written, memory_order_acquire);
    // If more was written meanwhile, a later call checks.
    if (written == c->read && channel_claimed(g, c->retired, cursor) > g->done + 1)
        return fault(text, "a claim is outside the grant");
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
        uint32_t kind = 0;
        enum channel_read state = next_kind(c, written, &kind, text);
        if (state != CHANNEL_BATCH)
            return state == CHANNEL_EMPTY ? check_cursor(c, text) : state;
        if (kind == RECORD_OK || kind == RECORD_COMPACT) {
            state = read_run(c, written, kind, now, out, text);
            channel_retire_done(c);
            return state;
        }
        state = next_head(c, written, &r, text);
        if (state != CHANNEL_BATCH)
            return state;
        switch (r.kind) {
        case RECORD_FRAGMENT:
            state = keep_fragment(c, &r, text);
            if (state != CHANNEL_EMPTY)
                return state;
            continue;
        case RECORD_LONG_OK:
        case RECORD_END:
        case RECORD_OUTPUT:
            state = read_single(c, &r, now, out, text);
            channel_retire_done(c);
            return state;
        default:
            return fault(text, "a record is of no known kind");
        }
    }
}

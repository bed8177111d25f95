// SPDX-License-Identifier: BSD-3-Clause
#include "run/row_hashes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "journal/journal.h"
#include "model/table.h"

enum {
    BLOCK = 1 << 16, // hashes in one event
    NAMED = 6        // runs of changed rows that a message names
};

// ---- What the journal has

int past_rows_take(struct past_rows *past, const struct event_input_rows *e, br_error *err)
{
    if (e->first == 0) {
        past_rows_finish(past);
        *past = (struct past_rows){.hash = e->hash, .rows = e->rows, .columns = e->columns};
    }
    if (e->hash != past->hash || e->rows != past->rows || e->first != past->got)
        return 0; // of an earlier block that no longer counts
    if (e->image) {
        buffer_append(&past->image, e->image, e->image_size);
        past->got = e->rows;
        return buffer_check(&past->image, err);
    }
    size_t count = e->hashes_size / sizeof *e->hashes;
    uint64_t *hashes = realloc(past->hashes, (size_t)(past->got + count + 1) * sizeof *hashes);
    if (!hashes)
        return br_error_nomem(err);
    memcpy(hashes + past->got, e->hashes, e->hashes_size);
    past->hashes = hashes;
    past->got += count;
    return 0;
}

bool past_rows_whole(const struct past_rows *past, uint64_t hash)
{
    return past->hash == hash && past->got == past->rows && (past->hashes || past->image.data);
}

void past_rows_finish(struct past_rows *past)
{
    free(past->hashes);
    buffer_finish(&past->image);
    *past = (struct past_rows){0};
}

// ---- What there is

// Opens the table of a loaded phase. It was checked when it was made.
static struct table table_of(const struct prepared *p, size_t place, size_t *columns)
{
    struct table t = {0};
    const struct buffer *image = &p->phases[place].image;
    (void)table_open(&t, image->data, image->length, NULL);
    *columns = table_columns(&t) - p->job->phases[place].args.count;
    return t;
}

uint64_t row_hashes_all(const struct prepared *p, size_t place)
{
    size_t columns;
    struct table t = table_of(p, place, &columns);
    return table_hash(&t, columns, journal_hash);
}

static int emit_blocks(const struct table *t, struct event *e, struct event_sink *sink,
                       br_error *err)
{
    struct event_input_rows *rows = &e->input_rows;
    uint64_t *hashes = malloc(BLOCK * sizeof *hashes);
    if (!hashes)
        return br_error_nomem(err);
    rows->hashes = hashes;
    int result = 0;
    do {
        size_t count =
            rows->rows - rows->first < BLOCK ? (size_t)(rows->rows - rows->first) : BLOCK;
        for (size_t i = 0; i < count; i++)
            hashes[i] = table_hash_row(t, rows->columns, rows->first + i, journal_hash);
        rows->hashes_size = count * sizeof *hashes;
        result = sink->take(sink, e, err);
        rows->first += count;
    } while (result == 0 && rows->first < rows->rows);
    free(hashes);
    return result;
}

int row_hashes_emit(const struct prepared *p, size_t place, const char *what, uint64_t hash,
                    int64_t time_ns, struct event_sink *sink, br_error *err)
{
    size_t columns;
    struct table t = table_of(p, place, &columns);
    const struct buffer *image = &p->phases[place].image;
    struct event e = {
        .type = EVENT_INPUT_ROWS,
        .time_ns = time_ns,
        .input_rows = {
            .what = what, .hash = hash, .rows = table_rows(&t), .columns = (uint32_t)columns}};
    // The rows of a range or a matrix are computed: their table is small, however many they are.
    if (image->length / sizeof(uint64_t) >= table_rows(&t))
        return emit_blocks(&t, &e, sink, err);
    e.input_rows.image = image->data;
    e.input_rows.image_size = image->length;
    return sink->take(sink, &e, err);
}

// ---- Comparing

struct comparison {
    const struct past_rows *past;
    struct table old, now; // `old` is opened if the past has an image
    size_t columns;
    bool known; // the past is whole
};

static bool is_same(const struct comparison *c, uint64_t row)
{
    if (!c->known || row >= c->past->rows)
        return false;
    uint64_t old = c->past->hashes ? c->past->hashes[row]
                                   : table_hash_row(&c->old, c->past->columns, row, journal_hash);
    return old == table_hash_row(&c->now, c->columns, row, journal_hash);
}

static int add_same_task(struct row_changes *out, uint64_t task, br_error *err)
{
    struct event_span *last = out->span_count ? &out->spans[out->span_count - 1] : NULL;
    if (last && last->first + last->count == task) {
        last->count++;
        return 0;
    }
    struct event_span *span = array_add(&out->spans, &out->span_count, sizeof *out->spans, err);
    if (!span)
        return -1;
    *span = (struct event_span){task, 1};
    return 0;
}

// The names of changed rows, run by run.
struct naming {
    struct buffer list;
    uint64_t first, next; // the run of changed rows that grows; first == next: none
    unsigned named;
};

static void end_naming(struct naming *n)
{
    if (n->first == n->next)
        return;
    if (n->named < NAMED) {
        buffer_format(&n->list, "%s%" PRIu64, n->named > 0 ? ", " : "", n->first);
        if (n->next - n->first > 1)
            buffer_format(&n->list, "-%" PRIu64, n->next - 1);
    } else if (n->named == NAMED)
        buffer_text(&n->list, ", ...");
    n->named++;
    n->first = n->next;
}

static void name_row(struct naming *n, uint64_t row)
{
    if (n->first != n->next && n->next != row)
        end_naming(n);
    if (n->first == n->next)
        n->first = row;
    n->next = row + 1;
}

static int compare_all(const struct comparison *c, uint64_t batch, struct naming *n,
                       struct row_changes *out, br_error *err)
{
    for (uint64_t first = 0; first < out->rows; first += batch) {
        uint64_t end = out->rows - first < batch ? out->rows : first + batch;
        uint64_t old_end = out->old_rows - first < batch ? out->old_rows : first + batch;
        bool same = end == old_end && first < out->old_rows;
        for (uint64_t row = first; row < end; row++) {
            if (is_same(c, row))
                continue;
            same = false;
            out->changed++;
            name_row(n, row);
        }
        if (same && add_same_task(out, first / batch, err) != 0)
            return -1;
    }
    end_naming(n);
    return buffer_check(&n->list, err);
}

static void describe(const struct comparison *c, struct naming *n, struct row_changes *out)
{
    if (!c->known)
        buffer_format(&out->text, "all %" PRIu64 " rows", out->rows);
    else if (out->changed > 0)
        buffer_format(&out->text, "%" PRIu64 " of %" PRIu64 " rows: %.*s", out->changed, out->rows,
                      (int)n->list.length, n->list.data);
    if (c->known && out->rows < out->old_rows)
        buffer_format(&out->text, "%s%" PRIu64 " row%s fewer than before",
                      out->changed > 0 ? "; " : "", out->old_rows - out->rows,
                      out->old_rows - out->rows == 1 ? "" : "s");
    buffer_char(&out->text, '\0');
}

int row_hashes_compare(const struct past_rows *past, uint64_t past_hash, const struct prepared *p,
                       size_t place, struct row_changes *out, br_error *err)
{
    struct comparison c = {.past = past, .known = past_rows_whole(past, past_hash)};
    struct naming n = {0};
    *out = (struct row_changes){0};
    c.now = table_of(p, place, &c.columns);
    if (c.known && !past->hashes)
        c.known = table_open(&c.old, past->image.data, past->image.length, NULL) == 0 &&
                  past->columns <= table_columns(&c.old) && table_rows(&c.old) == past->rows;
    out->rows = table_rows(&c.now);
    out->old_rows = c.known ? past->rows : 0;
    int result = compare_all(&c, p->job->phases[place].batch, &n, out, err);
    describe(&c, &n, out);
    buffer_finish(&n.list);
    return result == 0 ? buffer_check(&out->text, err) : result;
}

void row_changes_finish(struct row_changes *c)
{
    buffer_finish(&c->text);
    free(c->spans);
    *c = (struct row_changes){0};
}

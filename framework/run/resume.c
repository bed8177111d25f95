// SPDX-License-Identifier: BSD-3-Clause
#include "run/resume.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

enum {
    READERS_MAX = 8
};

// A sink that passes each event on to several, until one refuses it.
struct readers {
    struct event_sink sink;
    struct event_sink *all[READERS_MAX];
    size_t count;
};

static int give_to_all(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct readers *r = (struct readers *)sink;
    for (size_t i = 0; i < r->count; i++)
        if (r->all[i]->take(r->all[i], event, err) != 0)
            return -1;
    return 0;
}

static bool has_begun_phase(const struct resume_state *state)
{
    for (size_t i = 0; i < state->job_phases; i++)
        if (resume_state_begun(state, (uint32_t)i))
            return true;
    return false;
}

// The fingerprint reads each event first: the others rely on the job being the same.
static int read_earlier(struct resume *r, const struct resume_options *o, const char *path,
                        int64_t now, br_error *err)
{
    struct readers readers = {
        .sink.take = give_to_all, .all = {&r->fingerprint.sink, &r->state.sink}, .count = 2};
    for (size_t i = 0; i < o->view_count && readers.count < READERS_MAX; i++)
        readers.all[readers.count++] = o->views[i];
    r->journal = journal_reopen(o->dir->fd, path, &readers.sink, now, err);
    if (!r->journal)
        return -1;
    if (has_begun_phase(&r->state) && fingerprint_check_new(&r->fingerprint, err) != 0)
        return -1;
    r->idle = r->state.finished && !(o->retry_failed && r->state.failed > 0);
    return 0;
}

static int open_journal(struct resume *r, const struct resume_options *o, int64_t now,
                        br_error *err)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_format(&b, "%s/journal", o->dir->path);
    char *path = buffer_take_string(&b, err);
    if (!path)
        return -1;
    int result;
    if (o->dir->has_journal) {
        result = read_earlier(r, o, path, now, err);
    } else {
        const struct journal_identity identity = {0};
        r->journal = journal_create(o->dir->fd, path, &identity, now, err);
        result = r->journal ? 0 : -1;
    }
    free(path);
    if (result == 0) {
        journal_set_durability(r->journal, o->durability);
        journal_sync_aside(r->journal);
    }
    return result;
}

int resume_open(struct resume *out, const struct resume_options *o, int64_t now, br_error *err)
{
    *out = (struct resume){.retry_failed = o->retry_failed};
    int result = resume_state_init(&out->state, o->prepared, err);
    if (result == 0)
        result = fingerprint_make(&out->fingerprint, o->prepared, o->overrides, o->override_count,
                                  o->dir, err);
    if (result == 0 && o->journal)
        result = open_journal(out, o, now, err);
    if (result != 0) {
        if (out->journal)
            journal_destroy(out->journal);
        resume_finish(out);
    }
    return result;
}

void resume_finish(struct resume *r)
{
    resume_state_finish(&r->state);
    fingerprint_finish(&r->fingerprint);
    *r = (struct resume){0};
}

int resume_emit(struct resume *r, struct event_sink *sink, const struct event *begin,
                const struct event *again, br_error *err)
{
    if (r->idle)
        return 0;
    const struct event *first = r->state.begun ? again : begin;
    if (sink->take(sink, first, err) != 0)
        return -1;
    if (r->state.begun && r->state.sink.take(&r->state.sink, again, err) != 0)
        return -1;
    for (size_t i = 0; i < r->fingerprint.count; i++) {
        const struct fingerprint_part *s = &r->fingerprint.items[i];
        struct event e = {
            .type = EVENT_SOURCE, .time_ns = first->time_ns, .source = {s->what, s->name, s->hash}};
        if (!s->known && sink->take(sink, &e, err) != 0)
            return -1;
    }
    return 0;
}

void resume_describe(const struct resume *r, const char *path, struct buffer *out)
{
    if (!r->state.begun)
        return;
    buffer_format(out, "batchrun: ");
    if (r->idle) {
        buffer_format(out, "the run in %s had finished: nothing is left to do", path);
    } else {
        buffer_format(out, "resuming %s: ", path);
        text_count(out, r->state.ended);
        buffer_text(out, r->state.ended == 1 ? " task is done" : " tasks are done");
    }
    if (r->state.failed > 0) {
        buffer_text(out, ", ");
        text_count(out, r->state.failed);
        buffer_text(out, " of them failed (--retry-failed runs them again)");
    }
    buffer_char(out, '\n');
}

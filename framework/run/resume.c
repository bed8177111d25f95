// SPDX-License-Identifier: BSD-3-Clause
#include "run/resume.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/text.h"
#include "jobfile/spec_source.h"
#include "run/accept.h"

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

static int read_earlier(struct resume *r, const struct resume_options *o, const char *path,
                        int64_t now, br_error *err)
{
    struct readers readers = {
        .sink.take = give_to_all, .all = {&r->fingerprint.sink, &r->state.sink}, .count = 2};
    for (size_t i = 0; i < o->view_count && readers.count < READERS_MAX; i++)
        readers.all[readers.count++] = o->views[i];
    r->journal = journal_reopen(o->dir->fd, path, &readers.sink, now, err);
    if (r->journal && r->state.is_try)
        return br_error_set(err, BR_ERR_USAGE,
                            "%s holds a try, which is not resumed: --fresh sets it aside",
                            o->dir->path);
    if (!r->journal || fingerprint_compare(&r->fingerprint, r->state.any_phase, err) != 0 ||
        accept_check(&r->fingerprint, o->accept, o->dir, err) != 0)
        return -1;
    resume_state_settle(&r->state);
    r->idle = r->state.finished && !(o->retry_failed && r->state.failed > 0) &&
              r->fingerprint.change_count == 0;
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
    *out = (struct resume){.dir = o->dir, .retry_failed = o->retry_failed};
    resume_state_init(&out->state, o->prepared);
    int result =
        fingerprint_make(&out->fingerprint, o->prepared, o->overrides, o->override_count, err);
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

// Replaces the run's copy of the job file if it differs. The journal is committed first: a copy
// that is newer than the journal would hide what has changed.
static int renew_job_file(struct resume *r, int64_t now, br_error *err)
{
    const struct job *job = r->fingerprint.prepared->job;
    struct buffer copy = BUFFER_EMPTY, path = BUFFER_EMPTY;
    buffer_format(&path, "%s/job.yaml", r->dir->path);
    buffer_char(&path, '\0');
    bool same = !path.failed &&
                fd_read_file(path.data, "job file", SPEC_FILE_MAX, &copy, NULL) == 0 &&
                copy.length == job->text_length &&
                memcmp(copy.data ? copy.data : "", job->text, copy.length) == 0;
    buffer_finish(&path);
    buffer_finish(&copy);
    if (same)
        return 0;
    if (r->journal && journal_commit(r->journal, now, err) != 0)
        return -1;
    return rundir_write(r->dir, "job.yaml", job->text, job->text_length, err);
}

int resume_emit(struct resume *r, struct event_sink *sink, const struct event *begin,
                const struct event *again, int64_t now, br_error *err)
{
    if (r->idle)
        return 0;
    const struct event *first = r->state.begun ? again : begin;
    if (sink->take(sink, first, err) != 0)
        return -1;
    if (r->state.begun && r->state.sink.take(&r->state.sink, again, err) != 0)
        return -1;
    if (accept_emit(&r->fingerprint, r->dir, first->time_ns, sink, &r->state, err) != 0)
        return -1;
    if (fingerprint_emit(&r->fingerprint, first->time_ns, sink, err) != 0)
        return -1;
    return r->state.begun ? renew_job_file(r, now, err) : 0;
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
        buffer_text(out, r->idle ? " of its tasks failed" : " of them failed");
        buffer_text(out, r->state.failed == 1 ? " (--retry-failed runs it again)"
                                              : " (--retry-failed runs them again)");
    }
    buffer_char(out, '\n');
}

// SPDX-License-Identifier: BSD-3-Clause
#include "run/fingerprint.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "jobfile/spec_settings.h"
#include "journal/journal.h"

// ---- Parts

// Returns whether a key of a phase, or of `defaults`, has no effect on the results of tasks.
static bool is_about_how(const char *key)
{
    static const char *const keys[] = {"timeout",      "expected_time", "retries",  "priority",
                                       "max_parallel", "chunk_size",    "isolation"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strlen(keys[i]) == strcspn(key, ".") && memcmp(key, keys[i], strlen(keys[i])) == 0)
            return true;
    return false;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_free(const char *path)
{
    if (!strcmp(path, "workers") || starts_with(path, "workers.") || starts_with(path, "limits."))
        return true;
    if (starts_with(path, "defaults."))
        return is_about_how(path + strlen("defaults."));
    const char *name = starts_with(path, "phases.") ? path + strlen("phases.") : NULL;
    const char *dot = name ? strchr(name, '.') : NULL;
    return dot && is_about_how(dot + 1);
}

static int64_t changed_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec;
}

static int64_t file_changed(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? changed_ns(&st) : 0;
}

static struct fingerprint_part *add_part(struct fingerprint_parts *parts, const char *what,
                                         const char *name, br_error *err)
{
    char *what_copy = strdup(what), *name_copy = strdup(name);
    struct fingerprint_part *part =
        what_copy && name_copy ? array_add(&parts->items, &parts->count, sizeof *part, err) : NULL;
    if (!part) {
        free(what_copy);
        free(name_copy);
        br_error_nomem(err);
        return NULL;
    }
    *part = (struct fingerprint_part){.what = what_copy, .name = name_copy, .phase = SIZE_MAX};
    return part;
}

// Several --set differ in their texts.
static struct fingerprint_part *find_part(const struct fingerprint_parts *parts, const char *what,
                                          const char *name)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct fingerprint_part *p = &parts->items[i];
        if (strcmp(p->what, what) == 0 &&
            (strcmp(what, "--set") != 0 || strcmp(p->name, name) == 0))
            return p;
    }
    return NULL;
}

static void drop_part(struct fingerprint_parts *parts, struct fingerprint_part *part)
{
    free(part->what);
    free(part->name);
    parts->count--;
    memmove(part, part + 1, (size_t)(parts->items + parts->count - part) * sizeof *part);
}

static void finish_parts(struct fingerprint_parts *parts)
{
    while (parts->count > 0)
        drop_part(parts, &parts->items[parts->count - 1]);
    free(parts->items);
}

// ---- What there is

static int add_job(struct fingerprint *s, br_error *err)
{
    const struct job *job = s->prepared->job;
    struct buffer settings = BUFFER_EMPTY;
    struct fingerprint_part *part = add_part(&s->is, "job file", job->file, err);
    int result = part ? spec_settings(job->text, job->text_length, is_free, &settings, err) : -1;
    if (result == 0) {
        part->hash = journal_hash(0, settings.data, settings.length);
        part->changed_ns = file_changed(job->file);
    }
    buffer_finish(&settings);
    return result;
}

static int add_override(struct fingerprint *s, const struct spec_override *o, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "%s=%s", o->path, o->value);
    char *name = buffer_take_string(&text, err);
    struct fingerprint_part *part = name ? add_part(&s->is, "--set", name, err) : NULL;
    if (part)
        part->hash = journal_hash(0, name, strlen(name));
    free(name);
    return part ? 0 : -1;
}

static int hash_file(int fd, uint64_t *hash)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -1;
    void *data =
        st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED)
        return -1;
    *hash = journal_hash(0, data, (size_t)st.st_size);
    if (data)
        munmap(data, (size_t)st.st_size);
    return 0;
}

static int add_plugin(struct fingerprint *s, size_t i, br_error *err)
{
    const struct plugin_file *file = &s->prepared->plugin_files[i];
    const char *path = file->source.path;
    uint64_t hash;
    int own = file->fd < 0 ? fd_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    int result = hash_file(file->fd < 0 ? own : file->fd, &hash);
    if (result != 0)
        br_error_errno(err, "cannot read the plugin %s", path);
    fd_close(&own);
    if (result != 0)
        return -1;
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "plugin %s", s->prepared->job->plugins[i].name);
    char *what = buffer_take_string(&text, err);
    struct fingerprint_part *part = what ? add_part(&s->is, what, path, err) : NULL;
    free(what);
    if (!part)
        return -1;
    part->hash = hash;
    part->changed_ns = file_changed(path);
    return 0;
}

// Adds the inputs of a phase as its tasks get them: converted. `args` belong to the job file.
static int add_inputs(struct fingerprint *s, size_t i, br_error *err)
{
    const struct job_phase *spec = &s->prepared->job->phases[i];
    if (!s->prepared->phases[i].loaded)
        return 0; // its inputs come from another phase
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "inputs of phase %s", spec->name);
    const enum job_input_kind kind = spec->inputs.kind;
    bool file = kind == INPUT_LINES || kind == INPUT_CSV || kind == INPUT_GLOB;
    char *what = buffer_take_string(&text, err);
    struct fingerprint_part *part =
        what ? add_part(&s->is, what, file ? spec->inputs.path : "", err) : NULL;
    free(what);
    if (!part)
        return -1;
    part->phase = i;
    part->hash = row_hashes_all(s->prepared, i);
    return 0;
}

// ---- What there was

static int set_past(struct fingerprint *s, const char *what, const char *name, uint64_t hash,
                    int64_t file_ns, br_error *err)
{
    struct fingerprint_part *part = find_part(&s->was, what, name);
    if (!part)
        part = add_part(&s->was, what, name, err);
    if (!part)
        return -1;
    part->hash = hash;
    part->changed_ns = file_ns;
    return 0;
}

static int take_accept(struct fingerprint *s, const struct event_accept *e, br_error *err)
{
    struct fingerprint_part *gone = e->new_hash == 0 ? find_part(&s->was, e->what, e->name) : NULL;
    if (gone)
        drop_part(&s->was, gone);
    return e->new_hash == 0 ? 0 : set_past(s, e->what, e->name, e->new_hash, e->new_ns, err);
}

static int fingerprint_take(struct event_sink *sink, const struct event *e, br_error *err)
{
    struct fingerprint *s = (struct fingerprint *)sink;
    if (e->type == EVENT_SOURCE)
        return set_past(s, e->source.what, e->source.name, e->source.hash, e->source.changed_ns,
                        err);
    if (e->type == EVENT_ACCEPT)
        return take_accept(s, &e->accept, err);
    if (e->type != EVENT_INPUT_ROWS)
        return 0;
    const struct fingerprint_part *is = find_part(&s->is, e->input_rows.what, "");
    return is && is->phase != SIZE_MAX
               ? past_rows_take(&s->past_rows[is->phase], &e->input_rows, err)
               : 0;
}

// ---- Comparing

static int add_change(struct fingerprint *s, enum accept_kind kind, struct fingerprint_part *was,
                      struct fingerprint_part *is, br_error *err)
{
    struct fingerprint_change *c =
        array_add(&s->changes, &s->change_count, sizeof *s->changes, err);
    if (!c)
        return -1;
    *c = (struct fingerprint_change){.kind = kind, .was = was, .is = is};
    return 0;
}

// Inputs whose rows are all the same are known, though they may be stored in another way.
static int compare_inputs(struct fingerprint *s, struct fingerprint_part *was,
                          struct fingerprint_part *is, br_error *err)
{
    struct row_changes rows;
    if (row_hashes_compare(&s->past_rows[is->phase], was->hash, s->prepared, is->phase, &rows,
                           err) != 0) {
        row_changes_finish(&rows);
        return -1;
    }
    if (rows.changed == 0 && rows.old_rows == rows.rows) {
        was->known = is->known = true;
        row_changes_finish(&rows);
        return 0;
    }
    if (add_change(s, ACCEPT_INPUTS, was, is, err) != 0) {
        row_changes_finish(&rows);
        return -1;
    }
    s->changes[s->change_count - 1].rows = rows;
    return 0;
}

static int compare_part(struct fingerprint *s, struct fingerprint_part *is, bool started,
                        br_error *err)
{
    struct fingerprint_part *was = find_part(&s->was, is->what, is->name);
    if (!was)
        return started ? add_change(s, ACCEPT_JOB, NULL, is, err) : 0;
    was->known = is->known = was->hash == is->hash;
    if (is->known)
        return 0;
    if (is->phase != SIZE_MAX)
        return compare_inputs(s, was, is, err);
    bool plugin = starts_with(is->what, "plugin ");
    return add_change(s, plugin ? ACCEPT_PLUGIN : ACCEPT_JOB, was, is, err);
}

int fingerprint_compare(struct fingerprint *s, bool started, br_error *err)
{
    for (size_t i = 0; i < s->is.count; i++)
        if (compare_part(s, &s->is.items[i], started, err) != 0)
            return -1;
    // What is left of the past was in the job that has changed.
    for (size_t i = 0; i < s->was.count; i++) {
        struct fingerprint_part *was = &s->was.items[i];
        if (!find_part(&s->is, was->what, was->name) &&
            add_change(s, ACCEPT_JOB, was, NULL, err) != 0)
            return -1;
    }
    return 0;
}

static bool is_change(const struct fingerprint *s, const struct fingerprint_part *is)
{
    for (size_t i = 0; i < s->change_count; i++)
        if (s->changes[i].is == is)
            return true;
    return false;
}

int fingerprint_emit(struct fingerprint *s, int64_t time_ns, struct event_sink *sink, br_error *err)
{
    for (size_t i = 0; i < s->is.count; i++) {
        const struct fingerprint_part *p = &s->is.items[i];
        struct event e = {.type = EVENT_SOURCE,
                          .time_ns = time_ns,
                          .source = {p->what, p->name, p->hash, p->changed_ns}};
        if (!p->known && !is_change(s, p) && sink->take(sink, &e, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->is.count; i++) {
        const struct fingerprint_part *p = &s->is.items[i];
        const struct fingerprint_part *was = find_part(&s->was, p->what, p->name);
        if (p->phase == SIZE_MAX || (was && p->known && was->hash != p->hash) ||
            past_rows_whole(&s->past_rows[p->phase], p->hash))
            continue;
        if (row_hashes_emit(s->prepared, p->phase, p->what, p->hash, time_ns, sink, err) != 0)
            return -1;
    }
    return 0;
}

// ---- All of it

static int find_all(struct fingerprint *s, const struct spec_override *overrides,
                    size_t override_count, br_error *err)
{
    const struct job *job = s->prepared->job;
    s->past_rows = calloc(job->phase_count + 1, sizeof *s->past_rows);
    int result = s->past_rows ? add_job(s, err) : br_error_nomem(err);
    for (size_t i = 0; result == 0 && i < override_count; i++)
        if (!is_free(overrides[i].path))
            result = add_override(s, &overrides[i], err);
    for (size_t i = 0; result == 0 && i < job->plugin_count; i++)
        result = add_plugin(s, i, err);
    for (size_t i = 0; result == 0 && i < job->phase_count; i++)
        result = add_inputs(s, i, err);
    return result;
}

int fingerprint_make(struct fingerprint *out, const struct prepared *prepared,
                     const struct spec_override *overrides, size_t override_count, br_error *err)
{
    *out = (struct fingerprint){.sink.take = fingerprint_take, .prepared = prepared};
    if (find_all(out, overrides, override_count, err) == 0)
        return 0;
    fingerprint_finish(out);
    return -1;
}

void fingerprint_finish(struct fingerprint *s)
{
    for (size_t i = 0; i < s->change_count; i++)
        row_changes_finish(&s->changes[i].rows);
    for (size_t i = 0; s->past_rows && i < s->prepared->job->phase_count; i++)
        past_rows_finish(&s->past_rows[i]);
    free(s->past_rows);
    free(s->changes);
    finish_parts(&s->is);
    finish_parts(&s->was);
    *s = (struct fingerprint){0};
}

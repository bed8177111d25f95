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
#include "base/fd.h"
#include "journal/journal.h"

static const char hint[] = "--fresh sets that run aside and starts anew";

// ---- What there is

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

// Adds a part and empties both buffers.
static int add(struct fingerprint *s, struct buffer *what, struct buffer *name, uint64_t hash,
               br_error *err)
{
    char *what_text = buffer_take_string(what, err);
    char *name_text = buffer_take_string(name, err);
    struct fingerprint_part *part =
        what_text && name_text ? array_add(&s->items, &s->count, sizeof *s->items, err) : NULL;
    if (!part) {
        free(what_text);
        free(name_text);
        return -1;
    }
    *part = (struct fingerprint_part){.what = what_text, .name = name_text, .hash = hash};
    return 0;
}

static int add_job(struct fingerprint *s, br_error *err)
{
    const struct job *job = s->prepared->job;
    struct buffer what = BUFFER_EMPTY, name = BUFFER_EMPTY;
    buffer_text(&what, "job file");
    buffer_text(&name, job->file);
    return add(s, &what, &name, journal_hash(0, job->text, job->text_length), err);
}

static int add_override(struct fingerprint *s, const struct spec_override *o, br_error *err)
{
    struct buffer what = BUFFER_EMPTY, name = BUFFER_EMPTY;
    buffer_text(&what, "--set");
    buffer_format(&name, "%s=%s", o->path, o->value);
    return add(s, &what, &name, journal_hash(0, name.data, name.length), err);
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
    struct buffer what = BUFFER_EMPTY, name = BUFFER_EMPTY;
    buffer_format(&what, "plugin %s", s->prepared->job->plugins[i].name);
    buffer_text(&name, path);
    return add(s, &what, &name, hash, err);
}

// Adds the inputs of a phase as its tasks get them: converted, with `args`.
static int add_inputs(struct fingerprint *s, size_t i, br_error *err)
{
    const struct prepared_phase *phase = &s->prepared->phases[i];
    const struct job_phase *spec = &s->prepared->job->phases[i];
    if (!phase->loaded)
        return 0; // its inputs come from another phase
    struct buffer what = BUFFER_EMPTY, name = BUFFER_EMPTY;
    buffer_format(&what, "inputs of phase %s", spec->name);
    const enum job_input_kind kind = spec->inputs.kind;
    if (kind == INPUT_LINES || kind == INPUT_CSV || kind == INPUT_GLOB)
        buffer_text(&name, spec->inputs.path);
    return add(s, &what, &name, journal_hash(0, phase->image.data, phase->image.length), err);
}

// ---- What there was

// Returns the first line in which the job file differs from the run's copy; 0 if there is no copy.
static size_t differing_line(const struct fingerprint *s)
{
    struct buffer copy = BUFFER_EMPTY, path = BUFFER_EMPTY;
    const struct job *job = s->prepared->job;
    buffer_format(&path, "%s/job.yaml", s->dir->path);
    buffer_char(&path, '\0');
    size_t line = 0;
    if (!path.failed && fd_read_file(path.data, "job file", 1 << 30, &copy, NULL) == 0) {
        line = 1;
        for (size_t i = 0; i < copy.length && i < job->text_length && copy.data[i] == job->text[i];
             i++)
            line += copy.data[i] == '\n';
    }
    buffer_finish(&path);
    buffer_finish(&copy);
    return line;
}

static int refuse(const struct fingerprint *s, const struct event_source *was, br_error *err)
{
    const char *run = s->dir->path;
    size_t line;
    if (strcmp(was->what, "--set") == 0)
        return br_error_set(err, BR_ERR_USAGE,
                            "the run in %s was started with --set %s: give it again; or %s", run,
                            was->name, hint);
    if (strcmp(was->what, "job file") == 0 && (line = differing_line(s)) > 0)
        return br_error_set(err, BR_ERR_USAGE,
                            "the job file has changed since the run in %s started, first in line "
                            "%zu; %s/job.yaml is the earlier one, and %s",
                            run, line, run, hint);
    return br_error_set(err, BR_ERR_USAGE, "the %s%s%s %s changed since the run in %s started; %s",
                        was->what, was->name[0] ? ", " : "", was->name,
                        starts_with(was->what, "inputs") ? "have" : "has", run, hint);
}

// Returns -1 and *err if the fingerprint has a part that the journal does not. `what` limits this
// to parts of one kind, unless it is NULL.
static int check_new(const struct fingerprint *s, const char *what, br_error *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].known && (!what || strcmp(what, s->items[i].what) == 0))
            return br_error_set(err, BR_ERR_USAGE,
                                "the run in %s was started without %s %s: leave it out; or %s",
                                s->dir->path, s->items[i].what, s->items[i].name, hint);
    return 0;
}

static int fingerprint_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct fingerprint *s = (struct fingerprint *)sink;
    const struct event_source *was = &event->source;
    if (event->type != EVENT_SOURCE)
        return 0;
    // The journal has the job file and --set before the parts that they influence.
    bool follows = strcmp(was->what, "job file") != 0 && strcmp(was->what, "--set") != 0;
    if (follows && check_new(s, "--set", err) != 0)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        struct fingerprint_part *is = &s->items[i];
        if (strcmp(is->what, was->what) == 0 && is->hash == was->hash) {
            is->known = true;
            return 0;
        }
    }
    return refuse(s, was, err);
}

int fingerprint_check_new(const struct fingerprint *s, br_error *err)
{
    return check_new(s, NULL, err);
}

// ---- All of it

static int find_all(struct fingerprint *s, const struct spec_override *overrides,
                    size_t override_count, br_error *err)
{
    const struct job *job = s->prepared->job;
    int result = add_job(s, err);
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
                     const struct spec_override *overrides, size_t override_count,
                     const struct rundir *dir, br_error *err)
{
    *out = (struct fingerprint){.sink.take = fingerprint_take, .prepared = prepared, .dir = dir};
    if (find_all(out, overrides, override_count, err) == 0)
        return 0;
    fingerprint_finish(out);
    return -1;
}

void fingerprint_finish(struct fingerprint *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].what);
        free(s->items[i].name);
    }
    free(s->items);
    *s = (struct fingerprint){0};
}

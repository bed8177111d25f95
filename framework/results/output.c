// SPDX-License-Identifier: BSD-3-Clause
#include "results/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "results/output_format.h"

enum {
    STREAM_SIZE = 256 * 1024
};

// ---- Stream

static int write_failed(const struct output_stream *s, br_error *err)
{
    int cause = errno;
    br_error_errno(err, "cannot write %s", s->path);
    // A full disk interrupts the run; what stands behind standard output is not ours to wait for.
    bool full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
    if (err && full && s->fd != STDOUT_FILENO)
        err->kind = BR_ERR_INTERRUPTED;
    return -1;
}

static int flush(struct output_stream *s, br_error *err)
{
    size_t count = s->length;
    s->length = 0;
    if (s->closed || fd_write_all(s->fd, s->data, count) == 0)
        return 0;
    if (errno == EPIPE && s->fd == STDOUT_FILENO) {
        s->closed = true;
        return 0;
    }
    return write_failed(s, err);
}

char *output_room(struct output_stream *s, size_t count, br_error *err)
{
    if (count > STREAM_SIZE - s->length && flush(s, err) != 0)
        return NULL;
    return s->data + s->length;
}

int output_bytes(struct output_stream *s, const void *data, size_t count, br_error *err)
{
    const char *at = data;
    while (count > 0) {
        if (s->length == STREAM_SIZE && flush(s, err) != 0)
            return -1;
        size_t part = STREAM_SIZE - s->length < count ? STREAM_SIZE - s->length : count;
        memcpy(s->data + s->length, at, part);
        s->length += part;
        at += part;
        count -= part;
    }
    return 0;
}

int output_base64(struct output_stream *s, const char *data, size_t count, br_error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)data;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= left > 2 ? in[i + 2] : 0;
        char *to = output_room(s, 4, err);
        if (!to)
            return -1;
        for (int d = 0; d < 4; d++)
            to[d] = digits[bits >> (18 - 6 * d) & 63];
        if (left < 3)
            to[3] = '=';
        if (left < 2)
            to[2] = '=';
        output_used(s, 4);
    }
    return 0;
}

int output_each(struct output_stream *s, const struct output_rows *rows,
                int (*row)(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                           br_error *err),
                br_error *err)
{
    const struct results *r = rows->results;
    uint64_t end = results_rows(r);
    for (uint64_t i = results_next(r, 0); i < end && !s->closed; i = results_next(r, i + 1)) {
        results_cells(r, i, rows->cells);
        if (row(s, rows, i, err) != 0)
            return -1;
    }
    return 0;
}

// ---- Formats

int output_format_of(const char *path, enum output_format *format, br_error *err)
{
    static const char *const endings[] = {".csv", ".jsonl", ".npy"};
    if (!strcmp(path, "-")) {
        *format = OUTPUT_CSV;
        return 0;
    }
    size_t length = strlen(path);
    for (size_t i = 0; i < 3; i++) {
        size_t count = strlen(endings[i]);
        // More than the ending: ".csv" alone is a hidden file without one.
        if (length > count && path[length - count - 1] != '/' &&
            !strcmp(path + length - count, endings[i])) {
            *format = (enum output_format)i;
            return 0;
        }
    }
    return br_error_set(err, BR_ERR_USAGE,
                        "%s: the ending says how results are written: .csv, .jsonl or .npy", path);
}

int output_check(enum output_format format, const struct result_layout *layout, br_error *err)
{
    if (format != OUTPUT_NPY)
        return 0;
    for (size_t i = 0; i < layout->schema.count; i++)
        if (layout->schema.columns[i].type < BR_STR)
            return 0;
    return br_error_set(err, BR_ERR_USAGE,
                        "a .npy file holds numbers only, and no result column is one");
}

static int write_rows(struct output_stream *s, enum output_format format,
                      const struct output_rows *rows, br_error *err)
{
    static int (*const writers[])(struct output_stream *, const struct output_rows *,
                                  br_error *) = {output_csv, output_jsonl, output_npy};
    s->data = malloc(STREAM_SIZE);
    if (!s->data)
        return br_error_nomem(err);
    int result = writers[format](s, rows, err);
    if (result == 0)
        result = flush(s, err);
    free(s->data);
    s->data = NULL;
    return result;
}

// ---- Files

static int other_kind(const char *path, br_error *err)
{
    return br_error_set(err, BR_ERR_USAGE, "cannot write %s: it is there and is not a regular file",
                        path);
}

// Malloc'd; NULL when out of memory.
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

int output_check_place(const char *path, br_error *err)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return 0;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return other_kind(path, err);
    char *directory = directory_of(path);
    if (!directory)
        return br_error_nomem(err);
    int result = 0;
    if (access(directory, W_OK | X_OK) != 0)
        result = br_error_set(err, BR_ERR_USAGE, "cannot write %s: %s: %s", path, directory,
                              strerror(errno));
    free(directory);
    return result;
}

// What is written in the end: behind a symbolic link, its target. Malloc'd; NULL and *err.
static char *final_path(const char *path, br_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        char *copy = strdup(path);
        if (!copy)
            br_error_nomem(err);
        return copy;
    }
    if (!S_ISREG(st.st_mode)) {
        other_kind(path, err);
        return NULL;
    }
    char *real = realpath(path, NULL);
    if (!real)
        br_error_errno(err, "cannot write %s", path);
    return real;
}

// Creates the temporary file beside `path`, with the rights that a new file gets; one that a run
// which was killed left behind goes. Its name is malloc'd; NULL and *err.
static char *create_beside(const char *path, const char *tag, int *fd, br_error *err)
{
    struct buffer name = BUFFER_EMPTY;
    buffer_format(&name, "%s.%s.tmp", path, tag);
    char *text = buffer_take_string(&name, err);
    if (!text)
        return NULL;
    if (unlink(text) == 0 || errno == ENOENT)
        *fd = fd_open(AT_FDCWD, text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd >= 0)
        return text;
    write_failed(&(struct output_stream){.path = path}, err);
    free(text);
    return NULL;
}

// Makes the rename last. A file system that cannot sync a directory does without.
static void sync_directory(const char *path)
{
    char *directory = directory_of(path);
    int fd = directory ? fd_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) : -1;
    if (fd >= 0)
        fd_sync(fd);
    fd_close(&fd);
    free(directory);
}

static int fill_file(const char *path, int *fd, enum output_format format,
                     const struct output_rows *rows, br_error *err)
{
    struct output_stream s = {.fd = *fd, .path = path};
    if (write_rows(&s, format, rows, err) != 0)
        return -1;
    if (fd_sync(*fd) != 0)
        return write_failed(&s, err);
    // Network file systems report what went wrong here at the latest.
    int closing = *fd;
    *fd = -1;
    return close(closing) == 0 ? 0 : write_failed(&s, err);
}

static int write_file(const char *path, const char *tag, enum output_format format,
                      const struct output_rows *rows, br_error *err)
{
    char *target = final_path(path, err);
    if (!target)
        return -1;
    int fd = -1;
    char *temporary = create_beside(target, tag, &fd, err);
    int result = -1;
    if (temporary) {
        result = fill_file(path, &fd, format, rows, err);
        if (result == 0 && fd_rename(AT_FDCWD, temporary, AT_FDCWD, target) != 0)
            result = write_failed(&(struct output_stream){.path = path}, err);
        if (result == 0)
            sync_directory(target);
        else
            unlink(temporary);
    }
    fd_close(&fd);
    free(temporary);
    free(target);
    return result;
}

// A closed pipe must not kill the process that embeds us, whatever it does with SIGPIPE: blocked
// while we write, and taken away if we caused one.
static int write_standard(enum output_format format, const struct output_rows *rows, br_error *err)
{
    struct output_stream s = {
        .fd = STDOUT_FILENO, .path = "standard output", .terminal = isatty(STDOUT_FILENO)};
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    int blocked = pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    if (blocked != 0) {
        errno = blocked;
        return br_error_errno(err, "cannot block SIGPIPE");
    }
    int result = write_rows(&s, format, rows, err);
    if (s.closed && !was_pending)
        while (sigtimedwait(&pipe_only, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int output_write(const char *path, const char *tag, enum output_format format,
                 const struct table *inputs, const struct results *results, br_error *err)
{
    struct schema columns = {0};
    struct result_layout layout = {0};
    const struct schema *schema = results_schema(results);
    if (inputs && table_schema(inputs, &columns, err) != 0)
        return -1;
    struct output_rows rows = {.layout = &layout, .inputs = inputs, .results = results};
    rows.cells = calloc(schema->count + 1, sizeof *rows.cells);
    int result = -1;
    if (!rows.cells)
        br_error_nomem(err);
    else if (result_layout_make(inputs ? &columns : NULL, schema, &layout, err) == 0 &&
             output_check(format, &layout, err) == 0)
        result = strcmp(path, "-") ? write_file(path, tag, format, &rows, err)
                                   : write_standard(format, &rows, err);
    free(rows.cells);
    result_layout_finish(&layout);
    schema_finish(&columns);
    return result;
}

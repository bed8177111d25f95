// SPDX-License-Identifier: BSD-3-Clause
// Writes a result file: chooses the format, and replaces the file at once.
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
        // ".csv" alone is a hidden file without an ending.
        if (length > count && path[length - count - 1] != '/' &&
            !strcmp(path + length - count, endings[i])) {
            *format = (enum output_format)i;
            return 0;
        }
    }
    return br_error_set(err, BR_ERR_USAGE,
                        "%s: the ending chooses the format: .csv, .jsonl or .npy", path);
}

int output_check(enum output_format format, const struct result_layout *layout, br_error *err)
{
    if (format != OUTPUT_NPY)
        return 0;
    for (size_t i = 0; i < layout->schema.count; i++)
        if (layout->schema.columns[i].type < BR_STR)
            return 0;
    return br_error_set(err, BR_ERR_USAGE,
                        "a .npy file holds numbers only, and no result column is a number");
}

static int write_rows(struct output_stream *s, enum output_format format,
                      const struct output_rows *rows, br_error *err)
{
    static int (*const writers[])(struct output_stream *, const struct output_rows *,
                                  br_error *) = {output_csv, output_jsonl, output_npy};
    if (output_begin(s, err) != 0)
        return -1;
    int result = writers[format](s, rows, err);
    if (result == 0)
        result = output_flush(s, err);
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

// Returns the directory of a path, malloc'd; NULL when out of memory.
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

// Returns the file to replace, which is the target if `path` is a symbolic link. Malloc'd; NULL and
// *err on failure.
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

// Creates the temporary file beside `path`, with the permissions of a new file. One that a killed
// run left is removed. Returns its name, malloc'd; NULL and *err on failure.
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
    output_failed(&(struct output_stream){.path = path}, err);
    free(text);
    return NULL;
}

// Makes the rename durable, if the file system can sync a directory.
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
        return output_failed(&s, err);
    // A network file system may report a failed write only now.
    int closing = *fd;
    *fd = -1;
    return close(closing) == 0 ? 0 : output_failed(&s, err);
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
            result = output_failed(&(struct output_stream){.path = path}, err);
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

// Writes to standard output. A closed pipe must not kill the process, whatever it does with
// SIGPIPE: the signal is blocked while this writes, and consumed if this caused it.
static int write_standard(enum output_format format, const struct output_rows *rows,
                          const atomic_bool *given_up, br_error *err)
{
    struct output_stream s = {.fd = STDOUT_FILENO,
                              .path = "standard output",
                              .terminal = isatty(STDOUT_FILENO),
                              .given_up = given_up};
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

// Lays the rows out and gives them to the file, or to standard output.
static int write_laid_out(const char *path, const char *tag, enum output_format format,
                          const struct table *inputs, const struct results *results,
                          const atomic_bool *given_up, br_error *err)
{
    struct schema columns = {0};
    struct result_layout layout = {0};
    const struct schema *schema = results_schema(results);
    if (inputs && results_schema_of_table(inputs, &columns, err) != 0)
        return -1;
    struct output_rows rows = {.layout = &layout, .inputs = inputs, .results = results};
    rows.cells = calloc(schema->count + 1, sizeof *rows.cells);
    int result = -1;
    if (!rows.cells)
        br_error_nomem(err);
    else if (result_layout_make(inputs ? &columns : NULL, schema, &layout, err) == 0 &&
             output_check(format, &layout, err) == 0) {
        result_layout_mark_written(&layout, inputs);
        result = strcmp(path, "-") ? write_file(path, tag, format, &rows, err)
                                   : write_standard(format, &rows, given_up, err);
    }
    free(rows.cells);
    result_layout_finish(&layout);
    schema_finish(&columns);
    return result;
}

int output_write(const char *path, const char *tag, enum output_format format,
                 const struct table *inputs, const struct results *results, br_error *err)
{
    return write_laid_out(path, tag, format, inputs, results, NULL, err);
}

int output_write_standard(enum output_format format, const struct table *inputs,
                          const struct results *results, const atomic_bool *given_up, br_error *err)
{
    return write_laid_out("-", "", format, inputs, results, given_up, err);
}

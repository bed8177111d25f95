// SPDX-License-Identifier: BSD-3-Clause
// Creates a run directory, sets an old one aside, and opens and writes files in it.
#include "journal/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "journal/rundir_try.h"
#include "journal/runlock.h"

enum {
    ASIDE_MAX = 100000
};

static char *join(const char *directory, const char *name, const char *suffix, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    if (strcmp(directory, ".") != 0)
        buffer_format(&text, "%s%s", directory, strcmp(directory, "/") == 0 ? "" : "/");
    buffer_format(&text, "%s%s", name, suffix);
    return buffer_take_string(&text, err);
}

// Returns the directory in which NAME.run is created, malloc'd; NULL and *err when out of memory.
static char *parent_of(const struct rundir_options *o, br_error *err)
{
    const char *slash = strrchr(o->job_file, '/');
    char *parent = o->directory           ? strdup(o->directory)
                   : !slash               ? strdup(".")
                   : slash == o->job_file ? strdup("/")
                                          : strndup(o->job_file, (size_t)(slash - o->job_file));
    if (!parent)
        br_error_nomem(err);
    return parent;
}

// ---- A run that exists

static int refuse_existing(const char *path, bool has_journal, br_error *err)
{
    if (has_journal)
        return br_error_set(err, BR_ERR_USAGE,
                            "%s already holds a run: --resume continues it, --fresh sets it aside, "
                            "--dir DIR writes the new run elsewhere",
                            path);
    return br_error_set(err, BR_ERR_USAGE,
                        "%s already exists and holds no run: --fresh sets it aside, --dir DIR "
                        "writes the new run elsewhere",
                        path);
}

// Renames without replacing, if the file system can; else the caller has just seen the name free.
static int rename_to_free(int parent, const char *from, const char *to)
{
    if (renameat2(parent, from, parent, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    struct stat st;
    if (fstatat(parent, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
        errno = EEXIST;
    else if (errno == ENOENT)
        return fd_rename(parent, from, parent, to);
    return -1;
}

static int set_aside(int parent, const char *entry, struct rundir *d, br_error *err)
{
    size_t size = strlen(d->path) + 16;
    char *aside = malloc(size);
    if (!aside)
        return br_error_nomem(err);
    const char *aside_entry = aside + (strlen(d->path) - strlen(entry));
    for (int n = 1; n <= ASIDE_MAX; n++) {
        snprintf(aside, size, "%s.%d", d->path, n);
        if (rename_to_free(parent, entry, aside_entry) == 0) {
            d->set_aside = aside;
            return 0;
        }
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            break;
    }
    free(aside);
    return rundir_fail(err, "set aside", d->path);
}

// Returns -1 with ELOOP if the entry is a symbolic link.
static int open_directory(int parent, const char *entry)
{
    struct stat st;
    int fd = fd_open(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0 && errno == ENOTDIR)
        errno = fstatat(parent, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)
                    ? ELOOP
                    : ENOTDIR;
    return fd;
}

static int open_existing(int parent, const char *entry, struct rundir *d, br_error *err)
{
    d->fd = open_directory(parent, entry);
    if (d->fd < 0 && errno == ELOOP)
        return br_error_set(err, BR_ERR_USAGE,
                            "%s already exists and is not a directory, but a symbolic link, which "
                            "batchrun does not follow: --dir DIR writes the run elsewhere",
                            d->path);
    if (d->fd < 0 && errno == ENOTDIR)
        return br_error_set(
            err, BR_ERR_USAGE,
            "%s already exists and is not a directory: --dir DIR writes the run elsewhere",
            d->path);
    if (d->fd < 0)
        return rundir_fail(err, "open", d->path);
    struct stat st;
    d->has_journal = fstatat(d->fd, "journal", &st, AT_SYMLINK_NOFOLLOW) == 0;
    return 0;
}

// Sets an existing directory aside, or refuses to.
static int clear_way(int parent, const char *entry, bool fresh, struct rundir *d, br_error *err)
{
    if (!fresh)
        return runlock_refuse(d->fd, d->path, err) != 0
                   ? -1
                   : refuse_existing(d->path, d->has_journal, err);
    // The lock is held until the directory is renamed. Whoever gets it then finds the old name
    // gone.
    int lock = runlock_take(d->fd, d->path, err);
    if (lock < 0)
        return -1;
    fd_close(&d->fd);
    d->has_journal = false;
    int result = set_aside(parent, entry, d, err);
    fd_close(&lock);
    return result;
}

// ---- Creating the directory

// Sets *made to whether the directory is new.
static int make_directory(int parent, const char *entry, const struct rundir_options *o,
                          struct rundir *d, bool *made, br_error *err)
{
    *made = mkdirat(parent, entry, 0700) == 0;
    if (!*made) {
        if (errno != EEXIST)
            return rundir_fail(err, "make the run's directory", d->path);
        if (open_existing(parent, entry, d, err) != 0)
            return -1;
        if (o->resume || o->is_try)
            return 0;
        if (clear_way(parent, entry, o->fresh, d, err) != 0)
            return -1;
        *made = mkdirat(parent, entry, 0700) == 0;
    }
    if (*made)
        d->fd = open_directory(parent, entry);
    return d->fd >= 0 ? 0 : rundir_fail(err, "make the run's directory", d->path);
}

static int make_part(struct rundir *d, const char *entry, int *fd, br_error *err)
{
    if (mkdirat(d->fd, entry, 0700) == 0 || errno == EEXIST)
        *fd = open_directory(d->fd, entry);
    if (*fd >= 0)
        return 0;
    char what[32];
    snprintf(what, sizeof what, "make %s/ in", entry);
    return rundir_fail(err, what, d->path);
}

static int fill(struct rundir *d, const struct rundir_options *o, br_error *err)
{
    if (make_part(d, "logs", &d->logs, err) != 0 || make_part(d, "results", &d->results, err) != 0)
        return -1;
    return d->has_journal ? 0 : rundir_write(d, "job.yaml", o->job, o->job_size, err);
}

// Removes only what fill has made, never a tree.
static void take_down(int parent, const char *entry, const struct rundir *d)
{
    if (d->fd >= 0) {
        unlinkat(d->fd, "job.yaml", 0);
        unlinkat(d->fd, "lock", 0);
        unlinkat(d->fd, "results", AT_REMOVEDIR);
        unlinkat(d->fd, "logs", AT_REMOVEDIR);
    }
    unlinkat(parent, entry, AT_REMOVEDIR);
}

// Takes the lock of the directory, and checks that its name was not given to another one meanwhile.
static int lock_directory(int parent, const char *entry, struct rundir *d, br_error *err)
{
    struct stat named, ours;
    d->lock = runlock_take(d->fd, d->path, err);
    if (d->lock < 0)
        return -1;
    if (fstatat(parent, entry, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(d->fd, &ours) == 0 &&
        named.st_dev == ours.st_dev && named.st_ino == ours.st_ino)
        return 0;
    fd_close(&d->lock);
    return br_error_set(err, BR_ERR_USAGE,
                        "another run started in %s at the same time: when it has ended, --resume "
                        "continues it and --fresh sets it aside",
                        d->path);
}

static int create_in(int parent, const char *entry, const struct rundir_options *o,
                     struct rundir *d, br_error *err)
{
    bool made;
    if (make_directory(parent, entry, o, d, &made, err) != 0)
        return -1;
    if (lock_directory(parent, entry, d, err) != 0)
        return -1;
    int result = o->is_try && !made ? rundir_empty_try(d, err) : 0;
    if (result == 0)
        result = fill(d, o, err);
    if (result != 0 && made)
        take_down(parent, entry, d);
    return result;
}

static int refuse_parent(const struct rundir_options *o, const char *path, br_error *err)
{
    int number = errno;
    br_error_errno(err, "cannot open the directory %s", path);
    if (err && o->directory)
        br_error_set(err, err->kind, "%s; --dir or BATCHRUN_DIR names it", err->text);
    if (err)
        rundir_set_kind(err, number);
    return -1;
}

int rundir_create(struct rundir *out, const struct rundir_options *o, br_error *err)
{
    if (o->name[0] == '\0' || o->name[0] == '.' || strchr(o->name, '/'))
        return br_error_set(err, BR_ERR_USAGE, "`%s` cannot name a run directory", o->name);
    struct rundir d = RUNDIR_NONE;
    char *parent_path = parent_of(o, err);
    if (!parent_path)
        return -1;
    int result = -1;
    int parent = -1;
    const char *suffix = o->is_try ? ".try.run" : ".run";
    d.path = join(parent_path, o->name, suffix, err);
    d.logs_path = d.path ? join(d.path, "logs", "", err) : NULL;
    d.results_path = d.logs_path ? join(d.path, "results", "", err) : NULL;
    if (d.results_path) {
        parent = fd_open(AT_FDCWD, parent_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        result = parent < 0
                     ? refuse_parent(o, parent_path, err)
                     : create_in(parent, d.path + strlen(d.path) - strlen(o->name) - strlen(suffix),
                                 o, &d, err);
    }
    fd_close(&parent);
    free(parent_path);
    if (result == 0)
        *out = d;
    else
        rundir_finish(&d);
    return result;
}

void rundir_finish(struct rundir *d)
{
    int saved = errno;
    if (d->path) {
        fd_close(&d->fd);
        fd_close(&d->logs);
        fd_close(&d->results);
        fd_close(&d->lock);
    }
    free(d->path);
    free(d->logs_path);
    free(d->results_path);
    free(d->set_aside);
    *d = RUNDIR_NONE;
    errno = saved;
}

// ---- Files in it

// Returns a file's path for a message, in a buffer that the caller finishes.
static const char *shown(struct buffer *text, const char *directory, const char *name)
{
    buffer_format(text, "%s/%s", directory, name);
    buffer_char(text, '\0');
    return text->failed ? name : text->data;
}

static int fail_in(br_error *err, const char *what, const char *directory, const char *name)
{
    int saved = errno;
    struct buffer text = BUFFER_EMPTY;
    const char *path = shown(&text, directory, name);
    errno = saved;
    rundir_fail(err, what, path);
    buffer_finish(&text);
    return -1;
}

int rundir_open_log(const struct rundir *d, unsigned worker, unsigned stream, br_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "worker-%u.%s", worker, stream == 1 ? "out" : "err");
    int fd = fd_open(d->logs, name,
                     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                     0600);
    if (fd < 0 && errno != ENXIO) // a FIFO that nobody reads
        return fail_in(err, "open the log", d->logs_path, name);
    struct stat st = {0};
    // O_NONBLOCK was only for opening: a writer of the log expects a plain file.
    if (fd >= 0 && (fstat(fd, &st) != 0 || fcntl(fd, F_SETFL, O_APPEND) != 0))
        fail_in(err, "open the log", d->logs_path, name);
    else if (!S_ISREG(st.st_mode))
        br_error_set(err, BR_ERR_USAGE, "the log %s/%s is not a regular file", d->logs_path, name);
    else
        return fd;
    fd_close(&fd);
    return -1;
}

static int write_new(const struct rundir *d, const char *name, const void *data, size_t size,
                     br_error *err)
{
    int fd = fd_open(d->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_in(err, "make", d->path, name);
    int result = fd_write_all(fd, data, size);
    int saved = errno;
    // A network file system may report a full disk only now.
    if (close(fd) != 0 && result == 0) {
        saved = errno;
        result = -1;
    }
    errno = saved;
    return result == 0 ? 0 : fail_in(err, "write", d->path, name);
}

int rundir_write(const struct rundir *d, const char *name, const void *data, size_t size,
                 br_error *err)
{
    char temporary[64];
    int length = snprintf(temporary, sizeof temporary, ".%s.new", name);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return br_error_set(err, BR_ERR_SYSTEM, "the name %s is too long", name);
    if (unlinkat(d->fd, temporary, 0) != 0 && errno != ENOENT)
        return fail_in(err, "remove", d->path, temporary);
    int result = write_new(d, temporary, data, size, err);
    if (result == 0 && fd_rename(d->fd, temporary, d->fd, name) != 0)
        result = fail_in(err, "write", d->path, name);
    if (result != 0)
        unlinkat(d->fd, temporary, 0);
    return result;
}

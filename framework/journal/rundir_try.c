// SPDX-License-Identifier: BSD-3-Clause
#include "journal/rundir_try.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "journal/journal_read.h"

// Sets *is to whether the journal is that of a try, or of a run that was killed before its first
// event. Returns -1 and *err if it cannot be read.
static int look_at_journal(const struct rundir *d, bool *is, br_error *err)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/journal", d->path);
    buffer_char(&path, '\0');
    if (buffer_check(&path, err) != 0)
        return -1;
    struct journal_reader *r = journal_open_at(d->fd, path.data, err);
    struct event first;
    int got = r ? journal_next(r, &first, err) : -1;
    *is = got == 0 || (got > 0 && first.type == EVENT_RUN_BEGIN && first.run_begin.part[0]);
    journal_reader_destroy(r);
    buffer_finish(&path);
    return got < 0 ? -1 : 0;
}

static int fail(const struct rundir *d, const char *name, br_error *err)
{
    return br_error_errno(err, "cannot remove %s/%s of an earlier try", d->path, name);
}

// Removes the files of a directory that is part of the run. What is not a file stays.
static int empty_directory(const struct rundir *d, const char *name, br_error *err)
{
    int fd = fd_open(d->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        int saved = errno;
        fd_close(&fd);
        errno = saved;
        return saved == ENOENT ? 0 : fail(d, name, err);
    }
    const struct dirent *entry;
    int result = 0;
    while (result == 0 && (errno = 0, (entry = readdir(directory)))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, entry->d_name, 0) != 0 && errno != EISDIR && errno != ENOENT)
            result = fail(d, name, err);
    }
    closedir(directory);
    return result;
}

int rundir_empty_try(struct rundir *d, br_error *err)
{
    if (!d->has_journal)
        return 0;
    bool is_try;
    if (look_at_journal(d, &is_try, err) != 0)
        return -1;
    if (!is_try)
        return br_error_set(err, BR_ERR_USAGE,
                            "%s holds a whole run, which a try does not replace: --dir DIR writes "
                            "the try elsewhere",
                            d->path);
    if (empty_directory(d, "results", err) != 0 || empty_directory(d, "logs", err) != 0)
        return -1;
    // The journal comes last: if this process is killed, the next one still finds a try.
    static const char *const files[] = {"summary.json", "job.yaml", "journal"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (unlinkat(d->fd, files[i], 0) != 0 && errno != ENOENT)
            return fail(d, files[i], err);
    d->has_journal = false;
    return 0;
}

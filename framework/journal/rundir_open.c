// SPDX-License-Identifier: BSD-3-Clause
// Finds and opens a run that exists.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "journal/rundir.h"

static bool is_run_name(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".run") == 0;
}

// Returns the time at which the run in parent/`name` last wrote its journal; -1 if it is not a run.
static int64_t last_change(int parent, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    struct stat st;
    buffer_format(&path, "%s/journal", name);
    buffer_char(&path, '\0');
    bool there = !path.failed && fstatat(parent, path.data, &st, 0) == 0 && S_ISREG(st.st_mode);
    buffer_finish(&path);
    return there ? st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec : -1;
}

// Sets `found` to the name of the newest run, empty if there is none. Of equally new ones the last
// by name is used.
static int find_newest(struct buffer *found, br_error *err)
{
    DIR *directory = opendir(".");
    if (!directory)
        return br_error_errno(err, "cannot look for runs in the current directory");
    int64_t newest = -1;
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(directory))) {
        if (!is_run_name(entry->d_name))
            continue;
        int64_t changed = last_change(dirfd(directory), entry->d_name);
        if (changed < 0 || changed < newest ||
            (changed == newest && strcmp(entry->d_name, found->data) < 0))
            continue;
        newest = changed;
        buffer_clear(found);
        buffer_append(found, entry->d_name, strlen(entry->d_name) + 1);
        if (found->failed)
            break;
    }
    int result = errno != 0 && !found->failed
                     ? br_error_errno(err, "cannot look for runs in the current directory")
                     : buffer_check(found, err);
    closedir(directory);
    if (result == 0 && found->length == 0)
        return br_error_set(err, BR_ERR_USAGE,
                            "no run in the current directory: name the run directory, NAME.run");
    return result;
}

static int refuse(const char *path, br_error *err)
{
    if (errno != ENOENT && errno != ENOTDIR) {
        br_error_errno(err, "cannot open the run %s", path);
        if (err && errno == EACCES)
            err->kind = BR_ERR_USAGE;
        return -1;
    }
    return br_error_set(
        err, BR_ERR_USAGE,
        "%s is not a run directory: a run directory is named NAME.run and contains a journal",
        path);
}

static int open_at(struct rundir *d, const char *path, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_text(&text, path);
    while (text.length > 1 && !text.failed && text.data[text.length - 1] == '/')
        text.length--;
    d->path = buffer_take_string(&text, err);
    if (!d->path)
        return -1;
    buffer_format(&text, "%s/logs", d->path);
    d->logs_path = buffer_take_string(&text, err);
    if (!d->logs_path)
        return -1;
    struct stat st;
    d->fd = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (d->fd < 0 || fstatat(d->fd, "journal", &st, 0) != 0)
        return refuse(d->path, err);
    return 0;
}

int rundir_open(struct rundir *out, const char *path, br_error *err)
{
    struct rundir d = RUNDIR_NONE;
    struct buffer found = BUFFER_EMPTY;
    int result = path ? 0 : find_newest(&found, err);
    if (result == 0)
        result = open_at(&d, path ? path : found.data, err);
    buffer_finish(&found);
    if (result == 0)
        *out = d;
    else
        rundir_finish(&d);
    return result;
}

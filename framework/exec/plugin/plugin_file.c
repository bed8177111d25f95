// SPDX-License-Identifier: BSD-3-Clause
// Checking the owner and the permissions of a plugin's file, and copying it into sealed memory.
#include "exec/plugin/plugin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/owned.h"

enum {
    COPY_BYTES = 1 << 16
};

// ---- Owner and permissions

// Returns whether the owner is unknown in this user namespace: all owners that a namespace does not
// map, such as root, appear as the overflow uid.
static bool is_unmapped(uid_t owner)
{
    unsigned overflow = 0, first = 0, outside = 0, count = 0;
    FILE *file = fopen("/proc/sys/kernel/overflowuid", "re");
    if (!file || fscanf(file, "%u", &overflow) != 1)
        overflow = 65534;
    if (file)
        fclose(file);
    file = fopen("/proc/self/uid_map", "re");
    bool mapped = !file || fscanf(file, "%u %u %u", &first, &outside, &count) != 3 ||
                  (first == 0 && outside == 0 && count == UINT32_MAX);
    if (file)
        fclose(file);
    return owner == overflow && !mapped;
}

// Checks that no other user can change the file. `what` is the plugin's path or that of a folder
// above it.
static int check_access(const struct stat *st, const char *path, const char *what, br_error *err)
{
    bool folder = S_ISDIR(st->st_mode);
    if (st->st_uid != 0 && st->st_uid != geteuid() && !is_unmapped(st->st_uid))
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: %s belongs to user %u, who could put another plugin in its place; "
                            "copy the plugin to a folder of your own",
                            path, folder ? what : "it", (unsigned)st->st_uid);
    // In a folder with the sticky bit nobody can replace the files of others.
    if (st->st_mode & S_IWOTH && !(folder && st->st_mode & S_ISVTX))
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: %s is writable by everyone, who could put another plugin in its "
                            "place; fix it with: chmod o-w %s",
                            path, folder ? what : "it", what);
    return 0;
}

// Opens and checks the next component of the path. Closes `from`. Returns the descriptor, or -1.
static int step(int from, const char *name, int flags, const char *path, const char *what,
                br_error *err)
{
    struct stat st;
    int fd = fd_open(from, name, flags | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) != 0) {
        br_error_set(err, BR_ERR_PLUGIN, "%s: cannot be loaded as a plugin: %s", path,
                     strerror(errno));
        fd_close(&fd);
    } else if (check_access(&st, path, what, err) != 0)
        fd_close(&fd);
    fd_close(&from);
    return fd;
}

// Opens the path one component at a time, so that the file that was checked is the file that is
// opened.
static int open_checked(const char *path, br_error *err)
{
    char *walked = strdup(path);
    if (!walked)
        return br_error_nomem(err);
    int fd = step(AT_FDCWD, "/", O_PATH | O_DIRECTORY, path, "/", err);
    char *name = walked + strspn(walked, "/");
    for (char *slash; fd >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        *slash = '\0';
        fd = step(fd, name, O_PATH | O_DIRECTORY, path, walked, err);
        *slash = '/';
    }
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    if (fd >= 0)
        fd = fd_above_standard(step(fd, name, O_RDONLY | O_NONBLOCK, path, path, err));
    free(walked);
    return fd;
}

// ---- The copy

void plugin_stamp_of(const struct stat *st, struct plugin_stamp *out)
{
    *out = (struct plugin_stamp){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified_ns = st->st_mtim.tv_sec * NS_PER_S + st->st_mtim.tv_nsec,
        .changed_ns = st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec,
    };
}

static int stamp_fd(int fd, const char *path, struct plugin_stamp *out, br_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return br_error_errno(err, "cannot read the plugin %s", path);
    if (!S_ISREG(st.st_mode))
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: cannot be loaded as a plugin: it is not a regular file", path);
    plugin_stamp_of(&st, out);
    return 0;
}

static int copy_bytes(int from, int to, const char *path, br_error *err)
{
    char *space = malloc(COPY_BYTES);
    if (!space)
        return br_error_nomem(err);
    ssize_t got;
    while ((got = fd_read_all(from, space, COPY_BYTES)) > 0)
        if (fd_write_all(to, space, (size_t)got) != 0)
            break;
    if (got != 0)
        br_error_errno(err, "cannot copy the plugin %s", path);
    free(space);
    return got == 0 ? 0 : -1;
}

static int seal(int fd, const char *path, br_error *err)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return 0;
    return br_error_errno(err, "cannot seal the copy of the plugin %s", path);
}

// Returns the descriptor of a sealed copy of the file, whose stamp must be *stamp before and after;
// -1 and *err on failure.
static int copy_file(int from, const char *path, const struct plugin_stamp *stamp, br_error *err)
{
    const char *slash = strrchr(path, '/');
    char name[128]; // shown in /proc/PID/maps; the name of a memfd has a limit
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    struct plugin_stamp after;
    int copy = fd_above_standard(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (copy < 0)
        return br_error_errno(err, "cannot create memory for the plugin %s", path);
    if (copy_bytes(from, copy, path, err) != 0 || seal(copy, path, err) != 0 ||
        stamp_fd(from, path, &after, err) != 0) {
        fd_close(&copy);
    } else if (memcmp(&after, stamp, sizeof after) != 0) {
        br_error_set(err, BR_ERR_PLUGIN, "%s: it changed while it was read; start again", path);
        fd_close(&copy);
    }
    return copy;
}

// Returns 1 if the file contains $ORIGIN, 0 if not, -1 and *err on failure.
static int looks_beside_itself(int fd, size_t size, const char *path, br_error *err)
{
    if (size == 0)
        return 0;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return br_error_errno(err, "cannot read the plugin %s", path);
    bool found = memmem(data, size, "$ORIGIN", strlen("$ORIGIN")) ||
                 memmem(data, size, "${ORIGIN}", strlen("${ORIGIN}"));
    munmap(data, size);
    return found;
}

// ---- The whole

static int fill(struct plugin_file *f, int original, const char *path, br_error *err)
{
    struct plugin_stamp stamp;
    if (stamp_fd(original, path, &stamp, err) != 0)
        return -1;
    f->fd = copy_file(original, path, &stamp, err);
    if (f->fd < 0)
        return -1;
    int beside = looks_beside_itself(f->fd, stamp.size, path, err);
    if (beside < 0)
        return -1;
    struct buffer load = BUFFER_EMPTY;
    if (beside) {
        buffer_text(&load, path);
        fd_close(&f->fd);
        f->source.stamp = stamp;
    } else {
        // With the process id instead of "self", the path names the same file in every process,
        // such as a debugger.
        buffer_format(&load, "/proc/%d/fd/%d", (int)getpid(), f->fd);
        if (stamp_fd(f->fd, path, &f->source.stamp, err) != 0)
            return -1;
    }
    f->source.path = strdup(path);
    f->source.load = buffer_take_string(&load, NULL);
    return f->source.path && f->source.load ? 0 : br_error_nomem(err);
}

int plugin_file_open(const char *path, struct plugin_file *out, br_error *err)
{
    *out = (struct plugin_file){.fd = -1};
    int original = open_checked(path, err);
    if (original < 0)
        return -1;
    int result = fill(out, original, path, err);
    fd_close(&original);
    if (result != 0)
        plugin_file_close(out);
    return result;
}

void plugin_file_close(struct plugin_file *f)
{
    free(owned(f->source.path));
    free(owned(f->source.load));
    fd_close(&f->fd);
    *f = (struct plugin_file){.fd = -1};
}

void plugin_source_write(struct buffer *out, const struct plugin_source *s)
{
    wire_put_text(out, s->path);
    wire_put_text(out, s->load);
    wire_put_bytes(out, &s->stamp, sizeof s->stamp);
}

void plugin_source_read(struct wire *w, struct plugin_source *out)
{
    out->path = wire_get_text(w);
    out->load = wire_get_text(w);
    wire_get_bytes(w, &out->stamp, sizeof out->stamp);
}

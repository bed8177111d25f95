// SPDX-License-Identifier: BSD-3-Clause
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fd_open(int directory, const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = openat(directory, path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int fd_sync(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

int fd_sync_data(int fd)
{
    int result;
    do
        result = fdatasync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

int fd_truncate(int fd, off_t size)
{
    int result;
    do
        result = ftruncate(fd, size);
    while (result != 0 && errno == EINTR);
    return result;
}

int fd_rename(int from_directory, const char *from, int to_directory, const char *to)
{
    int result;
    do
        result = renameat(from_directory, from, to_directory, to);
    while (result != 0 && errno == EINTR);
    return result;
}

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_write_until(int fd, const void *data, size_t count, const atomic_bool *given_up)
{
    const char *at = data;
    while (count > 0) {
        if (given_up && atomic_load_explicit(given_up, memory_order_relaxed)) {
            errno = ECANCELED;
            return -1;
        }
        ssize_t done = write(fd, at, count);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        at += done;
        count -= (size_t)done;
    }
    return 0;
}

int fd_write_all(int fd, const void *data, size_t count)
{
    return fd_write_until(fd, data, count, NULL);
}

ssize_t fd_read_all(int fd, void *data, size_t count)
{
    char *at = data;
    size_t total = 0;
    while (total < count) {
        ssize_t done = read(fd, at + total, count - total);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        if (done == 0)
            break;
        total += (size_t)done;
    }
    return (ssize_t)total;
}

static int read_open_file(int fd, const char *path, const char *what, size_t max,
                          struct buffer *out, br_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return br_error_errno(err, "cannot read the %s %s", what, path);
    if (!S_ISREG(st.st_mode))
        return br_error_set(err, BR_ERR_USAGE, "the %s %s is not a regular file", what, path);
    if ((uintmax_t)st.st_size > max)
        return br_error_set(err, BR_ERR_USAGE, "the %s %s has %" PRIdMAX " bytes; the limit is %zu",
                            what, path, (intmax_t)st.st_size, max);
    size_t before = out->length;
    // Room for one more byte detects a file that grows while it is read.
    size_t room = (size_t)st.st_size + 1;
    char *at = buffer_extend(out, room);
    if (!at)
        return br_error_nomem(err);
    ssize_t got = fd_read_all(fd, at, room);
    out->length = before;
    if (got < 0)
        return br_error_errno(err, "cannot read the %s %s", what, path);
    if ((size_t)got == room)
        return br_error_set(err, BR_ERR_USAGE, "the %s %s grew while it was read", what, path);
    out->length = before + (size_t)got;
    return 0;
}

int fd_read_file(const char *path, const char *what, size_t max, struct buffer *out, br_error *err)
{
    // O_NONBLOCK: a FIFO without a writer must not hang us before fstat can refuse it.
    int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (fd < 0) {
        br_error_errno(err, "cannot open the %s %s", what, path);
        if (err && (errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP ||
                    errno == ENAMETOOLONG))
            err->kind = BR_ERR_USAGE;
        return -1;
    }
    int result = read_open_file(fd, path, what, max, out, err);
    fd_close(&fd);
    return result;
}

// Returns whether errno says that shared memory of `size` bytes is larger than a file may be, and
// then fills *err.
static bool exceeds_file_limit(size_t size, br_error *err)
{
    struct rlimit limit;
    if (errno != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    br_error_set(err, BR_ERR_INTERRUPTED,
                 "shared memory of %zu bytes is needed, and the limit on the size of files is %llu "
                 "bytes: raise it (ulimit -f)",
                 size, (unsigned long long)limit.rlim_cur);
    return true;
}

int fd_memory(const char *name, size_t size, br_error *err)
{
    int fd = fd_above_standard(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0)
        return br_error_errno(err, "cannot create shared memory");
    if (fd_truncate(fd, (off_t)size) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
        if (!exceeds_file_limit(size, err))
            br_error_errno(err, "cannot size shared memory to %zu bytes", size);
        fd_close(&fd);
    }
    return fd;
}

int fd_memory_sealed(const char *name, const void *data, size_t size, br_error *err)
{
    int fd = fd_above_standard(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (fd < 0)
        return br_error_errno(err, "cannot create shared memory");
    if (fd_write_all(fd, data, size) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        if (!exceeds_file_limit(size, err))
            br_error_errno(err, "cannot fill shared memory with %zu bytes", size);
        fd_close(&fd);
    }
    return fd;
}

void fd_seal_foreign_writes(int fd)
{
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
    // An older kernel returns EINVAL: whoever has the descriptor can then write to it.
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
}

int fd_above_standard(int fd)
{
    int moved = fd < 0 || fd > 2 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

int fd_fill_standard(br_error *err)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        // open returns the lowest free number, which is `fd`, because all below it are open.
        if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
            return br_error_errno(err, "cannot open /dev/null in place of closed descriptor %d",
                                  fd);
    }
    return 0;
}

static int close_span(unsigned first, unsigned last)
{
    if (first > last)
        return 0;
#ifdef SYS_close_range
    return (int)syscall(SYS_close_range, first, last, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}

static bool is_kept(int fd, const int *keep, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keep[i] == fd)
            return true;
    return false;
}

// For kernels before 5.9, which lack close_range.
static void close_listed(int first, const int *keep, size_t count)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        long max = sysconf(_SC_OPEN_MAX);
        for (int fd = first; fd < (max > 0 ? max : 1024); fd++)
            if (!is_kept(fd, keep, count))
                close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd >= first && fd != dirfd(dir) && !is_kept(fd, keep, count))
            close(fd);
    }
    closedir(dir);
}

void fd_close_from(int first, const int *keep, size_t count)
{
    unsigned from = (unsigned)first;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < first)
            continue;
        if (from < (unsigned)keep[i] && close_span(from, (unsigned)keep[i] - 1) != 0) {
            close_listed(first, keep, count);
            return;
        }
        from = (unsigned)keep[i] + 1;
    }
    if (close_span(from, ~0U) != 0)
        close_listed(first, keep, count);
}

// SPDX-License-Identifier: BSD-3-Clause
// Descriptors: whole reads and writes, calls that go on when they are interrupted, descriptors kept
// off 0-2, sealed shared memory.
#ifndef BR_BASE_FD_H
#define BR_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

// openat, fsync, fdatasync, ftruncate and renameat, made again when a signal has interrupted them,
// which file systems in user space and over a network let it do. `directory` may be AT_FDCWD.
int fd_open(int directory, const char *path, int flags, mode_t mode);
int fd_sync(int fd);
int fd_sync_data(int fd);
int fd_truncate(int fd, off_t size);
int fd_rename(int from_directory, const char *from, int to_directory, const char *to);

// Closes *fd unless it is -1, sets it to -1, keeps errno.
void fd_close(int *fd);

// Writes all of it, whatever short writes and EINTR come between. 0, or -1 with errno.
int fd_write_all(int fd, const void *data, size_t count);

// Reads up to `count` bytes until end of file: the number read, or -1 with errno.
ssize_t fd_read_all(int fd, void *data, size_t count);

// A regular file's content appended to *out. Refuses (BR_ERR_USAGE) what is not a regular file and
// what is larger than `max` bytes; `what` names the file in messages ("job file").
int fd_read_file(const char *path, const char *what, size_t max, struct buffer *out, br_error *err);

// A close-on-exec memfd of `size` zero bytes that can never change its size. -1 and *err on
// failure.
int fd_memory(const char *name, size_t size, br_error *err);

// A close-on-exec memfd that holds `data` and can never be written again. -1 and *err on failure.
int fd_memory_sealed(const char *name, const void *data, size_t size, br_error *err);

// Lets no mapping made from now on write to the memfd; those that exist still can. Kernels
// before 5.1 cannot: then nothing happens.
void fd_seal_foreign_writes(int fd);

// The descriptor itself when it is above 2 or -1; else a close-on-exec copy above 2, and `fd` is
// closed: what the calling program prints to a standard descriptor that it has closed must not end
// up in ours. Without a free descriptor it stays as it is.
int fd_above_standard(int fd);

// Opens /dev/null on each of 0, 1, 2 that is closed, so that no file opened later gets one of them.
int fd_fill_standard(br_error *err);

// Closes every descriptor >= `first` but those in keep[0..count), which is sorted ascending.
void fd_close_from(int first, const int *keep, size_t count);

#endif

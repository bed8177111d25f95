// SPDX-License-Identifier: BSD-3-Clause
// Descriptors: whole reads and writes, calls that are repeated when a signal interrupts them,
// descriptors kept off 0-2, sealed shared memory.
#ifndef BR_BASE_FD_H
#define BR_BASE_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"

// openat, fsync, fdatasync, ftruncate and renameat, repeated when a signal has interrupted them:
// file systems in user space or over a network let that happen. `directory` may be AT_FDCWD. Each
// returns what its system call does, with errno.
int fd_open(int directory, const char *path, int flags, mode_t mode);
int fd_sync(int fd);
int fd_sync_data(int fd);
int fd_truncate(int fd, off_t size);
int fd_rename(int from_directory, const char *from, int to_directory, const char *to);

// Closes *fd unless it is -1, and sets it to -1. Keeps errno.
void fd_close(int *fd);

// Writes all bytes, after short writes and interruptions too. Returns 0, or -1 with errno.
int fd_write_all(int fd, const void *data, size_t count);

// The same, until *given_up is true: then it returns -1 with ECANCELED. A write that waits must be
// interrupted by a signal to notice that. `given_up` may be NULL.
int fd_write_until(int fd, const void *data, size_t count, const atomic_bool *given_up);

// Reads up to `count` bytes, fewer only at the end of the file. Returns the number read, or -1 with
// errno.
ssize_t fd_read_all(int fd, void *data, size_t count);

// Appends a regular file's content to *out. Refuses (BR_ERR_USAGE) a file that is not regular or is
// larger than `max` bytes. `what` names the file in messages ("job file"). Returns 0; -1 and *err.
int fd_read_file(const char *path, const char *what, size_t max, struct buffer *out, br_error *err);

// Returns a close-on-exec memfd of `size` zero bytes whose size can never change; -1 and *err on
// failure, with BR_ERR_INTERRUPTED if a file may not be so large (ulimit -f).
int fd_memory(const char *name, size_t size, br_error *err);

// Returns a close-on-exec memfd that holds a copy of `data` and can never be written again; -1 and
// *err on failure.
int fd_memory_sealed(const char *name, const void *data, size_t size, br_error *err);

// Forbids all later mappings to write to the memfd; existing ones still can. Does nothing on
// kernels before 5.1, which lack this seal.
void fd_seal_foreign_writes(int fd);

// Moves a descriptor away from 0, 1 and 2, because the calling program may have closed those and
// still print to them. Returns `fd` if it is above 2 or -1; else a close-on-exec copy above 2, and
// closes `fd`. Returns `fd` unchanged if no descriptor is free.
int fd_above_standard(int fd);

// Opens /dev/null on each of 0, 1 and 2 that is closed, so that no file opened later gets one of
// them. Returns 0; -1 and *err.
int fd_fill_standard(br_error *err);

// Closes every descriptor from `first` on, except those in keep[0..count), which is in ascending
// order.
void fd_close_from(int first, const int *keep, size_t count);

#endif

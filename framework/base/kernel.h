// SPDX-License-Identifier: BSD-3-Clause
// System calls and files that this program and its workers cannot do without. The seccomp profile
// of a container, another sandbox, or an old kernel may refuse the calls; a container or a chroot
// may lack the files.
#ifndef BR_BASE_KERNEL_H
#define BR_BASE_KERNEL_H

#include <stdbool.h>

#include "base/error.h"

// Makes each of those calls once, without lasting effects, and opens /dev/null. Workers inherit a
// refusal and may be unable to report it, so this runs before any of them is started. Returns 0; -1
// and *err, with BR_ERR_SYSTEM, if a call is refused. A call that fails for another reason, such as
// a lack of descriptors, counts as available.
int kernel_check(br_error *err);

// Checks that /proc is mounted and belongs to this process's namespace: plugins are loaded through
// /proc/self/fd. Returns 0; -1 and *err, with BR_ERR_SYSTEM.
int kernel_check_proc(br_error *err);

// Returns whether an errno says that a call is refused: EPERM, EACCES or ENOSYS.
bool kernel_refuses(int number);

// Returns what an errno of fork needs beside its description: the limits that may be the cause, or
// "".
const char *kernel_fork_limit(int number);

// Fills *err with the reason of a fork that has failed, by errno: kernel_check cannot try fork.
// Returns -1.
int kernel_fork_error(br_error *err);

// As br_error_errno. If errno says that the call is refused, the message is that of kernel_check,
// with the name of the system call.
int kernel_error(br_error *err, const char *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

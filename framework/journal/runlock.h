// SPDX-License-Identifier: BSD-3-Clause
// The right to write in a run's directory, which one process has: a lock on the file "lock" in it,
// whose text names the holder. The kernel drops the lock when its process ends, on this machine and
// on those that share the directory by NFS, so the file may stay. On a file system without locks
// nothing protects the run.
#ifndef BR_JOURNAL_RUNLOCK_H
#define BR_JOURNAL_RUNLOCK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

// Takes the lock in the directory that is open as `directory`; messages call it `path`. Returns a
// descriptor, whose closing releases the lock, or -1 and *err. BR_ERR_USAGE names the process that
// holds it.
int runlock_take(int directory, const char *path, br_error *err);

// Returns -1 and *err, as runlock_take, if a process holds the lock, else 0. Takes and creates
// nothing.
int runlock_refuse(int directory, const char *path, br_error *err);

// Returns whether a living process holds the lock. If so, appends which one to `who`, as far as it
// is known: "process 4711 on node7 since ...".
bool runlock_held(int directory, struct buffer *who);

#endif

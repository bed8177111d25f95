// SPDX-License-Identifier: BSD-3-Clause
// The right to write in a run's directory, which one process has: a lock on the file "lock" there,
// whose text tells a person who holds it. The kernel drops the lock when its process ends, however
// it ends, on this machine and on those that share the directory by NFS; so the file alone means
// nothing and may stay. Where the file system has no locks at all the run is unguarded.
#ifndef BR_JOURNAL_RUNLOCK_H
#define BR_JOURNAL_RUNLOCK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"

// Takes the lock in the directory open as `directory`; `path` names that in messages. A descriptor
// whose closing gives it back, or -1 and *err: BR_ERR_USAGE says who holds it.
int runlock_take(int directory, const char *path, br_error *err);

// -1 and *err, as runlock_take, when somebody holds it; takes and makes nothing.
int runlock_refuse(int directory, const char *path, br_error *err);

// Whether a process that lives holds it. Then appends who: "process 4711 on node7 since ..." to
// `who`, where that can be known.
bool runlock_held(int directory, struct buffer *who);

#endif

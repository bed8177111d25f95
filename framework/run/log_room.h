// SPDX-License-Identifier: BSD-3-Clause
// Whether a task may have failed because what it printed did not fit: tasks write to their worker's
// logs themselves, so nobody but they sees the error of a write.
#ifndef BR_RUN_LOG_ROOM_H
#define BR_RUN_LOG_ROOM_H

#include <stdint.h>

#include "base/error.h"
#include "journal/rundir.h"

struct log_room {
    int64_t probed_ns; // when space was last reserved for a try
};

// Returns 0 if `logs`, the two logs of a worker, can grow; -1 and *err (BR_ERR_INTERRUPTED) if the
// file system or a quota is full, or a log has reached the limit on the size of files. Other errors
// count as room. `now` is clock_now()'s. To be called for tasks that have failed: it costs a few
// system calls.
int log_room_check(struct log_room *room, const struct rundir *dir, const int logs[2], int64_t now,
                   br_error *err);

#endif

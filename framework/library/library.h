// SPDX-License-Identifier: BSD-3-Clause
// A pool of <batchrun/pool.h> over any executor and any clock, for tests. br_pool_create makes the
// same over worker processes and the machine's clock.
#ifndef BR_LIBRARY_LIBRARY_H
#define BR_LIBRARY_LIBRARY_H

#include <batchrun/pool.h>
#include <poll.h>
#include <stdint.h>

#include "exec/executor.h"

// How time passes: by the machine's clock, or by a test's script.
struct library_time {
    // Returns the time in nanoseconds.
    int64_t (*now)(void *user);
    // Waits as poll(2) does, until the time `until` at the latest. A wait that fails is a shorter
    // wait.
    void (*wait)(void *user, struct pollfd *fds, nfds_t count, int64_t until);
    void *user;
};

// Creates a pool over the executor, which belongs to the pool from then on. Returns NULL and *err
// on failure; the executor is destroyed then too. Freed by br_pool_destroy.
br_pool *library_create(const br_pool_options *options, struct executor *executor,
                        const struct library_time *time, br_error *err);

#endif

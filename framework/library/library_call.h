// SPDX-License-Identifier: BSD-3-Clause
// Calls of a function for many items. All functions but library_check_sizes are called with the
// lock.
#ifndef BR_LIBRARY_LIBRARY_CALL_H
#define BR_LIBRARY_LIBRARY_CALL_H

#include "library/library_state.h"

struct library_call {
    br_function *function;
    const void *in; // `count` items of in_size bytes; copied
    size_t count, in_size;
    void *out; // room for `count` results of out_size bytes, or NULL: the result has its own
    size_t out_size;
    size_t first_index; // br_task_index of the first item
    int64_t room_until; // time at which to give up waiting for room in the queue
};

// Returns the time until which a call that begins now may wait for room in the queue.
int64_t library_room_until(const br_pool *p);

// Returns 0 if the pool takes work; -1 and *err (BR_ERR_CLOSED, or why the pool is broken) if not.
int library_check_open(const br_pool *p, br_error *err);

// Returns 0 if arrays of so many items are possible; -1 and *err (BR_ERR_USAGE) if not.
int library_check_sizes(size_t count, size_t in_size, size_t out_size, br_error *err);

// Takes a call's items and submits them; library_start must follow. Waits for room in the queue,
// and drives meanwhile. Returns the result, which library_release frees; NULL and *err.
br_result *library_submit(br_pool *p, const struct library_call *call,
                          const br_call_options *options, br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A pool of <batchrun/pool.h> over scripted workers in virtual time: a thread that waits moves the
// time. A test has one such pool, in global variables.
#ifndef BR_TESTS_SUPPORT_LIBRARY_SIMULATION_H
#define BR_TESTS_SUPPORT_LIBRARY_SIMULATION_H

#include "base/clock.h"
#include "library/library.h"
#include "support/fake.h"

enum {
    LIB_KEPT = 1000,
    LIB_ITEMS = 100
};

#define LIB_BEGIN NS_PER_S // the fake's first moment

// Returns how a task ends.
typedef struct fake_task lib_script(const struct exec_grant *task);

extern struct library_simulation {
    struct executor *fake;               // NULL after it was destroyed
    const struct executor_ops *fake_ops; // its own
    struct executor_ops ops;             // the same, but for `destroy`
    int64_t end_ns;                      // when it was destroyed
    br_pool *pool;
    lib_script *script; // NULL: every task succeeds after 1 ms
    int64_t stopped_ns; // the next wait ends so much too late, as in a process that is stopped
    struct exec_grant starts[LIB_KEPT], grants[LIB_KEPT];
    unsigned start_count, grant_count;
} lib;

extern br_error lib_error;

// Fails the test with lib_error's text unless the call returns 0.
#define lib_must(call) ck_assert_msg((call) == 0, "%s", lib_error.text)

void lib_open(unsigned workers, lib_script *script);
void lib_open_with(unsigned workers, lib_script *script, br_pool_options options);
void lib_close(void);

// Returns the nanoseconds since LIB_BEGIN.
int64_t lib_elapsed(void);

// Returns a task that ends in this way after so many nanoseconds.
struct fake_task lib_ends(enum fake_ending ending, int64_t ns);

// A br_function that squares an int64_t. Returns 0.
int lib_square(br_task *t, const void *in, void *out);

// Submits lib_square of 0, 1, 2 ... count - 1; `count` is at most LIB_ITEMS. Returns the result,
// which the caller frees with br_result_free.
br_result *lib_submit(size_t count, const br_call_options *options);

// Returns the outcome of item i.
br_outcome lib_outcome(br_result *r, size_t i);

// A script that several test programs use. Returns a task of 1 s for items of the first call, of 1
// ms for others.
struct fake_task lib_first_call_is_long(const struct exec_grant *task);
// Another script. Returns a task that only SIGKILL ends for item 3 of each call, of 1 ms for
// others.
struct fake_task lib_item_three_never_ends(const struct exec_grant *task);

#endif

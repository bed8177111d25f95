// SPDX-License-Identifier: BSD-3-Clause
// A pool of <batchrun/pool.h> over scripted workers in virtual time: a thread that waits moves the
// time. One a test, in global variables.
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

// What becomes of a task.
typedef struct fake_task lib_script(const struct exec_grant *task);

extern struct library_simulation {
    struct executor *fake;
    br_pool *pool;
    lib_script *script; // NULL: every task ends well after 1 ms
    struct exec_grant starts[LIB_KEPT], grants[LIB_KEPT];
    unsigned start_count, grant_count;
} lib;

extern br_error lib_error;

// Fails the test with lib_error's text unless the call returns 0.
#define lib_must(call) ck_assert_msg((call) == 0, "%s", lib_error.text)

void lib_open(unsigned workers, lib_script *script);
void lib_open_with(unsigned workers, lib_script *script, br_pool_options options);
void lib_close(void);

// Nanoseconds since LIB_BEGIN.
int64_t lib_elapsed(void);

struct fake_task lib_ends(enum fake_ending ending, int64_t ns);

// A function of int64_t.
int lib_square(br_task *t, const void *in, void *out);

// Submits lib_square of 0, 1, 2 ... count - 1; `count` is at most LIB_ITEMS.
br_result *lib_submit(size_t count, const br_call_options *options);

br_outcome lib_outcome(br_result *r, size_t i);

// Scripts that several test programs use. Items of the first call take 1 s, those of others 1 ms.
struct fake_task lib_first_call_is_long(const struct exec_grant *task);
// Item 3 of each call must be killed by SIGKILL; the others take 1 ms.
struct fake_task lib_item_three_never_ends(const struct exec_grant *task);

#endif

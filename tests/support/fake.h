// SPDX-License-Identifier: BSD-3-Clause
// A scripted executor for tests: its workers are simulated, and its time moves only when the test
// moves it. It keeps the contract of exec/executor.h (tests/unit/test_executor.c), so a pool cannot
// distinguish it from real processes. A script decides how tasks and workers end; the same script
// gives the same run. One thread uses a fake.
#ifndef BR_TESTS_SUPPORT_FAKE_H
#define BR_TESTS_SUPPORT_FAKE_H

#include "exec/executor.h"

#define FAKE_FOREVER INT64_MAX

enum fake_ending {
    FAKE_OK,
    FAKE_ERROR,
    FAKE_PERMANENT, // an error that is never retried
    FAKE_CRASH      // ends the worker, too
};

// The length and the end of one attempt of a task.
struct fake_task {
    enum fake_ending ending;
    int64_t ns;       // how long it runs; FAKE_FOREVER: until it is asked to stop, or killed
    bool heeds;       // ends as FAKE_ERROR as soon as it is asked to stop
    bool stubborn;    // SIGTERM does not end it
    bool immortal;    // SIGKILL does not end it either: DEAD says that the worker is stuck
    int64_t result;   // FAKE_OK: the value of every number in its row. If the task is a function
                      // of the calling program, the function gives its output instead
    uint32_t printed; // bytes on standard output
};

// The start and the end of a worker.
struct fake_worker {
    int64_t start_ns;  // time until it is ready
    const char *unfit; // it reports UNFIT with this text; NULL: it reports READY
    int64_t idle_ns;   // it dies after this time without a task; FAKE_FOREVER: it does not
};

// Called when a worker claims a task (count 1), when a worker is started, when tasks are granted.
typedef struct fake_task fake_task_script(void *user, const struct exec_grant *task);
typedef struct fake_worker fake_worker_script(void *user, unsigned slot);
typedef void fake_grant_observer(void *user, unsigned slot, const struct exec_grant *grant);

struct fake_options {
    unsigned slots;
    fake_task_script *task;
    fake_worker_script *worker;    // NULL: every worker is ready at once and never dies
    fake_grant_observer *on_grant; // NULL: none
    void *user;
};

// Returns an executor, whose time starts at 1 s and which its `destroy` frees; NULL and *err if
// memory or descriptors ran out.
struct executor *fake_create(const struct fake_options *options, br_error *err);

// Returns the virtual time, in nanoseconds.
int64_t fake_now(const struct executor *ex);

// Returns when something happens next; INT64_MAX if nothing will unless the caller does something.
int64_t fake_next(const struct executor *ex);

// Moves time to `until`, which must not be earlier than now. The script's events up to then happen
// in the order of their times.
void fake_advance(struct executor *ex, int64_t until);

// Ends the slot's worker at once, as SIGKILL from outside does. Does nothing if there is none.
void fake_kill_worker(struct executor *ex, unsigned slot);

// Returns how often the executor has been asked what a slot is running.
uint64_t fake_looks(const struct executor *ex);

#endif

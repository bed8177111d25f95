// SPDX-License-Identifier: BSD-3-Clause
// A scripted executor for tests: its workers are simulated, in a time that moves only when the test
// says so. It keeps the whole contract of exec/executor.h, so that a pool cannot tell it from real
// processes; what happens is the script's decision, and the same script gives the same run.
#ifndef BR_TESTS_SUPPORT_FAKE_H
#define BR_TESTS_SUPPORT_FAKE_H

#include "exec/executor.h"

#define FAKE_FOREVER INT64_MAX

enum fake_ending {
    FAKE_OK,
    FAKE_ERROR,
    FAKE_PERMANENT, // an error that is never retried
    FAKE_CRASH      // takes the worker with it
};

// What becomes of one attempt of a task.
struct fake_task {
    enum fake_ending ending;
    int64_t ns;       // how long it takes; FAKE_FOREVER: until it is asked or killed
    bool heeds;       // ends as FAKE_ERROR as soon as it is asked to stop
    bool stubborn;    // SIGTERM does not end it
    bool immortal;    // nor does SIGKILL: its worker is stuck once it is killed
    int64_t result;   // FAKE_OK: the value of every number in its row. A function of the caller's,
                      // with few inputs, is called for its output
    uint32_t printed; // bytes on standard output
};

// What becomes of a worker.
struct fake_worker {
    int64_t start_ns;  // until it is ready
    const char *unfit; // says so instead of getting ready; NULL: it gets ready
    int64_t idle_ns;   // dies after so long without a task; FAKE_FOREVER: it does not
};

// Called when a worker claims a task (count 1), when one is started, when tasks are granted.
typedef struct fake_task fake_task_script(void *user, const struct exec_grant *task);
typedef struct fake_worker fake_worker_script(void *user, unsigned slot);
typedef void fake_grant_observer(void *user, unsigned slot, const struct exec_grant *grant);

struct fake_options {
    unsigned slots;
    fake_task_script *task;
    fake_worker_script *worker;    // NULL: every worker is ready at once and lives for ever
    fake_grant_observer *on_grant; // NULL: nobody is told
    void *user;
};

// NULL and *err on failure. Time begins at 1 s.
struct executor *fake_create(const struct fake_options *options, br_error *err);

int64_t fake_now(const struct executor *ex);

// When the next thing will happen; INT64_MAX: never, if nobody does anything.
int64_t fake_next(const struct executor *ex);

// Moves time to `until` (>= now); all that happens on the way happens, in order.
void fake_advance(struct executor *ex, int64_t until);

// Ends the slot's worker here and now, as by SIGKILL from outside. Nothing when it has none.
void fake_kill_worker(struct executor *ex, unsigned slot);

// Returns how often the executor has been asked what a slot is running.
uint64_t fake_looks(const struct executor *ex);

#endif

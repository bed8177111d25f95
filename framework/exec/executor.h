// SPDX-License-Identifier: BSD-3-Clause
// The seam between the pool, which decides, and whatever runs tasks: worker processes of this
// machine (exec/local/local.h), or the scripted executor of the tests (tests/support/fake.h).
//
// An executor has slots, each with a worker or without. The rules that every executor keeps, each
// of which tests/unit/test_executor.c tests by its number over both executors:
//
//  1. No operation blocks, except destroy. No operation calls back: what has happened is read by
//     next_report.
//  2. The grants of a slot run in the order in which they were granted, the tasks of a grant in
//     order of their index, one at a time.
//  3. Every granted task is either taken back or reported exactly once: by OK, END or RETURNED.
//  4. The reports of a slot come in the order in which things happened. OUTPUT comes before the
//     outcome of the last task that it names.
//  5. What a worker finished before its death is reported before the death is judged. Then comes
//     END for the running task, RETURNED for all others, and DEAD last.
//  6. A worker reports READY, or UNFIT, or neither if it was ended before that; and DEAD at last.
//  7. A slot takes another worker after DEAD, unless that was `stuck`. Before, start fails.
//  8. A slot takes grants after READY. If its worker has died in the meantime, they are RETURNED.
//  9. take_back takes tasks that have not started, the last ones first; they are not reported.
// 10. A killed worker's END has the status and message of kill, and END and DEAD say that it was
//     killed. The slot's other tasks are RETURNED. If the task has ended before, it keeps its
//     outcome, the worker ends all the same, and no task is blamed.
// 11. kill does nothing to a slot that is not ready: it holds no task to be killed for.
// 12. A retired worker finishes nothing but itself: DEAD is `expected`. A worker that is retired
//     before it was ready does not report READY. A worker may also retire by itself; then the tasks
//     that it has not started are RETURNED.
// 13. ask reaches the task that it names, or none.
// 14. Reported tasks were granted, and their results fit the map's schema, or the function's size.
// 15. After next_report has returned 0, fd becomes readable or deadline passes before anything
//     else is to be reported.
// 16. destroy ends all workers, whatever they do.
//
// One more rule concerns shared memory (tests/faults/test_scribble.c): if a worker has damaged its
// channel, tasks whose outcome can no longer be proved are RETURNED with `alone` set, whether or
// not they ran, and none is blamed. A task that was granted alone is blamed, because it is the only
// one that can have done it.
//
// An executor and its reports belong to one thread at a time.
#ifndef BR_EXEC_EXECUTOR_H
#define BR_EXEC_EXECUTOR_H

#include "exec/executor_types.h"

struct executor;

// Operations on a slot may be called in every state of the slot unless a comment says otherwise.
struct executor_ops {
    // Starts a worker. Returns 0; -1 and *err if the slot has a worker or a resource is missing:
    // then the slot is as before.
    int (*start)(struct executor *, unsigned slot, br_error *err);

    // Makes a map known, before its first grant. *map is copied; what it points to is borrowed.
    // Returns 0, or -1 and *err if memory ran out.
    int (*define)(struct executor *, const struct exec_map *map, br_error *err);

    // Forgets a map, after all its tasks were reported or taken back. An unknown id does nothing.
    void (*drop)(struct executor *, uint64_t map);

    // Gives tasks of a known map to a slot that has reported READY, was not killed or retired
    // since, and has load() < EXECUTOR_QUEUE. Returns 0, or -1 and *err if the worker cannot be
    // reached: then nothing was granted.
    int (*grant)(struct executor *, unsigned slot, const struct exec_grant *grant, br_error *err);

    // Returns how many grants the slot's queue holds. A grant of which everything was taken back
    // counts until its turn comes.
    unsigned (*load)(const struct executor *, unsigned slot);

    // Takes back up to `most` tasks of `map` (0: of any map) from one grant, the newest that has
    // some. Returns how many, and sets *out to them; 0 if there are none.
    uint32_t (*take_back)(struct executor *, unsigned slot, uint64_t map, uint64_t most,
                          struct exec_grant *out);

    // Sets *out to the slot's running task. Returns false if none is running, as far as is known.
    bool (*in_hand)(struct executor *, unsigned slot, struct exec_in_hand *out);

    // Makes br_task_cancelled return true in that task if it is running.
    void (*ask)(struct executor *, unsigned slot, const struct exec_grant *task);

    // Ends the slot's worker because of `task`: by SIGTERM, and by SIGKILL after `grace_ns`, or at
    // once if that is 0. `message` is copied.
    void (*kill)(struct executor *, unsigned slot, const struct exec_grant *task,
                 enum outcome_status status, const char *message, int64_t grace_ns);

    // Lets the worker of a slot that holds no task end by itself; it is killed if it does not.
    void (*retire)(struct executor *, unsigned slot);

    // Fills *out with the next report. Returns 1; 0 if there is none now; -1 and *err if nothing
    // can be run any more. What *out points to is valid until the next call.
    int (*next_report)(struct executor *, struct exec_report *out, br_error *err);

    // Returns a descriptor for poll(2), which stays the executor's.
    int (*fd)(const struct executor *);

    // Returns when next_report is to be called even if fd is not readable, by clock_now; INT64_MAX:
    // never.
    int64_t (*deadline)(const struct executor *);

    // Makes the deadlines of workers (to be ready, to end by themselves) later: this process did
    // not run between the two times, by clock_now, because it was stopped.
    void (*stood_still)(struct executor *, int64_t from, int64_t to);

    // Asks all workers to end, kills them after `grace_ns`, and frees the executor. Blocks for
    // `grace_ns` and a few seconds at most. Maps need not be dropped before.
    void (*destroy)(struct executor *, int64_t grace_ns);
};

struct executor {
    const struct executor_ops *ops;
    unsigned slots;
};

#endif

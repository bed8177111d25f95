// SPDX-License-Identifier: BSD-3-Clause
// The seam between the pool, which decides, and what runs tasks: worker processes of this machine
// (exec/local/local.h), a scripted fake for tests (exec/fake.h), other nodes one day.
//
// The contract, for whoever implements it:
//  - No call blocks, but stop() for as long as its grace says. No call calls back: what happened is
//    pulled with next_report().
//  - A slot holds up to EXECUTOR_QUEUE grants and runs them in order, one task at a time, in row
//    order. Every granted task that is not taken back is reported exactly once: OK, END or
//    RETURNED.
//  - Reports of a slot come in the order in which things happened; DEAD after all that the dead
//    worker finished, and after RETURNED and END for what it had not.
//  - What is reported has been checked: rows were granted, results fit the map's schema.
//  - Where a worker has damaged what it shares, tasks whose outcome cannot be proved any more are
//    RETURNED with `alone` set, whether or not they ran, and nobody is blamed. A task granted alone
//    is: there it can have been no other.
#ifndef BR_EXEC_EXECUTOR_H
#define BR_EXEC_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <batchrun/plugin.h>

#include "base/error.h"
#include "model/cpuset.h"
#include "model/job_phase.h"
#include "model/outcome.h"
#include "model/policy.h"
#include "model/schema.h"

enum {
    EXECUTOR_INLINE = 32 << 10, // a map whose inputs are no larger needs no shared memory
    EXECUTOR_QUEUE = 32,
    EXECUTOR_GRANT_MAX = 1 << 20
};

// What a task of a map is and where its rows lie. Strings, schema and descriptor are borrowed until
// the map is dropped.
struct exec_map {
    // A function of the calling program, or NULL: then a plugin's task.
    int (*function)(br_task *, const void *in, void *out);
    size_t in_size, out_size; // of its items and results
    uint64_t first_index;     // what br_task_index and br_task_seed take its task 0 for
    const void *items;        // all inputs, where they are few: then table_fd is -1
    uint64_t id;              // unique within the executor's life, never 0
    unsigned plugin;          // place in the executor's plugins
    const char *task;         // its name there
    const char *phase;        // for br_task_phase
    uint64_t seed;            // mixed with a task's index into br_task_seed
    int table_fd;             // sealed image of the input table (model/table.h)
    size_t table_size;
    uint64_t rows;                // of the table
    uint64_t rows_per_task;       // 1, or what a many-row task takes
    const struct schema *results; // NULL for a function
    struct time_limits limits;    // a task may ask for them (br_task_time_left); the pool enforces
    enum job_isolation isolation;
};

struct exec_grant {
    uint64_t map;
    uint64_t first; // task
    uint32_t count; // 1 .. EXECUTOR_GRANT_MAX
    uint32_t attempt;
    uint32_t crashes; // workers that these tasks have killed so far; carried, not used
    bool alone;       // nothing else is granted until they have ended
};

enum exec_report_type {
    REPORT_NONE = 0,
    REPORT_READY,    // a worker has started and takes grants
    REPORT_UNFIT,    // a worker could not start: `text` says why; nothing was granted to it
    REPORT_OK,       // consecutive tasks that succeeded
    REPORT_END,      // a task that did not succeed
    REPORT_OUTPUT,   // what tasks printed
    REPORT_RETURNED, // granted tasks without an outcome, and whose worker died
    REPORT_DEAD,     // the slot's worker is gone
};

struct exec_report {
    enum exec_report_type type;
    unsigned slot;
    struct exec_grant tasks; // OK, END, OUTPUT, RETURNED: which ones (END: count 1)
    union {
        struct {
            int pid;
            const struct cpuset *cpus; // read back in the worker
        } ready;
        struct {
            enum br_error_kind kind;
            const char *text;
        } unfit;
        struct {
            int64_t start_ns;          // of the first, by clock_now
            int64_t duration_ns;       // of a task of its own (count is 1), or -1: then
            const uint32_t *durations; // of each, saturating
            const void *results;       // packed rows, back to back
            size_t results_size;
            int64_t cpu_ns; // of a task long enough to be measured (count is 1), or -1
            int32_t cpu;    // the same
        } ok;
        struct {
            enum outcome_status status;
            bool permanent; // the task said so: never retried
            bool killed;    // the worker died of it, or was killed for it
            int signal;     // that ended the worker, or the task's own child, or 0
            int exit_code;
            int64_t start_ns;
            int64_t duration_ns;
            int64_t cpu_ns; // -1 = not known
            int64_t peak_memory;
            int32_t cpu;
            const char *message;
        } end;
        struct {
            int stream; // 1 or 2
            uint64_t offset;
            uint64_t length;
        } output;
        struct {
            int pid;
            int signal;
            int exit_code;
            bool expected; // it was told to end
            bool stuck;    // it does not end: its slot must be left alone
            const char *reason;
        } dead;
    };
};

// The task in hand of a slot, as far as is known now.
struct exec_in_hand {
    struct exec_grant task; // count 1
    int64_t since_ns;       // since when, at most a wake-up too early
    double progress;        // what a task of this worker last said of itself, 0 to 1
};

struct executor;

struct executor_ops {
    // Starts a worker in an empty slot. READY or UNFIT follows; or DEAD alone, when it was killed
    // from outside before that.
    int (*start)(struct executor *, unsigned slot, br_error *);
    // Makes a map known; before the first grant of it. Drop: after the last of its tasks was
    // reported.
    int (*define)(struct executor *, const struct exec_map *, br_error *);
    void (*drop)(struct executor *, uint64_t map);
    // Hands tasks to a ready slot that holds fewer than EXECUTOR_QUEUE grants.
    int (*grant)(struct executor *, unsigned slot, const struct exec_grant *, br_error *);
    // Grants in the slot's queue; those of which everything was taken back count until their turn.
    unsigned (*load)(const struct executor *, unsigned slot);
    // Takes back up to `most` tasks of `map` (0 = any) that have not started, from the end of what
    // the slot holds. They are the caller's again and not reported. The number taken; *out says
    // which.
    uint32_t (*take_back)(struct executor *, unsigned slot, uint64_t map, uint64_t most,
                          struct exec_grant *out);
    // What the slot is doing; false when nothing.
    bool (*in_hand)(struct executor *, unsigned slot, struct exec_in_hand *);
    // Asks the task in hand to stop (br_task_cancelled), if it is still that one.
    void (*ask)(struct executor *, unsigned slot, const struct exec_grant *task);
    // Ends the slot's worker because of that task, whose END will have this status: SIGTERM, and
    // SIGKILL when `grace_ns` is over. If the task has ended meanwhile it keeps its outcome, the
    // worker ends all the same, and nobody else is blamed. DEAD follows.
    void (*kill)(struct executor *, unsigned slot, const struct exec_grant *task,
                 enum outcome_status status, const char *message, int64_t grace_ns);
    // Lets an idle slot's worker end in peace (replacement, shutting down).
    void (*retire)(struct executor *, unsigned slot);
    // The next report: 1; 0 when there is none for now; -1 and *err when nothing more can be run.
    // What it points to is valid until the next call.
    int (*next_report)(struct executor *, struct exec_report *, br_error *);
    // Readable when next_report may have something; belongs to the executor.
    int (*fd)(const struct executor *);
    // When next_report should be called even if fd stays quiet (INT64_MAX: need not), by clock_now.
    int64_t (*deadline)(const struct executor *);
    // Asks workers to end, kills those that have not within `grace_ns`, frees everything.
    void (*destroy)(struct executor *, int64_t grace_ns);
};

struct executor {
    const struct executor_ops *ops;
    unsigned slots;
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What goes into an executor and what comes out of it: maps, grants, reports.
#ifndef BR_EXEC_EXECUTOR_TYPES_H
#define BR_EXEC_EXECUTOR_TYPES_H

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
    EXECUTOR_INLINE = 32 << 10,   // bytes: a map whose inputs are no larger needs no shared memory
    EXECUTOR_QUEUE = 32,          // grants that a slot can hold
    EXECUTOR_GRANT_MAX = 1 << 20, // tasks of a grant
};

// A map: many tasks of one kind, numbered from 0. Everything that it points to, and table_fd, are
// borrowed from define() to drop().
struct exec_map {
    uint64_t id; // never 0; of no other map in the executor's life
    // A function of the calling program, or NULL if the task is a plugin's.
    int (*function)(br_task *, const void *in, void *out);
    size_t in_size, out_size; // function: bytes of an item and of a result
    const void *items;        // function: the inputs of all tasks, if table_fd is -1
    uint64_t first_index;     // function: the index that br_task_index returns for task 0
    unsigned plugin;          // position in the executor's plugins
    const char *task;         // the task's name in the plugin
    const char *phase;        // for br_task_phase
    uint64_t seed;            // br_task_seed mixes it with the task's index
    int table_fd;             // sealed image of the input table (model/table.h), or -1
    size_t table_size;
    uint64_t rows;                // of the table
    uint64_t rows_per_task;       // 1, unless the task takes many rows
    const struct schema *results; // NULL for a function
    struct time_limits limits;    // for br_task_time_left; the pool enforces them
    enum job_isolation isolation;
};

// Consecutive tasks of a map.
struct exec_grant {
    uint64_t map;
    uint64_t first;   // index of the first task
    uint32_t count;   // 1 .. EXECUTOR_GRANT_MAX
    uint32_t attempt; // 1 is the first; the same for all of them
    uint32_t crashes; // workers that these tasks have killed so far; executors only pass it on
    bool alone;       // the pool grants the slot nothing else until these have ended
};

enum exec_report_type {
    REPORT_NONE = 0,
    REPORT_READY,    // the slot's worker has started and takes grants
    REPORT_UNFIT,    // no worker can start: `unfit.text` says why
    REPORT_OK,       // consecutive tasks that succeeded
    REPORT_END,      // one task that did not succeed
    REPORT_OUTPUT,   // part of a log that the tasks have printed
    REPORT_RETURNED, // granted tasks that have no outcome, because their worker has ended
    REPORT_DEAD,     // the slot's worker has ended
};

struct exec_report {
    enum exec_report_type type;
    unsigned slot;
    struct exec_grant tasks; // OK, END (count 1), OUTPUT, RETURNED: the tasks
    union {
        struct {
            int pid;
            const struct cpuset *cpus; // as the worker has read them back
        } ready;
        struct {
            enum br_error_kind kind; // BR_ERR_PLUGIN or BR_ERR_SYSTEM
            const char *text;
        } unfit;
        struct {
            int64_t start_ns;          // of the first task, by clock_now
            int64_t duration_ns;       // of a single long task, or -1: then
            const uint32_t *durations; // nanoseconds of each task, UINT32_MAX if longer
            const void *results;       // packed rows (model/table.h), one after the other
            size_t results_size;       // bytes of all rows
            int64_t cpu_ns;            // of a single long task, or -1
            int32_t cpu;               // that a single long task has ended on, or -1
        } ok;
        struct {
            enum outcome_status status;
            bool permanent; // the task asked not to be retried
            bool killed;    // the worker died of the task, or was killed for it
            int signal;     // that has ended the worker, or the task's own child, or 0
            int exit_code;
            int64_t start_ns;
            int64_t duration_ns;
            int64_t cpu_ns;      // -1: not known
            int64_t peak_memory; // bytes; -1: not known
            int32_t cpu;         // -1: not known
            const char *message;
        } end;
        struct {
            int stream; // 1: standard output, 2: standard error
            uint64_t offset;
            uint64_t length;
        } output;
        struct {
            int pid;
            int signal;
            int exit_code;
            bool expected; // it was killed or unfit, or was retired or retired by itself
            bool badly;    // it was retired, but crashed or was killed instead of ending
            bool stuck;    // the process does not end; the slot must not be started again
            const char *reason;
        } dead;
    };
};

// A slot's running task, if it is known.
struct exec_in_hand {
    struct exec_grant task; // count 1
    int64_t since_ns;       // when it started, by clock_now; too early by a wake-up at most
    double progress;        // what a task of this worker has last reported, 0 to 1
};

#endif

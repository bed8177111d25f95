// SPDX-License-Identifier: BSD-3-Clause
// Everything that happens in a run, as a list of facts. The journal is that list on disk; summary,
// failures, progress and reports are folds over it, live or replayed. Whoever folds never steers.
//
// Pointers in an event are borrowed: valid until the receiver returns.
#ifndef BR_JOURNAL_EVENT_H
#define BR_JOURNAL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/cpuset.h"
#include "model/outcome.h"

// Numbers of phases and workers in an event are less than this in every run that batchrun writes. A
// reader refuses larger ones rather than allocate room for them.
#define EVENT_INDEX_MAX (1 << 20)

enum event_type {
    EVENT_RUN_BEGIN = 1,
    EVENT_WORKER_BEGIN, // a worker is ready for tasks
    EVENT_WORKER_END,
    EVENT_PHASE_BEGIN,
    EVENT_TASKS_OK, // consecutive tasks that succeeded in one worker at the same attempt
    EVENT_TASK_END, // one attempt that did not succeed, or one success worth its own record
    EVENT_OUTPUT,   // what tasks printed lies here
    EVENT_PHASE_END,
    EVENT_RUN_END,
    EVENT_SOURCE,     // what the run was made from
    EVENT_RUN_RESUME, // the run goes on in a new process
    EVENT_NOTE,       // something about a process of the run that nothing depends on
};

struct event_run_begin {
    const char *name;
    const char *job_file; // absolute path
    const char *version;  // batchrun's
    const char *host;
    int64_t wall_ns; // CLOCK_REALTIME at time 0
    uint32_t workers;
    uint32_t phases;
    const char *limits; // by which means limits.memory is enforced; "" without it
};

struct event_worker_begin {
    uint32_t worker; // slot, 0 .. workers - 1
    int32_t pid;
    struct cpuset cpus; // read back in the worker
    uint32_t start;     // 0 for the slot's first process, then 1, 2, ...
};

struct event_worker_end {
    uint32_t worker;
    int32_t pid;
    int32_t signal;     // that ended it, or 0
    int32_t exit_code;  // when signal is 0
    const char *reason; // "finished", "max_tasks", "crashed", "killed: hard timeout", ...
};

// Every phase of the job has one, so that whoever folds knows its name and tasks: a phase that
// never starts has it just before its EVENT_PHASE_END.
struct event_phase_begin {
    uint32_t phase; // place in the job file, from 0
    const char *name;
    const char *task; // "plugin.task"
    uint64_t tasks;
};

struct event_tasks_ok {
    uint32_t phase;
    uint32_t worker;
    uint32_t attempt;
    uint64_t first;            // task index
    uint64_t count;            // at least 1
    int64_t start_ns;          // of the first, since the run's beginning
    const uint32_t *durations; // count of them, in ns, saturating at UINT32_MAX (a task longer than
                               // that, 4.3 s, is worth an EVENT_TASK_END); NULL = not known. A
                               // journal gives them back within 6.25 %
    const void *results; // `count` packed rows (see model/table.h) back to back; NULL when the
                         // phase keeps none
    size_t results_size;
};

struct event_task_end {
    uint32_t phase;
    uint32_t worker; // UINT32_MAX: it never ran (skipped, cancelled)
    uint64_t index;
    uint32_t attempt;
    enum outcome_status status;
    bool final; // no further attempt follows
    int64_t start_ns;
    int64_t duration_ns;
    int64_t cpu_ns;      // -1 = not known
    int64_t peak_memory; // bytes, -1 = not known
    int32_t cpu;         // the processing unit it was last seen on, -1 = not known
    int32_t signal;      // crashed: the signal, or 0
    int32_t exit_code;
    const char *inputs;  // "r=-1 unit=cm", cut at 200 bytes; never NULL
    const char *message; // in words, never NULL; raw: escape it before a terminal sees it
    const void *result;  // OK: one packed row, or NULL
    size_t result_size;
};

// `length` bytes at `offset` of logs/worker-N.out (stream 1) or .err (stream 2) were printed by
// tasks first .. first + count - 1 of the phase: one task, unless they were too short to be told
// apart. May come before or after the outcomes of those tasks.
struct event_output {
    uint32_t phase;
    uint32_t worker;
    uint64_t first;
    uint64_t count;
    uint32_t attempt;
    uint32_t stream;
    uint64_t offset;
    uint64_t length;
};

enum phase_end {
    PHASE_ENDED,   // every task has its outcome
    PHASE_STOPPED, // on_failure, or the run was interrupted: the rest were skipped
    PHASE_SKIPPED, // never started
};

struct event_phase_end {
    uint32_t phase;
    enum phase_end how;
    uint64_t skipped; // tasks that never ran and have no EVENT_TASK_END of their own
};

struct event_run_end {
    int32_t exit_status; // of the program
    const char *reason;  // "finished", "interrupted by SIGINT", ...
};

// Something that decides what the tasks compute. All of them come before the first phase; a run
// goes on only with the same.
struct event_source {
    const char *what; // "job file", "plugin demo", "inputs of phase areas", "--set"
    const char *name; // a path, or what --set says; or ""
    uint64_t hash;    // of its content
};

// Workers, and tasks in hand, of the process before are gone. What was skipped or cancelled is to
// be done again, and with `retry_failed` what failed is; so is all that came of results that will
// be others then: a phase that begins a second time begins from nothing.
struct event_run_resume {
    const char *version;
    const char *host;
    int64_t wall_ns; // CLOCK_REALTIME at this event's time
    uint32_t workers;
    bool retry_failed;
};

// For those who read of the run later: "command", "hwloc", "machine" (views/machine_note.h).
struct event_note {
    const char *name;
    const char *text;
};

struct event {
    enum event_type type;
    // Monotonic, since the run's beginning. Time in which no process worked on the run is left out:
    // a resumed run goes on from the last event's time.
    int64_t time_ns;
    union {
        struct event_run_begin run_begin;
        struct event_worker_begin worker_begin;
        struct event_worker_end worker_end;
        struct event_phase_begin phase_begin;
        struct event_tasks_ok tasks_ok;
        struct event_task_end task_end;
        struct event_output output;
        struct event_phase_end phase_end;
        struct event_run_end run_end;
        struct event_source source;
        struct event_run_resume run_resume;
        struct event_note note;
    };
};

// A receiver of events: the journal, a fold. -1 and *err ends the run (only the journal does that).
struct event_sink {
    int (*take)(struct event_sink *sink, const struct event *event, br_error *err);
};

#endif

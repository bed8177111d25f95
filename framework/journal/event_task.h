// SPDX-License-Identifier: BSD-3-Clause
// What events about phases and tasks carry. Times are ns since the run's beginning; pointers are
// borrowed (journal/event.h).
#ifndef BR_JOURNAL_EVENT_TASK_H
#define BR_JOURNAL_EVENT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/outcome.h"

// Every phase of the job has one, so that its name and its number of tasks are known: a phase that
// never starts has it just before its EVENT_PHASE_END.
struct event_phase_begin {
    uint32_t phase; // index in the job file, from 0
    const char *name;
    const char *task; // "plugin.task"
    uint64_t tasks;
    uint64_t left_out; // tasks that a try does not run; 0 in a whole run
    uint64_t
        signature;   // a hash of all but inputs and `args` that must be the same for rows to stay
    uint32_t source; // number of the phase whose results it reads; EVENT_NO_PHASE = none
};

#define EVENT_NO_PHASE UINT32_MAX

// Consecutive tasks, in an array that the journal has in native byte order.
struct event_span {
    uint64_t first;
    uint64_t count;
};

// How many tasks succeeded after so many EVENT_ACCEPT, in native byte order.
struct event_made {
    uint64_t accepts;
    uint64_t tasks;
};

// The phase has other inputs now, or is not in the job any more. Outcomes and attempts of tasks
// outside the spans do not count from here on, and those tasks run again. So does all that was
// computed from the results of the phase.
struct event_phase_keep {
    uint32_t phase;
    bool dropped;                     // it is not in the job any more; its number may be used again
    uint64_t tasks;                   // number of its tasks from here on
    uint64_t outcomes[OUTCOME_COUNT]; // number of tasks whose final outcome stays
    const struct event_span *spans;   // ascending; tasks whose inputs are the same
    size_t span_count;
    const struct event_made *made; // of those that stay and succeeded
    size_t made_count;
};

enum phase_end {
    PHASE_ENDED,   // every task has its outcome
    PHASE_STOPPED, // by on_failure or an interrupt: the remaining tasks were skipped
    PHASE_SKIPPED, // never started
};

struct event_phase_end {
    uint32_t phase;
    enum phase_end how;
    uint64_t skipped; // tasks that never ran and have no EVENT_TASK_END of their own
};

// Consecutive tasks that succeeded in one worker at the same attempt.
struct event_tasks_ok {
    uint32_t phase;
    uint32_t worker;
    uint32_t attempt; // 1 is the first
    uint64_t first;   // task index
    uint64_t count;   // at least 1
    int64_t start_ns; // of the first
    // `count` durations in ns, at most UINT32_MAX (a task that took longer than that, 4.3 s, has an
    // EVENT_TASK_END); NULL = not known. Read from a journal they are within 6.25 %.
    const uint32_t *durations;
    // `count` packed rows (model/table.h) back to back; NULL if the phase keeps none.
    const void *results;
    size_t results_size; // in bytes
};

// One attempt that did not succeed, or one success with a record of its own.
struct event_task_end {
    uint32_t phase;
    uint32_t worker; // UINT32_MAX: it never ran (skipped, cancelled)
    uint64_t index;
    uint32_t attempt; // 1 is the first
    enum outcome_status status;
    bool final; // no further attempt follows
    int64_t start_ns;
    int64_t duration_ns;
    int64_t cpu_ns;      // CPU time, -1 = not known
    int64_t peak_memory; // in bytes, -1 = not known
    int32_t cpu;         // the last processing unit that it was seen on, -1 = not known
    int32_t signal;      // of a crash, or 0
    int32_t exit_code;
    const char *inputs;  // "r=-1 unit=cm", cut at 200 bytes; never NULL
    const char *message; // never NULL; not escaped for a terminal
    const void *result;  // one packed row if it succeeded, or NULL
    size_t result_size;  // in bytes
};

// `length` bytes at `offset` of logs/worker-N.out (stream 1) or .err (stream 2) were printed by the
// tasks first .. first + count - 1 of the phase: one task, or several that were too short to
// distinguish their output. It may come before or after the outcomes of those tasks.
struct event_output {
    uint32_t phase;
    uint32_t worker;
    uint64_t first;
    uint64_t count;
    uint32_t attempt; // 1 is the first
    uint32_t stream;
    uint64_t offset;
    uint64_t length;
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Everything that happens in a run, as a list of facts. The journal is that list on disk; summary,
// failures, progress and reports are folds over it, live or replayed. A fold never changes how the
// run continues.
#ifndef BR_JOURNAL_EVENT_H
#define BR_JOURNAL_EVENT_H

#include <stdint.h>

#include "base/error.h"
#include "journal/event_run.h"
#include "journal/event_task.h"

// Numbers of phases and workers in an event are less than this in every run that batchrun writes. A
// reader refuses larger ones rather than allocate room for them.
#define EVENT_INDEX_MAX (1 << 20)

enum event_type {
    EVENT_RUN_BEGIN = 1,
    EVENT_WORKER_BEGIN,
    EVENT_WORKER_END,
    EVENT_PHASE_BEGIN,
    EVENT_TASKS_OK,
    EVENT_TASK_END,
    EVENT_OUTPUT,
    EVENT_PHASE_END,
    EVENT_RUN_END,
    EVENT_SOURCE,
    EVENT_RUN_RESUME,
    EVENT_NOTE,
    EVENT_ACCEPT,
    EVENT_INPUT_ROWS,
    EVENT_PHASE_KEEP,
};

// Pointers in an event are borrowed: they are valid until the receiver returns.
struct event {
    enum event_type type;
    // Monotonic, in ns since the run's beginning. Time in which no process worked on the run is
    // left out: a resumed run continues from the time of the last event.
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
        struct event_accept accept;
        struct event_input_rows input_rows;
        struct event_phase_keep phase_keep;
    };
};

// A receiver of events, such as the journal or a fold. `take` returns -1 and *err to refuse an
// event, which ends the run or the replay: the journal does so if it cannot write, others if an
// event contradicts what they know. A fold returns 0.
struct event_sink {
    int (*take)(struct event_sink *sink, const struct event *event, br_error *err);
};

#endif

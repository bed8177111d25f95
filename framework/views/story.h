// SPDX-License-Identifier: BSD-3-Clause
// The story of one task, folded from a run's events: its attempts, or why it has none yet. All
// calls for one story come from one thread.
#ifndef BR_VIEWS_STORY_H
#define BR_VIEWS_STORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "journal/rundir.h"
#include "model/job.h"
#include "views/failures.h"
#include "views/phase_names.h"
#include "views/task_name.h"

struct story_worker;

struct story {
    struct event_sink sink; // its take always returns 0
    const struct task_name *task;
    struct phase_names names;
    bool phase_began;
    bool phase_ended;
    enum phase_end how; // how the phase ended
    uint32_t phase;     // its number, if it has started
    uint64_t tasks;     // of the phase
    uint64_t ended;     // tasks of the phase that have ended
    bool *over;         // by phase: whether it has ended with all its tasks
    size_t over_count;
    struct failure *attempts;
    size_t attempt_count;
    struct event_output *outputs; // the task's attempts
    size_t output_count;
    struct story_worker *workers;
    size_t worker_count;
    bool failed; // memory was out: the story is incomplete
};

// Borrows `task` until story_finish.
void story_init(struct story *s, const struct task_name *task);
void story_finish(struct story *s);

// Appends the story for a person. `job` is the job as it was run, for phases that have not started;
// `run` has the workers' logs. Returns -1 and *err if the run has no such task (BR_ERR_USAGE) or
// memory runs out.
int story_text(struct story *s, const struct job *job, const struct rundir *run, struct buffer *out,
               br_error *err);

#endif

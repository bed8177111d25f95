// SPDX-License-Identifier: BSD-3-Clause
// One task's whole story, folded from a run's events: its attempts, or why there is none yet.
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
#include "views/task_name.h"

struct story_worker;

struct story {
    struct event_sink sink; // take: always 0
    const struct task_name *task;
    struct phase_names names;
    bool phase_began;
    bool phase_ended;
    enum phase_end how; // then
    uint32_t phase;     // its number, once begun
    uint64_t tasks;     // of the phase
    uint64_t ended;     // of these
    bool *over;         // which phases have ended with all their tasks
    size_t over_count;
    struct failure *attempts;
    size_t attempt_count;
    struct event_output *outputs; // of its attempts
    size_t output_count;
    struct story_worker *workers;
    size_t worker_count;
    bool failed; // out of memory: something is left out
};

void story_init(struct story *s, const struct task_name *task); // borrowed
void story_finish(struct story *s);

// Appends the story for a person. `job` is the job as it was run, which tells of phases that have
// not begun; `run` says where the workers' logs are. -1 and *err (BR_ERR_USAGE) when the run
// has no such task.
int story_text(struct story *s, const struct job *job, const struct rundir *run, struct buffer *out,
               br_error *err);

#endif

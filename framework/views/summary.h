// SPDX-License-Identifier: BSD-3-Clause
// What a run came to, folded from its events: per phase and per worker, in memory that does not
// grow with the number of tasks.
#ifndef BR_VIEWS_SUMMARY_H
#define BR_VIEWS_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "journal/event.h"
#include "model/cpuset.h"
#include "views/failures.h"

struct summary_phase {
    char *name; // NULL: no event has named it, and it is shown nowhere
    char *task;
    uint64_t tasks;
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t retries; // attempts that were not the last
    int64_t start_ns;
    int64_t end_ns;  // once ended
    int64_t busy_ns; // time that workers spent in its tasks
    bool ended;
    enum phase_end how;
};

struct summary_worker {
    struct cpuset cpus; // of its latest process
    uint32_t starts;
    uint64_t tasks; // attempts that ended in it
    int64_t busy_ns;
};

struct summary {
    struct event_sink sink; // take: always 0
    char *name;
    char *job_file;
    char *version;
    char *host;
    char *limits;    // by which means limits.memory is enforced
    int64_t wall_ns; // when it began
    uint32_t worker_slots;
    struct summary_phase *phases;
    size_t phase_count;
    struct summary_worker *workers;
    size_t worker_count;
    int64_t last_ns; // time of the latest event
    bool ended;
    int32_t exit_status;
    char *reason;
    bool failed; // out of memory: what is shown would be wrong
};

void summary_init(struct summary *s);
void summary_finish(struct summary *s);

// Figures that follow from the fold. A phase's wall time: so far, where it has not ended.
int64_t summary_phase_wall(const struct summary *s, const struct summary_phase *p);

// Tasks that ran to an outcome, per second of the phase's wall time.
double summary_phase_rate(const struct summary *s, const struct summary_phase *p);

// Busy time of the workers as a part of all they had; at most 1, whatever the clocks' rounding.
double summary_phase_utilisation(const struct summary *s, const struct summary_phase *p);

// Tasks, retries and outcomes of all phases; nothing else of *total is set.
void summary_totals(const struct summary *s, struct summary_phase *total);

// How an enum outcome_status is said to a person: "timed out".
const char *summary_outcome_words(int outcome);

// Appends how the run went, in one sentence for a person, without a newline.
void summary_verdict(const struct summary *s, struct buffer *out);

// Appends a table of the phases and a line with the verdict, for a person.
void summary_text(const struct summary *s, struct buffer *out);

// Appends summary.json's content. `failures` may be NULL. -1 and *err when out of memory.
int summary_json(const struct summary *s, const struct failures *failures, struct buffer *out,
                 br_error *err);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The summary of a run, folded from its events: figures of phases and workers, in memory that does
// not grow with the number of tasks. All calls for one summary come from one thread.
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
    char *name; // NULL if no event has named the phase: it is not shown then
    char *task;
    uint64_t tasks; // that are to run: of a try, its part
    uint64_t whole; // of the phase
    uint64_t outcomes[OUTCOME_COUNT];
    uint64_t retries; // attempts that another one followed
    int64_t start_ns;
    int64_t end_ns;  // set if `ended`
    int64_t busy_ns; // time that workers spent in its tasks
    bool ended;
    enum phase_end how; // set if `ended`
    // Rows that a phase with batches lacks because tasks of phase `missing_from` failed; 0 and NULL
    // if there are none.
    uint64_t missing_rows;
    char *missing_from;
    uint64_t *made; // by the number of acceptances before it: tasks that succeeded; made[0] is 0
    size_t made_count;
};

// A change that was accepted.
struct summary_accept {
    char *what, *name, *detail; // as in struct event_accept, like the rest
    int64_t old_ns, new_ns, wall_ns;
};

// The time of a plugin's file from a number of acceptances on.
struct summary_plugin {
    char *what; // "plugin demo"
    size_t accepts;
    int64_t changed_ns;
};

struct summary_worker {
    struct cpuset cpus; // of the worker's latest process
    uint32_t starts;
    uint64_t tasks; // number of attempts that ended in the worker
    int64_t busy_ns;
};

struct summary {
    struct event_sink sink; // its take always returns 0
    char *name;
    char *job_file;
    char *version;
    char *host;
    char *limits;    // how limits.memory is enforced
    char *part;      // of a try: the options that chose its tasks; NULL or "" = a whole run
    int64_t wall_ns; // wall clock at the start of the run
    uint32_t worker_slots;
    struct summary_phase *phases;
    size_t phase_count;
    struct summary_worker *workers;
    size_t worker_count;
    struct summary_accept *accepts; // in order
    size_t accept_count;
    struct summary_plugin *plugins; // in order
    size_t plugin_count;
    int64_t last_ns; // time of the latest event
    bool ended;
    int32_t exit_status;
    char *reason;
    bool failed; // memory was out: figures would be wrong, and are not shown
};

void summary_init(struct summary *s);
void summary_finish(struct summary *s);

// Returns the wall time of a phase, up to the latest event if it has not ended.
int64_t summary_phase_wall(const struct summary *s, const struct summary_phase *p);

// Returns the tasks that ran to an outcome, per second of the phase's wall time.
double summary_phase_rate(const struct summary *s, const struct summary_phase *p);

// Returns the fraction of the workers' time during the phase that they were busy; at most 1, also
// if rounded durations sum to more.
double summary_phase_busy(const struct summary *s, const struct summary_phase *p);

// Sets the tasks, retries and outcomes of *total to the sums over all phases; the rest of it is
// zero.
void summary_totals(const struct summary *s, struct summary_phase *total);

// Appends the result of the run as one sentence for a person, without a newline.
void summary_verdict(const struct summary *s, struct buffer *out);

// Appends a sentence about the rows that a phase lacks, for a person; nothing if it lacks none.
void summary_missing(const struct summary_phase *p, struct buffer *out);

// Returns whether the run is a try: a part of the job's tasks.
bool summary_is_try(const struct summary *s);

// Appends lines for a person, each with its newline: that the run is a try, which changes were
// accepted, and which tasks of each phase were made before and after. Nothing for other runs.
void summary_history(const struct summary *s, struct buffer *out);

// Appends a table of the phases, summary_history, sentences about missing rows, and a line
// with the verdict, for a person.
void summary_text(const struct summary *s, struct buffer *out);

// Appends the content of summary.json. `failures` may be NULL. Returns -1 and *err if memory runs
// out.
int summary_json(const struct summary *s, const struct failures *failures, struct buffer *out,
                 br_error *err);

#endif

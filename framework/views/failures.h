// SPDX-License-Identifier: BSD-3-Clause
// The final failures of a run, folded from its events. Of the first few kinds it keeps one failure
// with everything that a person needs to understand it, and counts how many others failed alike: in
// the same phase, with the same outcome and the same message except for numbers. Tasks that were
// skipped or cancelled are not failures.
#ifndef BR_VIEWS_FAILURES_H
#define BR_VIEWS_FAILURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "journal/event.h"

enum {
    FAILURES_SHOWN = 10, // kinds that are kept
    FAILURES_NAMED = 5   // of each kind: other tasks whose index is kept
};

struct failure_output {
    uint64_t offset; // in the worker's log of the stream, in bytes
    uint64_t length; // in bytes; 0 = the task printed nothing
    uint64_t first;  // the tasks that printed it
    uint64_t count;
};

struct failure {
    struct event_task_end task; // its strings belong to the failure; it has no result
    char *cpus;                 // of the worker, "4-5"; NULL = not known
    struct failure_output output[2];
    uint64_t alike;                  // number of other tasks that failed alike
    uint64_t others[FAILURES_NAMED]; // the first of these
};

struct failures_worker;

struct failures {
    struct event_sink sink; // take: always 0
    struct failure shown[FAILURES_SHOWN];
    size_t shown_count;
    size_t told;    // how many of `shown` failures_text has written
    uint64_t count; // of all failures
    char **phases;  // names, by phase
    size_t phase_count;
    struct failures_worker *workers;
    size_t worker_count;
};

void failures_init(struct failures *f);
void failures_finish(struct failures *f);

// Returns whether the end of an attempt is a failure that counts.
bool failure_is(const struct event_task_end *task);

// Appends how a task ended: "crashed: SIGSEGV (segmentation fault)". The message is escaped.
void failure_cause(struct buffer *out, const struct event_task_end *task);

// Appends the body of a failure's block, indented: where and how long the task ran, its inputs, and
// the last lines that it printed. It can also describe a task that succeeded. `logs_directory` is
// as in failures_text.
void failure_details(struct buffer *out, const struct failure *failure, const char *logs_directory);

// Appends the command that runs the task again alone, if there is one. `phase` may be NULL.
void failure_again(struct buffer *out, const char *run, const char *phase, uint64_t index);

// Returns whether failures_text has a block to write.
bool failures_untold(const struct failures *f);

// Appends a block for each kept failure that was not written before: with the last lines that the
// task printed (read from `logs_directory`/worker-N.out and .err; NULL = none), and the command
// that runs it again. `run` is the run's directory.
void failures_text(struct failures *f, const char *run, const char *logs_directory,
                   struct buffer *out);

// Appends how many other failures there were, which tasks failed alike, and the command that lists
// them all. Appends nothing if all were written.
void failures_rest(const struct failures *f, const char *run, struct buffer *out);

// Appends the kept failures as objects to the array that is open in `j`.
void failures_json(const struct failures *f, struct json *j);

#endif

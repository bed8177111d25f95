// SPDX-License-Identifier: BSD-3-Clause
// The final failures of a run, folded from its events. For the first few kinds of failures it keeps
// what a person needs to understand one, and how many other tasks failed in the same way: in the
// same phase, with the same outcome, and with a message that differs only in numbers. Tasks that
// were skipped or cancelled are not failures. All calls for one object come from one thread.
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
    FAILURES_SHOWN = 10,
    FAILURES_NAMED = 5,  // most tasks that are listed as failed like a shown one
    FAILURES_SPARES = 20 // most that are kept to be shown in its place
};

struct failure_output {
    uint64_t offset; // where it begins in the worker's log of the stream
    uint64_t length; // 0 = no output
    uint64_t first;  // tasks first .. first + count - 1 printed it
    uint64_t count;
};

struct failure {
    struct event_task_end task; // its strings are `message` and `inputs`; it has no result
    char *inputs;
    char *message;
    char *cpus; // of its worker, "4-5"; NULL = not known
    struct failure_output output[2];
    uint64_t alike;                  // number of other tasks that failed in the same way
    uint64_t others[FAILURES_NAMED]; // indices of the first of them
    uint32_t kind;                   // a number that it shares with them; 0 = not one of `shown`
    struct failure *spares; // some of them, of which one replaces it if its task runs again
    size_t spare_count;
};

struct failures_worker;

// A task that failed.
struct failed_task {
    uint64_t index;
    uint32_t phase;
    uint32_t kind; // of the shown failure that it is or is like; 0 = unlike all
};

struct failures {
    struct event_sink sink; // its take always returns 0
    struct failure shown[FAILURES_SHOWN];
    size_t shown_count;
    size_t printed; // how many of `shown` failures_text has appended
    uint64_t count; // of all failures
    struct failed_task *all;
    size_t all_count, all_capacity;
    uint32_t kinds; // the latest kind
    char **phases;  // names
    size_t phase_count;
    struct failures_worker *workers;
    size_t worker_count;
};

void failures_init(struct failures *f);
void failures_finish(struct failures *f);

// Copies how a task ended into *out, which failure_finish frees. Returns false if memory runs out;
// *out is then empty.
bool failure_keep(struct failure *out, const struct event_task_end *task);
void failure_finish(struct failure *failure); // takes a zeroed one

// Returns whether a task's end counts as a failure.
bool failure_is(const struct event_task_end *task);

// Appends how a task ended: "crashed: SIGSEGV (segmentation fault)". The message is escaped.
void failure_cause(struct buffer *out, const struct event_task_end *task);

// Appends the indented body of a failure's block: where and how long the task ran, its inputs, and
// the last lines of its output. Works for a task that succeeded, too. `logs_directory` as below.
void failure_details(struct buffer *out, const struct failure *failure, const char *logs_directory);

// Appends the command that runs the task again by itself, if there is one. `phase` may be NULL.
void failure_again(struct buffer *out, const char *run, const char *phase, uint64_t index);

// Returns whether failures_text has something to append.
bool failures_pending(const struct failures *f);

// Appends a block for each kept failure that it has not appended before, with the last lines of the
// task's output (read from `logs_directory`/worker-N.out and .err; NULL = none), and the command
// that runs it again, which names the run's directory `run`.
void failures_text(struct failures *f, const char *run, const char *logs_directory,
                   struct buffer *out);

// Appends how many more failures there were, which of them were like a shown one, and the command
// that lists all. Appends nothing if failures_text has appended all.
void failures_rest(const struct failures *f, const char *run, struct buffer *out);

// Writes the kept failures as objects into the array that is open in `j`.
void failures_json(const struct failures *f, struct json *j);

#endif

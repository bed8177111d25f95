// SPDX-License-Identifier: BSD-3-Clause
// The fingerprint of a run: hashes of everything that decides the results of its tasks, which is
// the job file, the values of --set, the plugins and the inputs. It is written into the journal
// when a run begins. A run is resumed only if its fingerprint is the same, or if the user accepts
// what has changed (run/accept.h).
//
// Settings that do not change results are not part of it, and may differ on a resume: workers and
// limits, and a phase's timeout, expected_time, retries, priority, max_parallel, chunk_size and
// isolation, in the job file and in --set.
//
// Calls for one fingerprint come from one thread.
#ifndef BR_RUN_FINGERPRINT_H
#define BR_RUN_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "jobfile/spec.h"
#include "journal/event.h"
#include "run/prepare.h"
#include "run/row_hashes.h"

// Kinds of changes that can be accepted, as bits of a set.
enum accept_kind {
    ACCEPT_PLUGIN = 1,
    ACCEPT_JOB = 2,
    ACCEPT_INPUTS = 4
};

// One source, as it is or as it was.
struct fingerprint_part {
    char *what; // as in struct event_source, like the next three
    char *name;
    uint64_t hash;
    int64_t changed_ns;
    size_t phase; // its index in the job, if the source is the inputs of a phase; else SIZE_MAX
    bool known;   // it is the same on the other side
};

struct fingerprint_parts {
    struct fingerprint_part *items; // by array_add
    size_t count;
};

// A source that differs. The parts are borrowed from the fingerprint; one of them may be NULL.
struct fingerprint_change {
    enum accept_kind kind;
    const struct fingerprint_part *was, *is;
    struct row_changes rows; // of the inputs of a phase that was there before
};

struct fingerprint {
    struct event_sink sink; // takes the events of earlier processes
    struct fingerprint_parts is, was;
    struct past_rows *past_rows; // by phase of the job
    struct fingerprint_change *changes;
    size_t change_count;
    const struct prepared *prepared; // borrowed
};

// Computes the fingerprint of a prepared job. Returns -1 and *err if a plugin cannot be read or
// memory runs out; *out needs no finishing then.
int fingerprint_make(struct fingerprint *out, const struct prepared *prepared,
                     const struct spec_override *overrides, size_t override_count, br_error *err);
void fingerprint_finish(struct fingerprint *s); // takes a zeroed one

// Finds the changes, after the journal was read. If no phase has `started`, sources that the
// journal lacks are not changes: an earlier process did not come to write them. Returns -1 and *err
// if memory runs out.
int fingerprint_compare(struct fingerprint *s, bool started, br_error *err);

// Emits the sources that the journal lacks and that are not changes, and the rows of inputs.
// Returns -1 and *err if memory runs out or the sink refuses an event.
int fingerprint_emit(struct fingerprint *s, int64_t time_ns, struct event_sink *sink,
                     br_error *err);

#endif

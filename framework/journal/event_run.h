// SPDX-License-Identifier: BSD-3-Clause
// What events about a run and its workers carry. Times are ns since the run's beginning unless they
// are said to be otherwise; pointers are borrowed (journal/event.h).
#ifndef BR_JOURNAL_EVENT_RUN_H
#define BR_JOURNAL_EVENT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "model/cpuset.h"

struct event_run_begin {
    const char *name;
    const char *job_file; // absolute path
    const char *version;  // of batchrun
    const char *host;
    int64_t wall_ns; // CLOCK_REALTIME at time 0
    uint32_t workers;
    uint32_t phases;
    const char *limits; // how limits.memory is enforced; "" if the job has no such limit
    const char *part; // of a try: the options that chose its tasks, "--first 10"; "" = a whole run
};

// The run continues in a new process. Workers and running tasks of the process before have ended.
// Skipped and cancelled tasks run again, and with `retry_failed` failed tasks do; so does
// everything that was computed from results that will change. A phase that begins again begins from
// nothing.
struct event_run_resume {
    const char *version;
    const char *host;
    int64_t wall_ns; // CLOCK_REALTIME at the time of this event
    uint32_t workers;
    bool retry_failed;
};

struct event_run_end {
    int32_t exit_status; // of the program
    const char *reason;  // "finished", "interrupted by SIGINT", ...
};

// Something that decides what the tasks compute. A run is resumed only if all are the same, or the
// user accepts those that have changed.
struct event_source {
    const char *what;   // "job file", "plugin demo", "inputs of phase areas", "--set"
    const char *name;   // a path, the text of a --set, or ""
    uint64_t hash;      // of its content, by journal_hash
    int64_t changed_ns; // CLOCK_REALTIME of the last change of its file; 0 = it is not a file
};

// The user accepted that a source has changed: it has the new hash from here on. Rows of before
// stay unless an EVENT_PHASE_KEEP says otherwise or their phase starts again.
struct event_accept {
    const char *what; // as in struct event_source, like the next one
    const char *name;
    uint64_t old_hash, new_hash; // 0 = the source did not exist before, or does not exist now
    int64_t old_ns, new_ns;      // as changed_ns of struct event_source
    int64_t wall_ns;             // CLOCK_REALTIME at the time of this event
    const char *detail;          // "line 12", "3 of 100 rows: 4, 17-18"; ""
};

// Hashes of the rows of a phase's inputs, in blocks that follow each other from row 0; or the image
// of their table (model/table.h) if that is smaller, from which the hashes follow. They count only
// if they are complete and the source `what` still has the hash.
struct event_input_rows {
    const char *what;       // "inputs of phase areas"
    uint64_t hash;          // of that source
    uint64_t rows;          // of the phase
    uint32_t columns;       // of the image that come from the inputs; those of `args` follow
    uint64_t first;         // row of hashes[0]
    const uint64_t *hashes; // native byte order; NULL = there is an image
    size_t hashes_size;     // in bytes
    const void *image;      // or NULL
    size_t image_size;      // in bytes
};

// Something that a reader of the run may want to know and nothing depends on: "command", "hwloc",
// "machine" (views/machine_note.h), EVENT_NOTE_MISSING.
struct event_note {
    const char *name;
    const char *text;
};

// The name of a note that a phase with batches reads fewer rows than the phase before it had tasks.
// Its text is the phase's number, the number of missing rows, and the name of the other phase.
#define EVENT_NOTE_MISSING "missing rows"

// A worker is ready for tasks.
struct event_worker_begin {
    uint32_t worker; // index of its slot, from 0
    int32_t pid;
    struct cpuset cpus; // read back in the worker
    uint32_t start;     // 0 for the slot's first process, then 1, 2, ...
};

struct event_worker_end {
    uint32_t worker;
    int32_t pid;
    int32_t signal;     // the signal that ended it, or 0
    int32_t exit_code;  // if signal is 0
    const char *reason; // "finished", "max_tasks", "crashed", "killed: hard timeout", ...
};

#endif

// SPDX-License-Identifier: BSD-3-Clause
// The fingerprint of a run: hashes of everything that decides the results of its tasks, which is
// the job file, the values of --set, the plugins and the inputs. It is written into the journal
// when a run begins. A run is resumed only if its fingerprint is the same; else its results would
// come from several jobs.
//
// Values of --set that do not change results are not part of it, and may differ on a resume:
// workers and limits, and a phase's timeout, expected_time, retries, priority, max_parallel,
// chunk_size and isolation.
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
#include "journal/rundir.h"
#include "run/prepare.h"

struct fingerprint_part {
    char *what; // as in struct event_source, like the next two
    char *name;
    uint64_t hash;
    bool known; // the journal has it
};

struct fingerprint {
    struct event_sink sink; // take: -1 and *err (BR_ERR_USAGE) at a part that differs now
    struct fingerprint_part *items;
    size_t count;
    const struct prepared *prepared; // borrowed
    const struct rundir *dir;        // borrowed
};

// Computes the fingerprint of a prepared job. Returns -1 and *err if a plugin cannot be read or
// memory runs out; *out needs no finishing then.
int fingerprint_make(struct fingerprint *out, const struct prepared *prepared,
                     const struct spec_override *overrides, size_t override_count,
                     const struct rundir *dir, br_error *err);
void fingerprint_finish(struct fingerprint *s); // takes a zeroed one

// To be called after the journal of a run of which a phase had started was read. Returns -1 and
// *err if the fingerprint has a part that the journal does not.
int fingerprint_check_new(const struct fingerprint *s, br_error *err);

#endif

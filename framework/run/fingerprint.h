// SPDX-License-Identifier: BSD-3-Clause
// What decides what a run's tasks compute: the job file, the values of --set, the plugins, the
// inputs. Written into the journal when a run begins; a run goes on only with the same, else its
// results would be of several jobs at once.
//
// Not among them, and free to be others on a resume, is --set of what says only how the work is
// done: workers and limits, and a phase's timeout, time_request, retries, priority, max_parallel,
// chunk_size and isolation.
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
    bool known; // the journal names it
};

struct fingerprint {
    struct event_sink sink; // take: -1 and *err (BR_ERR_USAGE) at one that is another now
    struct fingerprint_part *items;
    size_t count;
    const struct prepared *prepared; // borrowed
    const struct rundir *dir;        // borrowed
};

// -1 and *err when a plugin cannot be read or memory is out; *out needs no finishing then.
int fingerprint_find(struct fingerprint *out, const struct prepared *prepared,
                     const struct spec_override *overrides, size_t override_count,
                     const struct rundir *dir, br_error *err);
void fingerprint_finish(struct fingerprint *s); // takes a zeroed one

// After the journal of a run of which a phase had begun: -1 and *err when there is one that it does
// not name.
int fingerprint_check_new(const struct fingerprint *s, br_error *err);

#endif

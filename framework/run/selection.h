// SPDX-License-Identifier: BSD-3-Clause
// The tasks of a try: `--only` and `--first` choose a part of a prepared job. Tasks keep the
// indices, and so the seeds, that they have in the whole run. All calls come from the thread of the
// run.
#ifndef BR_RUN_SELECTION_H
#define BR_RUN_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "run/prepare.h"

struct selection_options {
    char *const *only; // "areas#1-5,7", "areas", "column=value"
    size_t only_count;
    uint64_t first;        // at most so many tasks of each phase; 0 = no limit
    const char *directory; // --dir, where the whole run is; or NULL
};

// The tasks that are chosen of one phase.
struct selected_phase {
    uint64_t *chosen; // a set (base/bits.h); NULL if the phase does not run
    uint64_t tasks;   // of the whole phase
    uint64_t count;   // how many of them are chosen
};

struct selection {
    struct selected_phase *phases; // by phase of the job; NULL = the run is whole
    size_t phase_count;
    char *text; // the options, for events: "--only areas#1-5 --first 10"; NULL = the run is whole
};

// Returns whether the options choose a part.
bool selection_is_part(const struct selection_options *o);

// Chooses the tasks. Without `only`, these are all tasks of the phases that do not read `from`
// another one. A phase that does runs only if it is named; its inputs are made from a finished run
// of the job, NAME.run or the latest that was set aside. Returns -1 and *err, BR_ERR_USAGE if a
// phase, an index or a column does not exist, if nothing is chosen, or if there is no such run.
// *out is to be finished in each case.
int selection_make(struct selection *out, const struct selection_options *o, struct prepared *p,
                   br_error *err);
void selection_finish(struct selection *s); // takes a zeroed one

// Returns the number of tasks that are chosen of all phases.
uint64_t selection_count(const struct selection *s);

#endif

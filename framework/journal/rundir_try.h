// SPDX-License-Identifier: BSD-3-Clause
// The directory of a try, which the next try uses again.
#ifndef BR_JOURNAL_RUNDIR_TRY_H
#define BR_JOURNAL_RUNDIR_TRY_H

#include "base/error.h"
#include "journal/rundir.h"

// Removes what an earlier try left in its directory, whose lock is held: the files of results/ and
// logs/, then summary.json, job.yaml and the journal. Nothing else is touched. d->has_journal is
// false then. Returns -1 and *err, BR_ERR_USAGE if the directory holds a run that is not a try.
int rundir_empty_try(struct rundir *d, br_error *err);

#endif

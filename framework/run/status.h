// SPDX-License-Identifier: BSD-3-Clause
// The exit status of the program, and of the run that a journal records.
#ifndef BR_RUN_STATUS_H
#define BR_RUN_STATUS_H

#include "base/error.h"

enum run_status {
    RUN_OK = 0,          // every task succeeded
    RUN_INTERNAL = 1,    // the system or batchrun itself failed
    RUN_USAGE = 2,       // an error in the command line or the job
    RUN_FAILED = 3,      // some tasks did not succeed
    RUN_PLUGIN = 4,      // a plugin does not load or does not fit
    RUN_INTERRUPTED = 5, // stopped before its end, by a signal or the end of the allocation
};

// Returns the status that an error of this kind ends the program with.
enum run_status run_status_of(enum br_error_kind kind);

#endif

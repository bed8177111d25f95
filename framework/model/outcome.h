// SPDX-License-Identifier: BSD-3-Clause
// How a task ended. Every task ends with exactly one.
#ifndef BR_MODEL_OUTCOME_H
#define BR_MODEL_OUTCOME_H

#include <stdint.h>

enum outcome_status {
    OUTCOME_NONE = 0, // not ended
    OUTCOME_OK,
    OUTCOME_ERROR,   // the function said so
    OUTCOME_CRASHED, // signal, exit, abort
    OUTCOME_TIMED_OUT,
    OUTCOME_OVER_LIMIT, // memory, CPU time, output
    OUTCOME_CANCELLED,
    OUTCOME_SKIPPED, // the run or an earlier phase stopped before it
    OUTCOME_COUNT
};

// "ok", "error", "crashed", "timed_out", "over_limit", "cancelled", "skipped".
const char *outcome_name(enum outcome_status status);

#endif

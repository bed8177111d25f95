// SPDX-License-Identifier: BSD-3-Clause
// How a task ended. Every task ends with exactly one outcome.
#ifndef BR_MODEL_OUTCOME_H
#define BR_MODEL_OUTCOME_H

#include <stdint.h>

enum outcome_status {
    OUTCOME_NONE = 0, // not ended
    OUTCOME_OK,
    OUTCOME_ERROR,   // its function reported an error
    OUTCOME_CRASHED, // a signal, exit or abort ended its process
    OUTCOME_TIMED_OUT,
    OUTCOME_OVER_LIMIT, // of memory, CPU time or output
    OUTCOME_CANCELLED,
    OUTCOME_SKIPPED, // the run or an earlier phase stopped before the task started
    OUTCOME_COUNT
};

// Returns "ok", "error", "crashed", "timed_out", "over_limit", "cancelled" or "skipped"; "none" for
// any other value.
const char *outcome_name(enum outcome_status status);

// Returns the name for a person to read: "timed out" and "over limit", else as outcome_name.
const char *outcome_plain(enum outcome_status status);

#endif

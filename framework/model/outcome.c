// SPDX-License-Identifier: BSD-3-Clause
#include "model/outcome.h"

const char *outcome_name(enum outcome_status status)
{
    static const char *const names[OUTCOME_COUNT] = {
        [OUTCOME_NONE] = "none",           [OUTCOME_OK] = "ok",
        [OUTCOME_ERROR] = "error",         [OUTCOME_CRASHED] = "crashed",
        [OUTCOME_TIMED_OUT] = "timed_out", [OUTCOME_OVER_LIMIT] = "over_limit",
        [OUTCOME_CANCELLED] = "cancelled", [OUTCOME_SKIPPED] = "skipped",
    };
    return names[status < OUTCOME_COUNT ? status : OUTCOME_NONE];
}

const char *outcome_plain(enum outcome_status status)
{
    return status == OUTCOME_TIMED_OUT    ? "timed out"
           : status == OUTCOME_OVER_LIMIT ? "over limit"
                                          : outcome_name(status);
}

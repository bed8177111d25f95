// SPDX-License-Identifier: BSD-3-Clause
#include "run/status.h"

enum run_status run_status_of(enum br_error_kind kind)
{
    switch (kind) {
    case BR_ERR_NONE:
        return RUN_OK;
    case BR_ERR_USAGE:
        return RUN_USAGE;
    case BR_ERR_PLUGIN:
        return RUN_PLUGIN;
    case BR_ERR_INTERRUPTED:
        return RUN_INTERRUPTED;
    default:
        return RUN_INTERNAL;
    }
}

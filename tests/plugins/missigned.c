// SPDX-License-Identifier: BSD-3-Clause
// A plugin whose task has an invalid signature.
#include <batchrun/plugin.h>

static int nothing(br_task *t)
{
    return br_result_i64(t, "y", 0);
}

BATCHRUN_PLUGIN("missigned", "1.0", BR_TASK("nothing", nothing, "i:i46 -> y:i64", ""));

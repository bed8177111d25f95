// SPDX-License-Identifier: BSD-3-Clause
// A plugin that was linked without a library that it calls.
#include <batchrun/plugin.h>

int in_no_library(void);

static int call(br_task *t)
{
    return br_result_i64(t, "y", in_no_library());
}

BATCHRUN_PLUGIN("unresolved", "1.0", BR_TASK("call", call, "i:i64 -> y:i64", ""));

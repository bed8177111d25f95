// SPDX-License-Identifier: BSD-3-Clause
// A plugin that dies while it is being loaded.
#include <batchrun/plugin.h>

#include <signal.h>
#include <stdlib.h>

__attribute__((constructor)) static void die(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int nothing(br_task *t)
{
    return br_result_i64(t, "none", 0);
}

BATCHRUN_PLUGIN("constructor_crashes", "1.0",
                BR_TASK("nothing", nothing, "i:i64 -> none:i64", "never runs"));

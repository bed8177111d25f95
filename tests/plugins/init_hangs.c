// SPDX-License-Identifier: BSD-3-Clause
// A plugin whose init never returns.
#include <batchrun/plugin.h>

#include <unistd.h>

static int init(br_worker *w)
{
    while (w != NULL)
        pause();
    return 0;
}

static int nothing(br_task *t)
{
    return br_result_i64(t, "none", 0);
}

BATCHRUN_PLUGIN("init_hangs", "1.0", BR_PLUGIN_INIT(init),
                BR_TASK("nothing", nothing, "i:i64 -> none:i64", "never runs"));

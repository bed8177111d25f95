// SPDX-License-Identifier: BSD-3-Clause
// A plugin whose init refuses to start.
#include <batchrun/plugin.h>

static int init(br_worker *w)
{
    return br_init_fail(w, "no licence for %s", br_config_str(w, "site", "this site"));
}

static int nothing(br_task *t)
{
    return br_result_i64(t, "none", 0);
}

BATCHRUN_PLUGIN("init_fails", "1.0", BR_PLUGIN_INIT(init),
                BR_TASK("nothing", nothing, "i:i64 -> none:i64", "never runs"));

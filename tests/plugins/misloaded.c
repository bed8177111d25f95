// SPDX-License-Identifier: BSD-3-Clause
// A plugin that exits or hangs while it is being loaded, as MISLOADED demands.
#include <batchrun/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void misbehave(void)
{
    const char *how = getenv("MISLOADED");
    if (how != NULL && strcmp(how, "exit") == 0)
        exit(0);
    while (how != NULL && strcmp(how, "hang") == 0)
        pause();
}

static int nothing(br_task *t)
{
    return br_result_i64(t, "none", 0);
}

BATCHRUN_PLUGIN("misloaded", "1.0", BR_TASK("nothing", nothing, "i:i64 -> none:i64", ""));

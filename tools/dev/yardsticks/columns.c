// SPDX-License-Identifier: BSD-3-Clause
// A plugin for bench-growth: tasks that have many columns, and read one of them or all of them.
#include <batchrun/plugin.h>

static int one(br_task *t)
{
    return br_result_i64(t, "y", br_arg_i64(t, "i"));
}

static int all(br_task *t)
{
    int64_t sum = 0;
    const char *name;
    for (size_t i = 0; (name = br_arg_name(t, i)); i++)
        sum += br_arg_i64(t, name);
    return br_result_i64(t, "y", sum);
}

BATCHRUN_PLUGIN("columns", "1.0",
                BR_TASK("one", one, "i:i64 ...:i64 -> y:i64", "reads one of many columns"),
                BR_TASK("all", all, "i:i64 ...:i64 -> y:i64", "reads all of them"));

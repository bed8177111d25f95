// SPDX-License-Identifier: BSD-3-Clause
// A plugin that makes every call of plugin.h once, to be built as C11 and as C++17. Whoever
// includes this gives the exported symbol a name of its own by defining batchrun_plugin.
#ifndef BR_TEST_PLUGIN_H_CALLS_H
#define BR_TEST_PLUGIN_H_CALLS_H

#include <batchrun/plugin.h>

static br_worker *the_worker;

static int init(br_worker *w)
{
    the_worker = w;
    br_set_state(w, br_worker_state(w));
    br_config_i64(w, "i64", 0);
    br_config_f64(w, "f64", 0);
    br_config_bool(w, "bool", false);
    br_config_str(w, "str", "");
    return br_init_fail(w, "init %d", 1);
}

static int inputs(br_task *t)
{
    size_t size = 0;
    br_arg_i64(t, "a");
    br_arg_f64(t, "a");
    br_arg_bool(t, "a");
    br_arg_str(t, "a");
    br_arg_bytes(t, "a", &size);
    br_arg_name(t, 3);
    br_row_i64(t, 7, "r");
    br_row_f64(t, 7, "r");
    br_row_bool(t, 7, "r");
    br_row_str(t, 7, "r");
    br_row_bytes(t, 7, "r", &size);
    return 0;
}

static int results(br_task *t)
{
    br_result_i64(t, "r", 1);
    br_result_f64(t, "r", 1);
    br_result_bool(t, "r", true);
    br_result_str(t, "r", "text");
    br_result_bytes(t, "r", "text", 4);
    br_log(t, "log %d", 1);
    br_task_progress(t, 0.5);
    br_task_cancelled(t);
    br_task_time_left(t);
    br_state(t);
    br_fail_permanent(t, "permanent %d", 1);
    br_fail_timed_out(t, "timed out %d", 1);
    br_fail_over_limit(t, "over limit %d", 1);
    return br_fail(t, "fail %d", 1);
}

static int about(br_task *t)
{
    br_log(t, "%llu %llu %llu %u %s", (unsigned long long)br_task_index(t),
           (unsigned long long)br_rows(t), (unsigned long long)br_task_seed(t), br_task_attempt(t),
           br_task_phase(t));
    return 0;
}

BATCHRUN_PLUGIN("calls", "1.0", BR_PLUGIN_INIT(init), BR_PLUGIN_FINI(init),
                BR_TASK("inputs", inputs, "... -> y:f64", "arguments"),
                BR_TASK("results", results, "[x:f64] -> y:f64", "results"),
                BR_TASK("about", about, "-> y:f64", "facts"));

#endif

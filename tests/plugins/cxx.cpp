// SPDX-License-Identifier: BSD-3-Clause
// A plugin in C++17.
#include <batchrun/plugin.h>

#include <exception>
#include <string>

static int reverse(br_task *t)
{
    try {
        std::string text = br_arg_str(t, "text");
        std::string reversed(text.rbegin(), text.rend());
        return br_result_str(t, "reversed", reversed.c_str());
    } catch (const std::exception &e) {
        return br_fail(t, "%s", e.what());
    }
}

BATCHRUN_PLUGIN("cxx", "1.0", BR_TASK("reverse", reverse, "text:str -> reversed:str", "backwards"));

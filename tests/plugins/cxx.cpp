// SPDX-License-Identifier: BSD-3-Clause
// A plugin in C++17.
#include <batchrun/plugin.h>

#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

// Its destructor runs when a worker ends as a program does.
static struct farewell {
    ~farewell()
    {
        const char *path = std::getenv("CXX_FAREWELL");
        if (path)
            std::ofstream(path, std::ios::app) << "destroyed\n";
    }
} farewell;

static int init(br_worker *)
{
    std::ios::sync_with_stdio(std::getenv("CXX_SYNC") != nullptr);
    std::cout << "init\n";
    return 0;
}

// Prints through all standard streams; row 3 crashes after that.
static int speak(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    std::cout << "cout of " << i << "\n";
    std::clog << "clog of " << i << "\n";
    if (i == 3)
        std::abort();
    return br_result_i64(t, "y", i);
}

static int speak_wide(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    std::wcout << L"wcout of " << i << L"\n";
    std::wclog << L"wclog of " << i << L"\n";
    return br_result_i64(t, "y", i);
}

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

BATCHRUN_PLUGIN("cxx", "1.0", BR_PLUGIN_INIT(init),
                BR_TASK("reverse", reverse, "text:str -> reversed:str", "backwards"),
                BR_TASK("speak", speak, "i:i64 -> y:i64", "prints"),
                BR_TASK("speak_wide", speak_wide, "i:i64 -> y:i64", "prints wide characters"));

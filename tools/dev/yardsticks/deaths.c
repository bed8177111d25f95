// SPDX-License-Identifier: BSD-3-Clause
// Tasks for bench-deaths: they take a known time, or never end, or one of so many crashes.
#include <batchrun/plugin.h>

#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int done(br_task *t, int64_t began)
{
    br_result_i64(t, "pid", getpid());
    br_result_i64(t, "began", began);
    return br_result_i64(t, "value", 7 * br_arg_i64(t, "i") + 1);
}

static int spin(br_task *t)
{
    int64_t began = now();
    while (now() - began < br_arg_i64(t, "ns"))
        ;
    return done(t, began);
}

static int hang(br_task *t)
{
    while (t != NULL)
        pause();
    return 1;
}

static int crash(br_task *t)
{
    int64_t each = br_arg_i64(t, "each");
    if (each > 0 && br_arg_i64(t, "i") % each == each / 2)
        raise(SIGSEGV);
    return spin(t);
}

BATCHRUN_PLUGIN("deaths", "1.0",
                BR_TASK("spin", spin, "i:i64 ns:i64 -> pid:i64 began:i64 value:i64", "so long"),
                BR_TASK("hang", hang, "i:i64 -> never:i64", "for ever"),
                BR_TASK("crash", crash, "i:i64 ns:i64 each:i64 -> pid:i64 began:i64 value:i64",
                        "so long, and one in so many crashes"));

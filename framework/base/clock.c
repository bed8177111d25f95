// SPDX-License-Identifier: BSD-3-Clause
#include "base/clock.h"

#include <limits.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_process_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_stood_still(int64_t before, int64_t until, int64_t after)
{
    if (until < before)
        until = before;
    return after - NS_PER_S > until ? before + (until - before) / 2 : 0;
}

int clock_poll_timeout(int64_t deadline, int64_t now)
{
    if (deadline == INT64_MAX)
        return -1;
    if (deadline <= now)
        return 0;
    int64_t ms = (deadline - now - 1) / NS_PER_MS + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

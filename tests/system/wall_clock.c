// SPDX-License-Identifier: BSD-3-Clause
// For LD_PRELOAD: a wall clock that somebody sets a day forward or back all the time. Other clocks
// are not changed.
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const long day = 24 * 60 * 60;

static long wrong(void)
{
    static atomic_int asked;
    return atomic_fetch_add(&asked, 1) % 2 ? day : -day;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int result = (int)syscall(SYS_clock_gettime, id, t);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += wrong();
    return result;
}

int gettimeofday(struct timeval *t, void *zone)
{
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *t = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "base/stopwatch.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define GOOD_FOR_NS NS_PER_MS

enum {
    TOO_LONG = 100,  // times GOOD_FOR_NS: the machine may have slept meanwhile, or the counter may
                     // have been set
    TOGETHER = 2000, // largest number of ticks from before a look at the clock to after it
    TRIES = 16       // most looks of stopwatch_init
};

bool stopwatch_usable(void)
{
    bool usable = false;
#if defined(__x86_64__)
    char name[16];
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : fd_read_all(fd, name, sizeof name);
    usable = got == 4 && memcmp(name, "tsc\n", 4) == 0;
    fd_close(&fd);
#endif
    return usable;
}

// If another process runs between the two readings, they do not belong together, and later times
// would be wrong by as much. Then both are read again; of TRIES pairs the closest is kept.
void stopwatch_init(struct stopwatch *s, bool usable)
{
    *s = (struct stopwatch){.usable = usable, .ns = clock_now()};
    uint64_t apart = UINT64_MAX;
    for (int i = 0; usable && i < TRIES && apart > TOGETHER; i++) {
        uint64_t before = stopwatch_ticks();
        int64_t now = clock_now();
        uint64_t ticks = stopwatch_ticks();
        if (ticks - before < apart) {
            apart = ticks - before;
            s->ticks = ticks;
            s->ns = now;
        }
    }
}

int64_t stopwatch_look(struct stopwatch *s)
{
    uint64_t before = stopwatch_ticks();
    int64_t now = clock_now();
    if (!s->usable)
        return now;
    uint64_t ticks = stopwatch_ticks(), since = ticks - s->ticks;
    int64_t passed = now - s->ns;
    // The times returned since the last look may have been ahead of the clock; the next rate makes
    // up for that.
    int64_t time = s->ns + (since < TOO_LONG * s->good_for ? (int64_t)(since * s->rate >> 32) : 0);
    if (time < now)
        time = now;
    // If another process ran between the two readings, they do not belong together. Until a rate is
    // measured, the first look is kept: the rate is measured from it.
    if (ticks - before > TOGETHER || (s->rate == 0 && passed < GOOD_FOR_NS / 2))
        return time;
    if (passed >= GOOD_FOR_NS / 2 && passed < TOO_LONG * GOOD_FOR_NS && since > 0) {
        s->rate = ((uint64_t)passed << 32) / since;
        s->good_for = s->rate > 0 ? (GOOD_FOR_NS << 32) / s->rate : 0;
    }
    s->ticks = ticks;
    s->ns = time;
    return time;
}

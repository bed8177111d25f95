// SPDX-License-Identifier: BSD-3-Clause
// clock_now() for who asks for it every few nanoseconds: the processor's counter, taken from the
// clock anew every millisecond.
//
// Asking the clock waits for all instructions before it: twice as long as to read the counter.
// So, within a millisecond of its last look at the clock, a stopwatch adds to that what the counter
// says. It tells the clock's time to within a microsecond and never goes back. Where the counter is
// not what the kernel keeps time by (another machine, or one whose counters stray), every look is
// at the clock.
#ifndef BR_BASE_STOPWATCH_H
#define BR_BASE_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct stopwatch {
    uint64_t ticks;    // of the counter, at the last look at the clock
    int64_t ns;        // what was told then
    uint64_t rate;     // nanoseconds a tick, times 2^32
    uint64_t good_for; // ticks from then on; 0: always look
    bool usable;       // the counter
};

// Whether the kernel keeps time by the counter that a stopwatch reads. Reads a file.
bool stopwatch_usable(void);

void stopwatch_init(struct stopwatch *s, bool usable);

// The time by a look at the clock.
int64_t stopwatch_look(struct stopwatch *s);

static inline uint64_t stopwatch_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

static inline int64_t stopwatch_now(struct stopwatch *s)
{
    uint64_t since = stopwatch_ticks() - s->ticks;
    if (since < s->good_for)
        return s->ns + (int64_t)(since * s->rate >> 32);
    return stopwatch_look(s);
}

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A faster clock_now() for callers that need it every few hundred nanoseconds: it reads the
// processor's time-stamp counter, and the clock once a millisecond.
//
// Reading the clock waits for all earlier instructions and takes twice as long as reading the
// counter. Within a millisecond of its last look at the clock, a stopwatch adds the counter's
// progress to the time it saw then. Its time is within a microsecond of the clock's and never goes
// back. If the kernel does not keep time by the counter (another architecture, or counters that
// differ), the stopwatch always reads the clock. A stopwatch belongs to one thread.
#ifndef BR_BASE_STOPWATCH_H
#define BR_BASE_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct stopwatch {
    uint64_t ticks;    // the counter at the last look at the clock
    int64_t ns;        // the time returned then
    uint64_t rate;     // nanoseconds per tick, times 2^32
    uint64_t good_for; // number of ticks after that look until the next; 0: always look
    bool usable;       // the counter may be used
};

// Returns whether the kernel keeps time by the counter that a stopwatch reads. Reads a file.
bool stopwatch_usable(void);

// Starts a stopwatch with a look at the clock. `usable` is what stopwatch_usable returns; another
// process may have called it.
void stopwatch_init(struct stopwatch *s, bool usable);

// Returns the time as clock_now does, by a look at the clock. The slow path of stopwatch_now.
int64_t stopwatch_look(struct stopwatch *s);

// Returns the time-stamp counter; 0 if this architecture has none that a stopwatch uses.
static inline uint64_t stopwatch_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

// Returns the time in nanoseconds, as clock_now does. Never less than an earlier call for the same
// stopwatch has returned.
static inline int64_t stopwatch_now(struct stopwatch *s)
{
    uint64_t since = stopwatch_ticks() - s->ticks;
    if (since < s->good_for)
        return s->ns + (int64_t)(since * s->rate >> 32);
    return stopwatch_look(s);
}

#endif

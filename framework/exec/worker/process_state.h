// SPDX-License-Identifier: BSD-3-Clause
// What a task finds of its process, as the plugins' init left it, and what the next one is to find
// again: whatever a task has changed is put back.
//
// Two promises, by what they cost. The floating-point mode is set anew after every task. All else
// takes system calls, tens of microseconds of them, and is looked at after every task that took
// PROCESS_STATE_LONG_NS, and after shorter ones together when PROCESS_STATE_NS have passed since
// the last look.
#ifndef BR_EXEC_WORKER_PROCESS_STATE_H
#define BR_EXEC_WORKER_PROCESS_STATE_H

#include <fenv.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"

#define PROCESS_STATE_LONG_NS INT64_C(5000000)
#define PROCESS_STATE_NS      INT64_C(10000000)

enum {
    PROCESS_STATE_SIGNALS = 65
};

// A sigaction without what its mask has room for beyond the kernel's signals: all of them are
// looked at together, and memory costs as much as the calls.
struct process_state_action {
    void (*handler)(int, siginfo_t *, void *);
    uint64_t mask;
    int flags;
};

struct process_state {
    struct process_state_action actions[PROCESS_STATE_SIGNALS];
    sigset_t mask;
    stack_t stack; // for signals
    bool timers[3];
    char *directory;
    struct statx streams[3];
    mode_t umask;
    char **environment; // copies, and where the originals lay
    char **places;
    size_t variables;
    char *locale;
    locale_t thread_locale;
    struct rlimit limits[RLIM_NLIMITS];
    int nice;
    cpu_set_t *cpus, *cpus_now; // the latter is scratch
};

// Notes how they are now. -1 and *err on failure; process_state_finish in any case.
int process_state_note(struct process_state *s, br_error *err);
void process_state_finish(struct process_state *s);

// Puts back what has changed. NULL, or what cannot be: the process is not fit for another task.
const char *process_state_restore(struct process_state *s);

// Rounding, denormals and traps; and no exception raised. (On x86 the flags of the x87 unit, which
// `long double` and feraiseexcept may raise, are cleared with the rest.)
#if defined(__x86_64__)
struct float_mode {
    uint32_t simd;
    uint16_t control;
};

static inline struct float_mode float_mode_now(void)
{
    struct float_mode m;
    feclearexcept(FE_ALL_EXCEPT);
    __asm__ volatile("stmxcsr %0" : "=m"(m.simd));
    __asm__ volatile("fnstcw %0" : "=m"(m.control));
    return m;
}

// Without looking: to read these registers costs several times as much as to set them.
static inline void float_mode_restore(const struct float_mode *was)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(was->simd));
    __asm__ volatile("fldcw %0" : : "m"(was->control));
}
#else
struct float_mode {
    fenv_t all;
};

static inline struct float_mode float_mode_now(void)
{
    struct float_mode m;
    feclearexcept(FE_ALL_EXCEPT);
    fegetenv(&m.all);
    return m;
}

static inline void float_mode_restore(const struct float_mode *was)
{
    fesetenv(&was->all);
}
#endif

#endif

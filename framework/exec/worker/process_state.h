// SPDX-License-Identifier: BSD-3-Clause
// The state of a worker's process that tasks can change: signals, directory, environment, locale,
// limits and so on. It is noted once the plugins' init has run, and restored so that a task does
// not find what an earlier one has changed.
//
// How often it is restored depends on the cost. The floating-point mode is set after every task.
// Everything else takes system calls of tens of microseconds. It is restored after every task that
// took PROCESS_STATE_LONG_NS, and after shorter ones when PROCESS_STATE_NS have passed since the
// last time.
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
    PROCESS_STATE_SIGNALS = 65 // signals are numbered 1 to 64
};

// A sigaction with a mask of the kernel's 64 signals only. All actions are compared at once, and
// reading large ones would cost as much time as the system calls.
struct process_state_action {
    void (*handler)(int, siginfo_t *, void *);
    uint64_t mask;
    int flags;
};

struct process_state {
    struct process_state_action actions[PROCESS_STATE_SIGNALS];
    sigset_t mask;
    stack_t stack;   // the alternate signal stack
    bool timers[3];  // which interval timers are set
    char *directory; // the working directory; NULL if it no longer exists
    struct statx streams[3];
    mode_t umask;
    char **environment; // copies of the variables
    char **places;      // addresses of the originals
    size_t variables;   // their number
    char *locale;
    locale_t thread_locale;
    struct rlimit limits[RLIM_NLIMITS];
    int nice;
    cpu_set_t *cpus;     // the affinity of the calling thread
    cpu_set_t *cpus_now; // scratch space
};

// Notes the present state. Returns 0, or -1 and *err if memory ran out or a system call failed.
// process_state_finish is to be called in both cases.
int process_state_note(struct process_state *s, br_error *err);
void process_state_finish(struct process_state *s);

// Restores what has changed. Returns NULL, or a static message that says what cannot be restored:
// then the process must not run another task.
const char *process_state_restore(struct process_state *s);

// The floating-point mode: rounding, denormals and traps, with no exception raised. On x86 the
// flags of the x87 unit, which `long double` and feraiseexcept may raise, are cleared with the
// others.
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

// Sets the mode without a comparison, because reading these registers costs several times as much
// as setting them.
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

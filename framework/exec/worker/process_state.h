// SPDX-License-Identifier: BSD-3-Clause
// The state of a worker's process that tasks can change: signals, directory, environment, locale,
// limits and so on. It is noted once the plugins' init has run, and restored so that a task does
// not find what an earlier one has changed.
//
// A part of it belongs to each plugin: struct process_mode. A plugin that sets it while it is
// loaded, or in its init, sets it for its own tasks, and changes no result of another plugin.
//
// How often it is restored depends on the cost. The floating-point mode is set after every task.
// Everything else takes system calls of tens of microseconds. It is restored after every task that
// took PROCESS_STATE_LONG_NS, and after shorter ones when PROCESS_STATE_NS have passed since the
// last time.
#ifndef BR_EXEC_WORKER_PROCESS_STATE_H
#define BR_EXEC_WORKER_PROCESS_STATE_H

#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/float_mode.h"

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

// How the tasks of a plugin compute, format numbers and create files.
struct process_mode {
    struct float_mode floats;
    char *locale; // as setlocale(LC_ALL) takes it
    locale_t thread_locale;
    mode_t umask;
};

struct process_state {
    struct process_state_action actions[PROCESS_STATE_SIGNALS];
    sigset_t mask;
    stack_t stack;   // the alternate signal stack
    bool timers[3];  // which interval timers are set
    char *directory; // the working directory; NULL if it no longer exists
    struct statx streams[3];
    const struct process_mode *mode; // borrowed
    char **environment;              // copies of the variables
    char **places;                   // addresses of the originals
    size_t variables;                // their number
    struct rlimit limits[RLIM_NLIMITS];
    int nice;
    cpu_set_t *cpus;     // the affinity of the calling thread
    cpu_set_t *cpus_now; // scratch space
};

// Notes the present mode. Returns 0, or -1 and *err if memory ran out. process_mode_finish is to be
// called in both cases.
int process_mode_note(struct process_mode *m, br_error *err);
void process_mode_finish(struct process_mode *m);

// Sets the mode. Returns false if the locale cannot be set.
bool process_mode_set(const struct process_mode *m);

// Notes the present state. `mode` is the mode to restore; the caller may change the field later.
// Returns 0, or -1 and *err if memory ran out or a system call failed. process_state_finish is to
// be called in both cases.
int process_state_note(struct process_state *s, const struct process_mode *mode, br_error *err);
void process_state_finish(struct process_state *s);

// Restores what has changed. Returns NULL, or a static message that says what cannot be restored:
// then the process must not run another task.
const char *process_state_restore(struct process_state *s);

#endif

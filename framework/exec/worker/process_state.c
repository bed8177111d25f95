// SPDX-License-Identifier: BSD-3-Clause
// Notes and restores the state of a worker's process.
#include "exec/worker/process_state.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "model/cpuset.h"

// ---- Noting

static size_t cpus_size(void)
{
    return CPU_ALLOC_SIZE(CPUSET_MAX);
}

static bool note_environment(struct process_state *s)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    s->environment = calloc(count + 1, sizeof *s->environment);
    s->places = calloc(count + 1, sizeof *s->places);
    if (!s->environment || !s->places)
        return false;
    for (; s->variables < count; s->variables++) {
        s->places[s->variables] = environ[s->variables];
        s->environment[s->variables] = strdup(environ[s->variables]);
        if (!s->environment[s->variables])
            return false;
    }
    return true;
}

// The kernel fills one bit of a sigset_t for each signal; the other bits are undefined.
static struct process_state_action action_of(const struct sigaction *a)
{
    struct process_state_action to = {.handler = a->sa_sigaction, .flags = a->sa_flags};
    memcpy(&to.mask, &a->sa_mask, sizeof to.mask);
    return to;
}

static void note_signals(struct process_state *s)
{
    struct itimerval t;
    struct sigaction is = {0};
    sigemptyset(&s->mask);
    for (int i = 1; i < PROCESS_STATE_SIGNALS; i++)
        if (sigaction(i, NULL, &is) == 0)
            s->actions[i] = action_of(&is);
    sigprocmask(SIG_BLOCK, NULL, &s->mask);
    sigaltstack(NULL, &s->stack);
    for (int i = 0; i < 3; i++)
        s->timers[i] = getitimer(i, &t) == 0 && (t.it_value.tv_sec != 0 || t.it_value.tv_usec != 0);
}

// A stream that is closed is noted as zero.
static void note_stream(int fd, struct statx *out)
{
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, out) != 0)
        *out = (struct statx){0};
}

// The C library's getrlimit calls prlimit, which looks up a process first and takes twice as long.
static int get_limit(int resource, struct rlimit *out)
{
#if defined(SYS_getrlimit) && defined(__LP64__)
    return (int)syscall(SYS_getrlimit, resource, out);
#else
    return getrlimit(resource, out);
#endif
}

int process_mode_note(struct process_mode *m, br_error *err)
{
    const char *locale = setlocale(LC_ALL, NULL);
    *m = (struct process_mode){.floats = float_mode_now(), .thread_locale = uselocale(NULL)};
    m->umask = umask(0);
    umask(m->umask);
    m->locale = strdup(locale ? locale : "C");
    return m->locale ? 0 : br_error_nomem(err);
}

void process_mode_finish(struct process_mode *m)
{
    free(m->locale);
    *m = (struct process_mode){0};
}

int process_state_note(struct process_state *s, const struct process_mode *mode, br_error *err)
{
    *s = (struct process_state){.mode = mode};
    note_signals(s);
    for (int i = 0; i < 3; i++)
        note_stream(i, &s->streams[i]);
    for (int i = 0; i < RLIM_NLIMITS; i++)
        get_limit(i, &s->limits[i]);
    s->nice = getpriority(PRIO_PROCESS, 0);
    s->directory = getcwd(NULL, 0); // NULL if it no longer exists
    s->cpus = CPU_ALLOC(CPUSET_MAX);
    s->cpus_now = CPU_ALLOC(CPUSET_MAX);
    if (!s->cpus || !s->cpus_now || !note_environment(s))
        return br_error_nomem(err);
    if (sched_getaffinity(0, cpus_size(), s->cpus) != 0)
        return br_error_errno(err, "cannot see what CPUs a worker is bound to");
    return 0;
}

void process_state_finish(struct process_state *s)
{
    for (size_t i = 0; i < s->variables; i++)
        free(s->environment[i]);
    free(s->environment);
    free(s->places);
    free(s->directory);
    CPU_FREE(s->cpus);
    CPU_FREE(s->cpus_now);
    *s = (struct process_state){0};
}

// ---- Restoring

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    return memcmp(a, b, PROCESS_STATE_SIGNALS / CHAR_BIT) == 0;
}

static void restore_action(int signal, const struct process_state_action *was)
{
    struct sigaction is = {0};
    if (sigaction(signal, NULL, &is) != 0)
        return;
    struct process_state_action now = action_of(&is);
    if (now.handler == was->handler && now.flags == was->flags && now.mask == was->mask)
        return;
    is = (struct sigaction){.sa_sigaction = was->handler, .sa_flags = was->flags};
    memcpy(&is.sa_mask, &was->mask, sizeof was->mask);
    sigaction(signal, &is, NULL);
}

static void restore_signals(const struct process_state *s)
{
    sigset_t mask;
    stack_t stack;
    struct itimerval t, none = {0};
    sigemptyset(&mask);
    for (int i = 0; i < 3; i++)
        if (!s->timers[i] && getitimer(i, &t) == 0 &&
            (t.it_value.tv_sec != 0 || t.it_value.tv_usec != 0))
            setitimer(i, &none, NULL);
    for (int i = 1; i < PROCESS_STATE_SIGNALS; i++)
        restore_action(i, &s->actions[i]);
    if (sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && !same_mask(&mask, &s->mask))
        sigprocmask(SIG_SETMASK, &s->mask, NULL);
    if (sigaltstack(NULL, &stack) == 0 &&
        (stack.ss_sp != s->stack.ss_sp || stack.ss_flags != s->stack.ss_flags))
        sigaltstack(&s->stack, NULL);
}

// Compares names, which needs no access to the file system.
static bool restore_directory(const struct process_state *s)
{
    char is[PATH_MAX];
    if (!s->directory || (getcwd(is, sizeof is) && strcmp(is, s->directory) == 0))
        return true;
    return chdir(s->directory) == 0;
}

static bool restore_environment(struct process_state *s)
{
    size_t i = 0;
    for (; i < s->variables && environ && environ[i]; i++)
        if (environ[i] != s->places[i] || strcmp(environ[i], s->environment[i]) != 0)
            break;
    if (i == s->variables && (!environ || !environ[i]))
        return true;
    if (clearenv() != 0)
        return false;
    for (i = 0; i < s->variables; i++) {
        // A string without a name can be neither set nor read.
        char *equals = strchr(s->environment[i] + 1, '=');
        if (!equals)
            continue;
        *equals = '\0';
        int failed = setenv(s->environment[i], equals + 1, 1);
        *equals = '=';
        if (failed)
            return false;
    }
    for (i = 0; i < s->variables && environ && environ[i]; i++)
        s->places[i] = environ[i];
    return true;
}

bool process_mode_set(const struct process_mode *m)
{
    float_mode_restore(&m->floats);
    umask(m->umask);
    uselocale(m->thread_locale);
    const char *is = setlocale(LC_ALL, NULL);
    return (is && strcmp(is, m->locale) == 0) || setlocale(LC_ALL, m->locale);
}

static bool restore_limits(const struct process_state *s)
{
    struct rlimit is;
    for (int i = 0; i < RLIM_NLIMITS; i++)
        if (get_limit(i, &is) == 0 &&
            (is.rlim_cur != s->limits[i].rlim_cur || is.rlim_max != s->limits[i].rlim_max) &&
            setrlimit(i, &s->limits[i]) != 0)
            return false;
    return true;
}

static bool restore_priority(const struct process_state *s)
{
    return getpriority(PRIO_PROCESS, 0) == s->nice || setpriority(PRIO_PROCESS, 0, s->nice) == 0;
}

static bool restore_binding(const struct process_state *s)
{
    return (sched_getaffinity(0, cpus_size(), s->cpus_now) == 0 &&
            CPU_EQUAL_S(cpus_size(), s->cpus_now, s->cpus)) ||
           sched_setaffinity(0, cpus_size(), s->cpus) == 0;
}

static bool streams_are_the_same(const struct process_state *s)
{
    for (int i = 0; i < 3; i++) {
        struct statx is;
        note_stream(i, &is);
        if (is.stx_ino != s->streams[i].stx_ino ||
            is.stx_dev_major != s->streams[i].stx_dev_major ||
            is.stx_dev_minor != s->streams[i].stx_dev_minor)
            return false;
    }
    return true;
}

static void clear_long_double(void)
{
#if defined(__x86_64__)
    __asm__ volatile("fnclex");
#endif
}

const char *process_state_restore(struct process_state *s)
{
    restore_signals(s);
    clear_long_double();
    if (!restore_directory(s))
        return "a task has left the working directory, and the worker cannot return to it";
    if (!restore_environment(s))
        return "a task has changed the environment, and there is no memory to restore it";
    if (!process_mode_set(s->mode))
        return "a task has changed the locale, and it cannot be restored";
    if (!restore_limits(s))
        return "a task has lowered a resource limit for good";
    if (!restore_priority(s))
        return "a task has lowered its priority for good";
    if (!restore_binding(s))
        return "a task has changed its CPU binding for good";
    if (!streams_are_the_same(s))
        return "a task has closed or replaced a standard stream";
    return NULL;
}

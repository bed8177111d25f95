// SPDX-License-Identifier: BSD-3-Clause
// A signal handler that looks at who has sent the signal.
#include "exec/process/job_signals.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

static pid_t nursery;

sigset_t job_signals_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&set, signals[i]);
    return set;
}

// The raised signal is blocked until this returns, and ends the process then.
static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    if (info->si_pid == nursery || info->si_pid == getpid()) {
        signal(number, SIG_DFL);
        raise(number);
    }
    errno = saved;
}

void job_signals_filter(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_mask = job_signals_set(),
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    nursery = getppid();
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}

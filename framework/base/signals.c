// SPDX-License-Identifier: BSD-3-Clause
#include "base/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

static const struct {
    int number;
    const char *name;
    const char *words;
} table[] = {
    {SIGHUP, "SIGHUP", "hang-up"},
    {SIGINT, "SIGINT", "interrupt"},
    {SIGQUIT, "SIGQUIT", "quit"},
    {SIGILL, "SIGILL", "illegal instruction"},
    {SIGTRAP, "SIGTRAP", "trap"},
    {SIGABRT, "SIGABRT", "abort"},
    {SIGBUS, "SIGBUS", "bus error"},
    {SIGFPE, "SIGFPE", "arithmetic error"},
    {SIGKILL, "SIGKILL", "killed from outside, perhaps because memory ran out"},
    {SIGUSR1, "SIGUSR1", "user signal 1"},
    {SIGSEGV, "SIGSEGV", "segmentation fault"},
    {SIGUSR2, "SIGUSR2", "user signal 2"},
    {SIGPIPE, "SIGPIPE", "broken pipe"},
    {SIGALRM, "SIGALRM", "alarm clock"},
    {SIGTERM, "SIGTERM", "terminated"},
    {SIGCHLD, "SIGCHLD", "child changed"},
    {SIGCONT, "SIGCONT", "continued"},
    {SIGSTOP, "SIGSTOP", "stopped"},
    {SIGTSTP, "SIGTSTP", "stopped at the terminal"},
    {SIGTTIN, "SIGTTIN", "stopped on terminal input"},
    {SIGTTOU, "SIGTTOU", "stopped on terminal output"},
    {SIGURG, "SIGURG", "urgent data"},
    {SIGXCPU, "SIGXCPU", "CPU time limit"},
    {SIGXFSZ, "SIGXFSZ", "file size limit"},
    {SIGVTALRM, "SIGVTALRM", "virtual alarm clock"},
    {SIGPROF, "SIGPROF", "profiling alarm clock"},
    {SIGWINCH, "SIGWINCH", "window changed"},
    {SIGIO, "SIGIO", "input or output possible"},
    {SIGPWR, "SIGPWR", "power failure"},
    {SIGSYS, "SIGSYS", "bad system call"},
};

const char *signal_name(int signal)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].number == signal)
            return table[i].name;
    return NULL;
}

void signal_describe(struct buffer *out, int signal)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].number == signal) {
            buffer_format(out, "%s (%s)", table[i].name, table[i].words);
            return;
        }
    if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        buffer_format(out, "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        buffer_format(out, "signal %d", signal);
}

void signal_describe_end(struct buffer *out, int wait_status)
{
    if (WIFSIGNALED(wait_status))
        signal_describe(out, WTERMSIG(wait_status));
    else
        buffer_format(out, "exit(%d) was called", WEXITSTATUS(wait_status));
}

// SPDX-License-Identifier: BSD-3-Clause
#include "run/stop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "base/text.h"
#include "run/status.h"
#include "run/terminal.h"

// Time for killing tasks, writing and syncing the journal, and the summary.
#define CLOSING_NS (5 * NS_PER_S)
// How long the time in SLURM_JOB_END_TIME may have passed until it counts as an earlier one.
#define OLD_NS (3600 * NS_PER_S)

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

// Returns the signals to watch for. A signal that was ignored when the program began (nohup, a
// shell's
// `&`) is not among them: it would be delivered once it is blocked.
static sigset_t signals_that_stop(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++) {
        struct sigaction is;
        if (sigaction(stopping[i], NULL, &is) == 0 && is.sa_handler != SIG_IGN)
            sigaddset(&set, stopping[i]);
    }
    return set;
}

// ---- Before the run

static pid_t guarded; // the program; children forked meanwhile print nothing

static void leave(int signal)
{
    if (getpid() == guarded)
        terminal_interrupted(signal);
    _exit(RUN_INTERRUPTED);
}

void stop_guard_preparation(void)
{
    struct sigaction action = {.sa_handler = leave, .sa_mask = signals_that_stop()};
    guarded = getpid();
    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++)
        if (sigismember(&action.sa_mask, stopping[i]))
            sigaction(stopping[i], &action, NULL);
}

// ---- The end of the allocation

// Reads the wall clock once, so that later changes of it do not move the end.
static int find_end(struct stop *s, int64_t now, br_error *err)
{
    const char *text = getenv("SLURM_JOB_END_TIME");
    int64_t seconds;
    if (!text)
        return 0;
    if (!text_to_i64(text, strlen(text), &seconds) || seconds < 1 || seconds > INT64_MAX / NS_PER_S)
        return br_error_set(
            err, BR_ERR_USAGE,
            "SLURM_JOB_END_TIME is \"%.32s\", which is not a time in seconds since 1970; unset it",
            text);
    int64_t left = seconds * NS_PER_S - clock_wall();
    s->is_over = left <= 0;
    s->is_old = left < -OLD_NS;
    if (!s->is_old)
        s->end_at = now + left - CLOSING_NS;
    return 0;
}

// ---- During the run

int stop_open(struct stop *s, int64_t grace_ns, int64_t now, br_error *err)
{
    struct stop opened = STOP_CLOSED;
    if (find_end(&opened, now, err) != 0)
        return -1;
    sigset_t set = signals_that_stop();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // exceeding a file size limit is an error of write
    opened.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    // A stopped process is sent SIGCONT when it continues. Without that, long stops are noticed.
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    opened.continued_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (opened.fd < 0 || opened.continued_fd < 0) {
        br_error_errno(err, "cannot watch for signals");
        stop_close(&opened);
        return -1;
    }
    opened.grace_ns = grace_ns;
    opened.kill_at = opened.end_at;
    *s = opened;
    return 0;
}

void stop_close(struct stop *s)
{
    fd_close(&s->fd);
    fd_close(&s->continued_fd);
}

bool stop_was_continued(const struct stop *s)
{
    struct signalfd_siginfo info;
    return read(s->continued_fd, &info, sizeof info) == (ssize_t)sizeof info;
}

void stop_stood_still(struct stop *s, int64_t from, int64_t to)
{
    if (s->kill_at > from && s->kill_at < s->end_at)
        s->kill_at = s->end_at - s->kill_at > to - from ? s->kill_at + to - from : s->end_at;
}

static void begin(struct stop *s, int signal, int64_t now, struct buffer *lines)
{
    s->signal = signal;
    if (s->grace_ns < s->kill_at - now)
        s->kill_at = now + s->grace_ns;
    buffer_text(lines, ": no more tasks are started; running tasks have ");
    text_duration(lines, s->kill_at > now ? s->kill_at - now : 0);
    buffer_text(lines, signal == SIGINT ? " (Ctrl-C again kills them)\n" : "\n");
}

static void take(struct stop *s, int signal, int64_t now, struct buffer *lines)
{
    if (s->signal != 0 && (signal != SIGINT || s->kill_at <= now))
        return;
    buffer_text(lines, "batchrun: ");
    signal_describe(lines, signal);
    if (s->signal == 0) {
        begin(s, signal, now, lines);
        return;
    }
    s->kill_at = now;
    buffer_text(lines, ": killing the running tasks\n");
}

void stop_look(struct stop *s, int64_t now, struct buffer *lines)
{
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        take(s, (int)info.ssi_signo, now, lines);
}

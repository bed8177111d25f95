// SPDX-License-Identifier: BSD-3-Clause
// Finds stray processes in /proc and ends them.
#include "exec/process/stray_processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define END_NS NS_PER_S

enum {
    ROUND = 256 // children that one round looks at; rounds follow until none is left
};

size_t stray_processes_children(pid_t process, pid_t thread, pid_t *out, size_t most)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : fd_read_all(fd, text, sizeof text - 1);
    fd_close(&fd);
    text[got > 0 ? got : 0] = '\0';
    size_t count = 0;
    char *at = text, *end;
    for (long child; count < most && (child = strtol(at, &end, 10)) > 0; at = end)
        out[count++] = (pid_t)child;
    return count;
}

// The children of all threads of this process.
static size_t own_children(pid_t *out, size_t most)
{
    size_t count = 0;
    DIR *threads = opendir("/proc/self/task");
    if (!threads)
        return 0;
    for (const struct dirent *e; (e = readdir(threads)) != NULL;)
        if (e->d_name[0] != '.')
            count += stray_processes_children(getpid(), (pid_t)atoi(e->d_name), out + count,
                                              most - count);
    closedir(threads);
    return count;
}

void stray_processes_begin(struct stray_processes *s)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    s->kept_count = own_children(s->kept, STRAY_PROCESSES_KEPT);
}

bool stray_processes_may_be(const struct stray_processes *s)
{
    siginfo_t info;
    return s->kept_count > 0 || waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ||
           errno != ECHILD;
}

static bool is_kept(const struct stray_processes *s, pid_t pid)
{
    for (size_t i = 0; i < s->kept_count; i++)
        if (s->kept[i] == pid)
            return true;
    return false;
}

struct round {
    size_t left;   // strays that have not ended
    size_t ended;  // strays that were reaped
    size_t killed; // of those that were reaped: by SIGKILL
};

static struct round end_round(const struct stray_processes *s)
{
    pid_t children[ROUND];
    size_t count = own_children(children, ROUND);
    struct round r = {0};
    for (size_t i = 0; i < count; i++) {
        int status;
        if (is_kept(s, children[i]))
            continue;
        if (waitpid(children[i], &status, WNOHANG | __WALL) == children[i]) {
            r.ended++;
            r.killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        } else {
            kill(children[i], SIGKILL);
            r.left++;
        }
    }
    return r;
}

int stray_processes_end(const struct stray_processes *s)
{
    size_t killed = 0;
    for (int64_t deadline = clock_now() + END_NS;;) {
        int64_t now = clock_now();
        struct round r = end_round(s);
        killed += r.killed;
        // The children of a stray become this process's when it has ended, so only a round without
        // any is the last.
        if (r.left == 0 && r.ended == 0)
            return (int)killed;
        if (now >= deadline)
            return -1;
        // No system call waits for the first of several children with a time limit.
        if (r.ended == 0)
            poll(NULL, 0, 1);
    }
}

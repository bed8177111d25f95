// SPDX-License-Identifier: BSD-3-Clause
// Reads /proc/PID/stat of a process and its descendants.
#include "exec/process/proc_usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/process/stray_processes.h"

enum {
    TREE_MAX = 256 // processes that are measured; others bound how many a task can have
};

// Returns the length of the text, 0 if there is none or the file cannot be read.
static size_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : fd_read_all(fd, text, size - 1);
    fd_close(&fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

// Returns what follows the process's name in its `stat`, or NULL. The name may contain any bytes,
// a `)` too.
static const char *read_stat(pid_t pid, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *name_end = read_text(path, text, size) > 0 ? strrchr(text, ')') : NULL;
    return name_end ? name_end + 1 : NULL;
}

char proc_usage_state(pid_t pid)
{
    char text[1024];
    const char *rest = read_stat(pid, text, sizeof text);
    return rest && rest[0] == ' ' ? rest[1] : '\0';
}

static bool add_process(pid_t pid, struct proc_usage *u)
{
    char text[1024];
    const char *rest = read_stat(pid, text, sizeof text);
    unsigned long ticks[4];
    long pages;
    if (!rest || sscanf(rest,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu"
                        " %*d %*d %*d %*d %*u %*u %ld",
                        &ticks[0], &ticks[1], &ticks[2], &ticks[3], &pages) != 5)
        return false;
    uint64_t resident = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    if (resident > u->resident)
        u->resident = resident;
    u->cpu_ns +=
        (int64_t)(ticks[0] + ticks[1] + ticks[2] + ticks[3]) * (NS_PER_S / sysconf(_SC_CLK_TCK));
    return true;
}

// The children of its first thread, which calls the tasks and inherits orphans.
static size_t append_children(pid_t pid, pid_t *found, size_t count)
{
    return count + stray_processes_children(pid, pid, found + count, TREE_MAX - count);
}

bool proc_usage_read(pid_t pid, struct proc_usage *out)
{
    pid_t found[TREE_MAX] = {pid};
    size_t count = 1;
    struct proc_usage u = {0};
    if (!add_process(pid, &u))
        return false;
    count = append_children(pid, found, count);
    for (size_t i = 1; i < count; i++) {
        add_process(found[i], &u); // it may have ended in the meantime
        count = append_children(found[i], found, count);
    }
    *out = u;
    return true;
}

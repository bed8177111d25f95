// SPDX-License-Identifier: BSD-3-Clause
// Stray processes: children that nobody here wants, above all those that tasks leave behind. As a
// child subreaper the calling process inherits them, daemons in sessions and groups of their own
// too.
#ifndef BR_EXEC_PROCESS_STRAY_PROCESSES_H
#define BR_EXEC_PROCESS_STRAY_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    STRAY_PROCESSES_KEPT = 64
};

struct stray_processes {
    pid_t kept[STRAY_PROCESSES_KEPT]; // children that are not strays
    size_t kept_count;
};

// Makes the calling process a child subreaper. Its present children, up to STRAY_PROCESSES_KEPT of
// them, are not strays.
void stray_processes_begin(struct stray_processes *s);

// Returns whether the calling process may have strays; false is certain. It costs one system call.
bool stray_processes_may_be(const struct stray_processes *s);

// Kills all strays, and the strays that they leave in turn, and reaps them. Returns how many were
// killed, or -1 if some have not ended after a second.
int stray_processes_end(const struct stray_processes *s);

// Lists the children of one thread of a process: `out` has room for `most`. Returns how many were
// found; 0 if there is no such thread.
size_t stray_processes_children(pid_t process, pid_t thread, pid_t *out, size_t most);

#endif

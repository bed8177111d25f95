// SPDX-License-Identifier: BSD-3-Clause
// Processes that others leave behind and that become children of this one, which is a child
// subreaper for that end: daemons too, whatever session and group they have made for themselves.
#ifndef BR_EXEC_PROCESS_STRAY_PROCESSES_H
#define BR_EXEC_PROCESS_STRAY_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    STRAY_PROCESSES_KEPT = 64
};

struct stray_processes {
    pid_t kept[STRAY_PROCESSES_KEPT];
    size_t kept_count;
};

// The calling process adopts orphans from now on. The children that it has already are kept.
void stray_processes_begin(struct stray_processes *l);

// Whether there may be any: one system call.
bool stray_processes_may_be(const struct stray_processes *l);

// Ends all but those kept, and what those leave in turn, within a second. How many it took to be
// killed; -1 when some do not end.
int stray_processes_end(const struct stray_processes *l);

// The children of a thread of a process: at most `most` of them.
size_t stray_processes_children(pid_t process, pid_t thread, pid_t *out, size_t most);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Limits of tasks that the kernel does not enforce, and the control groups in which it enforces
// others.
#ifndef BR_EXEC_LOCAL_LOCAL_WATCH_H
#define BR_EXEC_LOCAL_LOCAL_WATCH_H

#include "exec/local/local_state.h"

// Measures running tasks whose next look has come, and ends those that are over a limit.
void local_watch(struct local *l);

// Returns when the slot's running task is to be measured next, by clock_now; INT64_MAX if it has
// none, or no limits.
int64_t local_watch_deadline(const struct local *l, const struct slot *s);

// Makes the workers' control groups, as far as this process may. Returns 0, or -1 and *err when the
// nursery cannot be reached.
int local_open_groups(struct local *l, br_error *err);

// Returns whether the kernel has killed a process of the slot's worker because memory ran out. Each
// kill is reported once. To be asked only about a process that ended by SIGKILL.
bool local_oom_killed(struct local *l, unsigned slot);

// Returns how many of the `length` bytes at `from` of a log a task may keep, and takes the rest out
// of the log.
uint64_t local_cut_output(const struct local *l, unsigned slot, int stream, uint64_t from,
                          uint64_t length);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Signals that ask a whole job to stop. A scheduler sends them to each of its processes at once;
// the coordinator alone acts on them, and lets tasks in hand end first. So the nursery blocks them,
// and a worker that runs plugins heeds only those that the nursery or its own task sent.
#ifndef BR_EXEC_PROCESS_JOB_SIGNALS_H
#define BR_EXEC_PROCESS_JOB_SIGNALS_H

#include <signal.h>

// SIGINT, SIGTERM, SIGHUP and SIGUSR1.
sigset_t job_signals_set(void);

// In a worker, whose parent is the nursery: from now on the same signals from anybody else do
// nothing. A program that it executes has them as usual.
void job_signals_filter(void);

#endif

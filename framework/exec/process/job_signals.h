// SPDX-License-Identifier: BSD-3-Clause
// Signals that ask a whole job to stop. A scheduler sends them to each process of the job at once,
// but only the coordinator is to act on them, because it lets running tasks end first. So the
// nursery blocks them, and a worker ignores them unless the nursery or its own task has sent them.
#ifndef BR_EXEC_PROCESS_JOB_SIGNALS_H
#define BR_EXEC_PROCESS_JOB_SIGNALS_H

#include <signal.h>

// Returns SIGINT, SIGTERM, SIGHUP and SIGUSR1.
sigset_t job_signals_set(void);

// Makes the calling process ignore these signals from now on, unless its parent (the nursery) or
// the process itself sends them: then it ends by the signal. A program that it executes has their
// default actions.
void job_signals_filter(void);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A task in a forked child of its worker: what it does to its process it does to nobody else. The
// child hands its row over through memory of its own and cannot touch the channel, so it damages
// no outcome but its own.
#ifndef BR_EXEC_WORKER_ISOLATE_H
#define BR_EXEC_WORKER_ISOLATE_H

#include <sys/types.h>

#include "base/buffer.h"
#include "exec/worker/task.h"

struct isolate {        // of a worker; isolate_init before the first task
    int fd;             // where the child leaves what became of its task; -1 before there was one
    uint64_t *returned; // shared with it: whose function came back, for words alone
    struct buffer row;
};

struct isolate_end {
    enum task_failure failure; // with t->message, as task_end has it
    const void *row;           // where there is none; valid until the next task
    size_t size;
    bool died; // the child ended before its task did, by `signal` or with `exit_code`
    int signal, exit_code;
    pid_t process;               // the child
    int64_t cpu_ns, peak_memory; // of the child
    int cpu;                     // where it ran last, or -1
};

void isolate_init(struct isolate *s);

// Runs the task that t is ready for, and waits for its end.
void isolate_run(struct isolate *s, struct task *t, struct isolate_end *out);

#endif

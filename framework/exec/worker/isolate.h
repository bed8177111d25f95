// SPDX-License-Identifier: BSD-3-Clause
// A task in a forked child of its worker, so that it changes no process but its own. The child
// hands over its row in memory of its own and cannot reach the channel, so it can damage no outcome
// but its own.
#ifndef BR_EXEC_WORKER_ISOLATE_H
#define BR_EXEC_WORKER_ISOLATE_H

#include <sys/types.h>

#include "base/buffer.h"
#include "exec/worker/task.h"

// What a worker keeps from one isolated task to the next.
struct isolate {
    int fd;             // memory in which the child leaves its result; -1 before the first child
    uint64_t *returned; // shared with the child: the last task whose function has returned
    struct buffer row;  // of the last task
};

struct isolate_end {
    enum task_failure failure; // if there is one, t->message has its message
    const void *row;           // of a success; valid until the next task
    size_t size;               // of the row
    bool died; // the child has ended before its task, by `signal` or with `exit_code`
    int signal, exit_code;
    pid_t process;       // the child
    int64_t cpu_ns;      // of the child
    int64_t peak_memory; // of the child, bytes
    int cpu;             // that the task has ended on, or -1
};

void isolate_init(struct isolate *s);

// Runs the task that *t was prepared for (task_begin) in a child and blocks until the child has
// ended. If there can be no child the task fails, with a message that says why.
void isolate_run(struct isolate *s, struct task *t, struct isolate_end *out);

#endif

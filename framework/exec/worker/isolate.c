// SPDX-License-Identifier: BSD-3-Clause
// Forks a child for a task, and reads the result that the child leaves.
#include "exec/worker/isolate.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "base/streams.h"
#include "exec/crash/crash.h"

#define VERDICT_MAGIC UINT64_C(0x7461736b456e6465)

// The result that a child leaves; its row follows. It counts only if it is complete.
struct verdict {
    uint64_t magic; // VERDICT_MAGIC plus the number of the task in the worker's life
    uint64_t size;  // of the row
    uint32_t failure;
    int32_t cpu;
    char message[TASK_MESSAGE + 1];
};

void isolate_init(struct isolate *s)
{
    *s = (struct isolate){.fd = -1};
}

static void say_impossible(struct task *t, struct isolate_end *out, const char *what)
{
    snprintf(t->message, sizeof t->message, "it could not be isolated: %s: %s", what,
             strerror(errno));
    out->failure = TASK_FAILED;
}

// Empties the memory for the result and sets its offset, which parent and child share, to 0.
static int clean_memory(struct isolate *s)
{
    if (s->fd < 0)
        s->fd = fd_above_standard(memfd_create("batchrun-isolated", MFD_CLOEXEC));
    if (!s->returned) {
        void *word = mmap(NULL, sizeof *s->returned, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        s->returned = word == MAP_FAILED ? NULL : word;
    }
    return s->fd >= 0 && s->returned && ftruncate(s->fd, 0) == 0 && lseek(s->fd, 0, SEEK_SET) == 0
               ? 0
               : -1;
}

// ---- In the child

static int hand_over(int fd, const struct verdict *v, const void *row)
{
    if (fd_write_all(fd, v, sizeof *v) != 0)
        return -1;
    return v->size > 0 ? fd_write_all(fd, row, v->size) : 0;
}

// Runs before the exit handlers that the child has inherited from its worker, and ends the child,
// so that they do not run.
static void leave_at_exit(int status, void *streams)
{
    streams_flush_all(streams);
    _exit(status);
}

static void run_child(const struct isolate *s, struct task *t, pid_t worker)
{
    const void *row = NULL;
    size_t size = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != worker || // the worker has died before the line above
        on_exit(leave_at_exit, t->map->streams) != 0)
        _exit(EXIT_FAILURE);
    crash_follow_fork();
    int returned = task_call(t);
    *s->returned = VERDICT_MAGIC + t->number;
    struct verdict v = {.magic = VERDICT_MAGIC + t->number, .cpu = sched_getcpu()};
    v.failure = task_end(t, returned, &row, &size);
    int unwritten = streams_flush_standard();
    if (unwritten != 0 && v.failure == TASK_FINE) {
        v.failure = TASK_FAILED;
        task_note_unwritten(t, unwritten);
    }
    v.size = v.failure == TASK_FINE ? size : 0;
    streams_flush_all(t->map->streams);
    memcpy(v.message, t->message, sizeof v.message);
    if (hand_over(s->fd, &v, row) != 0) {
        v.size = 0;
        v.failure = TASK_FAILED;
        snprintf(v.message, sizeof v.message, "its result could not be handed over: %s",
                 strerror(errno));
        if (lseek(s->fd, 0, SEEK_SET) != 0 || ftruncate(s->fd, 0) != 0 ||
            hand_over(s->fd, &v, NULL) != 0)
            _exit(EXIT_FAILURE);
    }
    _exit(0);
}

// ---- In the worker

// Reads the verdict. Returns whether it is complete and of this very task.
static bool take_over(struct isolate *s, struct task *t, struct isolate_end *out)
{
    struct verdict v;
    struct stat st;
    if (fstat(s->fd, &st) != 0 || lseek(s->fd, 0, SEEK_SET) != 0 ||
        fd_read_all(s->fd, &v, sizeof v) != (ssize_t)sizeof v ||
        v.magic != VERDICT_MAGIC + t->number || v.size != (uint64_t)st.st_size - sizeof v ||
        v.failure > TASK_OVER_LIMIT)
        return false;
    out->failure = (enum task_failure)v.failure;
    out->cpu = v.cpu;
    memcpy(t->message, v.message, sizeof t->message);
    t->message[TASK_MESSAGE] = '\0';
    buffer_reset(&s->row);
    char *row = buffer_extend(&s->row, v.size);
    if (!row || fd_read_all(s->fd, row, v.size) != (ssize_t)v.size) {
        snprintf(t->message, sizeof t->message, "out of memory for the task's results");
        out->failure = TASK_FAILED;
    }
    out->row = row;
    out->size = v.size;
    return true;
}

static void take_end(struct isolate *s, struct task *t, int status, struct isolate_end *out)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && take_over(s, t, out))
        return;
    struct buffer b = BUFFER_EMPTY;
    out->died = true;
    out->failure = TASK_FAILED;
    out->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (WIFEXITED(status) && *s->returned == VERDICT_MAGIC + t->number)
        buffer_text(&b, "its result could not be handed over: "
                        "it has closed, replaced or written to descriptors not its own");
    else
        signal_describe_end(&b, status);
    buffer_char(&b, '\0');
    snprintf(t->message, sizeof t->message, "%s", b.failed ? "it died" : b.data);
    buffer_finish(&b);
}

// Waits for the child's end. A child that is traced by its own request stops at every signal; it is
// detached and gets the signal.
static int wait_for_end(pid_t child, struct rusage *used)
{
    int status = 0;
    for (;;) {
        pid_t got = wait4(child, &status, 0, used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || !WIFSTOPPED(status))
            return status;
        ptrace(PTRACE_DETACH, child, NULL, (void *)(intptr_t)WSTOPSIG(status));
    }
}

void isolate_run(struct isolate *s, struct task *t, struct isolate_end *out)
{
    pid_t worker = getpid();
    struct rusage used = {0};
    *out = (struct isolate_end){.cpu_ns = -1, .peak_memory = -1, .cpu = -1};
    streams_flush_all(t->map->streams); // else the child would write it too
    if (clean_memory(s) != 0) {
        say_impossible(t, out, "memory");
        return;
    }
    pid_t child = fork();
    if (child == 0)
        run_child(s, t, worker);
    if (child < 0) {
        say_impossible(t, out, "fork");
        return;
    }
    int status = wait_for_end(child, &used);
    out->process = child;
    out->cpu_ns = (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * NS_PER_S +
                  (int64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * NS_PER_US;
    out->peak_memory = (int64_t)used.ru_maxrss * 1024;
    take_end(s, t, status, out);
}

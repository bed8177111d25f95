// SPDX-License-Identifier: BSD-3-Clause
// disturb WHOM WHAT AT HOW REPORT PROGRAM ARGUMENT...: runs the program and disturbs one of its
// processes at system call number AT.
//   WHOM    program; nursery: its first child; thread: its first thread beside the main one
//   WHAT    every: each call counts; io: those that move bytes or names, and those that wait
//   AT      0: nobody is disturbed; N+: from the N-th on
//   HOW     kill, EIO, ENOSPC, EINTR: before the call is made; short: half of the bytes are moved.
//           EINTR and short do not disturb calls that cannot be interrupted or move no bytes.
//   REPORT  a file for "COUNT HIT": how many calls counted, and how many were disturbed
// Calls are counted from the first fork on, and in children from their beginning. Exits with
// the program's status, with 128 plus the number of the signal that ended it, or with 77 if it may
// not trace.
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__

enum {
    CANNOT = 77,
    NEWCOMERS_MAX = 64
};
enum whom {
    PROGRAM,
    NURSERY,
    THREAD
};

struct disturber {
    enum whom whom;
    bool io;
    long at;
    bool on; // all calls from `at` on are disturbed
    bool kill, halve;
    int error;
    pid_t program;
    pid_t victim; // 0: it was not forked yet
    bool has_forked, has_thread;
    long count, hit;
    bool spoil;                     // the running call gets the error as its result
    pid_t newcomers[NEWCOMERS_MAX]; // stopped before the parent's event named them
    int newcomer_count;
};

static void give_up(const char *what)
{
    fprintf(stderr, "disturb: %s: %s\n", what, strerror(errno));
    exit(CANNOT);
}

// ---- The calls

static bool is_io(uint64_t number)
{
    static const int calls[] = {
        SYS_read,      SYS_pread64,   SYS_readv,     SYS_write,      SYS_pwrite64,  SYS_writev,
        SYS_open,      SYS_openat,    SYS_close,     SYS_stat,       SYS_fstat,     SYS_newfstatat,
        SYS_lseek,     SYS_fallocate, SYS_ftruncate, SYS_fsync,      SYS_fdatasync, SYS_rename,
        SYS_renameat,  SYS_renameat2, SYS_unlink,    SYS_unlinkat,   SYS_mkdir,     SYS_mkdirat,
        SYS_access,    SYS_faccessat, SYS_readlink,  SYS_getdents64, SYS_fcntl,     SYS_sendmsg,
        SYS_recvmsg,   SYS_sendto,    SYS_recvfrom,  SYS_poll,       SYS_ppoll,     SYS_epoll_wait,
        SYS_getrandom, SYS_ioctl,
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (number == (uint64_t)calls[i])
            return true;
    return false;
}

static bool moves_bytes(uint64_t number)
{
    return number == SYS_read || number == SYS_pread64 || number == SYS_write ||
           number == SYS_pwrite64;
}

static bool can_be_interrupted(uint64_t number)
{
    static const int calls[] = {
        SYS_open,   SYS_openat,   SYS_fsync,   SYS_fdatasync, SYS_ftruncate,  SYS_fallocate,
        SYS_rename, SYS_renameat, SYS_sendmsg, SYS_recvmsg,   SYS_sendto,     SYS_recvfrom,
        SYS_poll,   SYS_ppoll,    SYS_readv,   SYS_writev,    SYS_epoll_wait,
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (number == (uint64_t)calls[i])
            return true;
    return moves_bytes(number);
}

static void poke(pid_t pid, size_t offset, uint64_t value)
{
    (void)ptrace(PTRACE_POKEUSER, pid, offset, value); // fails with ESRCH if the process was killed
}

#define REGISTER(name) offsetof(struct user, regs.name)

static void disturb_call(struct disturber *d, pid_t pid, uint64_t number, uint64_t bytes)
{
    if (d->kill) {
        kill(pid, SIGKILL);
    } else if (d->halve) {
        if (!moves_bytes(number) || bytes < 2)
            return;
        poke(pid, REGISTER(rdx), bytes / 2);
    } else if (d->error != EINTR || can_be_interrupted(number)) {
        d->spoil = true;
        if (number != SYS_close) // the kernel closes a descriptor even if close fails
            poke(pid, REGISTER(orig_rax), UINT64_MAX);
    } else {
        return;
    }
    d->hit++;
}

// Called at the start and at the end of a system call. At the start its result is ENOSYS.
static void on_call(struct disturber *d, pid_t pid)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0)
        return;
    bool begins = r.rax == (unsigned long long)-ENOSYS && !d->spoil;
    if (!begins && d->spoil) {
        poke(pid, REGISTER(rax), (uint64_t)-d->error);
        d->spoil = false;
    }
    if (!begins || !d->has_forked || (d->io && !is_io(r.orig_rax)))
        return;
    d->count++;
    if (d->at > 0 && (d->on ? d->count >= d->at : d->count == d->at))
        disturb_call(d, pid, r.orig_rax, r.rdx);
}

// ---- The processes

// Continues a stopped process. If it was killed meanwhile, waiting for it shows that.
static void let_run(const struct disturber *d, pid_t pid, int signal)
{
    (void)ptrace(pid == d->victim ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, (uintptr_t)signal);
}

// Waits for a new process's first stop, unless that has been seen. Returns false if it has ended
// before.
static bool meet(struct disturber *d, pid_t pid)
{
    for (int i = 0; i < d->newcomer_count; i++)
        if (d->newcomers[i] == pid) {
            d->newcomers[i] = d->newcomers[--d->newcomer_count];
            return true;
        }
    int status;
    return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

static void on_birth(struct disturber *d, pid_t parent, bool forked)
{
    unsigned long number = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &number) != 0 || !meet(d, (pid_t)number))
        return;
    pid_t child = (pid_t)number;
    bool *had = forked ? &d->has_forked : &d->has_thread;
    if (parent == d->program && !*had && d->whom == (forked ? NURSERY : THREAD))
        d->victim = child;
    if (parent == d->program)
        *had = true;
    if (child == d->victim)
        let_run(d, child, 0);
    else
        ptrace(PTRACE_DETACH, child, NULL, NULL);
}

static void on_stop(struct disturber *d, pid_t pid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_VFORK) {
        on_birth(d, pid, event != PTRACE_EVENT_CLONE);
        let_run(d, pid, 0);
    } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        ptrace(PTRACE_LISTEN, pid, NULL, NULL); // stopped by a signal: leave it stopped
    } else if (signal == (SIGTRAP | 0x80)) {
        on_call(d, pid);
        let_run(d, pid, 0);
    } else {
        let_run(d, pid, event == 0 ? signal : 0);
    }
}

// Runs the program to its end. Returns its exit status.
static int attend(struct disturber *d)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno != EINTR)
            give_up("wait");
        if (pid < 0)
            continue;
        if (WIFSTOPPED(status) && (pid == d->program || pid == d->victim))
            on_stop(d, pid, status);
        else if (WIFSTOPPED(status) && d->newcomer_count < NEWCOMERS_MAX)
            d->newcomers[d->newcomer_count++] = pid;
        else if (!WIFSTOPPED(status) && pid == d->program)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

static void start(struct disturber *d, char **command)
{
    int ready[2];
    char byte = 0;
    if (pipe(ready) != 0)
        give_up("pipe");
    d->program = fork();
    if (d->program < 0)
        give_up("fork");
    if (d->program == 0) {
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            _exit(CANNOT);
        close(ready[0]);
        execv(command[0], command);
        _exit(CANNOT);
    }
    const unsigned long options =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    // If the program may not be traced, it never starts.
    if (ptrace(PTRACE_SEIZE, d->program, NULL, options) != 0 ||
        ptrace(PTRACE_INTERRUPT, d->program, NULL, NULL) != 0)
        give_up("trace");
    if (d->whom == PROGRAM)
        d->victim = d->program;
    close(ready[0]);
    if (write(ready[1], &byte, 1) != 1)
        give_up("pipe");
    close(ready[1]);
}

static int one_of(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    fprintf(stderr, "disturb: unknown word %s\n", word);
    exit(2);
}

int main(int argc, char **argv)
{
    static const char *const whom[] = {"program", "nursery", "thread", NULL};
    static const char *const what[] = {"every", "io", NULL};
    static const char *const how[] = {"kill", "short", "EIO", "ENOSPC", "EINTR", NULL};
    static const int errors[] = {0, 0, EIO, ENOSPC, EINTR};
    if (argc < 7) {
        fprintf(stderr, "disturb WHOM WHAT AT HOW REPORT PROGRAM ARGUMENT...\n");
        return 2;
    }
    char *end;
    struct disturber d = {.whom = (enum whom)one_of(argv[1], whom),
                          .io = one_of(argv[2], what) == 1,
                          .at = strtol(argv[3], &end, 10)};
    int manner = one_of(argv[4], how);
    d.on = *end == '+';
    d.kill = manner == 0;
    d.halve = manner == 1;
    d.error = errors[manner];
    start(&d, argv + 6);
    int status = attend(&d);
    FILE *report = fopen(argv[5], "w");
    if (!report || fprintf(report, "%ld %ld\n", d.count, d.hit) < 0 || fclose(report) != 0)
        give_up(argv[5]);
    return status;
}

#else

int main(void)
{
    fprintf(stderr, "disturb: only for x86-64\n");
    return 77;
}

#endif

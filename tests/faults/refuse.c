// SPDX-License-Identifier: BSD-3-Clause
// refuse ERROR CALL PROGRAM ARGUMENT...: runs the program, and has one system call fail in it and
// in all its children, as the seccomp profile of a container or an old kernel does.
//   ERROR   EPERM, ENOSYS, EACCES or ENOMEM
//   CALL    the call's name; `others`: each call that `refuse list` does not print
//   list    in place of ERROR: prints the names of the calls
// A refused execve still starts PROGRAM itself. Exits with 77 if filters may not be installed.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CANNOT = 77,
    ERRORS = 4,
    PROGRAM_MAX = 1024
};

struct call {
    const char *name;
    uint32_t number;
};

// clang-format off
#define CALL(name) {#name, SYS_##name}
// clang-format on

static const struct call calls[] = {
    // clang-format off
    CALL(brk), CALL(clock_gettime), CALL(clock_nanosleep), CALL(clone), CALL(close), CALL(dup),
    CALL(dup3), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait), CALL(eventfd2),
    CALL(execve), CALL(exit), CALL(exit_group), CALL(faccessat), CALL(fallocate), CALL(fcntl),
    CALL(fdatasync), CALL(fstat), CALL(fstatfs), CALL(fsync), CALL(ftruncate), CALL(futex),
    CALL(get_mempolicy), CALL(getcwd), CALL(getdents64), CALL(geteuid), CALL(getitimer),
    CALL(getpid), CALL(getppid), CALL(getpriority), CALL(getrandom), CALL(getrusage), CALL(gettid),
    CALL(getuid), CALL(ioctl), CALL(kill), CALL(lseek), CALL(madvise), CALL(mbind),
    CALL(membarrier), CALL(memfd_create), CALL(mkdirat), CALL(mmap), CALL(mprotect), CALL(munmap),
    CALL(nanosleep), CALL(openat), CALL(pipe2), CALL(ppoll), CALL(prctl), CALL(pread64),
    CALL(prlimit64), CALL(ptrace), CALL(pwrite64), CALL(read), CALL(readlinkat), CALL(readv),
    CALL(recvfrom), CALL(recvmsg), CALL(renameat2), CALL(restart_syscall), CALL(rseq),
    CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigtimedwait),
    CALL(sched_getaffinity), CALL(sched_setaffinity), CALL(sched_yield), CALL(sendmsg),
    CALL(sendto), CALL(set_mempolicy), CALL(set_robust_list), CALL(set_tid_address),
    CALL(setitimer), CALL(setpgid), CALL(shutdown), CALL(sigaltstack), CALL(signalfd4),
    CALL(socketpair), CALL(statfs), CALL(statx), CALL(sysinfo), CALL(tgkill), CALL(umask),
    CALL(uname), CALL(unlinkat), CALL(userfaultfd), CALL(wait4), CALL(waitid), CALL(write),
    CALL(writev),
    // Not on every processor.
#ifdef __x86_64__
    CALL(access), CALL(arch_prctl), CALL(dup2), CALL(epoll_wait), CALL(fork), CALL(getrlimit),
    CALL(lstat), CALL(mkdir), CALL(newfstatat), CALL(open), CALL(poll), CALL(readlink),
    CALL(rename), CALL(renameat), CALL(stat), CALL(unlink), CALL(vfork),
#endif
    // Not in the headers of Linux 4.18.
#ifdef SYS_clone3
    CALL(clone3),
#endif
#ifdef SYS_close_range
    CALL(close_range),
#endif
#ifdef SYS_faccessat2
    CALL(faccessat2),
#endif
#ifdef SYS_pidfd_open
    CALL(pidfd_open),
#endif
    // clang-format on
};

enum {
    CALLS = sizeof calls / sizeof calls[0]
};

// A filter's program, which grows by one instruction at a time.
struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short length;
};

static void add(struct program *p, unsigned operation, uint32_t k, unsigned skip_true,
                unsigned skip_false)
{
    p->code[p->length++] = (struct sock_filter){(unsigned short)operation, (unsigned char)skip_true,
                                                (unsigned char)skip_false, k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void allow(struct program *p)
{
    add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static void deny(struct program *p, int error)
{
    add(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error, 0, 0);
}

// Allows the call if its first argument is this pointer.
static void allow_pointer(struct program *p, const void *pointer)
{
    const uint64_t value = (uintptr_t)pointer;
    load(p, offsetof(struct seccomp_data, args[0]));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)value, 0, 3);
    load(p, offsetof(struct seccomp_data, args[0]) + 4);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value >> 32), 0, 1);
    allow(p);
}

static void refuse_one(struct program *p, const struct call *call, int error, const char *path)
{
    load(p, offsetof(struct seccomp_data, nr));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, call->number, 1, 0);
    allow(p);
    if (call->number == SYS_execve)
        allow_pointer(p, path);
    deny(p, error);
}

static void refuse_others(struct program *p, int error)
{
    load(p, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
        allow(p);
    }
    deny(p, error);
}

static int error_of(const char *name)
{
    static const char *const names[ERRORS] = {"EPERM", "ENOSYS", "EACCES", "ENOMEM"};
    static const int numbers[ERRORS] = {EPERM, ENOSYS, EACCES, ENOMEM};
    for (int i = 0; i < ERRORS; i++)
        if (strcmp(name, names[i]) == 0)
            return numbers[i];
    return 0;
}

static const struct call *find(const char *name)
{
    for (size_t i = 0; i < CALLS; i++)
        if (strcmp(name, calls[i].name) == 0)
            return &calls[i];
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; i < CALLS; i++)
        puts(calls[i].name);
    return 0;
}

int main(int argc, char **argv)
{
    static struct program p;
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    const int error = argc > 3 ? error_of(argv[1]) : 0;
    const struct call *call = argc > 3 ? find(argv[2]) : NULL;
    if (error == 0 || (!call && strcmp(argv[2], "others") != 0)) {
        fprintf(stderr, "refuse ERROR CALL PROGRAM ARGUMENT...\n");
        return 2;
    }
    if (call)
        refuse_one(&p, call, error, argv[3]);
    else
        refuse_others(&p, error);
    struct sock_fprog filter = {.len = p.length, .filter = p.code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        fprintf(stderr, "refuse: %s\n", strerror(errno));
        return CANNOT;
    }
    execv(argv[3], argv + 3);
    return CANNOT;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "base/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

// Descriptors that the calls are tried on; -1 while a descriptor is not open.
struct trial {
    int sockets[2];
    int memory;
    int event;
    int signals;
    int epoll;
    int pipe[2];
};

// ---- The calls. Each returns -1 with errno if it fails.

static long try_socketpair(struct trial *t)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, t->sockets);
}

static long try_sendto(struct trial *t)
{
    return send(t->sockets[0], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static long try_recvfrom(struct trial *t)
{
    char byte;
    return recv(t->sockets[1], &byte, 1, MSG_DONTWAIT);
}

static long try_sendmsg(struct trial *t)
{
    struct iovec data = {.iov_base = "", .iov_len = 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    return sendmsg(t->sockets[0], &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static long try_recvmsg(struct trial *t)
{
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    return recvmsg(t->sockets[1], &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
}

static long try_shutdown(struct trial *t)
{
    return shutdown(t->sockets[0], SHUT_WR);
}

static long try_memfd_create(struct trial *t)
{
    return t->memory = memfd_create("batchrun-trial", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static long try_ftruncate(struct trial *t)
{
    return ftruncate(t->memory, 1);
}

static long try_fcntl(struct trial *t)
{
    return fcntl(t->memory, F_ADD_SEALS, F_SEAL_SHRINK);
}

static long try_eventfd2(struct trial *t)
{
    return t->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static long try_signalfd4(struct trial *t)
{
    sigset_t none;
    sigemptyset(&none);
    return t->signals = signalfd(-1, &none, SFD_CLOEXEC | SFD_NONBLOCK);
}

static long try_epoll_create1(struct trial *t)
{
    return t->epoll = epoll_create1(EPOLL_CLOEXEC);
}

static long try_epoll_ctl(struct trial *t)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(t->epoll, EPOLL_CTL_ADD, t->event, &event);
}

static long try_epoll_wait(struct trial *t)
{
    struct epoll_event event;
    return epoll_wait(t->epoll, &event, 1, 0);
}

static long try_poll(struct trial *t)
{
    struct pollfd wait = {.fd = t->event, .events = POLLIN};
    return poll(&wait, 1, 0);
}

static long try_dup2(struct trial *t)
{
    return dup2(t->event, t->event);
}

static long try_pipe2(struct trial *t)
{
    return pipe2(t->pipe, O_CLOEXEC);
}

static long try_waitid(struct trial *t)
{
    siginfo_t info;
    (void)t;
    return waitid(P_PID, INT_MAX, &info, WEXITED | WNOHANG | WNOWAIT);
}

static long try_wait4(struct trial *t)
{
    (void)t;
    return wait4(INT_MAX, NULL, WNOHANG, NULL);
}

static long try_kill(struct trial *t)
{
    (void)t;
    return kill(getpid(), 0);
}

static long try_setpgid(struct trial *t)
{
    (void)t;
    return setpgid(0, -1); // EINVAL
}

// The C library's functions for these two cannot fail.
static long try_getpid(struct trial *t)
{
    (void)t;
    return syscall(SYS_getpid);
}

static long try_getppid(struct trial *t)
{
    (void)t;
    return syscall(SYS_getppid);
}

static long try_getdents64(struct trial *t)
{
    char entries[1];
    return syscall(SYS_getdents64, t->memory, entries, sizeof entries); // ENOTDIR
}

static long try_rt_sigprocmask(struct trial *t)
{
    sigset_t old;
    (void)t;
    return sigprocmask(SIG_BLOCK, NULL, &old);
}

static long try_prlimit64(struct trial *t)
{
    struct rlimit limit;
    (void)t;
    return getrlimit(RLIMIT_NOFILE, &limit);
}

static long try_access(struct trial *t)
{
    (void)t;
    return access("/", F_OK);
}

static long try_readlink(struct trial *t)
{
    char text[1];
    (void)t;
    return readlink("/", text, sizeof text); // EINVAL
}

// A call may use what those before it have opened.
static const struct {
    const char *name;
    long (*make)(struct trial *t);
} needed[] = {
    {"socketpair", try_socketpair},
    {"sendto", try_sendto},
    {"recvfrom", try_recvfrom},
    {"sendmsg", try_sendmsg},
    {"recvmsg", try_recvmsg},
    {"shutdown", try_shutdown},
    {"memfd_create", try_memfd_create},
    {"ftruncate", try_ftruncate},
    {"fcntl", try_fcntl},
    {"eventfd2", try_eventfd2},
    {"signalfd4", try_signalfd4},
    {"epoll_create1", try_epoll_create1},
    {"epoll_ctl", try_epoll_ctl},
    {"epoll_wait", try_epoll_wait},
    {"poll", try_poll},
    {"dup2", try_dup2},
    {"pipe2", try_pipe2},
    {"waitid", try_waitid},
    {"wait4", try_wait4},
    {"kill", try_kill},
    {"setpgid", try_setpgid},
    {"getpid", try_getpid},
    {"getppid", try_getppid},
    {"getdents64", try_getdents64},
    {"rt_sigprocmask", try_rt_sigprocmask},
    {"prlimit64", try_prlimit64},
    {"access", try_access},
    {"readlink", try_readlink},
};

// ---- Messages

bool kernel_refuses(int number)
{
    return number == EPERM || number == EACCES || number == ENOSYS;
}

static int refuse(br_error *err, const char *call, int number)
{
    return br_error_set(
        err, BR_ERR_SYSTEM,
        "cannot use the system call %s, which batchrun needs: %s; usually the seccomp profile of a "
        "container forbids it%s: allow it there (docker and podman: --security-opt seccomp=FILE)",
        call, strerror(number), number == ENOSYS ? ", or the kernel is too old" : "");
}

int kernel_error(br_error *err, const char *call, const char *format, ...)
{
    int number = errno;
    if (kernel_refuses(number)) {
        refuse(err, call, number);
    } else if (err) {
        va_list args;
        va_start(args, format);
        br_error_setv(err, BR_ERR_SYSTEM, format, args);
        va_end(args);
        br_error_errno(err, "%s", err->text);
    }
    errno = number;
    return -1;
}

// Workers read nothing from /dev/null and discard what they write there.
static int check_null(br_error *err)
{
    int fd = fd_open(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    if (fd < 0 && (kernel_refuses(errno) || errno == ENOENT || errno == ENOTDIR ||
                   errno == EISDIR || errno == ENXIO || errno == ENODEV))
        return br_error_errno(err, "cannot open /dev/null, which batchrun needs for reading and "
                                   "writing (to make it: mknod -m 666 /dev/null c 1 3)");
    fd_close(&fd);
    return 0;
}

int kernel_check_proc(br_error *err)
{
    if (access("/proc/self/fd", X_OK) == 0)
        return 0;
    return br_error_errno(err, "cannot use /proc/self/fd, which batchrun needs to load plugins (to "
                               "mount it: mount -t proc proc /proc)");
}

const char *kernel_fork_limit(int number)
{
    return number == EAGAIN ? " (the limit is that of ulimit -u, or of the pids of a container)"
                            : "";
}

int kernel_fork_error(br_error *err)
{
    if (kernel_refuses(errno))
        return refuse(err, "clone", errno);
    return br_error_set(err, BR_ERR_SYSTEM, "cannot fork: %s%s", strerror(errno),
                        kernel_fork_limit(errno));
}

int kernel_check(br_error *err)
{
    struct trial t = {{-1, -1}, -1, -1, -1, -1, {-1, -1}};
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof needed / sizeof *needed; i++)
        if (needed[i].make(&t) < 0 && kernel_refuses(errno))
            result = refuse(err, needed[i].name, errno);
    fd_close(&t.sockets[0]);
    fd_close(&t.sockets[1]);
    fd_close(&t.memory);
    fd_close(&t.event);
    fd_close(&t.signals);
    fd_close(&t.epoll);
    fd_close(&t.pipe[0]);
    fd_close(&t.pipe[1]);
    return result == 0 ? check_null(err) : -1;
}

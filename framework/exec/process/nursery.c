// SPDX-License-Identifier: BSD-3-Clause
// The nursery process and the requests that the calling program sends to it.
#include "exec/process/nursery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/streams.h"
#include "config.h"
#include "exec/process/job_signals.h"

enum request_type {
    REQUEST_SPAWN = 1,
    REQUEST_KILL,
    REQUEST_GROUPS
};

#define STOP_NS (5 * NS_PER_S) // how long nursery_stop waits

struct request {
    enum request_type type;
    uint32_t id;
    int signal;
    bool incomplete; // set by the nursery: descriptors are missing
    unsigned entry;  // position in the nursery's table
    struct cgroups groups;
};

// What a program says first. Requests and events have no other version than batchrun itself.
struct greeting {
    int number;       // errno if the program could not be executed, else 0
    char version[60]; // NURSERY_VERSION of the program
};

#define NURSERY_VERSION PACKAGE_VERSION

struct child {
    pid_t pid;
    uint32_t id;
};

struct nurse { // the nursery process itself
    nursery_entry *const *entries;
    int socket;
    int signals;
    int coordinator; // pidfd, or -1 if the kernel has none (before 5.3)
    struct child *children;
    size_t count, capacity;
    struct cgroups groups;
};

static struct streams streams; // of the calling program, and so of its forks
static bool is_whole;          // in a child: nursery_child_is_whole was called

// ---- Messages

union control {
    struct cmsghdr align;
    char space[CMSG_SPACE(NURSERY_FDS_MAX * sizeof(int))];
};

static int send_request(int socket, const struct request *r, const int *fds, size_t count)
{
    struct request copy = *r;
    struct iovec data = {.iov_base = &copy, .iov_len = sizeof copy};
    union control control;
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *r ? 0 : -1;
}

// Returns 1; 0 at the end of the connection; -1 if there is nothing to receive.
static int receive_request(int socket, struct request *r, int *fds, size_t *count)
{
    struct iovec data = {.iov_base = r, .iov_len = sizeof *r};
    union control control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    *count = 0;
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        *count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), *count * sizeof(int));
    }
    // This process had no descriptors left for those of the message.
    r->incomplete = message.msg_flags & MSG_CTRUNC;
    return got == (ssize_t)sizeof *r;
}

// ---- The nursery process

static void report(const struct nurse *n, const struct nursery_event *event)
{
    // This blocks shortly, because the coordinator empties the socket before it does anything else;
    // if it is gone the loop sees the end of the connection. When the kernel has no memory the
    // event is sent again, because the coordinator would wait for it for ever.
    while (send(n->socket, event, sizeof *event, MSG_NOSIGNAL) < 0)
        if (errno == ENOBUFS || errno == ENOMEM || errno == EAGAIN)
            poll(NULL, 0, 10);
        else if (errno != EINTR)
            break;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

// Runs before the exit handlers that this process has inherited from the calling program, and ends
// the process, so that they do not run.
static void leave_at_exit(int status, void *unused)
{
    (void)unused;
    if (is_whole)
        return;
    streams_flush_all(&streams);
    _exit(status);
}

void nursery_child_is_whole(void)
{
    is_whole = true;
}

struct streams *nursery_streams(void)
{
    return &streams;
}

// Turns a forked process into the child. Never returns.
static void become_child(pid_t nursery, nursery_entry *entry, const int *fds, size_t count)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != nursery)
        _exit(127); // the nursery died before the line above
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int keep[NURSERY_FDS_MAX];
    memcpy(keep, fds, count * sizeof *keep);
    qsort(keep, count, sizeof *keep, compare_ints);
    fd_close_from(3, keep, count);
    if (on_exit(leave_at_exit, NULL) != 0)
        _exit(127);
    _exit(entry(fds, count));
}

// Room is made before the fork, so that a child once forked is never forgotten.
static bool make_room(struct nurse *n)
{
    return array_reserve(&n->children, n->count + 1, &n->capacity, sizeof *n->children, NULL) == 0;
}

static void spawn(struct nurse *n, const struct request *r, const int *fds, size_t count)
{
    struct nursery_event event = {.type = NURSERY_STARTED, .id = r->id};
    pid_t self = getpid();
    pid_t pid = r->incomplete ? (errno = EMFILE, -1) : make_room(n) ? fork() : (errno = ENOMEM, -1);
    if (pid == 0)
        become_child(self, n->entries[r->entry], fds, count);
    if (pid < 0) {
        event.type = NURSERY_NOT_STARTED;
        event.number = errno;
    } else {
        setpgid(pid, pid); // as the child does: the group must exist before a signal is sent to it
        n->children[n->count++] = (struct child){pid, r->id};
        event.pid = pid;
    }
    report(n, &event);
}

static void kill_child(struct nurse *n, uint32_t id, int signal)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->children[i].id == id) {
            kill(-n->children[i].pid, signal);
            // A stopped process acts on nothing but SIGKILL until it is continued.
            if (signal != SIGKILL)
                kill(-n->children[i].pid, SIGCONT);
        }
}

static bool is_child(const struct nurse *n, pid_t pid)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->children[i].pid == pid)
            return true;
    return false;
}

// Kills the processes that this one has inherited: descendants of children whose own parents are
// gone. Returns whether there were any.
static bool sweep_orphans(const struct nurse *n)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    if (!list)
        return false;
    bool any = false;
    for (int pid; fscanf(list, "%d", &pid) == 1;)
        if (!is_child(n, pid)) {
            kill(pid, SIGKILL);
            any = true;
        }
    fclose(list);
    return any;
}

static int64_t timeval_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * NS_PER_S + (int64_t)t.tv_usec * NS_PER_US;
}

// Returns the pid of a child that has ended, or 0. The child stays a zombie, so that its pid is not
// used again yet. A child that is traced by its own request stops at every signal; it is detached
// and gets the signal.
static pid_t next_ended(void)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            return 0;
        if (info.si_code != CLD_TRAPPED)
            return info.si_pid;
        ptrace(PTRACE_DETACH, info.si_pid, NULL, (void *)(intptr_t)(info.si_status & 0x7f));
    }
}

static void reap_one(struct nurse *n, pid_t pid)
{
    int status;
    struct rusage usage;
    bool ours = is_child(n, pid);
    if (ours)
        kill(-pid, SIGKILL); // the rest of its group
    if (wait4(pid, &status, WNOHANG, &usage) != pid || !ours)
        return;
    size_t i = 0;
    while (n->children[i].pid != pid)
        i++;
    struct nursery_event event = {
        .type = NURSERY_ENDED,
        .id = n->children[i].id,
        .pid = pid,
        .wait_status = status,
        .peak_memory = (int64_t)usage.ru_maxrss * 1024,
        .cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime),
    };
    n->children[i] = n->children[--n->count];
    report(n, &event);
}

static void reap(struct nurse *n)
{
    for (pid_t pid; (pid = next_ended()) > 0;)
        reap_one(n, pid);
    sweep_orphans(n);
}

static void kill_all(struct nurse *n)
{
    for (size_t i = 0; i < n->count; i++)
        kill(-n->children[i].pid, SIGKILL);
    // Orphans of orphans appear when their parents are gone, so this is repeated.
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        n->count = 0;
        if (!sweep_orphans(n))
            break;
        waitpid(-1, NULL, 0);
    }
}

// The directories come in the order in which nursery_adopt_groups sends them.
static void adopt_groups(struct nurse *n, const struct request *r, const int *fds, size_t count)
{
    size_t at = 0;
    n->groups = r->groups;
    for (int k = 0; k < CGROUP_KINDS; k++)
        n->groups.own[k] = r->groups.own[k] >= 0 && at < count ? fds[at++] : -1;
}

static void drain_signals(int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) > 0)
        ;
}

static void nurse_loop(struct nurse *n)
{
    // The pidfd is needed because another child of the coordinator may hold a copy of its socket,
    // so that the connection does not end with it.
    struct pollfd wait[3] = {{.fd = n->socket, .events = POLLIN},
                             {.fd = n->signals, .events = POLLIN},
                             {.fd = n->coordinator, .events = POLLIN}};
    for (;;) {
        if ((poll(wait, 3, -1) < 0 && errno != EINTR) || wait[2].revents)
            return;
        if (wait[1].revents) {
            drain_signals(n->signals);
            reap(n);
        }
        if (!wait[0].revents)
            continue;
        struct request r;
        int fds[NURSERY_FDS_MAX];
        size_t count;
        int got = receive_request(n->socket, &r, fds, &count);
        if (got == 0)
            return;
        if (got < 0)
            continue;
        if (r.type == REQUEST_GROUPS) {
            adopt_groups(n, &r, fds, count);
            continue;
        }
        if (r.type == REQUEST_SPAWN)
            spawn(n, &r, fds, count);
        else
            kill_child(n, r.id, r.signal);
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    }
}

static void default_signals(void)
{
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL); // fails for SIGKILL and SIGSTOP, which cannot be changed
}

// Turns this process into the nursery. Never returns.
static void become_nursery(int socket, int coordinator, nursery_entry *const *entries)
{
    struct nurse n = {
        .entries = entries, .socket = socket, .coordinator = coordinator, .groups = CGROUPS_NONE};
    int keep[] = {socket, coordinator};
    // Leaves the terminal's foreground group, because only the coordinator is to act on Ctrl-C.
    setpgid(0, 0);
    default_signals();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "br-nursery");
    // Output that the calling program has not flushed must not be written twice.
    streams_discard(&streams);
    qsort(keep, 2, sizeof *keep, compare_ints);
    fd_close_from(0, keep, 2);
    if (fd_fill_standard(NULL) != 0)
        _exit(1);
    sigset_t chld, blocked = job_signals_set();
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    n.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    if (n.signals < 0)
        _exit(1);
    nurse_loop(&n);
    cgroups_take_over(&n.groups);
    cgroups_kill_all(&n.groups);
    kill_all(&n);
    cgroups_close(&n.groups);
    _exit(0);
}

// ---- The coordinator's side

static int open_self(void)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, getpid(), 0);
#else
    return -1;
#endif
}

static void find_streams(void)
{
    streams_find(&streams, NULL);
    streams.flush_units = NULL; // output that units of Fortran hold at a fork cannot be discarded
}

// What the two processes share: a socket pair, and a pidfd of the coordinator or -1.
struct ties {
    int ours, theirs, coordinator;
};

static int tie(struct ties *t, br_error *err)
{
    int pair[2];
    if (kernel_check(err) != 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return br_error_errno(err, "cannot create a socket pair");
    t->ours = fd_above_standard(pair[0]);
    t->theirs = fd_above_standard(pair[1]);
    t->coordinator = fd_above_standard(open_self());
    return 0;
}

// Finishes the start of the nursery `pid`, which is -1 if fork has failed.
static int take_nursery(struct nursery *n, struct ties *t, pid_t pid, br_error *err)
{
    if (pid < 0) {
        kernel_fork_error(err);
        fd_close(&t->ours);
    }
    fd_close(&t->coordinator);
    fd_close(&t->theirs);
    n->pid = pid < 0 ? 0 : pid;
    n->socket = t->ours;
    return pid < 0 ? -1 : 0;
}

int nursery_start(struct nursery *n, nursery_entry *const *entries, br_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ties t;
    *n = NURSERY_NONE;
    n->ready = true;
    if (tie(&t, err) != 0)
        return -1;
    // Before the fork: if another thread held the loader's lock then, the fork would wait for ever.
    pthread_once(&once, find_streams);
    pid_t pid = fork();
    if (pid == 0)
        become_nursery(t.theirs, t.coordinator, entries);
    return take_nursery(n, &t, pid, err);
}

// ---- A nursery that is a program of its own

enum {
    ARGUMENTS = 5 // program, "nursery", version, socket, pidfd
};

static int greet(int socket, int number)
{
    struct greeting g = {.number = number, .version = NURSERY_VERSION};
    return send(socket, &g, sizeof g, MSG_NOSIGNAL) == (ssize_t)sizeof g ? 0 : -1;
}

int nursery_main(int argc, char **argv, nursery_entry *const *entries)
{
    if (argc != ARGUMENTS)
        return 1;
    int socket = atoi(argv[3]), coordinator = atoi(argv[4]);
    // A coordinator of another version reads the greeting, too, and says what to do.
    if (greet(socket, 0) != 0 || strcmp(argv[2], NURSERY_VERSION) != 0)
        return 1;
    become_nursery(socket, coordinator, entries);
    return 1;
}

// Executes the program in a forked process. Never returns.
static void execute(const struct ties *t, const char *path, char *const *environment)
{
    char socket[16], coordinator[16], version[] = NURSERY_VERSION, verb[] = "nursery";
    char *name = strdup(path);
    char *arguments[ARGUMENTS + 1] = {name, verb, version, socket, coordinator, NULL};
    setpgid(0, 0); // as become_nursery does: a Ctrl-C may come before it
    snprintf(socket, sizeof socket, "%d", t->theirs);
    snprintf(coordinator, sizeof coordinator, "%d", t->coordinator);
    fcntl(t->theirs, F_SETFD, 0);
    if (t->coordinator >= 0)
        fcntl(t->coordinator, F_SETFD, 0);
    if (name)
        execve(path, arguments, environment);
    (void)greet(t->theirs, errno);
    _exit(127);
}

int nursery_start_program(struct nursery *n, const char *path, char *const *environment,
                          br_error *err)
{
    struct ties t;
    *n = NURSERY_NONE;
    n->program = strdup(path);
    if (!n->program)
        return br_error_nomem(err);
    int result = tie(&t, err);
    if (result == 0) {
        pid_t pid = fork();
        if (pid == 0)
            execute(&t, path, environment);
        result = take_nursery(n, &t, pid, err);
    }
    if (result != 0) {
        free(n->program);
        *n = NURSERY_NONE;
    }
    return result;
}

static int judge_greeting(struct nursery *n, const struct greeting *g, br_error *err)
{
    if (g->number != 0) {
        errno = g->number;
        return br_error_errno(err, "cannot start %s, the program that starts workers", n->program);
    }
    if (strncmp(g->version, NURSERY_VERSION, sizeof g->version) != 0)
        return br_error_set(err, BR_ERR_SYSTEM,
                            "%s, the program that starts workers, is of version %.*s, and this "
                            "batchrun is %s; install batchrun again",
                            n->program, (int)sizeof g->version, g->version, NURSERY_VERSION);
    n->ready = true;
    return 0;
}

// Reads the greeting of a program. Returns 1; 0 if it has not come yet; -1 and *err if it is not
// the one of this batchrun's program.
static int read_greeting(struct nursery *n, br_error *err)
{
    struct greeting g;
    if (n->ready)
        return 1;
    ssize_t got;
    do // ECONNRESET comes first if the program has ended with requests unread
        got = recv(n->socket, &g, sizeof g, MSG_DONTWAIT);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got == (ssize_t)sizeof g)
        return judge_greeting(n, &g, err) == 0 ? 1 : -1;
    return br_error_set(err, BR_ERR_SYSTEM,
                        "%s, the program that starts workers, ended at once; if it is not of "
                        "batchrun %s, install batchrun again",
                        n->program, NURSERY_VERSION);
}

int nursery_await(struct nursery *n, int64_t deadline, br_error *err)
{
    bool late = false; // judged only after what has arrived was read
    int got;
    while ((got = read_greeting(n, err)) == 0) {
        struct pollfd wait = {.fd = n->socket, .events = POLLIN};
        int64_t now = clock_now();
        if (late)
            return br_error_set(err, BR_ERR_SYSTEM,
                                "%s, the program that starts workers, does not answer; if it is "
                                "not of batchrun %s, install batchrun again",
                                n->program, NURSERY_VERSION);
        if (poll(&wait, 1, clock_poll_timeout(deadline, now)) < 0 && errno != EINTR)
            return br_error_errno(err, "cannot wait for %s", n->program);
        late = clock_now() >= deadline;
    }
    return got > 0 ? 0 : -1;
}

// ---- Requests and events

// Returns whether *err says why no request can be sent: the program has not started as it should.
// Keeps errno.
static bool is_explained(struct nursery *n, br_error *err)
{
    int saved = errno;
    bool explained = saved == EPIPE && read_greeting(n, err) < 0;
    errno = saved;
    return explained;
}

void nursery_continue(const struct nursery *n)
{
    if (n->socket >= 0)
        kill(n->pid, SIGCONT); // a running process does not notice
}

int nursery_spawn(struct nursery *n, unsigned entry, const int *fds, size_t count, uint32_t *id,
                  br_error *err)
{
    struct request r = {.type = REQUEST_SPAWN, .id = n->last_id + 1, .entry = entry};
    if (send_request(n->socket, &r, fds, count) != 0)
        return is_explained(n, err) ? -1
                                    : br_error_errno(err, "cannot ask for a new worker process");
    nursery_continue(n);
    *id = ++n->last_id;
    return 0;
}

int nursery_kill(struct nursery *n, uint32_t id, int signal, br_error *err)
{
    struct request r = {.type = REQUEST_KILL, .id = id, .signal = signal};
    if (send_request(n->socket, &r, NULL, 0) != 0)
        return is_explained(n, err) ? -1 : br_error_errno(err, "cannot kill a worker process");
    nursery_continue(n);
    return 0;
}

int nursery_adopt_groups(struct nursery *n, const struct cgroups *groups, br_error *err)
{
    struct request r = {.type = REQUEST_GROUPS, .groups = *groups};
    int fds[CGROUP_KINDS];
    size_t count = 0;
    for (int k = 0; k < CGROUP_KINDS; k++)
        if (groups->own[k] >= 0)
            fds[count++] = groups->own[k];
    if (send_request(n->socket, &r, fds, count) != 0)
        return is_explained(n, err)
                   ? -1
                   : br_error_errno(err, "cannot send the workers' control groups");
    return 0;
}

int nursery_next(struct nursery *n, struct nursery_event *event, br_error *err)
{
    int greeted = read_greeting(n, err);
    if (greeted <= 0)
        return greeted;
    ssize_t got;
    do
        got = recv(n->socket, event, sizeof *event, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof *event)
        return 1;
    if (got < 0 && errno == EAGAIN)
        return 0;
    return br_error_set(err, BR_ERR_SYSTEM,
                        "the process that starts workers (pid %d) has died; all workers are gone",
                        (int)n->pid);
}

// The nursery sees the end of the connection, kills all children and ends, which closes its side.
void nursery_dismiss(const struct nursery *n)
{
    if (n->socket < 0)
        return;
    shutdown(n->socket, SHUT_WR);
    nursery_continue(n);
}

void nursery_stop(struct nursery *n)
{
    if (n->socket < 0)
        return;
    nursery_dismiss(n);
    // A program that was never ready may be another one, which never answers.
    int64_t deadline = clock_now() + (n->ready ? STOP_NS : 0);
    struct nursery_event event;
    ssize_t got;
    bool late;
    do {
        struct pollfd wait = {.fd = n->socket, .events = POLLIN};
        int64_t now = clock_now();
        int ready = poll(&wait, 1, clock_poll_timeout(deadline, now));
        late = ready == 0 && now >= deadline;
        if (late || (ready < 0 && errno != EINTR))
            break;
        got = recv(n->socket, &event, sizeof event, MSG_DONTWAIT);
    } while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    // It was stopped, or waits for a child that even SIGKILL does not end. Its children die with
    // it.
    if (late)
        kill(n->pid, SIGKILL);
    fd_close(&n->socket);
    while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    free(n->program);
    *n = NURSERY_NONE;
}

// SPDX-License-Identifier: BSD-3-Clause
#include "command_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 64 << 20, // of what one command prints to standard output
    LOOK_MS = 50,          // how often a cancel is looked for
    GRACE_MS = 2000,       // from asking a command to end to killing it
    CPU_SLACK_MS = 200     // the kernel may count more CPU time than it shows
};

struct child {
    br_task *task;
    const struct command_start *how;
    const char *name; // its first word
    char *program;    // the path of the file that runs, or NULL
    int cwd_fd;       // of the directory that it runs in, or AT_FDCWD
    int input_fd;     // of its standard input
    pid_t pid;
    int pipe;   // from its standard output; -1 once that is closed
    int feed;   // where it writes; kept open while the pidfd reports its end, since the pipe's end
                // comes a moment sooner, and would wake us twice
    int pidfd;  // -1 where the kernel has none: then its end is looked for now and then
    char *data; // what it has printed
    size_t length, room;
    int64_t
        cpu_ms; // CPU time of it and of the processes that it has waited for, when it was reaped
};

static int no_memory(br_task *t)
{
    return br_fail(t, "out of memory for the command");
}

// ---- Finding the program

// Returns a variable of the child's environment, or NULL.
static const char *child_variable(const struct child *c, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; c->how->env[i]; i++)
        if (strncmp(c->how->env[i], name, length) == 0 && c->how->env[i][length] == '=')
            return c->how->env[i] + length + 1;
    return NULL;
}

static bool is_program(const struct child *c, const char *path)
{
    struct stat st;
    return fstatat(c->cwd_fd, path, &st, 0) == 0 && S_ISREG(st.st_mode) &&
           faccessat(c->cwd_fd, path, X_OK, 0) == 0;
}

// Finds the program as execvp does, but in the child's PATH and from its directory. Returns its
// path, malloc'd, or NULL after the task has failed.
static char *find_program(const struct child *c, const char *name)
{
    const char *path = child_variable(c, "PATH");
    const char *at = path ? path : "/bin:/usr/bin";
    char *found = strchr(name, '/') ? strdup(name) : malloc(strlen(name) + strlen(at) + 3);
    if (!found) {
        no_memory(c->task);
        return NULL;
    }
    if (strchr(name, '/'))
        return found;
    char *unusable = NULL;
    for (bool more = true; more;) {
        size_t length = strcspn(at, ":");
        sprintf(found, "%.*s%s%s", (int)length, at, length > 0 ? "/" : "", name);
        if (is_program(c, found)) {
            free(unusable);
            return found;
        }
        if (!unusable && faccessat(c->cwd_fd, found, F_OK, 0) == 0)
            unusable = strdup(found);
        more = at[length] == ':';
        at += length + 1;
    }
    if (unusable) {
        free(found);
        return unusable; // that it cannot be run says more than that there is none
    }
    br_fail_permanent(c->task, "%s: there is no such command in PATH (%s)", name,
                      path ? path : "not set");
    free(found);
    return NULL;
}

// ---- Why it cannot run

enum {
    FIRST_LINE = 256 // bytes of a script that a message looks at
};

// Reads the first line of a script without its newline. Returns false if the file is no script.
static bool read_first_line(const struct child *c, const char *path, char line[FIRST_LINE])
{
    int fd = openat(c->cwd_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd >= 0 ? read(fd, line, FIRST_LINE - 1) : -1;
    if (fd >= 0)
        close(fd);
    line[got > 0 ? got : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return strncmp(line, "#!", 2) == 0;
}

// Returns whether a script's first line, without its newline, ends as lines do on Windows.
static bool ends_in_return(const char *line)
{
    size_t length = strlen(line);
    return length > 0 && line[length - 1] == '\r';
}

static int fail_windows(const struct child *c, const char *path)
{
    return br_fail_permanent(c->task,
                             "%s: it was written on Windows: its first line ends in a carriage "
                             "return; remove those: sed -i 's/\\r$//' %s",
                             path, path);
}

// Names the cause of an execve that ended in ENOENT or EACCES because of the interpreter.
static int fail_interpreter(const struct child *c, const char *path, char *line, int error)
{
    char *name = line + 2 + strspn(line + 2, " \t");
    if (ends_in_return(line))
        return fail_windows(c, path);
    name[strcspn(name, " \t")] = '\0';
    return br_fail_permanent(c->task,
                             "%s: its interpreter %s (from its first line) cannot be run: %s", path,
                             name, strerror(error));
}

static int fail_file(const struct child *c, const char *path, int error)
{
    struct stat st;
    char line[FIRST_LINE];
    br_task *t = c->task;
    bool is_there = fstatat(c->cwd_fd, path, &st, 0) == 0;
    if (error == ENOENT && !is_there)
        return br_fail_permanent(t, "%s: there is no such file", path);
    if (is_there && S_ISDIR(st.st_mode))
        return br_fail_permanent(t, "%s: it is a directory", path);
    if (error == EACCES && is_there && faccessat(c->cwd_fd, path, X_OK, 0) != 0)
        return br_fail_permanent(t, "%s: it is not executable; make it so: chmod +x %s", path,
                                 path);
    if ((error == ENOENT || error == EACCES || error == ENOTDIR) && read_first_line(c, path, line))
        return fail_interpreter(c, path, line, error);
    if (error == ENOENT)
        return br_fail_permanent(
            t,
            "%s: the file is there, but the loader that it names is not; it may have been built "
            "for another system",
            path);
    if (error == ENOEXEC && st.st_size == 0)
        return br_fail_permanent(t, "%s: the file is empty", path);
    if (error == ENOEXEC)
        return br_fail_permanent(t,
                                 "%s: it is not a program of this system; a script needs a first "
                                 "line such as #!/bin/sh",
                                 path);
    return br_fail_permanent(t, "%s: cannot be run: %s", path, strerror(error));
}

// An argument or a variable, and the bytes of all of them as execve counts them.
struct longest {
    const char *text;
    size_t length, total;
};

static void measure(char *const *list, struct longest *out)
{
    for (size_t i = 0; list[i]; i++) {
        size_t length = strlen(list[i]) + 1;
        out->total += length + sizeof(char *);
        if (length > out->length) {
            out->length = length;
            out->text = list[i];
        }
    }
}

static int fail_long(const struct child *c, const struct longest *l, bool is_variable, long limit)
{
    static const char help[] = "pass a long value in a file, or as standard input by `command: "
                               "{stdin: ...}`";
    if (is_variable)
        return br_fail_permanent(c->task,
                                 "%s: the variable %.*s has %zu bytes; the system allows %ld for "
                                 "one; %s",
                                 c->name, (int)strcspn(l->text, "="), l->text, l->length, limit,
                                 help);
    return br_fail_permanent(c->task,
                             "%s: an argument has %zu bytes; the system allows %ld for one; %s",
                             c->name, l->length, limit, help);
}

// Says which limit of the kernel a command line is over, and what helps.
static int fail_size(const struct child *c)
{
    long one = 32 * sysconf(_SC_PAGESIZE), all = sysconf(_SC_ARG_MAX); // 32: MAX_ARG_STRLEN
    struct longest arguments = {0}, variables = {0};
    measure(c->how->words, &arguments);
    measure(c->how->env, &variables);
    if (arguments.length > (size_t)one)
        return fail_long(c, &arguments, false, one);
    if (variables.length > (size_t)one)
        return fail_long(c, &variables, true, one);
    size_t total = arguments.total + variables.total;
    uint64_t rows = br_rows(c->task), fits = rows * (uint64_t)all / 10 * 9 / total;
    if (rows > 1)
        return br_fail_permanent(c->task,
                                 "%s: arguments and environment have %zu bytes; the system allows "
                                 "%ld; set `batch: %llu`",
                                 c->name, total, all,
                                 (unsigned long long)(fits > 0 && fits < rows ? fits : 1));
    return br_fail_permanent(c->task,
                             "%s: arguments and environment have %zu bytes; the system allows %ld, "
                             "a quarter of the stack's limit; pass long values in files, or raise "
                             "`ulimit -s` before batchrun starts",
                             c->name, total, all);
}

// The C library falls back to clone only if the kernel does not know clone3 (ENOSYS).
static bool is_clone3_refused(void)
{
#ifdef SYS_clone3
    return syscall(SYS_clone3, NULL, 0) != 0 && errno == EPERM; // EINVAL if it is allowed
#else
    return false;
#endif
}

static int fail_spawn(const struct child *c, int error)
{
    if (error == EPERM && is_clone3_refused())
        return br_fail_permanent(c->task,
                                 "%s: cannot be started: the system call clone3 is refused: %s; "
                                 "the seccomp profile of a container has to allow it, or to answer "
                                 "ENOSYS",
                                 c->name, strerror(error));
    if (error == E2BIG)
        return fail_size(c);
    if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
        error == ETXTBSY)
        return br_fail(c->task, "%s: cannot be started: %s", c->name, strerror(error));
    return fail_file(c, c->program, error);
}

// ---- Starting it

static int add_files(const struct child *c, posix_spawn_file_actions_t *actions)
{
    int error = posix_spawn_file_actions_adddup2(actions, c->input_fd, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, c->feed, 1);
    if (error == 0 && c->cwd_fd != AT_FDCWD)
        error = posix_spawn_file_actions_addfchdir_np(actions, c->cwd_fd);
    return error;
}

// In a process group of its own, which is what is killed; signals as a shell has them.
static int spawn(struct child *c)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE); // as batchrun has them
    sigaddset(&ignored, SIGXFSZ);
    if (posix_spawnattr_init(&how) != 0)
        return no_memory(c->task);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setsigdefault(&how, &ignored);
    posix_spawnattr_setsigmask(&how, &none);
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = add_files(c, &actions);
        if (error == 0)
            error = posix_spawn(&c->pid, c->program, &actions, &how, c->how->words, c->how->env);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&how);
    return error == 0 ? 0 : fail_spawn(c, error);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_setting(struct child *c, const char *what, const char *path, int flags, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (*fd < 0)
        return br_fail_permanent(c->task, "%s: cannot open its `%s` %s: %s", c->name, what, path,
                                 strerror(errno));
    return 0;
}

// Opens the directory and the standard input.
static int open_settings(struct child *c)
{
    struct stat st;
    const char *cwd = c->how->cwd, *input = c->how->input;
    if (open_setting(c, "stdin", input ? input : "/dev/null", 0, &c->input_fd) != 0)
        return 1;
    if (fstat(c->input_fd, &st) == 0 && S_ISDIR(st.st_mode))
        return br_fail_permanent(c->task, "%s: its `stdin` %s is a directory", c->name, input);
    c->cwd_fd = AT_FDCWD;
    return cwd ? open_setting(c, "cwd", cwd, O_DIRECTORY, &c->cwd_fd) : 0;
}

static int start(struct child *c)
{
    if (open_settings(c) != 0)
        return 1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return br_fail(c->task, "cannot make a pipe: %s", strerror(errno));
    c->pipe = ends[0];
    c->feed = ends[1];
    c->program = find_program(c, c->name);
    int result = c->program ? spawn(c) : 1;
    if (result != 0)
        return result;
    fcntl(c->pipe, F_SETFL, O_NONBLOCK);
#ifdef SYS_pidfd_open
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
#endif
    if (c->pidfd < 0)
        close_end(&c->feed);
    return 0;
}

// ---- Watching it

static int make_room(struct child *c)
{
    if (c->length < c->room)
        return 0;
    if (c->room >= OUTPUT_MAX)
        return br_fail_permanent(c->task, "%s: it printed more than %d MiB; let it write to a file",
                                 c->name, OUTPUT_MAX >> 20);
    size_t room = c->room ? c->room * 2 : 4096;
    char *data = realloc(c->data, room);
    if (!data)
        return no_memory(c->task);
    c->data = data;
    c->room = room;
    return 0;
}

// Takes what there is now.
static int read_output(struct child *c)
{
    while (c->pipe >= 0) {
        if (make_room(c) != 0)
            return 1;
        ssize_t got = read(c->pipe, c->data + c->length, c->room - c->length);
        if (got > 0)
            c->length += (size_t)got;
        else if (got < 0 && errno == EAGAIN)
            return 0;
        else if (got == 0 || errno != EINTR)
            close_end(&c->pipe);
    }
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_a_little(const struct child *c)
{
    struct pollfd fds[] = {{.fd = c->pipe, .events = POLLIN}, {.fd = c->pidfd, .events = POLLIN}};
    poll(fds, 2, c->pidfd < 0 && c->pipe < 0 ? 1 : LOOK_MS);
}

// Reads until the command ends; when the task is cancelled, asks it to end, and insists. Leaves it
// to be reaped, so that its number, and its group's, stay its own.
static int watch(struct child *c, siginfo_t *end, bool *asked)
{
    int64_t insist = 0;
    for (;;) {
        wait_a_little(c);
        int result = read_output(c);
        end->si_pid = 0;
        if (result == 0 && waitid(P_PID, (id_t)c->pid, end, WEXITED | WNOHANG | WNOWAIT) != 0)
            result = br_fail(c->task, "cannot wait for %s: %s", c->name, strerror(errno));
        if (result != 0 || end->si_pid != 0)
            return result;
        if (*asked && now_ms() >= insist)
            kill(-c->pid, SIGKILL);
        if (!*asked && br_task_cancelled(c->task)) {
            *asked = true;
            insist = now_ms() + GRACE_MS;
            kill(-c->pid, SIGTERM);
            kill(-c->pid, SIGCONT);
        }
    }
}

// Kills what the command left running in its group, reaps it and takes what was still in the pipe.
static void finish(struct child *c)
{
    struct rusage used = {0};
    kill(-c->pid, SIGKILL);
    while (wait4(c->pid, NULL, 0, &used) < 0 && errno == EINTR)
        ;
    c->cpu_ms = (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
    read_output(c);
}

// ---- The outcome

// Returns whether the exit status is among those that are accepted.
static bool is_accepted(const struct child *c, int status)
{
    const char *at = c->how->accept ? c->how->accept : "0";
    bool any = strcmp(at, "any") == 0, found = false;
    for (char *end; !any && *at; at = end + strspn(end, " ,")) {
        found |= strtol(at, &end, 10) == status;
        if (end == at)
            break;
    }
    return any || found;
}

static int fail_output(struct child *c)
{
    fwrite(c->data, 1, c->length, stdout); // to the log, with what it said on standard error
    return 1;
}

// Fails the task if the script that was run, or that a shell's command begins with, was written on
// Windows. Returns whether it did.
static bool is_windows_script(const struct child *c)
{
    char line[FIRST_LINE];
    const char *text = c->how->script;
    const char *script = text ? text + strspn(text, " \t\n") : c->program;
    size_t length = text ? strcspn(script, " \t\n;|&<>()\"'$`") : strlen(script);
    char *path = strndup(script, length);
    bool found = path && read_first_line(c, path, line) && ends_in_return(line);
    if (found)
        fail_windows(c, path);
    free(path);
    return found;
}

// Fails the task with what a shell's exit status says of the command that it ran last.
static void fail_status(struct child *c, int status)
{
    if ((status == 126 || status == 127) && is_windows_script(c))
        return;
    if (!c->how->script || status < 127)
        br_fail(c->task, "%s: exit status %d", c->name, status);
    else if (status == 127)
        br_fail_permanent(c->task,
                          "%s: exit status 127: it did not find a command, or the "
                          "interpreter of a script",
                          c->name);
    else
        br_fail(c->task, "%s: exit status %d: killed by signal %d (%s)", c->name, status,
                status - 128, strsignal(status - 128));
}

// Writes how the command has ended, and the limit of the shell that started batchrun which ended
// it. Returns false if it was no such limit.
static bool describe_limit(const struct child *c, const siginfo_t *end, char *out, size_t size)
{
    struct rlimit files, cpu;
    bool is_status = end->si_code == CLD_EXITED; // a shell adds 128 to the signal of its command
    int signal = is_status ? end->si_status - 128 : end->si_status;
    const char *how = is_status ? "exit status" : "killed by signal";
    if (getrlimit(RLIMIT_FSIZE, &files) != 0 || getrlimit(RLIMIT_CPU, &cpu) != 0)
        return false;
    if (signal == SIGXFSZ && files.rlim_cur != RLIM_INFINITY) {
        snprintf(out, size,
                 "%s %d; a file that it wrote reached the limit on the size of files, %llu bytes "
                 "(ulimit -f)",
                 how, end->si_status, (unsigned long long)files.rlim_cur);
        return true;
    }
    rlim_t most = signal == SIGXCPU   ? cpu.rlim_cur
                  : signal == SIGKILL ? cpu.rlim_max
                                      : RLIM_INFINITY;
    if (most == RLIM_INFINITY || (uint64_t)(c->cpu_ms + CPU_SLACK_MS) / 1000 < most)
        return false;
    snprintf(out, size,
             "%s %d; it reached the limit on the CPU time of a process, %llu s (ulimit -t)", how,
             end->si_status, (unsigned long long)most);
    return true;
}

static int report(struct child *c, const siginfo_t *end, bool asked)
{
    br_task *t = c->task;
    if (asked) {
        if (br_task_time_left(t) <= 0)
            br_fail_timed_out(t, "%s: it was ended because its soft timeout had passed", c->name);
        else
            br_fail(t, "%s: cancelled", c->name);
        return fail_output(c);
    }
    bool is_accepting = end->si_code == CLD_EXITED && is_accepted(c, end->si_status);
    char text[200];
    if (!is_accepting && describe_limit(c, end, text, sizeof text)) {
        br_fail_over_limit(t, "%s: %s", c->name, text);
        return fail_output(c);
    }
    if (end->si_code != CLD_EXITED) {
        br_fail(t, "%s: killed by signal %d (%s)", c->name, end->si_status,
                strsignal(end->si_status));
        return fail_output(c);
    }
    if (!is_accepting) {
        fail_status(c, end->si_status);
        return fail_output(c);
    }
    if (c->length > 0 && memchr(c->data, '\0', c->length))
        return br_fail_permanent(t, "%s: its output has NUL bytes; let it write to a file",
                                 c->name);
    while (c->length > 0 && c->data[c->length - 1] == '\n') // as $(...) does
        c->length--;
    br_result_i64(t, "exit_code", end->si_status);
    return br_result_bytes(t, "stdout", c->data ? c->data : "", c->length);
}

int command_run(br_task *t, const struct command_start *s)
{
    struct child c = {.task = t,
                      .how = s,
                      .name = s->words[0],
                      .pipe = -1,
                      .feed = -1,
                      .pidfd = -1,
                      .cwd_fd = -1,
                      .input_fd = -1};
    siginfo_t end = {0};
    bool asked = false;
    int result = start(&c);
    if (result == 0) {
        result = watch(&c, &end, &asked);
        finish(&c);
        if (result == 0)
            result = report(&c, &end, asked);
    }
    close_end(&c.pipe);
    close_end(&c.feed);
    close_end(&c.pidfd);
    close_end(&c.input_fd);
    if (c.cwd_fd != AT_FDCWD)
        close_end(&c.cwd_fd);
    free(c.program);
    free(c.data);
    return result;
}

// SPDX-License-Identifier: BSD-3-Clause
// Tasks that misbehave in the row whose `i` is `at`, and succeed in all others, so that tests see
// the effect of a fault on other rows. A good row gives its process id.
#include <batchrun/plugin.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

static bool is_bad(br_task *t)
{
    return br_arg_i64(t, "i") == br_arg_i64(t, "at");
}

static int good(br_task *t)
{
    return br_result_i64(t, "pid", getpid());
}

static int die_by(br_task *t, int signal_number)
{
    if (!is_bad(t))
        return good(t);
    signal(signal_number, SIG_DFL); // a sanitizer's handler would turn it into an exit
    raise(signal_number);
    return br_fail(t, "signal %d did not end the process", signal_number);
}

static int segv(br_task *t)
{
    return die_by(t, SIGSEGV);
}

static int abort_task(br_task *t)
{
    return die_by(t, SIGABRT);
}

static int kill_task(br_task *t)
{
    return die_by(t, SIGKILL);
}

static int exit0(br_task *t)
{
    if (is_bad(t))
        exit(0);
    return good(t);
}

static int exit0_now(br_task *t)
{
    if (is_bad(t))
        _exit(0);
    return good(t);
}

static int exit7(br_task *t)
{
    if (is_bad(t))
        _exit(7);
    return good(t);
}

// Ignores all requests to stop.
static int hang(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    for (;;)
        pause();
}

// A child that left the worker's process group and outlives it.
static int orphan(br_task *t)
{
    if (is_bad(t)) {
        pid_t child = fork();
        if (child == 0) {
            setsid();
            for (;;)
                pause();
        }
        if (child < 0)
            return br_fail(t, "fork failed");
    }
    return good(t);
}

// Starts a daemon that keeps the task's standard output open, and prints a line on it.
static int hold_output(br_task *t)
{
    int ready[2];
    char byte;
    if (!is_bad(t))
        return good(t);
    if (pipe(ready) != 0)
        return br_fail(t, "no pipe");
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
        printf("held open\n");
        fflush(stdout);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    while (read(ready[0], &byte, 1) > 0)
        ;
    close(ready[0]);
    return child < 0 ? br_fail(t, "fork failed") : good(t);
}

// Asks to be traced by its parent, and raises the signal `signal`.
static int traced(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return br_fail(t, "it is traced already");
    raise((int)br_arg_i64(t, "signal"));
    return good(t);
}

// Counts in the file `runs`, a byte a row, how often each row was started; gives its attempt.
static int poison(br_task *t)
{
    static _Atomic unsigned char *counts;
    if (!counts) {
        int fd = open(br_arg_str(t, "runs"), O_RDWR | O_CLOEXEC);
        off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
        void *map = size < 0 ? MAP_FAILED
                             : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            return br_fail(t, "the file of counts cannot be mapped");
        close(fd);
        counts = map;
    }
    atomic_fetch_add(&counts[br_arg_i64(t, "i")], 1);
    if (is_bad(t))
        return die_by(t, SIGSEGV);
    return br_result_i64(t, "attempt", br_task_attempt(t));
}

static int close_all(br_task *t)
{
    if (is_bad(t)) {
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
    }
    return good(t);
}

#define NAP_MAX_NS 100000000

// Leaves its process id in the file `dir`/began-I and waits for a file `dir`/go, so that a test can
// act while the task runs; then leaves `dir`/ended-I. Here every row does.
static int rendezvous(br_task *t)
{
    char path[4096], began[4096];
    const char *dir = br_arg_str(t, "dir");
    snprintf(path, sizeof path, "%s/writing-%d", dir, (int)getpid());
    snprintf(began, sizeof began, "%s/began-%lld", dir, (long long)br_arg_i64(t, "i"));
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return br_fail(t, "%s could not be made", path);
    fprintf(file, "%d\n", (int)getpid());
    if (fclose(file) != 0 || rename(path, began) != 0)
        return br_fail(t, "%s could not be made", began);
    br_task_progress(t, 0.375);
    snprintf(path, sizeof path, "%s/go", dir);
    // The pauses grow, because hundreds of these tasks may wait while others have yet to start.
    struct timespec pause = {.tv_nsec = 2000000};
    while (access(path, F_OK) != 0) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 100000000)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
    snprintf(path, sizeof path, "%s/ended-%lld", dir, (long long)br_arg_i64(t, "i"));
    if (symlink(began, path) != 0)
        return br_fail(t, "%s could not be made", path);
    return good(t);
}

// Waits for ever, and so does a child of it.
static int forks(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    if (fork() < 0)
        return br_fail(t, "fork failed");
    for (;;)
        pause();
}

// Waits for ever, and so does a daemon of it: a session of its own, its parent gone.
static int forks_daemon(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (fork() != 0)
            _exit(0);
    }
    for (;;)
        pause();
}

// Forks a child that returns as if it were the worker.
static int fork_returns(br_task *t)
{
    if (is_bad(t))
        return fork() < 0 ? br_fail(t, "fork failed") : good(t);
    return good(t);
}

// Overwrites the words in shared memory by which it and the coordinator agree on who runs which
// task.
static int damage(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "batchrun-outcomes")) {
            memset((void *)strtoul(line, NULL, 16), 0xA5, 256);
            break;
        }
    if (maps)
        fclose(maps);
    return good(t);
}

// `i` bytes of text, from a task that takes as long as those that are measured.
static int text(br_task *t)
{
    size_t size = (size_t)br_arg_i64(t, "i");
    char *bytes = malloc(size + 1);
    if (!bytes)
        return br_fail(t, "out of memory");
    nanosleep(&(struct timespec){.tv_nsec = 1500000}, NULL);
    memset(bytes, 't', size);
    bytes[size] = '\0';
    int result = br_result_str(t, "text", bytes);
    free(bytes);
    return result;
}

static int error(br_task *t)
{
    if (is_bad(t))
        return br_fail(t, "this one fails: \x1b[31m%d\x1b[0m", 42);
    return good(t);
}

static int error_permanent(br_task *t)
{
    if (is_bad(t))
        return br_fail_permanent(t, "attempt %u fails for good", br_task_attempt(t));
    return good(t);
}

static int error_first(br_task *t)
{
    if (is_bad(t) && br_task_attempt(t) == 1)
        return br_fail(t, "the first attempt fails");
    return good(t);
}

static int bare_return(br_task *t)
{
    return is_bad(t) ? 17 : good(t);
}

static int print(br_task *t)
{
    printf("out of %lld\n", (long long)br_arg_i64(t, "i"));
    fprintf(stderr, "err of %lld\n", (long long)br_arg_i64(t, "i"));
    br_log(t, "log of %lld", (long long)br_arg_i64(t, "i"));
    if (is_bad(t))
        return br_fail(t, "printed first");
    return good(t);
}

// The row before the bad one prints, and the bad one dies without output.
static int neighbour_prints(br_task *t)
{
    static const char words[] = "of the neighbour\n";
    if (br_arg_i64(t, "i") + 1 == br_arg_i64(t, "at") &&
        write(STDOUT_FILENO, words, sizeof words - 1) < 0)
        return br_fail(t, "cannot write");
    if (is_bad(t))
        _exit(1);
    return good(t);
}

static int no_result(br_task *t)
{
    return is_bad(t) ? 0 : good(t);
}

static int wrong_result(br_task *t)
{
    if (is_bad(t))
        return br_result_i64(t, "pdi", 1);
    return good(t);
}

static int wrong_argument(br_task *t)
{
    if (is_bad(t) && br_arg_f64(t, "radius") > 1)
        return 0;
    return good(t);
}

BATCHRUN_PLUGIN(
    "faulty", "1.0", BR_TASK("segv", segv, "i:i64 at:i64 -> pid:i64", "SIGSEGV"),
    BR_TASK("abort", abort_task, "i:i64 at:i64 -> pid:i64", "SIGABRT"),
    BR_TASK("kill", kill_task, "i:i64 at:i64 -> pid:i64", "SIGKILL"),
    BR_TASK("exit0", exit0, "i:i64 at:i64 -> pid:i64", "exit(0)"),
    BR_TASK("exit0_now", exit0_now, "i:i64 at:i64 -> pid:i64", "_exit(0)"),
    BR_TASK("exit7", exit7, "i:i64 at:i64 -> pid:i64", "_exit(7)"),
    BR_TASK("hang", hang, "i:i64 at:i64 -> pid:i64", "never returns"),
    BR_TASK("orphan", orphan, "i:i64 at:i64 -> pid:i64", "leaves a process behind"),
    BR_TASK("hold_output", hold_output, "i:i64 at:i64 -> pid:i64", "leaves standard output open"),
    BR_TASK("traced", traced, "i:i64 at:i64 signal:i64 -> pid:i64", "PTRACE_TRACEME"),
    BR_TASK("poison", poison, "i:i64 at:i64 runs:str -> attempt:i64", "counts its runs"),
    BR_TASK("close_all", close_all, "i:i64 at:i64 -> pid:i64", "closes every descriptor"),
    BR_TASK("fork_returns", fork_returns, "i:i64 at:i64 -> pid:i64", "a second worker"),
    BR_TASK("forks", forks, "i:i64 at:i64 -> pid:i64", "never returns, nor does its child"),
    BR_TASK("forks_daemon", forks_daemon, "i:i64 at:i64 -> pid:i64", "and leaves a daemon"),
    BR_TASK("damage", damage, "i:i64 at:i64 -> pid:i64", "scribbles over the channel"),
    BR_TASK("text", text, "i:i64 -> text:str", "i bytes"),
    BR_TASK("rendezvous", rendezvous, "i:i64 dir:str -> pid:i64", "waits for the test"),
    BR_TASK("error", error, "i:i64 at:i64 -> pid:i64", "br_fail, with escape codes"),
    BR_TASK("error_permanent", error_permanent, "i:i64 at:i64 -> pid:i64", "br_fail_permanent"),
    BR_TASK("error_first", error_first, "i:i64 at:i64 -> pid:i64", "the second attempt succeeds"),
    BR_TASK("bare_return", bare_return, "i:i64 at:i64 -> pid:i64", "returns 17"),
    BR_TASK("print", print, "i:i64 at:i64 -> pid:i64", "prints on both streams"),
    BR_TASK("neighbour_prints", neighbour_prints, "i:i64 at:i64 -> pid:i64", "then one dies"),
    BR_TASK("no_result", no_result, "i:i64 at:i64 -> pid:i64", "0 without its result"),
    BR_TASK("wrong_result", wrong_result, "i:i64 at:i64 -> pid:i64", "an undeclared result"),
    BR_TASK("wrong_argument", wrong_argument, "i:i64 at:i64 -> pid:i64", "an undeclared input"));

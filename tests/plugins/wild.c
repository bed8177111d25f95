// SPDX-License-Identifier: BSD-3-Clause
// Tasks for the tests of workers: they change their process in many ways, and return what they see
// of it. Their one input is `i`.
#include <batchrun/plugin.h>

#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t number(br_task *t)
{
    return br_arg_i64(t, "i");
}

static int pid(br_task *t)
{
    return br_result_i64(t, "y", getpid());
}

static int raise_it(br_task *t)
{
    sigset_t all;
    int which = (int)number(t);
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    signal(which, SIG_DFL); // a sanitizer's handler would turn it into an exit
    raise(which);
    return br_result_i64(t, "y", which);
}

static int leave(br_task *t)
{
    if (number(t) == 0)
        exit(0);
    if (number(t) == 1)
        _exit(0);
    if (number(t) == 2) {
        signal(SIGABRT, SIG_DFL);
        abort();
    }
    return br_result_i64(t, "y", 0);
}

static int wait_for_ever(br_task *t)
{
    while (t != NULL)
        pause();
    return 1;
}

static int wait_at_three(br_task *t)
{
    if (number(t) == 3)
        return wait_for_ever(t);
    br_task_progress(t, 0.5);
    return br_result_i64(t, "y", 0);
}

// Every second task reports its progress.
static int tells_now_and_then(br_task *t)
{
    if (number(t) % 2)
        br_task_progress(t, 0.5);
    return br_result_i64(t, "y", 0);
}

static int stubborn(br_task *t)
{
    signal(SIGTERM, SIG_IGN);
    return wait_for_ever(t);
}

static int stopped(br_task *t)
{
    raise(SIGSTOP);
    return wait_for_ever(t);
}

static int until_asked(br_task *t)
{
    while (!br_task_cancelled(t))
        sched_yield();
    return br_fail(t, "asked to stop");
}

// A grandchild in a session of its own, whose parent is gone; its pid is the result.
static int daemon_task(br_task *t)
{
    int ends[2];
    pid_t grandchild = 0;
    if (pipe(ends) != 0)
        return br_fail(t, "no pipe");
    if (fork() == 0) {
        setsid();
        pid_t second = fork();
        if (second == 0)
            wait_for_ever(t);
        _exit(write(ends[1], &second, sizeof second) != (ssize_t)sizeof second);
    }
    if (read(ends[0], &grandchild, sizeof grandchild) != (ssize_t)sizeof grandchild)
        return br_fail(t, "no grandchild");
    close(ends[0]);
    close(ends[1]);
    return br_result_i64(t, "y", grandchild);
}

static int daemon_and_wait(br_task *t)
{
    daemon_task(t);
    return wait_for_ever(t);
}

static int fail(br_task *t)
{
    return br_fail(t, "task %d fails", (int)number(t));
}

// Every third task prints by stdio, every third by write(2), on both streams.
static int say(br_task *t)
{
    char line[64];
    int length = snprintf(line, sizeof line, "line of %d\n", (int)number(t));
    if (number(t) % 3 == 1) {
        fputs(line, stdout);
        fprintf(stderr, "error of %d\n", (int)number(t));
    } else if (number(t) % 3 == 2 && write(1, line, (size_t)length) != length)
        return br_fail(t, "cannot write");
    return br_result_i64(t, "y", 0);
}

// The same in tasks that are long enough to be distinguished.
static int say_slowly(br_task *t)
{
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000L + now.tv_nsec - began.tv_nsec < 50000);
    return say(t);
}

// Prints a line of about 9000 characters, and takes no notice of a full disk.
static int print_much(br_task *t)
{
    printf("line of %d %09000d yyy\n", (int)number(t), 0);
    return br_result_i64(t, "y", 0);
}

static int say_and_crash(br_task *t)
{
    printf("line of %d\n", (int)number(t));
    printf("and half of another");
    fflush(stdout);
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return 1;
}

// "number=target" for each open descriptor, by number.
static int descriptors(br_task *t)
{
    char list[4096] = "", path[64], target[256];
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        snprintf(list + strlen(list), sizeof list - strlen(list), "%d=%s ", fd, target);
    }
    return br_result_str(t, "s", list);
}

static int environment(br_task *t)
{
    static const char *const names[] = {"WILD_KEPT", "OMP_NUM_THREADS", "WILD_SET", "WILD_UNSET"};
    const char *value = getenv(names[number(t) % 4]);
    return br_result_str(t, "s", value ? value : "(unset)");
}

static int cpus(br_task *t)
{
    cpu_set_t set;
    int64_t first = -1;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return br_fail(t, "no affinity");
    for (int c = CPU_SETSIZE - 1; c >= 0; c--)
        if (CPU_ISSET(c, &set))
            first = c;
    return br_result_i64(t, "y", first + 1000 * CPU_COUNT(&set));
}

// Two names that are in the same memory one after the other: a name is recognized by its text.
static int renamed(br_task *t)
{
    static char name[2];
    int64_t i = br_arg_i64(t, strcpy(name, "i"));
    if (br_task_index(t) % 2)
        br_arg_i64(t, strcpy(name, "j"));
    br_result_i64(t, strcpy(name, "y"), i);
    return br_task_index(t) % 4 == 2 ? br_result_i64(t, strcpy(name, "z"), i) : 0;
}

static int nul_in_text(br_task *t)
{
    return br_result_bytes(t, "s", "a\0b", 3);
}

static int large(br_task *t)
{
    size_t size = (size_t)number(t);
    char *text = malloc(size + 1);
    if (text == NULL)
        return br_fail(t, "out of memory");
    memset(text, 'x', size);
    text[size] = '\0';
    int result = br_result_str(t, "s", text);
    free(text);
    return result;
}

static int what_it_is_told(br_task *t)
{
    char text[256];
    double left = br_task_time_left(t);
    snprintf(text, sizeof text, "%d %s %d %d %d", (int)br_task_index(t), br_task_phase(t),
             (int)br_task_attempt(t), (int)br_rows(t), left > 0 && left <= 3600);
    br_task_progress(t, 0.5);
    return br_result_str(t, "s", text);
}

static int misuse(br_task *t)
{
    switch (number(t)) {
    case 0:
        return (int)br_arg_i64(t, "j");
    case 1:
        return (int)strlen(br_arg_str(t, "i"));
    case 2:
        return (int)br_row_i64(t, 1, "i");
    case 3:
        return br_result_i64(t, "x", 1);
    case 4:
        return br_result_i64(t, "y", 1) + br_result_str(t, "y", "text");
    case 5:
        return 0;
    case 6:
        return 5;
    case 7:
        br_fail(t, "the first");
        return br_fail(t, "the second");
    default:
        br_result_i64(t, "y", 1);
        return br_result_i64(t, "y", 2);
    }
}

static int seed(br_task *t)
{
    return br_result_i64(t, "y", (int64_t)br_task_seed(t));
}

// ---- What a task changes of its process

static void handler(int number)
{
    (void)number;
}

static char other_stack[65536];

// Describes the state of the process that the functions below change.
static void describe(char *text, size_t size)
{
    struct sigaction action;
    struct itimerval timer;
    struct rlimit files;
    sigset_t mask;
    stack_t stack;
    cpu_set_t cpus;
    char where[1024];
    const char *one = getenv("WILD_KEPT"), *new = getenv("WILD_NEW");
    mode_t bits = umask(0);
    umask(bits);
    sigaction(SIGUSR2, NULL, &action);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigaltstack(NULL, &stack);
    getitimer(ITIMER_REAL, &timer);
    getrlimit(RLIMIT_NOFILE, &files);
    sched_getaffinity(0, sizeof cpus, &cpus);
    snprintf(text, size, "%d %d %d %d %d %d %o %d %d %s %s %s %s", action.sa_handler == handler,
             sigismember(&mask, SIGUSR2), stack.ss_sp == other_stack, timer.it_value.tv_sec != 0,
             (int)files.rlim_cur, CPU_COUNT(&cpus), (unsigned)bits, getpriority(PRIO_PROCESS, 0),
             fegetround() * 100 + fetestexcept(FE_ALL_EXCEPT), setlocale(LC_ALL, NULL),
             one ? one : "-", new ? new : "-", getcwd(where, sizeof where));
}

static void change(int64_t what)
{
    struct itimerval later = {.it_value = {.tv_sec = 1000}};
    struct rlimit files;
    sigset_t mask;
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    cpu_set_t cpus;
    char *kept = getenv("WILD_KEPT");
    switch (what) {
    case 0:
        signal(SIGUSR2, handler);
        break;
    case 1:
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR2);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        break;
    case 2:
        sigaltstack(&stack, NULL);
        break;
    case 3:
        setitimer(ITIMER_REAL, &later, NULL);
        break;
    case 4:
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = 99;
        setrlimit(RLIMIT_NOFILE, &files);
        break;
    case 5:
        CPU_ZERO(&cpus);
        CPU_SET((unsigned)sched_getcpu(), &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
        break;
    case 6:
        umask(0127);
        break;
    case 7:
        fesetround(FE_UPWARD);
        break;
    case 8:
        feraiseexcept(FE_DIVBYZERO);
        break;
    case 9:
        setlocale(LC_ALL, "C.UTF-8");
        break;
    case 10:
        if (kept)
            kept[0] = 'K'; // in place
        break;
    case 11:
        setenv("WILD_NEW", "new", 1);
        break;
    case 12:
        unsetenv("WILD_KEPT");
        break;
    case 13:
        if (chdir("/proc") != 0)
            abort();
        break;
    }
}

// Returns a description of the process, then changes one thing.
static int meddle(br_task *t)
{
    char text[2048];
    struct timespec began, now;
    describe(text, sizeof text);
    change(number(t));
    clock_gettime(CLOCK_MONOTONIC, &began);
    do // so long that the process is checked after this task alone
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000L + now.tv_nsec - began.tv_nsec < 5000000);
    return br_result_str(t, "s", text);
}

// The same with the floating-point mode alone, in a very short task.
static int meddle_with_floats(br_task *t)
{
    char text[64];
    snprintf(text, sizeof text, "%d %d", fegetround(), fetestexcept(FE_ALL_EXCEPT));
    fesetround(number(t) % 2 ? FE_UPWARD : FE_TOWARDZERO);
    volatile double huge = 1e300;
    huge *= huge; // overflow
    huge -= huge; // invalid
    return br_result_str(t, "s", text);
}

static void *rest(void *unused)
{
    (void)unused;
    pause();
    return NULL;
}

// The first attempt leaves a thread running and fails; the next returns the number of threads.
static int thread(br_task *t)
{
    pthread_t id;
    struct stat st;
    if (br_task_attempt(t) == 1)
        return pthread_create(&id, NULL, rest, NULL) == 0 ? br_fail(t, "again")
                                                          : br_fail(t, "none");
    if (stat("/proc/self/task", &st) != 0)
        return br_fail(t, "no threads");
    return br_result_i64(t, "y", (int64_t)st.st_nlink - 2);
}

// Closes all descriptors but the standard streams; task 1 then puts copies of standard output in
// their place.
static int close_all(br_task *t)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    if (number(t) == 1)
        for (int fd = 3; fd < 64; fd++)
            dup2(1, fd);
    return br_result_i64(t, "y", 0);
}

static int traced(br_task *t)
{
    signal(SIGTRAP, SIG_DFL);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return br_fail(t, "not traced");
    raise(number(t) == 0 ? SIGTRAP : SIGWINCH); // SIGTRAP ends it, SIGWINCH does not
    return br_result_i64(t, "y", 0);
}

static int close_output(br_task *t)
{
    struct timespec began, now;
    if (number(t) == 1)
        close(1);
    clock_gettime(CLOCK_MONOTONIC, &began);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000L + now.tv_nsec - began.tv_nsec < 5000000);
    return pid(t);
}

// More columns than a worker remembers addresses for, all asked for at the same one.
static int many(br_task *t)
{
    char name[] = "t";
    for (; name[0] >= 'a'; name[0]--)
        if (br_result_i64(t, name, number(t) + name[0] - 'a') != 0)
            return 1;
    return 0;
}

BATCHRUN_PLUGIN(
    "wild", "1.0", BR_TASK("meddle", meddle, "i:i64 -> s:str", ""),
    BR_TASK("meddle_with_floats", meddle_with_floats, "i:i64 -> s:str", ""),
    BR_TASK("thread", thread, "i:i64 -> y:i64", ""),
    BR_TASK("close_output", close_output, "i:i64 -> y:i64", ""),
    BR_TASK("pid", pid, "i:i64 -> y:i64", ""),
    BR_TASK("wait_at_three", wait_at_three, "i:i64 -> y:i64", ""),
    BR_TASK("tells_now_and_then", tells_now_and_then, "i:i64 -> y:i64", ""),
    BR_TASK("raise", raise_it, "i:i64 -> y:i64", ""), BR_TASK("leave", leave, "i:i64 -> y:i64", ""),
    BR_TASK("wait", wait_for_ever, "i:i64 -> y:i64", ""),
    BR_TASK("stubborn", stubborn, "i:i64 -> y:i64", ""),
    BR_TASK("stopped", stopped, "i:i64 -> y:i64", ""),
    BR_TASK("until_asked", until_asked, "i:i64 -> y:i64", ""),
    BR_TASK("daemon", daemon_task, "i:i64 -> y:i64", ""),
    BR_TASK("daemon_and_wait", daemon_and_wait, "i:i64 -> y:i64", ""),
    BR_TASK("fail", fail, "i:i64 -> y:i64", ""), BR_TASK("say", say, "i:i64 -> y:i64", ""),
    BR_TASK("say_slowly", say_slowly, "i:i64 -> y:i64", ""),
    BR_TASK("print_much", print_much, "i:i64 -> y:i64", ""),
    BR_TASK("say_and_crash", say_and_crash, "i:i64 -> y:i64", ""),
    BR_TASK("descriptors", descriptors, "i:i64 -> s:str", ""),
    BR_TASK("environment", environment, "i:i64 -> s:str", ""),
    BR_TASK("cpus", cpus, "i:i64 -> y:i64", ""), BR_TASK("renamed", renamed, "i:i64 -> y:i64", ""),
    BR_TASK("nul_in_text", nul_in_text, "i:i64 -> s:str", ""),
    BR_TASK("large", large, "i:i64 -> s:str", ""),
    BR_TASK("told", what_it_is_told, "i:i64 -> s:str", ""),
    BR_TASK("misuse", misuse, "i:i64 -> y:i64", ""), BR_TASK("seed", seed, "i:i64 -> y:i64", ""),
    BR_TASK("close_all", close_all, "i:i64 -> y:i64", ""),
    BR_TASK("many", many,
            "i:i64 -> a:i64 b:i64 c:i64 d:i64 e:i64 f:i64 g:i64 h:i64 i:i64 j:i64 "
            "k:i64 l:i64 m:i64 n:i64 o:i64 p:i64 q:i64 r:i64 s:i64 t:i64",
            ""),
    BR_TASK("traced", traced, "i:i64 -> y:i64", ""));

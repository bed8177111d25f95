// SPDX-License-Identifier: BSD-3-Clause
// Tasks that take too much in the row whose `i` is `at`. A good row gives its process id.
#include <batchrun/plugin.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

// Fills memory, piece by piece, until it is ended.
static void fill(void)
{
    enum {
        PIECE = 1 << 20
    };
    for (;;) {
        char *piece = malloc(PIECE);
        if (!piece)
            for (;;)
                pause();
        memset(piece, 1, PIECE);
    }
}

static int hog(br_task *t)
{
    if (is_bad(t))
        fill();
    return good(t);
}

// A child fills memory.
static int hog_by_proxy(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    pid_t child = fork();
    int status = 0;
    if (child == 0)
        fill();
    if (child < 0 || waitpid(child, &status, 0) != child)
        return br_fail(t, "no child");
    return status == 0 ? good(t) : br_fail(t, "the child was killed");
}

// Takes memory that does not count as resident: of a file that is nowhere.
static int hide(br_task *t)
{
    static char block[1 << 20];
    int fd = is_bad(t) ? memfd_create("hidden", MFD_CLOEXEC) : -1;
    while (fd >= 0 && write(fd, block, sizeof block) > 0)
        ;
    return fd >= 0 ? br_fail(t, "no more room in a memory file") : good(t);
}

// None of its children exceeds the limit, but all together do.
static int hog_together(br_task *t)
{
    enum {
        CHILDREN = 4,
        SHARE = 80 << 20
    };
    bool killed = false;
    for (int i = 0; is_bad(t) && i < CHILDREN; i++)
        if (fork() == 0) {
            char *volatile share = malloc(SHARE);
            for (size_t at = 0; share && at < SHARE; at += 4096)
                share[at] = 1;
            for (;;)
                pause();
        }
    for (int status; is_bad(t) && !killed && wait(&status) > 0;)
        killed = WIFSIGNALED(status);
    return killed ? br_fail(t, "a child was killed") : good(t);
}

static int sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused == NULL;
}

// Starts as many processes as it can; the error has their number. They share the task's memory, so
// that the limit on processes is reached before any limit on memory.
static int fork_bomb(br_task *t)
{
    enum {
        STACK = 16 << 10,
        MOST = 64 << 10
    };
    if (!is_bad(t))
        return good(t);
    char *stacks = mmap(NULL, (size_t)STACK * MOST, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED)
        return br_fail(t, "no room for stacks: %s", strerror(errno));
    int count = 0;
    while (count < MOST && clone(sleep_for_ever, stacks + (size_t)STACK * (size_t)(count + 1),
                                 CLONE_VM | SIGCHLD, NULL) >= 0)
        count++;
    return br_fail(t, "%d processes: %s", count, strerror(errno));
}

// Asks for more memory than it can have, and gets an error.
static int ask(br_task *t)
{
    void *volatile much = is_bad(t) ? malloc((size_t)64 << 30) : malloc(1);
    bool got = much != NULL;
    free(much);
    return got ? good(t) : br_fail(t, "no memory: %s", strerror(errno));
}

// Keeps 4 MiB and a descriptor in every row; gives the most memory its process has had. The row
// that is the `at`th of its process never returns, so that whoever watches memory has time to look.
static int leak(br_task *t)
{
    enum {
        PIECE = 4 << 20
    };
    static void *kept;
    static int64_t rows;
    void **piece = malloc(PIECE);
    if (!piece || dup(STDIN_FILENO) < 0)
        return br_fail(t, "nothing is left: %s", strerror(errno));
    memset(piece, 1, PIECE);
    *piece = kept;
    kept = piece;
    for (rows++; rows == br_arg_i64(t, "at");)
        pause();
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return br_result_i64(t, "pid", getpid()) || br_result_i64(t, "peak", used.ru_maxrss * 1024L);
}

static int burn(br_task *t)
{
    volatile bool for_ever = is_bad(t);
    while (for_ever)
        ;
    return good(t);
}

// Uses 60 ms of CPU time, in every row.
static int burn_some(br_task *t)
{
    struct timespec began, now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while ((now.tv_sec - began.tv_sec) * 1000000000L + now.tv_nsec - began.tv_nsec < 60000000);
    return good(t);
}

static int burn_by_proxy(br_task *t)
{
    if (!is_bad(t))
        return good(t);
    pid_t child = fork();
    if (child == 0)
        burn(t);
    return child < 0 || waitpid(child, NULL, 0) != child ? br_fail(t, "no child") : good(t);
}

static void print_line(void)
{
    static const char line[] = "one more of the many lines that this one has to say to nobody\n";
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0)
        _exit(1);
}

static int flood(br_task *t)
{
    static char block[64 << 10];
    volatile bool for_ever = is_bad(t);
    print_line();
    while (for_ever)
        if (write(STDOUT_FILENO, block, sizeof block) < 0)
            _exit(1);
    return good(t);
}

// Ends before anyone measures it.
static int flood_and_end(br_task *t)
{
    static char block[64 << 10];
    if (is_bad(t) && write(STDOUT_FILENO, block, sizeof block) != (ssize_t)sizeof block)
        return br_fail(t, "cannot print");
    return good(t);
}

static int abort_here(br_task *t)
{
    if (is_bad(t))
        abort();
    return good(t);
}

BATCHRUN_PLUGIN("greedy", "1.0", BR_TASK("hog", hog, "i:i64 at:i64 -> pid:i64", "fills memory"),
                BR_TASK("hog_by_proxy", hog_by_proxy, "i:i64 at:i64 -> pid:i64", "a child does"),
                BR_TASK("hog_together", hog_together, "i:i64 at:i64 -> pid:i64", "children do"),
                BR_TASK("hide", hide, "i:i64 at:i64 -> pid:i64", "fills memory not its own"),
                BR_TASK("fork_bomb", fork_bomb, "i:i64 at:i64 -> pid:i64", "fills the machine"),
                BR_TASK("ask", ask, "i:i64 at:i64 -> pid:i64", "malloc of 64 GiB"),
                BR_TASK("leak", leak, "i:i64 at:i64 -> pid:i64 peak:i64", "4 MiB and a file"),
                BR_TASK("burn", burn, "i:i64 at:i64 -> pid:i64", "CPU time"),
                BR_TASK("burn_some", burn_some, "i:i64 at:i64 -> pid:i64", "60 ms of CPU time"),
                BR_TASK("burn_by_proxy", burn_by_proxy, "i:i64 at:i64 -> pid:i64", "a child does"),
                BR_TASK("flood", flood, "i:i64 at:i64 -> pid:i64", "prints without end"),
                BR_TASK("flood_and_end", flood_and_end, "i:i64 at:i64 -> pid:i64", "prints 64 KiB"),
                BR_TASK("abort", abort_here, "i:i64 at:i64 -> pid:i64", "may dump core"));

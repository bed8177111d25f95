// SPDX-License-Identifier: BSD-3-Clause
// Tasks that die in the row whose `i` is `at`, each by another real fault.
#include <batchrun/plugin.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// A sanitizer would report the fault before it happens.
#if defined(__clang__)
#define BARE __attribute__((noinline, no_sanitize("address", "undefined")))
#else
#define BARE __attribute__((noinline, no_sanitize("address"), no_sanitize("undefined")))
#endif

static void *volatile nothing;
static volatile int zero;

static BARE void read_null(void)
{
    *(volatile char *)nothing;
}

static BARE void write_constant(void)
{
    static const char constant[] = "constant";
    *(volatile char *)(uintptr_t)constant = 'x';
}

static BARE void jump_to_null(void)
{
    void (*volatile nowhere)(void) = NULL;
    nowhere();
}

static BARE int descend(volatile char *above)
{
    volatile char here[512];
    here[0] = *above;
    return here[0] ? descend(here) + here[0] : 0;
}

static BARE void overflow_stack(void)
{
    char start = 1;
    zero = descend(&start);
}

static BARE void divide_by_zero(void)
{
    zero = 7 / zero;
}

static BARE void illegal(void)
{
    __builtin_trap();
}

static BARE void abort_here(void)
{
    fputs("about to abort\n", stderr);
    abort();
}

static BARE void free_twice(void)
{
    void *volatile block = malloc(40);
    free(block);
    free(block);
    zero = 0; // if the call came last, this function would not be on the stack
}

// Reads a mapping of a file that was truncated after it was mapped.
static BARE void read_beyond_file(void)
{
    int fd = memfd_create("short", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 8192) != 0)
        return;
    volatile char *at = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED && ftruncate(fd, 0) == 0)
        zero = at[4096];
}

// Overwrites all return addresses on the stack, then dies.
static BARE void ruin_stack(void)
{
    volatile char *at = __builtin_frame_address(0);
    for (size_t i = 0; i < 1024; i++)
        at[i] = (char)0xA5;
    *(volatile char *)nothing = 1;
}

static void *crash_in_thread(void *unused)
{
    (void)unused;
    read_null();
    return NULL;
}

static BARE void crash_elsewhere(void)
{
    pthread_t other;
    if (pthread_create(&other, NULL, crash_in_thread, NULL) == 0)
        pthread_join(other, NULL);
}

static void own_handler(int number)
{
    (void)number;
    _exit(42);
}

static BARE void handle_itself(void)
{
    signal(SIGSEGV, own_handler);
    read_null();
}

// A child that the task forked dies; the task does not.
static BARE void crash_in_child(void)
{
    if (fork() == 0)
        read_null();
}

static const struct {
    const char *name;
    void (*die)(void);
} ways[] = {
    {"read_null", read_null},
    {"write_constant", write_constant},
    {"jump_to_null", jump_to_null},
    {"overflow_stack", overflow_stack},
    {"divide_by_zero", divide_by_zero},
    {"illegal", illegal},
    {"abort", abort_here},
    {"free_twice", free_twice},
    {"read_beyond_file", read_beyond_file},
    {"ruin_stack", ruin_stack},
    {"crash_elsewhere", crash_elsewhere},
    {"handle_itself", handle_itself},
    {"crash_in_child", crash_in_child},
};

static int die(br_task *t)
{
    const char *way = br_arg_str(t, "way");
    bool bad = br_arg_i64(t, "i") == br_arg_i64(t, "at");
    for (size_t i = 0; bad && i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, way) == 0)
            ways[i].die();
    return br_result_i64(t, "pid", getpid());
}

static int init(br_worker *w)
{
    (void)w;
    if (getenv("CRASH_IN_INIT") != NULL)
        read_null();
    return 0;
}

BATCHRUN_PLUGIN("crashes", "1.0", BR_PLUGIN_INIT(init),
                BR_TASK("die", die, "i:i64 at:i64 way:str -> pid:i64", "dies in that way"));

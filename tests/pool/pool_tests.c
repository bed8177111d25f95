// SPDX-License-Identifier: BSD-3-Clause
#include "pool_tests.h"

#include <dirent.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60.0

struct shared *shared;
const char *const death_names[DEATHS] = {"error", "exit(0)", "_exit(0)",
                                         "abort", "SIGSEGV", "SIGKILL"};

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool wait_word(_Atomic uint32_t *word, uint32_t value)
{
    for (double end = seconds_now() + PATIENCE; seconds_now() < end;) {
        uint32_t is = atomic_load(word);
        if (is >= value)
            return true;
        struct timespec rest = {.tv_sec = 1};
        syscall(SYS_futex, word, FUTEX_WAIT, is, &rest, NULL, 0);
    }
    return false;
}

static void wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void set_word(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    wake(word);
}

void add_word(_Atomic uint32_t *word)
{
    atomic_fetch_add(word, 1);
    wake(word);
}

// What a worker writes into shared memory does not make the pool's descriptor readable.
static void turn(br_pool *pool)
{
    br_error err;
    struct pollfd wait = {.fd = br_pool_fd(pool), .events = POLLIN};
    double timeout = br_pool_timeout(pool);
    poll(&wait, 1, timeout >= 0 && timeout < 0.005 ? (int)(timeout * 1e3) : 5);
    ck_assert_msg(br_pool_dispatch(pool, &err) == 0, "%s", err.text);
}

void drive_until(br_pool *pool, _Atomic uint32_t *word, uint32_t value)
{
    for (double end = seconds_now() + PATIENCE; atomic_load(word) < value; turn(pool))
        ck_assert_msg(seconds_now() < end, "%u of %u", (unsigned)atomic_load(word), value);
}

void drive_starts(br_pool *pool, uint64_t starts)
{
    br_pool_stats stats;
    double end = seconds_now() + PATIENCE;
    for (br_pool_get_stats(pool, &stats); stats.starts < starts; br_pool_get_stats(pool, &stats)) {
        ck_assert_msg(seconds_now() < end, "%d of %d starts", (int)stats.starts, (int)starts);
        turn(pool);
    }
}

void drive_deaths(br_pool *pool, uint64_t deaths)
{
    br_pool_stats stats;
    double end = seconds_now() + PATIENCE;
    for (br_pool_get_stats(pool, &stats); stats.deaths < deaths; br_pool_get_stats(pool, &stats)) {
        ck_assert_msg(seconds_now() < end, "%d of %d deaths", (int)stats.deaths, (int)deaths);
        turn(pool);
    }
}

// Of a process that need not be a child of ours.
bool ends_within(pid_t pid, double seconds)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return true;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    bool ended = poll(&wait, 1, (int)(seconds * 1e3)) == 1;
    close(fd);
    return ended;
}

size_t full_size(size_t full, size_t small)
{
    return getenv("BATCHRUN_LONG") ? full : small;
}

size_t count_fds(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

size_t count_children(pid_t pid, pid_t *out, size_t most)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *list = fopen(path, "re");
    for (int child; list && fscanf(list, "%d", &child) == 1;)
        if (count++ < most)
            out[count - 1] = child;
    if (list)
        fclose(list);
    return count;
}

br_pool *open_pool(const br_pool_options *options)
{
    br_error err;
    br_pool *pool = br_pool_create(options, &err);
    ck_assert_msg(pool != NULL, "%s", err.text);
    return pool;
}

br_pool *pool_of(unsigned workers)
{
    return open_pool(&(br_pool_options){.workers = workers});
}

int die(enum death how)
{
    switch (how) {
    case DIE_EXIT:
        exit(0);
    case DIE_QUICK_EXIT:
        _exit(0);
    case DIE_ABORT:
        abort();
    case DIE_SEGV:
        signal(SIGSEGV, SIG_DFL); // whatever a sanitizer has put there
        kill(getpid(), SIGSEGV);
        for (;;)
            pause();
    case DIE_KILL:
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    default:
        break;
    }
    return 1;
}

void check_death(const br_outcome *o, enum death how)
{
    static const int signals[DEATHS] = {
        [DIE_ABORT] = SIGABRT, [DIE_SEGV] = SIGSEGV, [DIE_KILL] = SIGKILL};
    ck_assert_int_eq(o->status, how == DIE_ERROR ? BR_ERROR : BR_CRASHED);
    ck_assert_int_eq(o->signal, signals[how]);
    ck_assert_int_eq(o->exit_code, 0);
    ck_assert_str_ne(o->message, "");
}

int square(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    (void)t;
    *(int64_t *)out = *n * *n;
    return 0;
}

int forever(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    add_word(&shared->started);
    for (;;)
        pause();
}

int until_go(br_task *t, const void *in, void *out)
{
    add_word(&shared->started);
    if (!wait_word(&shared->go, 1))
        return br_fail(t, "nobody said go");
    return square(t, in, out);
}

int odd_fails(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    return *n % 2 ? br_fail(t, "no %d", (int)*n) : square(t, in, out);
}

int count_calls(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    add_word(&shared->calls);
    return 0;
}

int tell_pid(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    *(int64_t *)out = getpid();
    return 0;
}

void fill(int64_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i] = (int64_t)i;
}

static void reset_shared(void)
{
    memset((void *)shared, 0, sizeof *shared);
}

TCase *new_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, reset_shared, NULL);
    tcase_set_timeout(tcase, 2 * PATIENCE);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int run_suite(Suite *suite)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); // workers crash on purpose
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return EXIT_FAILURE;
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    munmap(shared, sizeof *shared);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

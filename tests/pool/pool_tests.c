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

struct shared *shared;
br_pool *two_workers;
const char *const death_names[DEATHS] = {"error", "exit(0)", "_exit(0)",
                                         "abort", "SIGSEGV", "SIGKILL"};

bool wait_word(_Atomic uint32_t *word, uint32_t value)
{
    for (double end = seconds_now() + patience(); seconds_now() < end;) {
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

// The pool's descriptor does not become readable when a worker writes into shared memory, so this
// waits for a few milliseconds only.
static void turn(br_pool *pool, double end, const char *goal)
{
    br_error err;
    struct pollfd wait = {.fd = br_pool_fd(pool), .events = POLLIN};
    double timeout = br_pool_timeout(pool);
    poll(&wait, 1, timeout >= 0 && timeout < 0.005 ? (int)(timeout * 1e3) : 5);
    ck_assert_msg(br_pool_dispatch(pool, &err) == 0, "%s", err.text);
    ck_assert_msg(seconds_now() < end, "waited too long for %s", goal);
}

void drive_until(br_pool *pool, _Atomic uint32_t *word, uint32_t value)
{
    for (double end = seconds_now() + patience(); atomic_load(word) < value;)
        turn(pool, end, "a word");
}

void drive_item(br_pool *pool, br_result *result, size_t index)
{
    br_outcome o;
    br_error err;
    double end = seconds_now() + patience();
    while (br_result_outcome(result, index, &o, &err) == 0 && o.status == BR_PENDING)
        turn(pool, end, "an item's outcome");
}

static br_pool_stats stats_of(br_pool *pool)
{
    br_pool_stats stats;
    br_pool_get_stats(pool, &stats);
    return stats;
}

void drive_alive(br_pool *pool, unsigned workers)
{
    for (double end = seconds_now() + patience(); stats_of(pool).alive < workers;)
        turn(pool, end, "workers that are ready");
}

void drive_deaths(br_pool *pool, uint64_t deaths)
{
    for (double end = seconds_now() + patience(); stats_of(pool).deaths < deaths;)
        turn(pool, end, "deaths");
}

bool has_ended(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return true;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    bool ended = poll(&wait, 1, 0) == 1;
    close(fd);
    return ended;
}

bool ends(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), got = 0;
    if (fd < 0)
        return true;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    // A signal of the process that ends interrupts the wait.
    for (double end = seconds_now() + patience(); got <= 0 && seconds_now() < end;)
        got = poll(&wait, 1, 1000);
    close(fd);
    return got == 1;
}

size_t full_size(size_t full, size_t small)
{
    return is_long() ? full : small;
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
    br_pool_options patient = options ? *options : (br_pool_options){0};
    if (patient.start_timeout == 0)
        patient.start_timeout = patience();
    br_pool *pool = br_pool_create(options ? &patient : NULL, &err);
    ck_assert_msg(pool != NULL, "%s", err.text);
    return pool;
}

br_pool *pool_of(unsigned workers)
{
    return pool_with(workers, false);
}

br_pool *pool_with(unsigned workers, bool thread)
{
    return open_pool(&(br_pool_options){.workers = workers, .progress_thread = thread});
}

void check_square(br_pool *pool)
{
    br_error err;
    int64_t in = 5, out = 0;
    CHECK_CALL(br_pool_apply(pool, square, &in, 8, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 25);
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
        return br_fail(t, "`go` was not set in time");
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

int own_pid(br_task *t, const void *in, void *out)
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

int emit_pattern(br_task *t, const void *in, void *out)
{
    const int64_t *size = in;
    char *bytes = malloc((size_t)*size + 1);
    if (!bytes)
        return br_fail(t, "out of memory");
    for (int64_t i = 0; i < *size; i++)
        bytes[i] = (char)(i * 7);
    *(int64_t *)out = *size;
    int result = br_task_emit(t, bytes, (size_t)*size / 2) ||
                 br_task_emit(t, bytes + *size / 2, (size_t)(*size - *size / 2));
    free(bytes);
    return result;
}

int always_aborts(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    add_word(&shared->calls);
    abort();
}

int note_init(void *arg)
{
    (void)arg;
    add_word(&shared->inits);
    return 0;
}

void note_good(br_result *r, void *user)
{
    struct noted *noted = user;
    noted->result = r;
    noted->pid = getpid();
    noted->thread = pthread_self();
    add_word(&noted->good);
}

void note_bad(br_result *r, void *user)
{
    struct noted *noted = user;
    noted->result = r;
    add_word(&noted->bad);
}

void set_up(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
}

void tear_down(void)
{
    munmap(shared, sizeof *shared);
}

void set_up_two_workers(void)
{
    set_up();
    two_workers = pool_of(2);
}

void tear_down_two_workers(void)
{
    br_pool_destroy(two_workers);
    tear_down();
}

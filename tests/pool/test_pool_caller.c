// SPDX-License-Identifier: BSD-3-Clause
// The calling program: its signals, children, threads, output and descriptors.
#include "pool_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static br_error err;

static volatile sig_atomic_t reaped;

static void reap_all(int signal)
{
    int saved = errno;
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = saved;
}

START_TEST(a_sigchld_handler_that_reaps_everything)
{
    struct sigaction action = {.sa_handler = reap_all};
    ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
    br_pool *pool = pool_with(2, _i);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(reaped, 0);
    pid_t own = fork();
    if (own == 0)
        _exit(0);
    ck_assert(ends(own));
    check_square(pool);
    br_pool_destroy(pool);
    ck_assert_int_ge(reaped, 1);
    struct sigaction now;
    sigaction(SIGCHLD, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, reap_all);
}
END_TEST

START_TEST(sigchld_ignored)
{
    signal(SIGCHLD, SIG_IGN);
    br_pool *pool = pool_with(2, _i);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    check_square(pool);
    br_pool_destroy(pool);
}
END_TEST

static pid_t exits_with(int code)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

START_TEST(the_callers_own_children)
{
    int status;
    pid_t before = exits_with(3);
    br_pool *pool = pool_with(2, _i);
    pid_t during = exits_with(4);
    check_square(pool);
    ck_assert_int_eq(br_pool_apply(pool, always_aborts, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert_int_eq(waitpid(before, &status, 0), before);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert_int_eq(waitpid(-1, &status, 0), during);
    ck_assert_int_eq(WEXITSTATUS(status), 4);
    ck_assert_int_eq(waitpid(-1, &status, WNOHANG), 0); // the nursery lives
    pid_t after = exits_with(5);
    br_pool_destroy(pool);
    ck_assert_int_eq(waitpid(after, &status, 0), after);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
    ck_assert_int_eq(waitpid(-1, &status, 0), -1);
}
END_TEST

static atomic_bool stop_threads;

static void *use_malloc(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop_threads)) {
        void *blocks[64];
        for (size_t i = 0; i < 64; i++)
            blocks[i] = malloc(100 + 1000 * i);
        for (size_t i = 0; i < 64; i++)
            free(blocks[i]);
        sched_yield();
    }
    return NULL;
}

static int use_malloc_too(br_task *t, const void *in, void *out)
{
    char *text = malloc(100000);
    if (!text)
        return br_fail(t, "out of memory");
    memset(text, 1, 100000);
    free(text);
    return square(t, in, out);
}

START_TEST(threads_that_allocate_while_a_pool_is_made)
{
    pthread_t threads[3];
    int64_t in = 4, out = 0;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_malloc, NULL), 0);
    for (int round = 0; round < 10; round++) {
        br_pool *pool = open_pool(&(br_pool_options){.workers = 2, .init = note_init});
        CHECK_CALL(br_pool_apply(pool, use_malloc_too, &in, 8, &out, 8, NULL, &err));
        ck_assert_int_eq(out, 16);
        br_pool_destroy(pool);
    }
    atomic_store(&stop_threads, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}
END_TEST

static void *call_often(void *pool)
{
    for (int64_t i = 0; i < 100; i++) {
        int64_t out = -1;
        br_error e;
        if (br_pool_apply(pool, square, &i, 8, &out, 8, NULL, &e) != 0 || out != i * i)
            return pool;
        br_result *r = br_pool_apply_async(pool, odd_fails, &i, 8, NULL, 8, NULL, &e);
        if (!r || br_result_wait(r, BR_FOREVER, &e) != 1 || br_result_successful(r) != (i % 2 == 0))
            return pool;
        br_result_free(r);
    }
    return NULL;
}

START_TEST(many_threads_call_one_pool)
{
    pthread_t threads[5];
    void *failed;
    br_pool *pool = pool_with(2, _i);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_often, pool), 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    br_pool_destroy(pool);
}
END_TEST

static void *get_it(void *result)
{
    br_error e;
    return br_result_get(result, BR_FOREVER, &e) == 0 ? NULL : result;
}

// One of the threads drives the pool; when it is done another does.
START_TEST(many_threads_wait_for_one_result)
{
    pthread_t threads[5];
    void *failed;
    int64_t in = 6;
    br_pool *pool = pool_with(1, _i);
    br_result *r = br_pool_apply_async(pool, until_go, &in, 8, NULL, 8, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_it, r), 0);
    ck_assert(wait_word(&shared->started, 1));
    ck_assert_int_eq(br_result_get(r, 0.001, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    set_word(&shared->go, 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    ck_assert_int_eq(*(const int64_t *)br_result_output(r, 0), 36);
    br_pool_destroy(pool);
}
END_TEST

static int good_or_exits(br_task *t, const void *in, void *out)
{
    static const enum death ways[] = {DIE_ERROR, DIE_EXIT, DIE_QUICK_EXIT, DIE_ABORT};
    const int64_t *n = in;
    return *n < 4 ? die(ways[*n]) : square(t, in, out);
}

// Runs a caller in a process of its own, whose output goes to `file`. Returns how often the word is
// in it.
static int say_in_a_caller(int how)
{
    char path[] = "/tmp/batchrun-stdio-XXXXXX", line[256];
    int fd = mkstemp(path), status, count = 0;
    ck_assert_int_ge(fd, 0);
    pid_t caller = fork();
    if (caller == 0) {
        dup2(fd, 1);
        printf("unflushed ");
        FILE *other = fdopen(fd, "w");
        fprintf(other, "unflushed ");
        br_pool *pool = pool_of(2);
        int64_t in = how;
        br_pool_apply(pool, good_or_exits, &in, 8, NULL, 8, NULL, &err);
        br_pool_destroy(pool);
        exit(0);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (fscanf(file, "%255s", line) == 1)
        count += strcmp(line, "unflushed") == 0;
    fclose(file);
    close(fd);
    unlink(path);
    return count;
}

START_TEST(unflushed_text_is_printed_once)
{
    ck_assert_int_eq(say_in_a_caller(_i), 2);
}
END_TEST

static int say_hello(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    (void)out;
    printf("hello\n");
    fprintf(stderr, "hello\n");
    return 0;
}

// The library does not use the numbers of descriptors that the caller has closed.
START_TEST(closed_standard_descriptors)
{
    int status;
    pid_t caller = fork();
    if (caller == 0) {
        for (int fd = 0; fd < 3; fd++)
            if (_i >> fd & 1)
                close(fd);
        int64_t in[20], out[20] = {0};
        fill(in, 20);
        br_pool *pool = br_pool_create(&(br_pool_options){.workers = 2, .max_tasks = 3}, &err);
        bool good = pool && br_pool_apply(pool, say_hello, NULL, 0, NULL, 0, NULL, &err) == 0 &&
                    br_pool_map(pool, square, in, 20, 8, out, 8, NULL, &err) == 0 && out[19] == 361;
        for (int fd = 0; fd < 3; fd++)
            good &= (_i >> fd & 1) == (fcntl(fd, F_GETFD) < 0);
        br_pool_destroy(pool);
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(closing_descriptors_of_the_pool_is_reported)
{
    int status;
    pid_t caller = fork();
    if (caller == 0) {
        br_pool *pool = br_pool_create(&(br_pool_options){.workers = 1}, &err);
        for (int fd = 3; fd < 100; fd++)
            close(fd);
        bool good = pool && br_pool_apply(pool, say_hello, NULL, 0, NULL, 0, NULL, &err) == -1;
        _exit(good && strstr(err.text, "cannot wait for the workers' reports") ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(caller, &status, 0), caller);
    ck_assert_int_eq(status, 0);
}
END_TEST

static int give_open(br_task *t, const void *in, void *out)
{
    (void)t;
    *(int64_t *)out = fcntl(*(const int *)in, F_GETFD);
    return 0;
}

START_TEST(descriptors_are_not_inherited)
{
    int fd = dup(0);
    int64_t out = 0;
    br_pool *pool = pool_of(1);
    // Higher than any descriptor that a worker itself opens.
    int high = fcntl(fd, F_DUPFD, 200);
    br_pool *second = pool_of(1);
    CHECK_CALL(br_pool_apply(second, give_open, &high, sizeof high, &out, 8, NULL, &err));
    ck_assert_int_eq(out, -1);
    ck_assert_int_ge(fcntl(high, F_GETFD), 0);
    br_pool_destroy(second);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(an_event_loop_drives_the_pool)
{
    struct noted noted = {.pid = 0};
    br_call_options options = {.on_result = note_good, .user = &noted};
    br_pool *pool = pool_of(2);
    for (int i = 0; i < 10; i++)
        br_result_free(br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &options, &err));
    while (noted.good < 10) {
        double timeout = br_pool_timeout(pool);
        struct pollfd wait = {.fd = br_pool_fd(pool), .events = POLLIN};
        poll(&wait, 1, timeout < 0 ? -1 : (int)(timeout * 1e3 + 0.999));
        CHECK_CALL(br_pool_dispatch(pool, &err));
    }
    ck_assert_uint_eq(shared->calls, 10);
    br_pool_destroy(pool);
}
END_TEST

static int give_disposition(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    *(int64_t *)out = action.sa_handler == SIG_DFL;
    return 0;
}

START_TEST(signal_handlers_stay_the_callers)
{
    int64_t out = 0;
    struct sigaction action = {.sa_handler = reap_all}, now;
    sigset_t mask;
    sigaction(SIGUSR1, &action, NULL);
    br_pool *pool = pool_with(1, _i);
    CHECK_CALL(br_pool_apply(pool, give_disposition, NULL, 0, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 1);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert_ptr_eq(now.sa_handler, reap_all);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    ck_assert_int_eq(sigismember(&mask, SIGUSR1), 0);
    br_pool_destroy(pool);
}
END_TEST

SUITE(pool_caller)
{
    FIXTURE(set_up, tear_down);
    LOOP_TEST(a_sigchld_handler_that_reaps_everything, 2);
    LOOP_TEST(sigchld_ignored, 2);
    LOOP_TEST(the_callers_own_children, 2);
    // A sanitizer's allocator may be locked by another thread when this one forks; malloc is not.
    if (!SANITIZED)
        TEST(threads_that_allocate_while_a_pool_is_made);
    LOOP_TEST(many_threads_call_one_pool, 2);
    LOOP_TEST(many_threads_wait_for_one_result, 2);
    LOOP_TEST(unflushed_text_is_printed_once, 5);
    RANGE_TEST(closed_standard_descriptors, 1, 8);
    TEST(closing_descriptors_of_the_pool_is_reported);
    TEST(descriptors_are_not_inherited);
    TEST(an_event_loop_drives_the_pool);
    LOOP_TEST(signal_handlers_stay_the_callers, 2);
}

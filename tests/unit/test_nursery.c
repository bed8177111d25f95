// SPDX-License-Identifier: BSD-3-Clause
// The nursery: children that end, are killed, and leave processes behind.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/process/nursery.h"
#include "support/suite.h"

static struct nursery nursery;

// ---- What children do

static int give_seven(const int *fds, size_t count)
{
    (void)fds;
    return count == 0 ? 7 : 0;
}

static int call_exit(const int *fds, size_t count)
{
    (void)fds;
    (void)count;
    exit(3);
}

static int hang(const int *fds, size_t count)
{
    (void)count;
    pid_t self = getpid();
    if (count > 0 && fd_write_all(fds[0], &self, sizeof self) != 0)
        return 1;
    for (;;)
        pause();
}

static int stop_self(const int *fds, size_t count)
{
    (void)count;
    pid_t self = getpid();
    if (fd_write_all(fds[0], &self, sizeof self) != 0)
        return 1;
    raise(SIGSTOP);
    for (;;)
        pause();
}

// One child in the group, one daemon of its own session; the pids go down the pipe.
static int leave_family(const int *fds, size_t count)
{
    pid_t pids[2];
    (void)count;
    pids[0] = fork();
    if (pids[0] == 0)
        hang(NULL, 0);
    if (fork() == 0) {
        setsid();
        pids[1] = fork();
        if (pids[1] == 0)
            hang(NULL, 0);
        _exit(fd_write_all(fds[0], pids, sizeof pids));
    }
    wait(NULL);
    return 0;
}

static int check_self(const int *fds, size_t count)
{
    sigset_t set;
    char text[32];
    sigprocmask(SIG_SETMASK, NULL, &set);
    for (int s = 1; s < 32; s++)
        if (sigismember(&set, s) || (s != SIGKILL && s != SIGSTOP && signal(s, SIG_DFL) != SIG_DFL))
            return 1;
    if (getpgrp() != getpid() || count != 2)
        return 2;
    for (int fd = 0; fd < 256; fd++)
        if ((fcntl(fd, F_GETFD) >= 0) != (fd <= 2 || fd == fds[0] || fd == fds[1]))
            return 3;
    // The descriptors are in the order in which they were given.
    if (read(fds[0], text, sizeof text) != 4 || memcmp(text, "ping", 4) != 0)
        return 4;
    return write(fds[1], "pong", 4) == 4 ? 0 : 5;
}

static const char *written; // a file that the next test writes to
static FILE *of_caller;

static int write_and_exit(const int *fds, size_t count)
{
    (void)fds;
    (void)count;
    FILE *f = fopen(written, "a");
    if (!f || fputs("child\n", f) < 0 || fputs("nowhere\n", of_caller) < 0)
        return 1;
    exit(4); // which flushes f; of_caller has no descriptor here, and f may have got its number
}

enum entry {
    GIVE_SEVEN,
    CALL_EXIT,
    HANG,
    STOP_SELF,
    LEAVE_FAMILY,
    CHECK_SELF,
    WRITE_AND_EXIT
};

static nursery_entry *const entries[] = {
    [GIVE_SEVEN] = give_seven,         [CALL_EXIT] = call_exit,       [HANG] = hang,
    [STOP_SELF] = stop_self,           [LEAVE_FAMILY] = leave_family, [CHECK_SELF] = check_self,
    [WRITE_AND_EXIT] = write_and_exit,
};

// ---- The nursery

static void setup(void)
{
    br_error err = {0};
    ck_assert_msg(nursery_start(&nursery, entries, &err) == 0, "%s", err.text);
}

static void teardown(void)
{
    nursery_stop(&nursery);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}

static void wait_for_socket(void)
{
    struct pollfd wait = {.fd = nursery.socket, .events = POLLIN};
    double ms = patience() * 1000;
    ck_assert_msg(poll(&wait, 1, ms < INT_MAX ? (int)ms : INT_MAX) == 1, "nothing has come");
}

static struct nursery_event next_event(void)
{
    struct nursery_event e;
    br_error err = {0};
    for (;;) {
        int got = nursery_next(&nursery, &e, &err);
        ck_assert_msg(got >= 0, "%s", err.text);
        if (got == 1)
            return e;
        wait_for_socket();
    }
}

static uint32_t spawn(enum entry entry, const int *fds, size_t count)
{
    br_error err = {0};
    uint32_t id = 0;
    ck_assert_msg(nursery_spawn(&nursery, entry, fds, count, &id, &err) == 0, "%s", err.text);
    return id;
}

static struct nursery_event end_of(enum entry entry, const int *fds, size_t count)
{
    uint32_t id = spawn(entry, fds, count);
    struct nursery_event e = next_event();
    ck_assert_int_eq(e.type, NURSERY_STARTED);
    ck_assert_uint_eq(e.id, id);
    pid_t pid = e.pid;
    e = next_event();
    ck_assert_int_eq(e.type, NURSERY_ENDED);
    ck_assert_uint_eq(e.id, id);
    ck_assert_int_eq(e.pid, pid);
    return e;
}

static pid_t read_pid(int fd)
{
    pid_t pid = 0;
    ck_assert_int_eq(fd_read_all(fd, &pid, sizeof pid), (ssize_t)sizeof pid);
    return pid;
}

// ---- The tests

START_TEST(a_child_runs_and_its_end_is_reported)
{
    struct nursery_event e = end_of(GIVE_SEVEN, NULL, 0);
    ck_assert(WIFEXITED(e.wait_status) && WEXITSTATUS(e.wait_status) == 7);
    ck_assert_int_gt(e.peak_memory, 0);
}
END_TEST

static void must_not_run(void)
{
    _exit(99);
}

START_TEST(exit_runs_none_of_the_callers_handlers)
{
    nursery_stop(&nursery);
    atexit(must_not_run);
    setup();
    struct nursery_event e = end_of(CALL_EXIT, NULL, 0);
    int status = e.wait_status;
    nursery_stop(&nursery);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : 1); // past the handler here too
}
END_TEST

START_TEST(a_child_writes_its_own_output_and_not_the_callers)
{
    char path[] = "/tmp/batchrun-test-XXXXXX", text[64] = "";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    written = path;
    nursery_stop(&nursery);
    of_caller = fdopen(dup(fd), "a");
    ck_assert(of_caller && fputs("caller\n", of_caller) >= 0); // not flushed
    setup();
    struct nursery_event e = end_of(WRITE_AND_EXIT, NULL, 0);
    ck_assert(WIFEXITED(e.wait_status) && WEXITSTATUS(e.wait_status) == 4);
    ck_assert_int_eq(fclose(of_caller), 0);
    ck_assert_int_gt(pread(fd, text, sizeof text - 1, 0), 0);
    ck_assert_str_eq(text, "child\ncaller\n");
    unlink(path);
    close(fd);
}
END_TEST

START_TEST(a_child_starts_clean)
{
    int down[2], up[2];
    char text[8];
    signal(SIGUSR1, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(down), 0);
    ck_assert_int_eq(pipe(up), 0);
    int fds[] = {down[0], up[1]};
    ck_assert_int_eq(write(down[1], "ping", 4), 4);
    struct nursery_event e = end_of(CHECK_SELF, fds, 2);
    ck_assert_int_eq(e.wait_status, 0);
    ck_assert_int_eq(read(up[0], text, sizeof text), 4);
}
END_TEST

START_TEST(a_child_is_killed_by_name)
{
    static const int signals[] = {SIGTERM, SIGKILL};
    br_error err;
    for (size_t i = 0; i < 2; i++)
        for (int stopped = 0; stopped < 2; stopped++) {
            int ends[2];
            ck_assert_int_eq(pipe(ends), 0);
            uint32_t id = spawn(stopped ? STOP_SELF : HANG, &ends[1], 1);
            ck_assert_int_eq(next_event().type, NURSERY_STARTED);
            ck_assert_int_gt(read_pid(ends[0]), 0);
            ck_assert_int_eq(nursery_kill(&nursery, id, signals[i], &err), 0);
            struct nursery_event e = next_event();
            ck_assert(WIFSIGNALED(e.wait_status) && WTERMSIG(e.wait_status) == signals[i]);
            ck_assert_int_eq(nursery_kill(&nursery, id, SIGKILL, &err), 0); // no error, no effect
            close(ends[0]);
            close(ends[1]);
        }
}
END_TEST

START_TEST(what_a_child_leaves_is_swept)
{
    int ends[2];
    pid_t pids[2];
    ck_assert_int_eq(pipe(ends), 0);
    end_of(LEAVE_FAMILY, &ends[1], 1);
    ck_assert_int_eq(fd_read_all(ends[0], pids, sizeof pids), (ssize_t)sizeof pids);
    nursery_stop(&nursery);
    ck_assert_int_eq(kill(pids[0], 0), -1);
    ck_assert_int_eq(kill(pids[1], 0), -1);
    setup();
}
END_TEST

START_TEST(many_children_come_and_go)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 20; i++)
            spawn(GIVE_SEVEN, NULL, 0);
        for (int i = 0; i < 40; i++) {
            struct nursery_event e = next_event();
            ck_assert(e.type == NURSERY_STARTED || WEXITSTATUS(e.wait_status) == 7);
        }
    }
}
END_TEST

START_TEST(a_nursery_that_died_is_an_error)
{
    br_error err = {0};
    struct nursery_event e;
    uint32_t id;
    kill(nursery.pid, SIGKILL);
    wait_for_socket();
    ck_assert_int_eq(nursery_next(&nursery, &e, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    ck_assert_int_eq(nursery_spawn(&nursery, GIVE_SEVEN, NULL, 0, &id, &err), -1);
}
END_TEST

START_TEST(stopping_takes_what_never_started)
{
    struct nursery never = {.socket = -1};
    nursery_stop(&never);
    uint32_t id = spawn(HANG, NULL, 0);
    ck_assert_uint_gt(id, 0);
}
END_TEST

SUITE(nursery)
{
    FIXTURE(setup, teardown);
    TEST(a_child_runs_and_its_end_is_reported);
    TEST(exit_runs_none_of_the_callers_handlers);
    TEST(a_child_writes_its_own_output_and_not_the_callers);
    TEST(a_child_starts_clean);
    TEST(a_child_is_killed_by_name);
    TEST(what_a_child_leaves_is_swept);
    TEST(many_children_come_and_go);
    TEST(a_nursery_that_died_is_an_error);
    TEST(stopping_takes_what_never_started);
}

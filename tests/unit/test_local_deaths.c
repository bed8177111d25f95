// SPDX-License-Identifier: BSD-3-Clause
// Deaths of workers, and what dead workers, pools and programs leave behind.
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/process/stray_processes.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

START_TEST(a_crash_is_reported_by_its_signal)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS,  SIGFPE,  SIGILL, SIGKILL, SIGTERM,
                                  SIGPIPE, SIGSYS,  SIGTRAP, SIGXCPU, SIGINT, SIGHUP};
    rig_open(&rig, (struct rig_options){.workers = 1});
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        rig_run(&rig, rig_submit(&rig, "raise", signals[i], 1, rig_chunk(0)));
        ck_assert_int_eq(rig.fates[0].status, OUTCOME_CRASHED);
        ck_assert_int_eq(rig.fates[0].signal, signals[i]);
        ck_assert(rig.fates[0].killed);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(a_task_that_calls_exit_is_crashed)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2}, "leave", 0, 30, rig_chunk(30));
    ck_assert_uint_eq(rig.by_status[OUTCOME_CRASHED], 3);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 27);
    ck_assert_str_eq(rig.fates[0].text, "exit(0) was called");
    ck_assert_str_eq(rig.fates[1].text, "exit(0) was called");
    ck_assert_str_eq(rig.fates[2].text, "SIGABRT (abort)");
    for (int i = 0; i < 30; i++)
        ck_assert_uint_eq(rig.fates[i].tries, 1);
    rig_close(&rig);
}
END_TEST

START_TEST(a_task_killed_from_outside_is_blamed_and_tried_again)
{
    rig_open(&rig, (struct rig_options){.workers = 1});
    struct pool_map *m = rig_submit(&rig, "wait", 0, 1, rig_retries(2));
    for (int i = 0; i < 3; i++) {
        rig_await_running(&rig);
        unsigned deaths = rig.deaths;
        ck_assert_int_eq(kill(local_pid(rig.executor, 0), SIGKILL), 0);
        RIG_AWAIT(&rig, rig.deaths > deaths);
    }
    ck_assert(pool_map_done(m));
    ck_assert_uint_eq(rig.fates[0].tries, 3);
    ck_assert_int_eq(rig.fates[0].signal, SIGKILL);
    rig_close(&rig);
}
END_TEST

START_TEST(an_idle_worker_that_is_killed_is_replaced)
{
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_run(&rig, rig_submit(&rig, "pid", 0, 10, rig_chunk(0)));
    rig_await_workers(&rig);
    kill(local_pid(rig.executor, 0), SIGKILL);
    RIG_AWAIT(&rig, rig.starts == 3);
    ck_assert_uint_eq(rig.deaths, 1);
    rig_run(&rig, rig_submit(&rig, "pid", 0, 10, rig_chunk(0)));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 10);
    rig_close(&rig);
}
END_TEST

// Until `starts` workers have been ready in all, and each slot has finished a task since: the pool
// takes a worker that dies before that for one that cannot work.
static void run_until_all_work(struct pool_map *m, unsigned starts)
{
    uint64_t before[4];
    RIG_AWAIT(&rig, rig.starts >= starts || pool_map_done(m));
    memcpy(before, rig.ok_by_slot, sizeof before);
    for (unsigned slot = 0; slot < 4; slot++)
        RIG_AWAIT(&rig, rig.ok_by_slot[slot] > before[slot] || pool_map_done(m));
}

START_TEST(all_workers_killed_ten_times_lose_nothing)
{
    rig_open(&rig, (struct rig_options){.workers = 4});
    struct pool_map *m = rig_submit(&rig, "say_slowly", 0, 20000, rig_retries(1000));
    for (unsigned i = 1; i <= 10; i++) {
        run_until_all_work(m, 4 * i);
        for (unsigned slot = 0; slot < 4; slot++)
            if (local_pid(rig.executor, slot) > 0)
                kill(local_pid(rig.executor, slot), SIGKILL);
    }
    rig_run(&rig, m);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20000);
    ck_assert_uint_le(rig.again, 40);
    rig_close(&rig);
}
END_TEST

// ---- What is left behind

static bool is_alive(int64_t pid)
{
    return kill((pid_t)pid, 0) == 0;
}

START_TEST(what_a_task_leaves_behind_is_gone_before_the_next)
{
    rig_open(&rig, (struct rig_options){.workers = 1, .logs = true});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 5, rig_chunk(5)));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(rig.fates[i].y, 0);
        ck_assert(!is_alive(rig.fates[i].y));
    }
    ck_assert_uint_eq(rig.printed_count, 5); // one message for each
    rig_close(&rig);
}
END_TEST

START_TEST(what_a_task_has_started_lives_while_the_task_does)
{
    br_error err = {0};
    pid_t before[3], after[3];
    rig_open(&rig, (struct rig_options){.workers = 2});
    struct pool_map *m = rig_submit(&rig, "daemon_and_wait", 0, 2, rig_chunk(1));
    rig_await_workers(&rig);
    int first = local_pid(rig.executor, 0);
    // The task's child, which has ended and was not waited for, and the daemon.
    RIG_AWAIT(&rig, stray_processes_children(first, first, before, 3) == 2);
    kill(local_pid(rig.executor, 1), SIGKILL);
    RIG_AWAIT(&rig, rig.starts == 3); // by then the nursery has swept
    ck_assert_uint_eq(stray_processes_children(first, first, after, 3), 2);
    ck_assert_int_eq(after[1], before[1]);
    ck_assert(is_alive(after[1]));
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    rig_close(&rig);
}
END_TEST

START_TEST(what_a_worker_leaves_behind_is_swept)
{
    rig_open(&rig, (struct rig_options){.workers = 1});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 5, rig_chunk(0)));
    int64_t daemons[5];
    for (int i = 0; i < 5; i++)
        daemons[i] = rig.fates[i].y;
    kill(local_pid(rig.executor, 0), SIGKILL);
    RIG_AWAIT(&rig, rig.deaths > 0);
    rig_close(&rig); // with the nursery's end nothing is left in any case
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(daemons[i], 0);
        ck_assert(!is_alive(daemons[i]));
    }
}
END_TEST

// Runs in a process of its own: a rig with waiting tasks and the daemons that they have made. All
// their pids go down the pipe.
static void run_doomed(int pipe_end)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 2, rig_chunk(1)));
    int64_t pids[5] = {rig.fates[0].y, rig.fates[1].y, rig.nursery.pid};
    struct pool_map *m = rig_submit(&rig, "daemon_and_wait", 0, 2, rig_chunk(1));
    rig_await_running(&rig);
    pids[3] = local_pid(rig.executor, 0);
    pids[4] = local_pid(rig.executor, 1);
    ck_assert(write(pipe_end, pids, sizeof pids) == (ssize_t)sizeof pids);
    while (!pool_map_done(m) && rig_step(&rig, &err) == 0)
        ;
}

START_TEST(nothing_outlives_a_killed_coordinator)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); // so that this process adopts the doomed one's nursery
    pid_t doomed = fork();
    if (doomed == 0) {
        run_doomed(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    int64_t pids[5];
    ck_assert_int_eq(fd_read_all(ends[0], pids, sizeof pids), (ssize_t)sizeof pids);
    kill(doomed, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(pids[i], 0);
        ck_assert_msg(!is_alive(pids[i]), "process %d of %d is left", i, (int)pids[i]);
    }
    close(ends[0]);
}
END_TEST

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

// RIG_TEST_LOOPS=1000 makes it long.
START_TEST(many_rigs_leave_nothing)
{
    const char *text = getenv("RIG_TEST_LOOPS");
    int most = text ? atoi(text) : 30;
    unsigned before = 0;
    size_t used = 0;
    for (int i = 0; i < most; i++) {
        rig_run_one(&rig, (struct rig_options){.workers = 2, .logs = true}, "leave", 0, 20,
                    rig_chunk(7));
        rig_close(&rig);
        if (i == 4) {
            before = open_descriptors();
            used = mallinfo2().uordblks;
        }
    }
    ck_assert_uint_eq(open_descriptors(), before);
    ck_assert_uint_le(mallinfo2().uordblks, used + 65536);
}
END_TEST

START_TEST(the_nursery_killed_is_an_error)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_submit(&rig, "wait", 0, 2, rig_chunk(0));
    rig_await_running(&rig);
    kill(rig.nursery.pid, SIGKILL);
    rig_run_until_error(&rig, &err);
    ck_assert_ptr_nonnull(strstr(err.text, "has died"));
    rig_close(&rig);
}
END_TEST

SUITE(local_deaths)
{
    TEST(a_crash_is_reported_by_its_signal);
    TEST(a_task_that_calls_exit_is_crashed);
    TEST(a_task_killed_from_outside_is_blamed_and_tried_again);
    TEST(an_idle_worker_that_is_killed_is_replaced);
    TEST(all_workers_killed_ten_times_lose_nothing);
    TEST(what_a_task_leaves_behind_is_gone_before_the_next);
    TEST(what_a_task_has_started_lives_while_the_task_does);
    TEST(what_a_worker_leaves_behind_is_swept);
    TEST(nothing_outlives_a_killed_coordinator);
    TEST(many_rigs_leave_nothing);
    TEST(the_nursery_killed_is_an_error);
}

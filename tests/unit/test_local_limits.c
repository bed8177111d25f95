// SPDX-License-Identifier: BSD-3-Clause
// Tasks that are ended or asked to end, and a process that nothing ends.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

// Ends by SIGTERM, unless the task ignores that: then by SIGKILL, after the grace. (That the grace
// is kept is rule 10 of test_executor.c.)
START_TEST(a_hard_timeout_ends_what_waits_ignores_or_is_stopped)
{
    static const char *const tasks[] = {"wait", "stubborn", "stopped"};
    for (int i = 0; i < COUNT(tasks); i++) {
        bool ignores = i == 1;
        int64_t grace = ignores ? 50 * NS_PER_MS : rig_patience_ns();
        rig_open(&rig, (struct rig_options){.workers = 2, .grace_ns = grace});
        rig_run(&rig, rig_submit(&rig, tasks[i], 0, 2, rig_timeout(50 * NS_PER_MS)));
        ck_assert_uint_eq(rig.by_status[OUTCOME_TIMED_OUT], 2);
        ck_assert_ptr_nonnull(strstr(rig.fates[0].text, "0.05 s"));
        ck_assert(rig.fates[1].signal == SIGTERM || (ignores && rig.fates[1].signal == SIGKILL));
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_soft_timeout_asks)
{
    struct pool_map_options options = {.map.limits.soft_ns = 10 * NS_PER_MS,
                                       .map.limits.hard_ns = rig_patience_ns()};
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "until_asked", 0, 3, options);
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 3);
    ck_assert_str_eq(rig.fates[2].text, "asked to stop");
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(cancel_ends_the_running_task)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 1});
    struct pool_map *m = rig_submit(&rig, "wait", 0, 10, rig_chunk(5));
    rig_await_running(&rig);
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    ck_assert_uint_eq(rig.by_status[OUTCOME_CANCELLED], 1);
    ck_assert_uint_eq(pool_map_ledger(m)->ended[OUTCOME_SKIPPED], 9);
    rig_close(&rig);
}
END_TEST

static char freezer[64];

static bool write_word(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", freezer, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
    fd_close(&fd);
    return done;
}

static bool freeze(int pid)
{
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    return write_word("cgroup.procs", text) && write_word("freezer.state", "FROZEN");
}

static void thaw(void)
{
    write_word("freezer.state", "THAWED");
    while (rmdir(freezer) != 0 && errno == EBUSY)
        poll(NULL, 0, 1); // no event says that the killed process has left it
}

// Without a mounted hierarchy the new directory is a plain one.
static bool make_freezer(void)
{
    snprintf(freezer, sizeof freezer, "/sys/fs/cgroup/freezer/batchrun-test-%d", (int)getpid());
    if (mkdir(freezer, 0700) != 0) {
        printf("skipped: no freezer of processes here: %s\n", strerror(errno));
        return false;
    }
    if (write_word("freezer.state", "THAWED"))
        return true;
    printf("skipped: no freezer of processes here: %s is a plain directory\n", freezer);
    rmdir(freezer);
    return false;
}

static bool is_running(unsigned slot, uint64_t task)
{
    struct exec_in_hand h;
    return rig.executor->ops->in_hand(rig.executor, slot, &h) && h.task.first == task;
}

START_TEST(a_process_that_cannot_be_killed_takes_only_its_slot)
{
    br_error err = {0};
    if (!make_freezer())
        return;
    rig_open(&rig, (struct rig_options){.workers = 2, .stuck_ns = 100 * NS_PER_MS});
    rig_await_workers(&rig);
    struct pool_map *m = rig_submit(&rig, "wait_at_three", 0, 20, rig_chunk(0));
    RIG_AWAIT(&rig, rig.by_status[OUTCOME_OK] == 19 && (is_running(0, 3) || is_running(1, 3)));
    int pid = local_pid(rig.executor, is_running(0, 3) ? 0 : 1);
    ck_assert(freeze(pid));
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    ck_assert_int_eq(rig.fates[3].status, OUTCOME_CANCELLED);
    RIG_AWAIT(&rig, rig.deaths > 0);
    ck_assert_ptr_nonnull(strstr(rig.last_reason, "it does not end though it was killed (state D"));
    rig_run(&rig, rig_submit(&rig, "pid", 0, 20, rig_chunk(0)));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
    ck_assert_uint_eq(rig.starts, 2);
    ck_assert_int_eq(kill(pid, 0), 0); // it is there, and nobody waits for it
    thaw();
    rig_close(&rig);
}
END_TEST

SUITE(local_limits)
{
    TEST(a_hard_timeout_ends_what_waits_ignores_or_is_stopped);
    TEST(a_soft_timeout_asks);
    TEST(cancel_ends_the_running_task);
    TEST(a_process_that_cannot_be_killed_takes_only_its_slot);
}

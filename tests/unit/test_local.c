// SPDX-License-Identifier: BSD-3-Clause
// The pool over real worker processes.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/channel/channel_record.h"
#include "exec/process/leftovers.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

static struct pool_map_options chunks(uint32_t chunk)
{
    return (struct pool_map_options){.chunk = chunk};
}

static struct pool_map_options tries(unsigned limit)
{
    return (struct pool_map_options){
        .retries = {.limit = limit, .on = ~0U, .delay_ns = 1, .max_ns = 1, .factor = 1}};
}

static struct pool_map_options limit(int64_t hard_ns)
{
    return (struct pool_map_options){.map.limits.hard_ns = hard_ns};
}

static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return getenv("BATCHRUN_UNDER_VALGRIND") || (preload && strstr(preload, "vgpreload"));
}

START_TEST(every_task_runs_once)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2}, "pid", 0, 1000000, chunks(0));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 1000000);
    ck_assert_uint_eq(rig.starts, 2);
    rig_close(&rig);
}
END_TEST

START_TEST(eight_workers_on_whatever_cores_there_are)
{
    rig_run_one(&rig, (struct rig_options){.workers = 8, .bind = true}, "pid", 0, 100000,
                chunks(1));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 100000);
    rig_close(&rig);
}
END_TEST

START_TEST(maps_follow_each_other_on_the_same_workers)
{
    rig_open(&rig, (struct rig_options){.workers = 2});
    for (int i = 0; i < 50; i++) {
        struct pool_map *m = rig_submit(&rig, i % 2 ? "environment" : "pid", 0, 20, chunks(0));
        rig_run(&rig, m);
        ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
        pool_map_release(rig.pool, m);
    }
    ck_assert_uint_eq(rig.starts, 2);
    rig_close(&rig);
}
END_TEST

// ---- Deaths

START_TEST(a_crash_is_told_by_its_signal)
{
    static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS,  SIGFPE,  SIGILL, SIGKILL, SIGTERM,
                                  SIGPIPE, SIGSYS,  SIGTRAP, SIGXCPU, SIGINT, SIGHUP};
    rig_open(&rig, (struct rig_options){.workers = 1});
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        rig_run(&rig, rig_submit(&rig, "raise", signals[i], 1, chunks(0)));
        ck_assert_int_eq(rig.fates[0].status, OUTCOME_CRASHED);
        ck_assert_int_eq(rig.fates[0].signal, signals[i]);
        ck_assert(rig.fates[0].killed);
    }
    rig_close(&rig);
}
END_TEST

START_TEST(leaving_is_a_crash_too)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2}, "leave", 0, 30, chunks(30));
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
    struct pool_map *m = rig_submit(&rig, "wait", 0, 1, tries(2));
    for (int i = 0; i < 3; i++) {
        rig_wait_in_hand(&rig);
        unsigned deaths = rig.deaths;
        br_error err;
        ck_assert_int_eq(kill(local_pid(rig.executor, 0), SIGKILL), 0);
        while (rig.deaths == deaths)
            ck_assert_int_eq(rig_step(&rig, &err), 0);
    }
    ck_assert(pool_map_done(m));
    ck_assert_uint_eq(rig.fates[0].tries, 3);
    ck_assert_int_eq(rig.fates[0].signal, SIGKILL);
    rig_close(&rig);
}
END_TEST

START_TEST(who_waits_for_a_long_task_looks_ever_more_seldom)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 1});
    struct pool_map *m = rig_submit(&rig, "wait", 0, 1, tries(0));
    rig_wait_in_hand(&rig);
    rig.timeouts = 0;
    while (pool_deadline(rig.pool) - clock_now() < 300 * NS_PER_MS && rig.timeouts < 10)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    ck_assert_uint_lt(rig.timeouts, 10);
    ck_assert_int_eq(kill(local_pid(rig.executor, 0), SIGKILL), 0);
    rig_run(&rig, m); // is told at once
    ck_assert_uint_lt(rig.timeouts, 10);
    rig_close(&rig);
}
END_TEST

START_TEST(an_idle_worker_that_is_killed_is_replaced)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_run(&rig, rig_submit(&rig, "pid", 0, 10, chunks(0)));
    while (rig.starts < 2)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    kill(local_pid(rig.executor, 0), SIGKILL);
    while (rig.starts < 3)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    ck_assert_uint_eq(rig.deaths, 1);
    rig_run(&rig, rig_submit(&rig, "pid", 0, 10, chunks(0)));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 10);
    rig_close(&rig);
}
END_TEST

// Until workers have started `starts` times in all, and those of each slot have got something done:
// what dies before that is, for the pool, a worker that cannot work.
static void run_until_all_work(struct pool_map *m, unsigned starts)
{
    br_error err = {0};
    uint64_t before[4];
    while (rig.starts < starts && !pool_map_done(m))
        if (rig_step(&rig, &err) != 0)
            ck_abort_msg("%s", err.text);
    memcpy(before, rig.ok_by_slot, sizeof before);
    for (unsigned slot = 0; slot < 4; slot++)
        while (rig.ok_by_slot[slot] == before[slot] && !pool_map_done(m))
            if (rig_step(&rig, &err) != 0)
                ck_abort_msg("%s", err.text);
}

START_TEST(all_workers_killed_ten_times_lose_nothing)
{
    rig_open(&rig, (struct rig_options){.workers = 4});
    struct pool_map *m = rig_submit(&rig, "say_slowly", 0, 20000, tries(1000));
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

START_TEST(a_hard_timeout_ends_what_waits_ignores_or_is_stopped)
{
    static const char *const tasks[] = {"wait", "stubborn", "stopped"};
    for (int i = 0; i < 3; i++) {
        // What ends by SIGTERM may take its time, on a slow machine or under valgrind.
        int64_t grace = i == 1 ? 50 * NS_PER_MS : 30 * NS_PER_S;
        rig_open(&rig, (struct rig_options){.workers = 2, .grace_ns = grace});
        rig_run(&rig, rig_submit(&rig, tasks[i], 0, 2, limit(50 * NS_PER_MS)));
        ck_assert_uint_eq(rig.by_status[OUTCOME_TIMED_OUT], 2);
        ck_assert_ptr_nonnull(strstr(rig.fates[0].text, "0.05 s"));
        ck_assert_int_eq(rig.fates[1].signal, i == 1 ? SIGKILL : SIGTERM);
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_soft_timeout_asks)
{
    struct pool_map_options options = {.map.limits.soft_ns = 10 * NS_PER_MS,
                                       .map.limits.hard_ns = 60 * NS_PER_S};
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "until_asked", 0, 3, options);
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 3);
    ck_assert_str_eq(rig.fates[2].text, "asked to stop");
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(cancel_ends_what_is_in_hand)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 1});
    struct pool_map *m = rig_submit(&rig, "wait", 0, 10, chunks(5));
    rig_wait_in_hand(&rig);
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    ck_assert_uint_eq(rig.by_status[OUTCOME_CANCELLED], 1);
    ck_assert_uint_eq(pool_map_ledger(m)->ended[OUTCOME_SKIPPED], 9);
    rig_close(&rig);
}
END_TEST

static bool is_alive(int64_t pid)
{
    return kill((pid_t)pid, 0) == 0;
}

START_TEST(what_a_task_leaves_behind_is_gone_before_the_next)
{
    rig_open(&rig, (struct rig_options){.workers = 1, .logs = true});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 5, chunks(5)));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 5);
    ck_assert_uint_eq(rig.deaths, 0);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(rig.fates[i].y, 0);
        ck_assert(!is_alive(rig.fates[i].y));
    }
    ck_assert_uint_eq(rig.printed_count, 5); // each is told of
    rig_close(&rig);
}
END_TEST

START_TEST(what_a_task_has_started_lives_while_the_task_does)
{
    br_error err = {0};
    pid_t before[3], after[3];
    rig_open(&rig, (struct rig_options){.workers = 2});
    struct pool_map *m = rig_submit(&rig, "daemon_and_wait", 0, 2, chunks(1));
    while (rig.starts < 2)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    int first = local_pid(rig.executor, 0);
    // The task's child, which has ended and was not waited for, and the daemon.
    while (leftovers_children(first, first, before, 3) != 2)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    kill(local_pid(rig.executor, 1), SIGKILL);
    while (rig.starts < 3) // by then the nursery has swept
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    ck_assert_uint_eq(leftovers_children(first, first, after, 3), 2);
    ck_assert_int_eq(after[1], before[1]);
    ck_assert(is_alive(after[1]));
    ck_assert_int_eq(pool_map_cancel(rig.pool, m, clock_now(), &err), 0);
    rig_run(&rig, m);
    rig_close(&rig);
}
END_TEST

START_TEST(what_a_worker_leaves_behind_is_swept)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 1});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 5, chunks(0)));
    int64_t daemons[5];
    for (int i = 0; i < 5; i++)
        daemons[i] = rig.fates[i].y;
    kill(local_pid(rig.executor, 0), SIGKILL);
    while (rig.deaths == 0)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    rig_close(&rig); // and with the nursery nothing is left in any case
    for (int i = 0; i < 5; i++) {
        ck_assert_int_gt(daemons[i], 0);
        ck_assert(!is_alive(daemons[i]));
    }
}
END_TEST

START_TEST(workers_are_replaced_after_max_tasks)
{
    for (unsigned max = 1; max <= 2; max++) {
        rig_run_one(&rig, (struct rig_options){.workers = 2, .max_tasks = max}, "pid", 0, 20,
                    chunks(5));
        ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 20);
        for (int i = 0; i < 20; i++) {
            unsigned same = 0;
            for (int k = 0; k < 20; k++)
                same += rig.fates[i].y == rig.fates[k].y;
            ck_assert_uint_le(same, max);
        }
        rig_close(&rig);
    }
}
END_TEST

START_TEST(an_init_that_fails_ends_the_pool_at_once)
{
    br_error err = {0};
    rig_open(&rig,
             (struct rig_options){.workers = 2, .plugin = "tests/plugins/.libs/init_fails.so"});
    while (rig_step(&rig, &err) == 0)
        ;
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "no licence for this site"));
    rig_close(&rig);
}
END_TEST

START_TEST(a_plugin_that_crashes_on_loading_ends_the_pool)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 2,
                                        .plugin = "tests/plugins/.libs/constructor_crashes.so"});
    while (rig_step(&rig, &err) == 0)
        ;
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "while it was loading the plugins: SIGABRT"));
    rig_close(&rig);
}
END_TEST

START_TEST(an_init_that_hangs_ends_the_pool_in_time)
{
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 2,
                                        .start_ns = 100 * NS_PER_MS,
                                        .plugin = "tests/plugins/.libs/init_hangs.so"});
    while (rig_step(&rig, &err) == 0)
        ;
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_str_eq(
        err.text, "a worker hung while it was loading the plugins: it was not ready after 0.1 s");
    rig_close(&rig);
}
END_TEST

// Whoever crashes a worker that is starting does not make its plugins unfit.
START_TEST(a_worker_that_is_crashed_from_outside_while_it_starts_is_replaced)
{
    br_error err = {0};
    if (under_valgrind())
        return; // it drops a signal that comes right after a fork
    rig_open(&rig,
             (struct rig_options){.workers = 1, .plugin = "tests/plugins/.libs/init_hangs.so"});
    while (local_pid(rig.executor, 0) == 0)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    int first = local_pid(rig.executor, 0);
    kill(first, SIGSEGV);
    while (local_pid(rig.executor, 0) == first || local_pid(rig.executor, 0) == 0)
        ck_assert_msg(rig_step(&rig, &err) == 0, "%s", err.text);
    kill(local_pid(rig.executor, 0), SIGSEGV);
    while (rig_step(&rig, &err) == 0)
        ;
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN); // twice is no accident
    ck_assert_msg(strstr(err.text, "while it was loading the plugins: SIGSEGV") != NULL, "%s",
                  err.text);
    rig_close(&rig);
}
END_TEST

// ---- What no signal ends

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
        poll(NULL, 0, 1); // until the killed process has left it, which nothing announces
}

// What can be made there may well be a plain directory, where no control groups are mounted.
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

START_TEST(a_process_that_cannot_be_killed_costs_its_slot_and_no_more)
{
    br_error err = {0};
    if (!make_freezer())
        return;
    rig_open(&rig, (struct rig_options){.workers = 2, .stuck_ns = 100 * NS_PER_MS});
    struct pool_map *m = rig_submit(&rig, "wait_at_three", 0, 20, limit(200 * NS_PER_MS));
    int pid = 0;
    unsigned slot = 2;
    for (struct exec_in_hand h; pid == 0;) {
        ck_assert_int_eq(rig_step(&rig, &err), 0);
        for (slot = 0; slot < 2 && pid == 0; slot++)
            if (rig.executor->ops->in_hand(rig.executor, slot, &h) && h.task.first == 3)
                pid = local_pid(rig.executor, slot);
    }
    ck_assert(freeze(pid));
    rig_run(&rig, m);
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], 19);
    ck_assert_int_eq(rig.fates[3].status, OUTCOME_TIMED_OUT);
    while (rig.deaths == 0)
        ck_assert_int_eq(rig_step(&rig, &err), 0);
    ck_assert_ptr_nonnull(strstr(rig.last_words, "it does not end though it was killed (state D"));
    ck_assert_uint_eq(rig.starts, 2);
    ck_assert_int_eq(kill(pid, 0), 0); // it is there, and nobody waits for it
    thaw();
    rig_close(&rig);
}
END_TEST

// ---- Many outcomes

// Outcomes that are told one by one must not wait for a wake-up that nobody gives.
START_TEST(many_failures_are_read_without_waiting)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "fail", 0, 3000, chunks(1000));
    ck_assert_uint_eq(rig.by_status[OUTCOME_ERROR], 3000);
    ck_assert_str_eq(rig.fates[7].text, "task 7 fails");
    if (!under_valgrind())
        ck_assert_uint_le(rig.timeouts, 20);
    rig_close(&rig);
}
END_TEST

static bool sleeps(int pid)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    char *got = fgets(text, sizeof text, file);
    fclose(file);
    return got && strstr(text, ") S ");
}

// The duration of a task includes its wait for room in the ring, whether or not a compact record
// can hold it.
START_TEST(a_wait_for_room_is_not_lost)
{
    const int64_t wait_ns = CHANNEL_COMPACT_NS + 20 * NS_PER_MS;
    br_error err = {0};
    rig_open(&rig, (struct rig_options){.workers = 1});
    for (int i = 0; i < 4; i++) {
        struct pool_map *m = rig_submit(&rig, "tells_now_and_then", i, 80000, chunks(40000));
        rig.longest_ns = 0;
        while (rig.by_status[OUTCOME_OK] == 0)
            ck_assert_int_eq(rig_step(&rig, &err), 0);
        while (!sleeps(local_pid(rig.executor, 0)))
            ;
        for (int64_t from = clock_now(); clock_now() - from < wait_ns;)
            nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
        rig_run(&rig, m);
        ck_assert_int_ge(rig.longest_ns, wait_ns);
        rig.by_status[OUTCOME_OK] = 0;
    }
    rig_close(&rig);
}
END_TEST

// ---- What a worker has

START_TEST(descriptors_are_not_inherited)
{
    int leak = open("/dev/zero", O_RDONLY); // not close-on-exec: a caller may do so
    rig_run_one(&rig, (struct rig_options){.workers = 1}, "descriptors", 0, 1, chunks(0));
    const char *list = rig.fates[0].text;
    ck_assert_ptr_null(strstr(list, "/dev/zero"));
    ck_assert_ptr_nonnull(strstr(list, "0=/dev/null 1=/dev/null 2=/dev/null "));
    unsigned count = 0;
    for (const char *at = list; (at = strchr(at, '=')); at++)
        count++;
    if (!under_valgrind())
        ck_assert_msg(count == 5, "%s", list); // control socket and doorbell besides
    rig_close(&rig);
    close(leak);
}
END_TEST

START_TEST(the_environment_is_the_workers_own)
{
    struct job_env env[] = {{(char *)"WILD_SET", (char *)"yes"}, {(char *)"WILD_UNSET", NULL}};
    setenv("WILD_KEPT", "kept", 1);
    setenv("WILD_UNSET", "still here", 1);
    rig_run_one(&rig, (struct rig_options){.workers = 1, .env = env, .env_count = 2}, "environment",
                0, 4, chunks(0));
    ck_assert_str_eq(rig.fates[0].text, "kept");
    ck_assert_str_eq(rig.fates[1].text, "1");
    ck_assert_str_eq(rig.fates[2].text, "yes");
    ck_assert_str_eq(rig.fates[3].text, "(unset)");
    ck_assert_str_eq(getenv("WILD_UNSET"), "still here");
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_is_where_it_was_bound)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .bind = true}, "cpus", 0, 1, chunks(0));
    int first = cpuset_next(&rig.plan.slots[0].cpus, 0);
    ck_assert_int_eq(rig.fates[0].y, 1000 + first);
    ck_assert(cpuset_equal(&rig.cpus[0], &rig.plan.slots[0].cpus));
    rig_close(&rig);
}
END_TEST

// ---- Output

static void read_log(const struct printed *p, char *text, size_t size)
{
    int fd = p->stream == 1 ? rig.out[p->slot] : rig.error[p->slot];
    ck_assert_uint_lt(p->length, size);
    ck_assert_int_eq(pread(fd, text, p->length, (off_t)p->offset), (ssize_t)p->length);
    text[p->length] = '\0';
}

// Whether some record of output of this stream covers the task and holds the line.
static bool is_told(uint64_t task, int stream, const char *line)
{
    char text[8192];
    for (size_t i = 0; i < rig.printed_count; i++) {
        const struct printed *p = &rig.printed[i];
        if (p->stream != stream || task < p->first || task >= p->first + p->count)
            continue;
        read_log(p, text, sizeof text);
        if (strstr(text, line))
            return true;
    }
    return false;
}

static void assert_lines(uint64_t rows)
{
    char line[64];
    for (uint64_t i = 0; i < rows; i++) {
        snprintf(line, sizeof line, "line of %d\n", (int)i);
        ck_assert_msg(is_told(i, 1, line) == (i % 3 > 0), "%s", line);
        snprintf(line, sizeof line, "error of %d\n", (int)i);
        ck_assert_msg(is_told(i, 2, line) == (i % 3 == 1), "%s", line);
    }
}

START_TEST(what_short_tasks_print_is_told)
{
    // One worker: of a grant that is being taken back the last lines may be nobody's.
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "say", 0, 150, chunks(50));
    assert_lines(150);
    rig_close(&rig);
}
END_TEST

START_TEST(what_longer_tasks_print_is_told_for_each)
{
    rig_run_one(&rig, (struct rig_options){.workers = 2, .logs = true}, "say_slowly", 0, 150,
                chunks(50));
    assert_lines(150);
    for (size_t i = 0; i < rig.printed_count; i++)
        ck_assert_uint_eq(rig.printed[i].count, 1);
    rig_close(&rig);
}
END_TEST

START_TEST(last_words_are_told)
{
    rig_run_one(&rig, (struct rig_options){.workers = 1, .logs = true}, "say_and_crash", 0, 5,
                chunks(5));
    ck_assert_uint_eq(rig.by_status[OUTCOME_CRASHED], 5);
    char text[64], all[128];
    for (uint64_t i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "line of %d\nand half of another", (int)i);
        ck_assert_msg(is_told(i, 1, text), "%s", text);
    }
    ck_assert_uint_eq(rig.printed_count, 5);
    uint64_t end = 0;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(rig.printed[i].offset, end);
        end += rig.printed[i].length;
        read_log(&rig.printed[i], all, sizeof all);
    }
    rig_close(&rig);
}
END_TEST

// ---- Ends

// In a process of its own: a rig with tasks that wait and daemons that they made, whose pids go
// down the pipe.
static void run_doomed(int pipe_end)
{
    br_error err;
    rig_open(&rig, (struct rig_options){.workers = 2});
    rig_run(&rig, rig_submit(&rig, "daemon", 0, 2, chunks(1)));
    int64_t pids[5] = {rig.fates[0].y, rig.fates[1].y, rig.nursery.pid};
    struct pool_map *m = rig_submit(&rig, "daemon_and_wait", 0, 2, chunks(1));
    rig_wait_in_hand(&rig);
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
    prctl(PR_SET_CHILD_SUBREAPER, 1); // so that the doomed one's nursery ends up here
    pid_t doomed = fork();
    if (doomed == 0) {
        run_doomed(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    int64_t pids[5];
    ck_assert_int_eq(fd_read_all(ends[0], pids, sizeof pids), (ssize_t)sizeof pids);
    int64_t killed = clock_now();
    kill(doomed, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
    if (!under_valgrind())
        ck_assert_int_le(clock_now() - killed, 5 * NS_PER_S);
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

// RIG_TEST_LOOPS=1000 for a long run.
START_TEST(many_rigs_leave_nothing)
{
    const char *text = getenv("RIG_TEST_LOOPS");
    int most = text ? atoi(text) : 30;
    unsigned before = 0;
    size_t used = 0;
    for (int i = 0; i < most; i++) {
        rig_run_one(&rig, (struct rig_options){.workers = 2, .logs = true}, "leave", 0, 20,
                    chunks(7));
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
    rig_submit(&rig, "wait", 0, 2, chunks(0));
    rig_wait_in_hand(&rig);
    kill(rig.nursery.pid, SIGKILL);
    while (rig_step(&rig, &err) == 0)
        ;
    ck_assert_ptr_nonnull(strstr(err.text, "has died"));
    rig_close(&rig);
}
END_TEST

SUITE(local)
{
    TEST(every_task_runs_once);
    TEST(eight_workers_on_whatever_cores_there_are);
    TEST(maps_follow_each_other_on_the_same_workers);
    TEST(a_crash_is_told_by_its_signal);
    TEST(leaving_is_a_crash_too);
    TEST(a_task_killed_from_outside_is_blamed_and_tried_again);
    TEST(who_waits_for_a_long_task_looks_ever_more_seldom);
    TEST(an_idle_worker_that_is_killed_is_replaced);
    TEST(all_workers_killed_ten_times_lose_nothing);
    TEST(a_hard_timeout_ends_what_waits_ignores_or_is_stopped);
    TEST(a_soft_timeout_asks);
    TEST(cancel_ends_what_is_in_hand);
    TEST(what_a_task_leaves_behind_is_gone_before_the_next);
    TEST(what_a_task_has_started_lives_while_the_task_does);
    TEST(what_a_worker_leaves_behind_is_swept);
    TEST(workers_are_replaced_after_max_tasks);
    TEST(an_init_that_fails_ends_the_pool_at_once);
    TEST(a_plugin_that_crashes_on_loading_ends_the_pool);
    TEST(an_init_that_hangs_ends_the_pool_in_time);
    TEST(a_worker_that_is_crashed_from_outside_while_it_starts_is_replaced);
    TEST(a_process_that_cannot_be_killed_costs_its_slot_and_no_more);
    TEST(many_failures_are_read_without_waiting);
    TEST(a_wait_for_room_is_not_lost);
    TEST(descriptors_are_not_inherited);
    TEST(the_environment_is_the_workers_own);
    TEST(a_worker_is_where_it_was_bound);
    TEST(what_short_tasks_print_is_told);
    TEST(what_longer_tasks_print_is_told_for_each);
    TEST(last_words_are_told);
    TEST(nothing_outlives_a_killed_coordinator);
    TEST(many_rigs_leave_nothing);
    TEST(the_nursery_killed_is_an_error);
}

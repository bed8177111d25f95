// SPDX-License-Identifier: BSD-3-Clause
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/progress.h"

static struct progress progress;
static int fd = -1;

static void start(enum progress_mode mode)
{
    fd = memfd_create("progress", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    progress_init(&progress, fd, mode);
}

static void tear_down(void)
{
    progress_finish(&progress);
    close(fd);
}

static void take(const struct event *e)
{
    ck_assert_int_eq(progress.sink.take(&progress.sink, e, NULL), 0);
}

static void phase_begin(uint32_t phase, const char *name, uint64_t tasks, int64_t ms)
{
    take(&(struct event){.type = EVENT_PHASE_BEGIN,
                         .time_ns = ms * NS_PER_MS,
                         .phase_begin = {phase, name, "demo.area", tasks}});
}

static void tasks_ok(uint32_t phase, uint64_t count, int64_t ms)
{
    take(&(struct event){.type = EVENT_TASKS_OK,
                         .time_ns = ms * NS_PER_MS,
                         .tasks_ok = {.phase = phase, .count = count}});
}

static void task_ended(uint32_t phase, enum outcome_status status, bool final, int64_t ms)
{
    take(&(struct event){.type = EVENT_TASK_END,
                         .time_ns = ms * NS_PER_MS,
                         .task_end = {.phase = phase, .status = status, .final = final}});
}

static void task_failed(uint32_t phase, bool final, int64_t ms)
{
    task_ended(phase, OUTCOME_ERROR, final, ms);
}

static void phase_end(uint32_t phase, enum phase_end how, int64_t ms)
{
    take(&(struct event){.type = EVENT_PHASE_END,
                         .time_ns = ms * NS_PER_MS,
                         .phase_end = {.phase = phase, .how = how}});
}

// What was written since the last time.
static void expect(const char *expected)
{
    char text[1024];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(length, 0);
    text[length] = '\0';
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
}

START_TEST(lines_are_few)
{
    start(PROGRESS_LINES);
    phase_begin(0, "areas", 1000, 0);
    phase_begin(1, "names", 1, 0);
    ck_assert_int_eq(progress_next(&progress), 0);
    progress_tick(&progress, 0);
    expect("areas: 1 000 tasks\nnames: 1 task\n");
    ck_assert_int_eq(progress_next(&progress), INT64_MAX);
    tasks_ok(1, 1, 50);
    phase_end(1, PHASE_ENDED, 50);
    expect("names: done, 1 task in 50 ms\n");
    for (int i = 1; i < 30; i++)
        tasks_ok(0, 10, 50 + 1000 * i);
    task_failed(0, false, 30000);
    task_failed(0, true, 30000);
    expect("");
    ck_assert_int_eq(progress_next(&progress), 30050 * NS_PER_MS);
    progress_tick(&progress, 30000 * NS_PER_MS);
    expect("");
    progress_tick(&progress, 30050 * NS_PER_MS);
    expect("areas: 291 of 1 000 tasks, 1 failed, 9.7/s, 1m14s left\n");
    tasks_ok(0, 709, 31000);
    phase_end(0, PHASE_ENDED, 31000);
    expect("areas: done, 1 000 tasks in 31 s, 1 failed\n");
}
END_TEST

START_TEST(a_phase_that_never_starts_has_one_line)
{
    start(PROGRESS_LINES);
    phase_begin(0, "a\x1b", 10, 0);
    tasks_ok(0, 3, 10);
    phase_end(0, PHASE_STOPPED, 20);
    phase_begin(1, "b", 20, 20);
    phase_end(1, PHASE_SKIPPED, 20);
    expect("a\\x1b: 10 tasks\n"
           "a\\x1b: stopped, 3 of 10 tasks in 20 ms\n"
           "b: not started, 20 tasks\n");
}
END_TEST

START_TEST(what_was_cancelled_has_not_failed)
{
    start(PROGRESS_LINES);
    phase_begin(0, "areas", 10, 0);
    task_failed(0, true, 10);
    task_ended(0, OUTCOME_CANCELLED, true, 20);
    task_ended(0, OUTCOME_CANCELLED, true, 20);
    phase_end(0, PHASE_STOPPED, 20);
    expect("areas: 10 tasks\n"
           "areas: stopped, 3 of 10 tasks in 20 ms, 1 failed, 2 cancelled\n");
}
END_TEST

START_TEST(a_status_line_is_drawn_and_erased)
{
    start(PROGRESS_STATUS);
    phase_begin(0, "areas", 1000, 0);
    tasks_ok(0, 10, 20);
    expect("areas: 1 000 tasks\n");
    tasks_ok(0, 10, 100);
    expect("\r\x1b[Kareas: 20 of 1 000 tasks, 200/s, 5 s left");
    tasks_ok(0, 10, 150);
    expect("");
    progress_tick(&progress, 200 * NS_PER_MS);
    expect("\r\x1b[Kareas: 30 of 1 000 tasks, 150/s, 7 s left");
    progress_erase(&progress);
    expect("\r\x1b[K");
    progress_erase(&progress);
    expect("");
    phase_begin(1, "names", 5, 250);
    tasks_ok(1, 1, 1000);
    expect(
        "names: 5 tasks\n"
        "\r\x1b[Kareas: 30 of 1 000 tasks, 30/s, 33 s left | names: 1 of 5 tasks, 1.3/s, 4 s lef");
    phase_end(1, PHASE_ENDED, 1010);
    expect("\r\x1b[Knames: done, 1 of 5 tasks in 760 ms\n");
    progress_tick(&progress, 1100 * NS_PER_MS);
    expect("\r\x1b[Kareas: 30 of 1 000 tasks, 27/s, 36 s left");
    progress_finish(&progress);
    expect("\r\x1b[K");
}
END_TEST

START_TEST(none_is_none)
{
    start(PROGRESS_NONE);
    phase_begin(0, "areas", 1000, 0);
    tasks_ok(0, 1000, 100000);
    progress_tick(&progress, INT64_MAX);
    phase_end(0, PHASE_ENDED, 100000);
    ck_assert_int_eq(progress_next(&progress), INT64_MAX);
    expect("");
}
END_TEST

START_TEST(a_closed_descriptor_stops_no_run)
{
    start(PROGRESS_LINES);
    int real = fd;
    progress.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(progress.fd, 0);
    phase_begin(0, "areas", 1000, 0);
    tasks_ok(0, 1, 1);
    ck_assert_int_eq((int)progress.mode, PROGRESS_NONE);
    tasks_ok(0, 1, 2);
    close(progress.fd);
    fd = real;
}
END_TEST

START_TEST(the_mode_suits_the_descriptor)
{
    start(PROGRESS_NONE);
    setenv("TERM", "xterm", 1);
    ck_assert_int_eq((int)progress_mode_for(fd), PROGRESS_LINES);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_STATUS);
    setenv("TERM", "dumb", 1);
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_LINES);
    unsetenv("TERM");
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_LINES);
    close(terminal);
    close(master);
}
END_TEST

// What an earlier process did is counted, not shown; what was cancelled is to be done again.
START_TEST(a_resumed_run_goes_on_counting)
{
    start(PROGRESS_NONE);
    phase_begin(0, "areas", 10, 0);
    tasks_ok(0, 4, 10);
    task_ended(0, OUTCOME_CANCELLED, true, 10);
    task_failed(0, true, 10);
    phase_end(0, PHASE_STOPPED, 10);
    phase_begin(1, "names", 3, 10);
    phase_end(1, PHASE_SKIPPED, 10);
    expect("");
    take(&(struct event){.type = EVENT_RUN_RESUME, .time_ns = 10 * NS_PER_MS});
    progress_show(&progress, PROGRESS_LINES);
    tasks_ok(0, 4, 20);
    expect("areas: 10 tasks\n");
    tasks_ok(0, 1, 20);
    phase_end(0, PHASE_ENDED, 20);
    phase_begin(1, "names", 3, 20);
    expect("areas: done, 10 tasks in 20 ms, 1 failed\n");
    tasks_ok(1, 3, 30);
    phase_end(1, PHASE_ENDED, 30);
    expect("names: 3 tasks\nnames: done, 3 tasks in 10 ms\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("progress");
    TCase *tc = tcase_create("progress");
    tcase_add_checked_fixture(tc, NULL, tear_down);
    tcase_add_test(tc, lines_are_few);
    tcase_add_test(tc, a_phase_that_never_starts_has_one_line);
    tcase_add_test(tc, what_was_cancelled_has_not_failed);
    tcase_add_test(tc, a_status_line_is_drawn_and_erased);
    tcase_add_test(tc, none_is_none);
    tcase_add_test(tc, a_closed_descriptor_stops_no_run);
    tcase_add_test(tc, the_mode_suits_the_descriptor);
    tcase_add_test(tc, a_resumed_run_goes_on_counting);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

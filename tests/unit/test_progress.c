// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/suite.h"
#include "views/progress.h"

static struct progress progress;
static int fd = -1;
static struct running_task running[16]; // by worker; since_ns < 0: it runs none

static bool look(void *user, unsigned worker, struct running_task *out)
{
    (void)user;
    *out = running[worker];
    return out->since_ns >= 0;
}

static void start(enum progress_mode mode)
{
    for (size_t i = 0; i < sizeof running / sizeof running[0]; i++)
        running[i].since_ns = -1;
    fd = memfd_create("progress", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    progress_init(&progress, fd, NULL);
    progress_show(&progress, mode, look, NULL);
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
                         .phase_begin = {phase, name, "demo.area", tasks, 0, 0, 0}});
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

static void workers(uint32_t count)
{
    take(&(struct event){.type = EVENT_RUN_BEGIN, .run_begin = {.workers = count}});
    for (uint32_t i = 0; i < count; i++)
        take(&(struct event){.type = EVENT_WORKER_BEGIN, .worker_begin = {.worker = i}});
}

static void tick(int64_t ms)
{
    progress_tick(&progress, ms * NS_PER_MS);
}

// Returns the text that was written since the last call.
static void expect(const char *expected)
{
    char text[4096];
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
    workers(2);
    phase_begin(0, "areas", 1000, 0);
    phase_begin(1, "names", 1, 0);
    tick(0);
    tasks_ok(1, 1, 50);
    phase_end(1, PHASE_ENDED, 50);
    phase_begin(2, "never", 7, 50);
    phase_end(2, PHASE_SKIPPED, 50);
    for (int i = 1; i < 30; i++) {
        tasks_ok(0, 10, 50 + 1000 * i);
        tick(50 + 1000 * i);
    }
    task_failed(0, false, 29990);
    task_failed(0, true, 29990);
    running[1].since_ns = 0;
    tick(29990);
    expect("");
    ck_assert_int_eq(progress_next(&progress), 30000 * NS_PER_MS);
    tick(30000);
    expect("[30 s] names: done, 1 task in 50 ms; never: not started, 7 tasks; "
           "areas: 291 of 1 000 tasks, 1 failed, 1 retry, 9.2/s, 1m18s left; "
           "2 workers, 12 % busy\n");
    tick(70000);
    expect(""); // nothing has changed
    ck_assert_int_eq(progress_next(&progress), INT64_MAX);
    tasks_ok(0, 709, 71000);
    phase_end(0, PHASE_ENDED, 71000);
    tick(71000);
    expect("[1m11s] areas: done, 1 000 tasks in 1m11s, 1 failed, 1 retry; 2 workers, 48 % busy\n");
}
END_TEST

START_TEST(a_line_of_many_phases_stays_short)
{
    start(PROGRESS_LINES);
    workers(1);
    char name[] = "a";
    for (uint32_t i = 0; i < 12; i++, name[0]++)
        phase_begin(i, name, 10, 0);
    for (uint32_t i = 0; i < 6; i++)
        phase_end(i, PHASE_STOPPED, 20);
    tick(30000);
    expect("[30 s] a: stopped, 0 of 10 tasks in 20 ms; b: stopped, 0 of 10 tasks in 20 ms; "
           "c: stopped, 0 of 10 tasks in 20 ms; d: stopped, 0 of 10 tasks in 20 ms; "
           "2 more have ended; g: 0 of 10 tasks; h: 0 of 10 tasks; i: 0 of 10 tasks; "
           "j: 0 of 10 tasks; 2 more run; 1 worker, 0 % busy\n");
}
END_TEST

START_TEST(a_bar_is_drawn_and_erased)
{
    start(PROGRESS_BAR);
    workers(2);
    phase_begin(0, "areas", 1000, 0);
    tasks_ok(0, 10, 20);
    running[0] = (struct running_task){.index = 3, .since_ns = 0};
    tick(20);
    expect(""); // a short run shows none
    tick(100);
    expect("areas  [-------------------]  10/1 000  500/s  2 s left\x1b[K\n"
           "2 workers, 50 % busy\x1b[K\n\x1b[J");
    tasks_ok(0, 500, 150);
    tick(199);
    expect(""); // at most 10 times a second
    ck_assert_int_eq(progress_next(&progress), 200 * NS_PER_MS);
    task_failed(0, false, 200);
    task_failed(0, true, 200);
    tick(200);
    expect("\r\x1b[2Aareas  [#########----------]  511/1 000  2 562/s  1 s left"
           "  1 failed  1 retry\x1b[K\n"
           "2 workers, 50 % busy\x1b[K\n\x1b[J");
    ck_assert_int_eq(progress_next(&progress), 1200 * NS_PER_MS); // because times are shown
    struct buffer words = BUFFER_EMPTY;
    buffer_text(&words, "areas#7 crashed\n");
    progress_print(&progress, &words);
    expect("");
    tick(1000);
    expect("\r\x1b[2A\x1b[Jareas#7 crashed\n"
           "areas  [#########----------]  511/1 000  511/s  1 s left"
           "  1 failed  1 retry\x1b[K\n"
           "      1 s  areas#3  worker 0\x1b[K\n"
           "2 workers, 50 % busy\x1b[K\n\x1b[J");
    tasks_ok(0, 489, 1010);
    phase_end(0, PHASE_ENDED, 1010);
    progress_print(&progress, &words);
    progress_finish(&progress);
    expect("\r\x1b[3A\x1b[Jareas: done, 1 000 tasks in 1.01 s, 1 failed, 1 retry\n"
           "areas#7 crashed\n");
    buffer_finish(&words);
}
END_TEST

START_TEST(others_may_write_to_the_terminal)
{
    start(PROGRESS_BAR);
    phase_begin(0, "areas", 10, 0);
    tick(100);
    expect("areas  [-------------------]  0/10\x1b[K\n"
           "0 workers, 0 % busy\x1b[K\n\x1b[J");
    progress_erase(&progress);
    expect("\r\x1b[2A\x1b[J");
    progress_erase(&progress);
    expect("");
    tick(200);
    expect("areas  [-------------------]  0/10\x1b[K\n"
           "0 workers, 0 % busy\x1b[K\n\x1b[J");
}
END_TEST

// After 10 tasks a second and then 100, the speed of the last 5 to 10 s counts; for slower tasks
// the speed of the last 10 tasks.
START_TEST(speed_is_recent)
{
    start(PROGRESS_BAR);
    phase_begin(0, "areas", 100000, 0);
    for (int s = 1; s <= 100; s++) {
        tasks_ok(0, 10, 1000 * s);
        tick(1000 * s);
    }
    ck_assert_double_eq(progress.phases[0].rate, 10);
    for (int s = 101; s <= 110; s++) {
        tasks_ok(0, 100, 1000 * s);
        tick(1000 * s);
    }
    ck_assert_double_eq(progress.phases[0].rate, 100);
    for (int s = 111; s <= 120; s++)
        tick(1000 * s);
    ck_assert_double_lt(progress.phases[0].rate, 40); // it decreases while no task ends
    ck_assert_double_gt(progress.phases[0].rate, 0);
}
END_TEST

// ---- The drawing, at sizes

static struct progress_phase phases[12];
static struct running_task tasks[BLOCK_TASKS];

static void drawn(struct block *b, size_t columns, size_t rows, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    size_t lines = progress_block_draw(&text, b, columns, rows), newlines = 0, width = 0;
    buffer_char(&text, '\0');
    ck_assert_str_eq(text.data, expected);
    for (const char *c = text.data; *c; c++) {
        width = *c == '\n' ? 0 : width + 1;
        newlines += *c == '\n';
        ck_assert_uint_lt(width, columns);
    }
    ck_assert_uint_eq(lines, newlines);
    ck_assert_uint_lt(lines, rows);
    buffer_finish(&text);
}

static struct block some_block(size_t phase_count)
{
    static char mesh[] = "mesh", smoothing[] = "smoothing";
    for (size_t i = 0; i < phase_count; i++)
        phases[i] = (struct progress_phase){
            .name = smoothing, .tasks = 40, .done = i, .started = true, .running = true};
    phases[0] = (struct progress_phase){.name = mesh,
                                        .tasks = 1000000,
                                        .done = 250000,
                                        .failed = 3,
                                        .retries = 12,
                                        .rate = 833.3,
                                        .started = true,
                                        .running = true};
    for (uint32_t i = 0; i < BLOCK_TASKS; i++)
        tasks[i] = (struct running_task){.index = i, .worker = i, .since_ns = i * 100 * NS_PER_S};
    tasks[0].fraction = 0.374;
    tasks[1].attempt = 2;
    tasks[1].phase = 1;
    return (struct block){.phases = phases,
                          .phase_count = phase_count,
                          .tasks = tasks,
                          .task_count = 3,
                          .workers = 8,
                          .slots = 8,
                          .busy = 0.966,
                          .now = 724 * NS_PER_S};
}

START_TEST(a_block_fits_its_terminal)
{
    struct block b = some_block(2);
    drawn(&b, 120, 24,
          "mesh       [#######----------------------]  250 000/1 000 000  833/s  15m01s left"
          "  3 failed  12 retries\n"
          "smoothing  [-----------------------------]  1/40\n"
          "   12m04s  mesh#0  37 %  worker 0\n"
          "   10m24s  smoothing#1  attempt 2  worker 1\n"
          "    8m44s  mesh#2  worker 2\n"
          "8 workers, 97 % busy\n");
    drawn(&b, 80, 24,
          "mesh       [####---------------]  250 000/1 000 000\n"
          "    833/s  15m01s left  3 failed  12 retries\n"
          "smoothing  [-------------------]  1/40\n"
          "   12m04s  mesh#0  37 %  worker 0\n"
          "   10m24s  smoothing#1  attempt 2  worker 1\n"
          "    8m44s  mesh#2  worker 2\n"
          "8 workers, 97 % busy\n");
    drawn(&b, 40, 24,
          "mesh       250 000/1 000 000\n"
          "    833/s  15m01s left  3 failed  12 re\n"
          "smoothing  1/40\n"
          "   12m04s  mesh#0  37 %  worker 0\n"
          "   10m24s  smoothing#1  attempt 2  work\n"
          "    8m44s  mesh#2  worker 2\n"
          "8 workers, 97 % busy\n");
    drawn(&b, 40, 5,
          "mesh  [##-------]  250 000/1 000 000\n"
          "    833/s  15m01s left  3 failed  12 re\n"
          "and 1 more phase\n"
          "8 workers, 97 % busy\n");
    drawn(&b, 12, 3, "mesh  250 0\n    833/s  \n");
    drawn(&b, 80, 1, "");
}
END_TEST

START_TEST(a_block_of_many_phases_stays_short)
{
    struct block b = some_block(12);
    b.task_count = 0;
    b.workers = 5;
    phases[0] = (struct progress_phase){.tasks = 1, .done = 1}; // it has ended
    drawn(&b, 60, 24,
          "smoothing  [--------------]  1/40\n"
          "smoothing  [--------------]  2/40\n"
          "smoothing  [#-------------]  3/40\n"
          "smoothing  [#-------------]  4/40\n"
          "smoothing  [#-------------]  5/40\n"
          "smoothing  [##------------]  6/40\n"
          "smoothing  [##------------]  7/40\n"
          "smoothing  [##------------]  8/40\n"
          "and 3 more phases\n"
          "5 of 8 workers, 97 % busy\n");
    drawn(&b, 60, 6,
          "smoothing  [--------------]  1/40\n"
          "smoothing  [--------------]  2/40\n"
          "smoothing  [#-------------]  3/40\n"
          "and 8 more phases\n"
          "5 of 8 workers, 97 % busy\n");
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
    struct buffer words = BUFFER_EMPTY;
    buffer_text(&words, "areas#7 crashed\n");
    progress_print(&progress, &words);
    expect("areas#7 crashed\n");
    buffer_finish(&words);
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
    tick(30000);
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
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_BAR);
    setenv("TERM", "dumb", 1);
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_LINES);
    unsetenv("TERM");
    ck_assert_int_eq((int)progress_mode_for(terminal), PROGRESS_LINES);
    close(terminal);
    close(master);
}
END_TEST

// Tasks of an earlier process are counted, not shown; cancelled tasks run again.
START_TEST(a_resumed_run_continues_to_count)
{
    start(PROGRESS_NONE);
    workers(4);
    phase_begin(0, "areas", 10, 0);
    tasks_ok(0, 4, 10);
    take(&(struct event){.type = EVENT_TASK_END,
                         .time_ns = 10 * NS_PER_MS,
                         .task_end = {.index = 4, .status = OUTCOME_CANCELLED, .final = true}});
    task_failed(0, true, 10);
    phase_end(0, PHASE_STOPPED, 10);
    phase_begin(1, "names", 3, 10);
    phase_end(1, PHASE_SKIPPED, 10);
    expect("");
    take(&(struct event){
        .type = EVENT_RUN_RESUME, .time_ns = 10 * NS_PER_MS, .run_resume = {.workers = 2}});
    progress_show(&progress, PROGRESS_LINES, look, NULL);
    tasks_ok(0, 4, 20);
    tick(30010);
    expect("[30 s] areas: 9 of 10 tasks, 1 failed, 0.13/s, 8 s left; "
           "0 of 2 workers, 0 % busy\n");
    tasks_ok(0, 1, 30020);
    phase_end(0, PHASE_ENDED, 30020);
    phase_begin(1, "names", 3, 30020);
    tick(60010);
    expect("[1m00s] areas: done, 10 tasks in 30 s, 1 failed; names: 0 of 3 tasks; "
           "0 of 2 workers, 0 % busy\n");
}
END_TEST

SUITE(progress)
{
    FIXTURE(NULL, tear_down);
    TEST(lines_are_few);
    TEST(a_line_of_many_phases_stays_short);
    TEST(a_bar_is_drawn_and_erased);
    TEST(others_may_write_to_the_terminal);
    TEST(speed_is_recent);
    TEST(a_block_fits_its_terminal);
    TEST(a_block_of_many_phases_stays_short);
    TEST(none_is_none);
    TEST(a_closed_descriptor_stops_no_run);
    TEST(the_mode_suits_the_descriptor);
    TEST(a_resumed_run_continues_to_count);
}

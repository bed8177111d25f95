// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "journal/rundir.h"
#include "support/suite.h"

// ---- Another process acts just after a run's directory was opened: this function replaces the C
// library's.

static void (*after_open)(void);

int openat(int fd, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int result = (int)syscall(SYS_openat, fd, path, flags, mode);
    void (*then)(void) = after_open;
    if (fd == AT_FDCWD) // the directory in which runs are created
        return result;
    after_open = NULL;
    if (then)
        then();
    return result;
}

// ---- Fixture

static char directory[] = "/tmp/test_rundir.XXXXXX";
static char job_file[64];
static struct rundir_options options;

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    snprintf(job_file, sizeof job_file, "%s/job.yaml", directory);
    options = (struct rundir_options){
        .name = "circles", .job_file = job_file, .job = "version: 1\n", .job_size = 11};
}

static void tear_down(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static struct rundir create(void)
{
    struct rundir d;
    br_error err;
    ck_assert_msg(rundir_create(&d, &options, &err) == 0, "%s", err.text);
    return d;
}

static void expect_refusal(enum br_error_kind kind, const char *says)
{
    struct rundir d = {.path = NULL};
    br_error err;
    ck_assert_int_eq(rundir_create(&d, &options, &err), -1);
    ck_assert_ptr_null(d.path);
    ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
    ck_assert_int_eq((int)err.kind, (int)kind);
}

// Makes a run directory whose journal was last written at `seconds`.
static void make_run(const char *name, time_t seconds)
{
    char path[80];
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    ck_assert_int_eq(mkdir(name, 0700), 0);
    snprintf(path, sizeof path, "%s/journal", name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void expect_mode(const char *path, mode_t mode)
{
    struct stat st;
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & (S_IFMT | 07777), mode);
}

START_TEST(a_new_run_has_its_parts)
{
    struct rundir d = create();
    char expected[80];
    snprintf(expected, sizeof expected, "%s/circles.run", directory);
    ck_assert_str_eq(d.path, expected);
    expect_mode("circles.run", S_IFDIR | 0700);
    expect_mode("circles.run/logs", S_IFDIR | 0700);
    expect_mode("circles.run/results", S_IFDIR | 0700);
    expect_mode("circles.run/job.yaml", S_IFREG | 0600);
    struct buffer job = BUFFER_EMPTY;
    ck_assert_int_eq(fd_read_file("circles.run/job.yaml", "job", 100, &job, NULL), 0);
    ck_assert_uint_eq(job.length, 11);
    ck_assert_mem_eq(job.data, "version: 1\n", 11);
    buffer_finish(&job);
    ck_assert_int_ge(d.results, 0);
    ck_assert_ptr_null(d.set_aside);
    rundir_finish(&d);
    rundir_finish(&d);
}
END_TEST

START_TEST(the_place_is_beside_the_job_or_as_told)
{
    options.job_file = "job.yaml";
    struct rundir d = create();
    ck_assert_str_eq(d.path, "circles.run");
    ck_assert_str_eq(d.logs_path, "circles.run/logs");
    rundir_finish(&d);
    ck_assert_int_eq(mkdir("elsewhere", 0755), 0);
    options.directory = "elsewhere";
    d = create();
    ck_assert_str_eq(d.path, "elsewhere/circles.run");
    rundir_finish(&d);
    options.directory = "missing";
    expect_refusal(BR_ERR_USAGE, "cannot open the directory missing: No such file or directory");
    options.directory = NULL;
    options.name = "../circles";
    expect_refusal(BR_ERR_USAGE, "`../circles` cannot name a run directory");
}
END_TEST

START_TEST(a_run_that_is_there_is_kept)
{
    options.job_file = "job.yaml";
    struct rundir d = create();
    rundir_finish(&d);
    expect_refusal(BR_ERR_USAGE, "circles.run already exists and holds no run");
    close(open("circles.run/journal", O_CREAT | O_WRONLY, 0600));
    expect_refusal(BR_ERR_USAGE, "circles.run already holds a run: --resume continues it, --fresh "
                                 "sets it aside, --dir DIR writes the new run elsewhere");
    options.fresh = true;
    for (int n = 1; n <= 3; n++) {
        d = create();
        char aside[32];
        snprintf(aside, sizeof aside, "circles.run.%d", n);
        ck_assert_str_eq(d.set_aside, aside);
        expect_mode(aside, S_IFDIR | 0700);
        rundir_finish(&d);
    }
    expect_mode("circles.run.1/journal", S_IFREG | 0600);
    ck_assert_int_ne(access("circles.run.2/journal", F_OK), 0);
    // An empty directory must stay: rename(2) alone would replace it.
    ck_assert_int_eq(mkdir("circles.run.4", 0755), 0);
    d = create();
    ck_assert_str_eq(d.set_aside, "circles.run.5");
    rundir_finish(&d);
}
END_TEST

START_TEST(a_living_run_is_left_alone)
{
    options.job_file = "job.yaml";
    struct rundir d = create();
    expect_refusal(BR_ERR_USAGE, "the run in circles.run is still running, in process ");
    options.fresh = true;
    expect_refusal(BR_ERR_USAGE, "the run in circles.run is still running, in process ");
    options.fresh = false;
    options.resume = true;
    expect_refusal(BR_ERR_USAGE, "the run in circles.run is still running, in process ");
    rundir_finish(&d);
}
END_TEST

static struct rundir other;

static void begin_another(void)
{
    options.resume = true;
    other = create();
    options.resume = false;
}

static void begin_another_fresh(void)
{
    options.fresh = true;
    other = create();
    options.fresh = false;
}

START_TEST(of_two_that_begin_at_once_one_does)
{
    options.job_file = "job.yaml";
    after_open = begin_another;
    expect_refusal(BR_ERR_USAGE, "the run in circles.run is still running, in process ");
    expect_mode("circles.run/lock", S_IFREG | 0600);
    expect_mode("circles.run/logs", S_IFDIR | 0700);
    expect_mode("circles.run/job.yaml", S_IFREG | 0600);
    rundir_finish(&other);
    ck_assert_int_eq(rename("circles.run", "before"), 0);
    after_open = begin_another_fresh;
    expect_refusal(BR_ERR_USAGE, "another run started in circles.run at the same time");
    ck_assert_str_eq(other.set_aside, "circles.run.1");
    expect_mode("circles.run/job.yaml", S_IFREG | 0600);
    ck_assert_int_ne(access("circles.run.1/job.yaml", F_OK), 0);
    rundir_finish(&other);
}
END_TEST

START_TEST(a_run_is_gone_on_with)
{
    options.job_file = "job.yaml";
    options.resume = true;
    struct rundir d = create(); // none exists, so it creates one
    ck_assert(!d.has_journal);
    rundir_finish(&d);
    // A run that was killed before it had created everything.
    ck_assert_int_eq(unlink("circles.run/job.yaml"), 0);
    ck_assert_int_eq(rmdir("circles.run/logs"), 0);
    d = create();
    ck_assert(!d.has_journal);
    expect_mode("circles.run/logs", S_IFDIR | 0700);
    expect_mode("circles.run/job.yaml", S_IFREG | 0600);
    close(openat(d.fd, "journal", O_CREAT | O_WRONLY, 0600));
    rundir_finish(&d);
    ck_assert_int_eq(unlink("circles.run/job.yaml"), 0);
    d = create();
    ck_assert(d.has_journal);
    ck_assert_int_ne(access("circles.run/job.yaml", F_OK), 0);
    rundir_finish(&d);
}
END_TEST

START_TEST(links_are_not_followed)
{
    options.job_file = "job.yaml";
    options.fresh = true;
    ck_assert_int_eq(mkdir("other", 0755), 0);
    ck_assert_int_eq(symlink("other", "circles.run"), 0);
    expect_refusal(BR_ERR_USAGE,
                   "circles.run already exists and is not a directory, but a symbolic link");
    ck_assert_int_eq(unlink("circles.run"), 0);
    struct rundir d = create();
    ck_assert_int_eq(symlink("../../victim", "circles.run/logs/worker-0.out"), 0);
    br_error err;
    ck_assert_int_eq(rundir_open_log(&d, 0, 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "circles.run/logs/worker-0.out"));
    ck_assert_int_ne(access("victim", F_OK), 0);
    ck_assert_int_eq(symlink("../victim", "circles.run/summary.json"), 0);
    ck_assert_int_eq(rundir_write(&d, "summary.json", "{}", 2, &err), 0);
    expect_mode("circles.run/summary.json", S_IFREG | 0600);
    ck_assert_int_ne(access("victim", F_OK), 0);
    ck_assert_int_eq(mkfifo("circles.run/logs/worker-1.out", 0600), 0);
    ck_assert_int_eq(rundir_open_log(&d, 1, 1, &err), -1);
    rundir_finish(&d);
}
END_TEST

START_TEST(logs_are_appended_to)
{
    options.job_file = "job.yaml";
    struct rundir d = create();
    br_error err;
    for (int i = 0; i < 2; i++) {
        int fd = rundir_open_log(&d, 7, 2, &err);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
        ck_assert_int_eq(fd_write_all(fd, "line\n", 5), 0);
        close(fd);
    }
    struct stat st;
    ck_assert_int_eq(stat("circles.run/logs/worker-7.err", &st), 0);
    ck_assert_int_eq(st.st_size, 10);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
    rundir_finish(&d);
}
END_TEST

START_TEST(a_file_is_written_whole_or_not_at_all)
{
    options.job_file = "job.yaml";
    struct rundir d = create();
    br_error err;
    ck_assert_int_eq(rundir_write(&d, "summary.json", "first", 5, &err), 0);
    ck_assert_int_eq(mkdir("circles.run/.summary.json.new", 0700), 0);
    ck_assert_int_eq(rundir_write(&d, "summary.json", "second", 6, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "circles.run/.summary.json.new"));
    struct buffer text = BUFFER_EMPTY;
    ck_assert_int_eq(fd_read_file("circles.run/summary.json", "summary", 100, &text, NULL), 0);
    ck_assert_uint_eq(text.length, 5);
    buffer_finish(&text);
    rundir_finish(&d);
}
END_TEST

START_TEST(a_run_is_found_again)
{
    struct rundir d;
    br_error err;
    ck_assert_int_eq(rundir_open(&d, NULL, &err), -1);
    ck_assert_msg(strstr(err.text, "no run in the current directory") != NULL, "%s", err.text);
    make_run("a.run", 1000);
    make_run("c.run", 3000);
    make_run("b.run", 3000);
    make_run(".d.run", 4000);
    make_run("e.other", 4000);
    ck_assert_int_eq(mkdir("f.run", 0700), 0); // holds no journal
    ck_assert_int_eq(rundir_open(&d, NULL, &err), 0);
    ck_assert_str_eq(d.path, "c.run");
    ck_assert_str_eq(d.logs_path, "c.run/logs");
    rundir_finish(&d);
    ck_assert_int_eq(rundir_open(&d, "a.run//", &err), 0);
    ck_assert_str_eq(d.path, "a.run");
    ck_assert_int_eq(rundir_write(&d, "report.html", "x", 1, &err), 0);
    expect_mode("a.run/report.html", S_IFREG | 0600);
    rundir_finish(&d);
    const char *const none[] = {"f.run", "gone.run", "a.run/journal"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        ck_assert_int_eq(rundir_open(&d, none[i], &err), -1);
        ck_assert_msg(strstr(err.text, "is not a run directory") != NULL, "%s", err.text);
        ck_assert_int_eq((int)err.kind, BR_ERR_USAGE);
    }
}
END_TEST

START_TEST(a_failed_start_leaves_nothing)
{
    options.job_file = "job.yaml";
    struct rlimit before, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4; // bytes: less than the copy of the job
    signal(SIGXFSZ, SIG_IGN);
    struct rundir d;
    br_error err;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = rundir_create(&d, &options, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(result, -1);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot write circles.run/.job.yaml.new"));
    ck_assert_int_ne(access("circles.run", F_OK), 0);
}
END_TEST

SUITE(rundir)
{
    FIXTURE(set_up, tear_down);
    TEST(a_new_run_has_its_parts);
    TEST(the_place_is_beside_the_job_or_as_told);
    TEST(a_run_that_is_there_is_kept);
    TEST(a_living_run_is_left_alone);
    TEST(of_two_that_begin_at_once_one_does);
    TEST(a_run_is_gone_on_with);
    TEST(links_are_not_followed);
    TEST(logs_are_appended_to);
    TEST(a_file_is_written_whole_or_not_at_all);
    TEST(a_run_is_found_again);
    TEST(a_failed_start_leaves_nothing);
}

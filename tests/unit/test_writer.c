// SPDX-License-Identifier: BSD-3-Clause
// A writer's thread waits for readers; nobody else does.
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/writer.h"
#include "support/suite.h"

enum {
    LARGE = 1 << 20 // bytes; more than a pipe holds
};

static char data[LARGE], got[LARGE];
static struct writer *writer;
static int ends[2];

static void set_up(void)
{
    br_error err;
    ck_assert_int_eq(pipe(ends), 0);
    writer = writer_create(&err);
    ck_assert_msg(writer != NULL, "%s", err.text);
    for (size_t i = 0; i < LARGE; i++)
        data[i] = (char)(i * 7);
}

static void tear_down(void)
{
    writer_destroy(writer);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}

static void add(const char *text, size_t size)
{
    ck_assert_int_eq(writer_add_text(writer, ends[1], text, size), 0);
}

// Waits until a job has ended.
static void await_job(void)
{
    struct pollfd wait = {.fd = writer_fd(writer), .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, (int)(patience() * 1000)), 1);
    writer_hear(writer);
}

START_TEST(texts_are_written_in_order_when_somebody_reads)
{
    set_up();
    add(data, LARGE);
    add("end", 3);
    ck_assert_uint_eq(writer_jobs(writer), 2);
    ck_assert_int_eq(fd_read_all(ends[0], got, LARGE), LARGE);
    ck_assert_int_eq(memcmp(data, got, LARGE), 0);
    ck_assert_int_eq(fd_read_all(ends[0], got, 3), 3);
    ck_assert_int_eq(memcmp(got, "end", 3), 0);
    while (writer_jobs(writer) > 0)
        await_job();
    tear_down();
}
END_TEST

START_TEST(what_nobody_reads_can_be_given_up)
{
    set_up();
    for (int round = 0; round < 2; round++) {
        add(data, LARGE);
        add("never", 5);
        writer_give_up(writer);
        ck_assert_uint_eq(writer_jobs(writer), 0);
    }
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    ssize_t left;
    while ((left = read(ends[0], got, LARGE)) > 0)
        ck_assert_ptr_null(memmem(got, (size_t)left, "never", 5));
    add("again", 5); // later jobs are run
    await_job();
    while (writer_jobs(writer) > 0)
        await_job();
    ck_assert_int_eq(read(ends[0], got, LARGE), 5);
    tear_down();
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_a_job)
{
    set_up();
    add(data, LARGE);
    fd_close(&ends[0]);
    await_job();
    ck_assert_uint_eq(writer_jobs(writer), 0);
    tear_down();
}
END_TEST

START_TEST(files_need_no_writer)
{
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert(writer_is_for(ends[1]) && !writer_is_for(file) && !writer_is_for(-1));
    fd_close(&file);
    fd_close(&ends[0]);
    fd_close(&ends[1]);
}
END_TEST

SUITE(writer)
{
    TEST(texts_are_written_in_order_when_somebody_reads);
    TEST(what_nobody_reads_can_be_given_up);
    TEST(a_reader_that_is_gone_ends_a_job);
    TEST(files_need_no_writer);
}

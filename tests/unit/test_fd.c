// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/suite.h"

START_TEST(closing_is_once_and_keeps_errno)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int kept = fd;
    errno = EBUSY;
    fd_close(&fd);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(errno, EBUSY);
    fd_close(&fd);
    ck_assert_int_eq(fcntl(kept, F_GETFD), -1);
}
END_TEST

// More than a pipe holds, so that writes are short.
START_TEST(all_is_written_and_read)
{
    enum {
        SIZE = 1 << 20
    };
    int ends[2];
    char *data = malloc(SIZE), *got = malloc(SIZE + 1);
    ck_assert(data && got);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        int failed = fd_write_all(ends[1], data, SIZE) != 0;
        free(data);
        free(got);
        _exit(failed);
    }
    close(ends[1]);
    ck_assert_int_eq(fd_read_all(ends[0], got, SIZE + 1), SIZE);
    ck_assert(memcmp(data, got, SIZE) == 0);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(fd_read_all(-1, got, 1), -1);
    ck_assert_int_eq(fd_write_all(-1, got, 1), -1);
    close(ends[0]);
    free(data);
    free(got);
}
END_TEST

START_TEST(files_are_read_whole_or_refused)
{
    char path[] = "/tmp/batchrun-test-XXXXXX";
    struct buffer b = BUFFER_EMPTY;
    br_error err = {0};
    int fd = mkostemp(path, O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    buffer_text(&b, "first ");
    ck_assert_int_eq(fd_write_all(fd, "content", 7), 0);
    ck_assert_int_eq(fd_read_file(path, "job file", 7, &b, &err), 0);
    ck_assert_uint_eq(b.length, 13);
    ck_assert_mem_eq(b.data, "first content", 13);
    ck_assert_int_eq(fd_read_file(path, "job file", 6, &b, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "has 7 bytes; the limit is 6"));
    ck_assert_int_eq(fd_read_file("/tmp", "job file", 100, &b, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(fd_read_file("/nowhere/none", "job file", 100, &b, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0); // nobody writes to it, so waiting for it would hang
    ck_assert_int_eq(fd_read_file(path, "job file", 100, &b, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "is not a regular file"));
    ck_assert_uint_eq(b.length, 13);
    unlink(path);
    close(fd);
    buffer_finish(&b);
}
END_TEST

START_TEST(sealed_memory_stays_as_it_is)
{
    br_error err;
    char text[8];
    int fd = fd_memory_sealed("test", "content", 7, &err);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, text, sizeof text, 0), 7);
    ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
    ck_assert_int_eq(ftruncate(fd, 100), -1);
    ck_assert_int_eq(ftruncate(fd, 1), -1);
    ck_assert_ptr_eq(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}
END_TEST

START_TEST(shared_memory_keeps_its_size_and_its_writers)
{
    br_error err;
    int fd = fd_memory("test", 4096, &err);
    ck_assert_int_ge(fd, 0);
    char *mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(mine, MAP_FAILED);
    fd_seal_foreign_writes(fd);
    ck_assert_int_eq(ftruncate(fd, 8192), -1);
    mine[7] = 'x'; // the earlier mapping can still write
    char *theirs = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(theirs, MAP_FAILED);
    ck_assert_int_eq(theirs[7], 'x');
    munmap(mine, 4096);
    munmap(theirs, 4096);
    close(fd);
}
END_TEST

// Runs in a process of its own, because it closes descriptors that Check needs.
static int in_child(int (*what)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(what());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static int close_some(void)
{
    int keep[] = {20, 22, 50};
    for (int fd = 10; fd < 60; fd++)
        if (dup2(0, fd) < 0)
            return 1;
    fd_close_from(15, keep, 3);
    for (int fd = 10; fd < 60; fd++) {
        bool kept = fd < 15 || fd == 20 || fd == 22 || fd == 50;
        if ((fcntl(fd, F_GETFD) >= 0) != kept)
            return fd;
    }
    return 0;
}

static int fill_closed(void)
{
    close(0);
    close(2);
    if (fd_fill_standard(NULL) != 0)
        return 1;
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return 2;
    return open("/dev/null", O_RDONLY | O_CLOEXEC) > 2 ? 0 : 3;
}

START_TEST(all_but_the_kept_are_closed)
{
    ck_assert_int_eq(in_child(close_some), 0);
}
END_TEST

START_TEST(closed_standard_descriptors_are_filled)
{
    ck_assert_int_eq(in_child(fill_closed), 0);
}
END_TEST

SUITE(fd)
{
    TEST(closing_is_once_and_keeps_errno);
    TEST(all_is_written_and_read);
    TEST(files_are_read_whole_or_refused);
    TEST(sealed_memory_stays_as_it_is);
    TEST(shared_memory_keeps_its_size_and_its_writers);
    TEST(all_but_the_kept_are_closed);
    TEST(closed_standard_descriptors_are_filled);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "journal/runlock.h"
#include "support/suite.h"

static char directory[] = "/tmp/test_runlock.XXXXXX";
static int directory_fd = -1;

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory_fd, 0);
}

static void tear_down(void)
{
    unlinkat(directory_fd, "lock", 0);
    rmdir(directory);
    fd_close(&directory_fd);
}

// Starts a process that holds the lock until it is killed.
static pid_t hold(void)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int fd = runlock_take(directory_fd, "circles.run", NULL);
        ssize_t told = write(ready[1], fd >= 0 ? "y" : "n", 1);
        for (;;)
            if (told == 1)
                pause();
    }
    char byte = 0;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    close(ready[0]);
    close(ready[1]);
    return child;
}

START_TEST(the_second_is_told_who_holds_it)
{
    pid_t child = hold();
    br_error err;
    char who[300], host[256] = "";
    gethostname(host, sizeof host - 1);
    snprintf(who, sizeof who, "process %ld on %s since 2", (long)child, host);
    ck_assert_int_eq(runlock_take(directory_fd, "circles.run", &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "the run in circles.run is still running"));
    ck_assert_msg(strstr(err.text, who) != NULL, "%s", err.text);
    ck_assert_int_eq(runlock_refuse(directory_fd, "circles.run", &err), -1);
    struct buffer text = BUFFER_EMPTY;
    ck_assert(runlock_held(directory_fd, &text));
    ck_assert_mem_eq(text.data, who, strlen(who));
    buffer_finish(&text);
    // Its end, of any kind, releases the lock.
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert(!runlock_held(directory_fd, &text));
    ck_assert_int_eq(runlock_refuse(directory_fd, "circles.run", &err), 0);
    int fd = runlock_take(directory_fd, "circles.run", &err);
    ck_assert_int_ge(fd, 0);
    fd_close(&fd);
}
END_TEST

START_TEST(asking_makes_nothing)
{
    struct buffer text = BUFFER_EMPTY;
    ck_assert(!runlock_held(directory_fd, &text));
    ck_assert_uint_eq(text.length, 0);
    ck_assert_int_ne(faccessat(directory_fd, "lock", F_OK, 0), 0);
}
END_TEST

START_TEST(what_the_file_says_is_escaped)
{
    int fd = runlock_take(directory_fd, "circles.run", NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, 0), 0);
    ck_assert_int_eq(pwrite(fd, "\x1b[2J\nmore", 9, 0), 9);
    struct buffer text = BUFFER_EMPTY;
    ck_assert(runlock_held(directory_fd, &text));
    buffer_char(&text, '\0');
    ck_assert_str_eq(text.data, "\\x1b[2J");
    buffer_finish(&text);
    fd_close(&fd);
}
END_TEST

SUITE(runlock)
{
    FIXTURE(set_up, tear_down);
    TEST(the_second_is_told_who_holds_it);
    TEST(asking_makes_nothing);
    TEST(what_the_file_says_is_escaped);
}

// SPDX-License-Identifier: BSD-3-Clause
// Output in buffers of C and C++: this program is linked with the C++ library.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/streams.h"
#include "support/suite.h"

// In streams_cxx.cpp.
void cxx_use_own_buffers(void);
void cxx_print(const char *text, const wchar_t *wide);

static struct streams streams;
static char text[64];

// Puts a file without a name in the place of a standard stream.
static void redirect(int stream)
{
    char path[] = "/tmp/batchrun-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    unlink(path);
    ck_assert_int_eq(dup2(fd, stream), stream);
    close(fd);
}

// Returns what was written to the file.
static const char *written(int stream)
{
    memset(text, 0, sizeof text);
    ck_assert_int_ge(pread(stream, text, sizeof text - 1, 0), 0);
    return text;
}

static void set_up(void)
{
    redirect(STDOUT_FILENO);
    redirect(STDERR_FILENO);
    streams_find(&streams, NULL);
}

START_TEST(nothing_waits_in_a_stream_that_passes_all_to_stdio)
{
    cxx_print("one ", L"two ");
    ck_assert(!streams_pending(&streams));
    ck_assert(!streams_flush(&streams));
    ck_assert_str_eq(written(STDOUT_FILENO), "");
    streams_flush_all(&streams);
    ck_assert_str_eq(written(STDOUT_FILENO), "one two ");
}
END_TEST

START_TEST(what_waits_in_own_buffers_is_written)
{
    cxx_use_own_buffers();
    ck_assert(!streams_pending(&streams));
    cxx_print("one ", L"two ");
    ck_assert(streams_pending(&streams));
    ck_assert(streams_flush(&streams));
    ck_assert(!streams_pending(&streams));
    ck_assert_str_eq(written(STDOUT_FILENO), "one two ");
    ck_assert_str_eq(written(STDERR_FILENO), "one two ");
}
END_TEST

START_TEST(a_fork_discards_what_its_parent_has_to_write)
{
    cxx_use_own_buffers();
    cxx_print("one ", L"two ");
    fputs("three ", stdout);
    pid_t child = fork();
    if (child == 0) {
        streams_discard(&streams);
        cxx_print("four ", NULL);
        streams_flush_all(&streams);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(written(STDOUT_FILENO), "four ");
    streams_flush_all(&streams);
    ck_assert_str_eq(written(STDOUT_FILENO), "four three one two ");
}
END_TEST

START_TEST(a_fork_keeps_streams_in_memory)
{
    char content[] = "read", *held = NULL, rest[8];
    size_t size;
    FILE *in = fmemopen(content, strlen(content), "r"), *out = open_memstream(&held, &size);
    ck_assert(in && out);
    ck_assert_int_eq(getc(in), 'r');
    fputs("one ", out);
    pid_t child = fork();
    if (child == 0) {
        streams_discard(&streams);
        fputs("two", out);
        _exit(fclose(out) != 0 || strcmp(held, "one two") != 0 || !fgets(rest, sizeof rest, in) ||
              strcmp(rest, "ead") != 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    fclose(in);
    fclose(out);
    free(held);
}
END_TEST

static ssize_t print(void *unused, const char *data, size_t size)
{
    (void)unused;
    return write(STDOUT_FILENO, data, size);
}

START_TEST(a_fork_discards_what_a_stream_of_functions_holds)
{
    FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = print});
    ck_assert(f);
    fputs("one ", f);
    pid_t child = fork();
    if (child == 0) {
        streams_discard(&streams);
        _exit(fclose(f) != 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    fclose(f);
    ck_assert_str_eq(written(STDOUT_FILENO), "one ");
}
END_TEST

START_TEST(a_program_without_the_library_has_no_such_streams)
{
    struct streams none = {0};
    ck_assert(!streams_pending(&none));
    ck_assert(!streams_flush(&none));
    streams_flush_all(&none);
    streams_find(&none, "/nowhere.so");
    ck_assert(!streams_flush(&none));
}
END_TEST

SUITE(streams)
{
    FIXTURE(set_up, NULL);
    TEST(nothing_waits_in_a_stream_that_passes_all_to_stdio);
    TEST(what_waits_in_own_buffers_is_written);
    TEST(a_fork_discards_what_its_parent_has_to_write);
    TEST(a_fork_keeps_streams_in_memory);
    TEST(a_fork_discards_what_a_stream_of_functions_holds);
    TEST(a_program_without_the_library_has_no_such_streams);
}

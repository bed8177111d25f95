// SPDX-License-Identifier: BSD-3-Clause
#include "support/golden.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

void golden_path(const char *name, char *path, size_t size)
{
    const char *srcdir = getenv("srcdir");
    int length = snprintf(path, size, "%s/tests/topology/%s", srcdir ? srcdir : ".", name);
    ck_assert_int_lt(length, (int)size);
}

static void write_actual(const char *name, const struct buffer *actual)
{
    char path[256];
    snprintf(path, sizeof path, "%s.actual", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0)
        fd_write_all(fd, actual->data, actual->length);
    fd_close(&fd);
}

static int line_of(const struct buffer *a, const struct buffer *b)
{
    int line = 1;
    for (size_t i = 0; i < a->length && i < b->length && a->data[i] == b->data[i]; i++)
        line += a->data[i] == '\n';
    return line;
}

void golden_check(const char *name, const struct buffer *actual)
{
    char path[1024];
    golden_path(name, path, sizeof path);
    struct buffer expected = BUFFER_EMPTY;
    br_error err = {.text = ""};
    ck_assert(!actual->failed);
    int read = fd_read_file(path, "expected text", 1 << 20, &expected, &err);
    bool same = read == 0 && expected.length == actual->length &&
                memcmp(expected.data, actual->data, actual->length) == 0;
    int line = line_of(&expected, actual);
    buffer_finish(&expected);
    if (same)
        return;
    write_actual(name, actual);
    ck_abort_msg("%s: not as expected from line %d on (see %s.actual) %s", path, line, name,
                 err.text);
}

void golden_text(struct buffer *actual, const char *expected)
{
    buffer_char(actual, '\0');
    ck_assert(!actual->failed);
    ck_assert_str_eq(actual->data, expected);
    buffer_finish(actual);
}

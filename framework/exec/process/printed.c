// SPDX-License-Identifier: BSD-3-Clause
#include "exec/process/printed.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    FIRST_BYTES = 400, // that are shown of the beginning
    LAST_BYTES = 200   // that are shown of the last line
};

// Appends the lines of the text that are not empty, joined by " / ".
static void append_lines(struct buffer *out, const char *text, size_t length)
{
    bool any = false;
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t line = end ? (size_t)(end - text) : length, used = line + (end ? 1 : 0);
        while (line > 0 && text[line - 1] == '\r')
            line--;
        if (line > 0) {
            buffer_text(out, any ? " / " : "");
            buffer_append(out, text, line);
            any = true;
        }
        text += used;
        length -= used;
    }
}

static size_t trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        length--;
    return length;
}

// Reads up to `size` bytes at `at`. Returns their number, without blanks at the end.
static size_t read_text(int fd, int64_t at, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size, at);
    return got > 0 ? trimmed(text, (size_t)got) : 0;
}

static void append_last_line(struct buffer *out, int fd, int64_t end)
{
    char text[LAST_BYTES];
    size_t length = read_text(fd, end - LAST_BYTES, text, sizeof text);
    const char *newline = memrchr(text, '\n', length);
    const char *line = newline ? newline + 1 : text;
    buffer_text(out, " ... ");
    append_lines(out, line, (size_t)(text + length - line));
}

void printed_describe(struct buffer *out, int fd, int64_t from)
{
    char path[32], text[FIRST_BYTES];
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= from)
        return;
    int file = fd_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
    size_t length = file >= 0 ? read_text(file, from, text, sizeof text) : 0;
    bool all = st.st_size - from <= FIRST_BYTES;
    if (!all) { // whole lines only, if there are some
        const char *newline = memrchr(text, '\n', length);
        length = newline ? (size_t)(newline - text) : length;
    }
    if (length > 0) {
        buffer_text(out, "; it printed: ");
        append_lines(out, text, length);
        if (!all)
            append_last_line(out, file, st.st_size);
    }
    fd_close(&file);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "inputs/csv.h"
#include "support/suite.h"

static br_error err;

static int file_of(const char *text, size_t length)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fd_write_all(fd, text, length), 0);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

// Returns all records as text: fields between <>, records end in "@LINE ", an error is "!MESSAGE".
static void read_all(enum csv_kind kind, const char *text, size_t length, struct buffer *out)
{
    int fd = file_of(text, length);
    struct csv_reader *r = csv_create(fd, "f", kind, &err);
    ck_assert_ptr_nonnull(r);
    const struct csv_field *fields;
    size_t count;
    int got;
    buffer_clear(out);
    while ((got = csv_next(r, &fields, &count, &err)) == 1) {
        ck_assert_uint_ge(count, 1);
        for (size_t i = 0; i < count; i++) {
            ck_assert_uint_eq(strlen(fields[i].data), fields[i].length);
            buffer_format(out, "<%s>", fields[i].data);
        }
        buffer_format(out, "@%d ", (int)csv_line(r));
    }
    if (got < 0)
        buffer_format(out, "!%s", err.text);
    buffer_char(out, '\0');
    csv_destroy(r);
    close(fd);
}

struct sample {
    const char *text;
    size_t length;
    const char *records;
};

#define SAMPLE(text, records)                                                                      \
    {                                                                                              \
        text, sizeof(text) - 1, records                                                            \
    }

static const struct sample csv_samples[] = {
    SAMPLE("", ""),
    SAMPLE("\xEF\xBB\xBF", ""),
    SAMPLE("a", "<a>@1 "),
    SAMPLE("a\n", "<a>@1 "),
    SAMPLE("a,b\n1,2\n", "<a><b>@1 <1><2>@2 "),
    SAMPLE("\xEF\xBB\xBF\"a\",b\r\n1,2\r\n", "<a><b>@1 <1><2>@2 "),
    SAMPLE("a,\n,b", "<a><>@1 <><b>@2 "),
    SAMPLE("a,", "<a><>@1 "),
    SAMPLE("\n\nx", "<>@1 <>@2 <x>@3 "),
    SAMPLE("\"a,\"\"b\"\"\n\r\nc\",d\ne", "<a,\"b\"\n\r\nc><d>@1 <e>@4 "),
    SAMPLE("\"\",\"\"\n\"\"", "<><>@1 <>@2 "),
    SAMPLE("\"a\"\r\nb\r", "<a>@1 <b>@2 "),
    SAMPLE(" a , b ", "< a >< b >@1 "),
    SAMPLE("x\na\"b\n", "<x>@1 !f:2: a quote inside a field that does not begin with one"),
    SAMPLE("x\n\"a\"b\n", "<x>@1 !f:2: unexpected text between a closing quote and the comma"),
    SAMPLE("x\n\"a\n\nb", "<x>@1 !f:2: a quote is opened here and never closed"),
    SAMPLE("a\rb", "!f:1: a carriage return (CR) without its line feed (LF)"),
    SAMPLE("a\n\"b\"\rb", "<a>@1 !f:2: a carriage return (CR) without its line feed (LF)"),
    SAMPLE("a\nb\0c\n", "<a>@1 !f:2: a NUL byte"),
    SAMPLE("\"a\nb\0\"", "!f:2: a NUL byte"),
};

START_TEST(csv_records)
{
    struct buffer out = BUFFER_EMPTY;
    read_all(CSV_RECORDS, csv_samples[_i].text, csv_samples[_i].length, &out);
    ck_assert_str_eq(out.data, csv_samples[_i].records);
    buffer_finish(&out);
}
END_TEST

static const struct sample line_samples[] = {
    SAMPLE("", ""),
    SAMPLE("a\nb", "<a>@1 <b>@2 "),
    SAMPLE("\"a,b\"\r\n\nc\r\n", "<\"a,b\">@1 <>@2 <c>@3 "),
    SAMPLE("a\rb\r\r\nc\r", "<a\rb\r>@1 <c>@2 "),
    SAMPLE("a\nb\0", "<a>@1 !f:2: a NUL byte"),
};

START_TEST(plain_lines)
{
    struct buffer out = BUFFER_EMPTY;
    read_all(CSV_LINES, line_samples[_i].text, line_samples[_i].length, &out);
    ck_assert_str_eq(out.data, line_samples[_i].records);
    buffer_finish(&out);
}
END_TEST

// Records of every small length, so that chunks end at every position of a record.
START_TEST(chunks_end_anywhere)
{
    struct buffer text = BUFFER_EMPTY;
    int rows = 0;
    for (; text.length < 800000; rows++)
        buffer_format(&text, "%d,\"q\"\"%*d\n\",x\r\n", rows, rows % 13 + 1, rows);
    int fd = file_of(text.data, text.length);
    struct csv_reader *r = csv_create(fd, "f", CSV_RECORDS, &err);
    const struct csv_field *fields;
    size_t count;
    char expected[64];
    for (int i = 0; i < rows; i++) {
        ck_assert_int_eq(csv_next(r, &fields, &count, &err), 1);
        snprintf(expected, sizeof expected, "q\"%*d\n", i % 13 + 1, i);
        ck_assert(count == 3 && atoi(fields[0].data) == i && !strcmp(fields[1].data, expected) &&
                  !strcmp(fields[2].data, "x"));
        ck_assert_uint_eq(csv_line(r), 2 * (uint64_t)i + 1);
    }
    ck_assert_int_eq(csv_next(r, &fields, &count, &err), 0);
    csv_destroy(r);
    close(fd);
    buffer_finish(&text);
}
END_TEST

START_TEST(a_record_is_bounded)
{
    size_t size = CSV_RECORD_MAX + 2;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    text[0] = '"';
    int fd = file_of(text, size);
    free(text);
    struct csv_reader *r = csv_create(fd, "f", CSV_RECORDS, &err);
    const struct csv_field *fields;
    size_t count;
    ck_assert_int_eq(csv_next(r, &fields, &count, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "f:1: a record of more than 64 MiB"));
    csv_destroy(r);
    close(fd);
}
END_TEST

START_TEST(what_cannot_be_read_is_an_error)
{
    struct csv_reader *r = csv_create(-1, "f", CSV_RECORDS, &err);
    const struct csv_field *fields;
    size_t count;
    ck_assert_int_eq(csv_next(r, &fields, &count, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    csv_destroy(r);
}
END_TEST

SUITE(csv)
{
    LOOP_TEST(csv_records, COUNT(csv_samples));
    LOOP_TEST(plain_lines, COUNT(line_samples));
    TEST(chunks_end_anywhere);
    TEST(a_record_is_bounded);
    TEST(what_cannot_be_read_is_an_error);
}

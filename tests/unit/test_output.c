// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "model/row.h"
#include "model/table_builder.h"
#include "results/output.h"
#include "support/suite.h"

static br_error err;
static char directory[64];
static char path[128];

static void enter(void)
{
    strcpy(directory, "/tmp/test_output.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static const char *in_directory(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

// Removes what is in the directory; the number of files there were.
static int empty_directory(void)
{
    DIR *dir = opendir(directory);
    ck_assert_ptr_nonnull(dir);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        ck_assert_int_eq(unlinkat(dirfd(dir), e->d_name, 0), 0);
        count++;
    }
    closedir(dir);
    return count;
}

static void leave(void)
{
    empty_directory();
    rmdir(directory);
}

static struct cell i64(int64_t value)
{
    return (struct cell){.type = BR_I64, .i64 = value};
}

static struct cell f64(double value)
{
    return (struct cell){.type = BR_F64, .f64 = value};
}

static struct cell text(enum br_type type, const char *data, size_t length)
{
    return (struct cell){.type = type, .text = {data, length}};
}

// Inputs r (0, 10, 20, ...); results as the signature says, none yet.
struct fixture {
    struct buffer image;
    struct table inputs;
    struct signature signature;
    struct results *results;
};

static void start(struct fixture *f, const char *signature, uint64_t rows)
{
    *f = (struct fixture){0};
    struct table_builder *b = table_builder_create(rows, &err);
    ck_assert_int_eq(table_add_range_i64(b, "r", 0, 10, &err), 0);
    ck_assert_int_eq(table_builder_finish(b, &f->image, &err), 0);
    table_builder_destroy(b);
    ck_assert_int_eq(table_open(&f->inputs, f->image.data, f->image.length, &err), 0);
    ck_assert_msg(signature_parse(signature, &f->signature, &err) == 0, "%s", err.text);
    f->results = results_create(&f->signature.results, rows, &err);
    ck_assert_ptr_nonnull(f->results);
}

static void put(struct fixture *f, uint64_t row, const struct cell *cells)
{
    struct buffer packed = BUFFER_EMPTY;
    row_pack(&packed, cells, f->signature.results.count);
    ck_assert_int_eq(results_put(f->results, row, 1, packed.data, packed.length, &err), 0);
    buffer_finish(&packed);
}

static void finish(struct fixture *f)
{
    results_destroy(f->results);
    signature_finish(&f->signature);
    buffer_finish(&f->image);
}

static void read_back(const char *name, struct buffer *out)
{
    ck_assert_msg(fd_read_file(name, "result file", 1U << 30, out, &err) == 0, "%s", err.text);
    buffer_char(out, '\0');
}

static void check_written(struct fixture *f, const char *name, const char *expected)
{
    enum output_format format;
    struct buffer got = BUFFER_EMPTY;
    ck_assert_int_eq(output_format_of(in_directory(name), &format, &err), 0);
    ck_assert_msg(output_write(path, "tag", format, &f->inputs, f->results, &err) == 0, "%s",
                  err.text);
    read_back(path, &got);
    ck_assert_str_eq(got.data, expected);
    buffer_finish(&got);
    ck_assert_int_eq(empty_directory(), 1);
}

static void put_three(struct fixture *f)
{
    start(f, "-> x:f64 s:str b:bool y:bytes", 5);
    struct cell cells[4] = {f64(0.1),
                            text(BR_STR, "plain", 5),
                            {.type = BR_BOOL, .boolean = true},
                            text(BR_BYTES, "ab\0", 3)};
    put(f, 0, cells);
    cells[0] = f64((double)NAN);
    cells[1] = text(BR_STR, "a,\"b\"\nc", 7);
    cells[2].boolean = false;
    cells[3] = text(BR_BYTES, "", 0);
    put(f, 3, cells);
    cells[0] = f64(-HUGE_VAL);
    cells[1] = text(BR_STR, "\xC3\xA9", 2);
    cells[3] = text(BR_BYTES, "\xFF", 1);
    put(f, 4, cells);
}

START_TEST(csv_quotes_where_it_must)
{
    struct fixture f;
    put_three(&f);
    check_written(&f, "a.csv",
                  "index,r,x,s,b,y\n"
                  "0,0,0.1,plain,true,YWIA\n"
                  "3,30,nan,\"a,\"\"b\"\"\nc\",false,\n"
                  "4,40,-inf,\xC3\xA9,false,/w==\n");
    finish(&f);
}
END_TEST

START_TEST(jsonl_is_an_object_a_line)
{
    struct fixture f;
    put_three(&f);
    check_written(&f, "a.jsonl",
                  "{\"index\":0,\"r\":0,\"x\":0.1,\"s\":\"plain\",\"b\":true,\"y\":\"YWIA\"}\n"
                  "{\"index\":3,\"r\":30,\"x\":null,\"s\":\"a,\\\"b\\\"\\nc\",\"b\":false,\"y\":"
                  "\"\"}\n"
                  "{\"index\":4,\"r\":40,\"x\":null,\"s\":\"\xC3\xA9\",\"b\":false,\"y\":\"/w==\"}"
                  "\n");
    finish(&f);
}
END_TEST

START_TEST(a_result_takes_its_inputs_place)
{
    struct fixture f;
    start(&f, "-> y:i64 r:f64", 2);
    struct cell cells[2] = {i64(7), f64(2.5)};
    put(&f, 1, cells);
    check_written(&f, "a.csv", "index,r,y\n1,2.5,7\n");
    finish(&f);
}
END_TEST

START_TEST(a_reduced_row_stands_alone)
{
    struct fixture f;
    struct buffer got = BUFFER_EMPTY;
    start(&f, "-> s:str", 1);
    struct cell cell = text(BR_STR, "", 0);
    put(&f, 0, &cell);
    ck_assert_int_eq(output_write(in_directory("a.csv"), "tag", OUTPUT_CSV, NULL, f.results, &err),
                     0);
    read_back(path, &got);
    ck_assert_str_eq(got.data, "s\n\"\"\n"); // not an empty line
    buffer_finish(&got);
    ck_assert_int_eq(output_write(in_directory("a.npy"), "tag", OUTPUT_NPY, NULL, f.results, &err),
                     -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(empty_directory(), 1);
    finish(&f);
}
END_TEST

START_TEST(npy_reads_back)
{
    struct fixture f;
    struct buffer got = BUFFER_EMPTY;
    put_three(&f);
    ck_assert_int_eq(
        output_write(in_directory("a.npy"), "tag", OUTPUT_NPY, &f.inputs, f.results, &err), 0);
    read_back(path, &got);
    ck_assert_mem_eq(got.data, "\x93NUMPY\1\0", 8);
    size_t header = (unsigned char)got.data[8] + 256U * (unsigned char)got.data[9];
    ck_assert_uint_eq((10 + header) % 64, 0);
    ck_assert_int_eq(got.data[9 + header], '\n');
    static const char *expected = "{'descr': [('index', '<i8'), ('r', '<i8'), ('x', '<f8'), "
                                  "('b', '|b1'), ], 'fortran_order': False, 'shape': (3,), }";
    ck_assert_mem_eq(got.data + 10, expected, strlen(expected));
    ck_assert_uint_eq(got.length - 1, 10 + header + 3 * 25);
    const unsigned char *row = (const unsigned char *)got.data + 10 + header + 25;
    ck_assert_uint_eq(row[0], 3);
    ck_assert_uint_eq(row[8], 30);
    ck_assert_uint_eq(row[16 + 7] & 0x7F, 0x7F); // nan, its sign and exponent last
    ck_assert_uint_eq(row[24], 0);
    ck_assert_uint_eq(row[-1], 1);
    buffer_finish(&got);
    finish(&f);
}
END_TEST

START_TEST(npy_of_many_columns_has_the_longer_header)
{
    struct fixture f;
    struct buffer signature = BUFFER_EMPTY, got = BUFFER_EMPTY;
    buffer_text(&signature, "-> ");
    for (int i = 0; i < 3000; i++)
        buffer_format(&signature, "\xC3\xA9%d:i64 ", i);
    buffer_char(&signature, '\0');
    start(&f, signature.data, 1);
    ck_assert_int_eq(
        output_write(in_directory("a.npy"), "tag", OUTPUT_NPY, &f.inputs, f.results, &err), 0);
    read_back(path, &got);
    ck_assert_mem_eq(got.data, "\x93NUMPY\2\0", 8);
    uint32_t header;
    memcpy(&header, got.data + 8, sizeof header);
    ck_assert_uint_eq(12 + header, got.length - 1);
    ck_assert_uint_eq(header % 64, 52);
    ck_assert_ptr_nonnull(strstr(got.data + 12, "('\\U000000e92999', '<i8'), ], "));
    buffer_finish(&got);
    buffer_finish(&signature);
    finish(&f);
}
END_TEST

START_TEST(endings_say_the_format)
{
    enum output_format format;
    ck_assert_int_eq(output_format_of("-", &format, &err), 0);
    ck_assert_int_eq(format, OUTPUT_CSV);
    ck_assert_int_eq(output_format_of("d/x.npy", &format, &err), 0);
    ck_assert_int_eq(format, OUTPUT_NPY);
    static const char *const bad[] = {"x.xls", "x", "", "d/.csv", ".csv", "x.csv/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(output_format_of(bad[i], &format, &err), -1);
        ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    }
}
END_TEST

static void write_text(const char *name, const char *content)
{
    FILE *file = fopen(name, "we");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_failed_write_leaves_what_was_there)
{
    struct fixture f;
    struct buffer got = BUFFER_EMPTY;
    start(&f, "-> y:i64", 100000);
    struct cell cell = i64(1);
    for (uint64_t row = 0; row < 100000; row++)
        put(&f, row, &cell);
    write_text(in_directory("a.csv"), "before\n");
    struct rlimit limit, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 300000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = output_write(path, "tag", OUTPUT_CSV, &f.inputs, f.results, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, handler);
    ck_assert_int_eq(result, -1);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, strerror(EFBIG)));
    read_back(path, &got);
    ck_assert_str_eq(got.data, "before\n");
    ck_assert_int_eq(empty_directory(), 1);
    buffer_finish(&got);
    finish(&f);
}
END_TEST

START_TEST(what_cannot_be_replaced_is_said)
{
    struct fixture f;
    start(&f, "-> y:i64", 1);
    ck_assert_int_eq(
        output_write(in_directory("none/a.csv"), "tag", OUTPUT_CSV, &f.inputs, f.results, &err),
        -1);
    ck_assert_ptr_nonnull(strstr(err.text, "none/a.csv: "));
    ck_assert_int_eq(mkfifo(in_directory("b.csv"), 0600), 0);
    ck_assert_int_eq(output_write(path, "tag", OUTPUT_CSV, &f.inputs, f.results, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(empty_directory(), 1);
    finish(&f);
}
END_TEST

START_TEST(a_link_stays_and_its_target_is_replaced)
{
    struct fixture f;
    struct stat st;
    struct buffer got = BUFFER_EMPTY;
    start(&f, "-> y:i64", 1);
    write_text(in_directory("real.csv"), "before\n");
    ck_assert_int_eq(symlink("real.csv", in_directory("link.csv")), 0);
    ck_assert_int_eq(output_write(path, "tag", OUTPUT_CSV, &f.inputs, f.results, &err), 0);
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    read_back(in_directory("real.csv"), &got);
    ck_assert_str_eq(got.data, "index,r,y\n");
    buffer_finish(&got);
    finish(&f);
}
END_TEST

// Standard output as `fd` while the results are written.
static int write_to(struct fixture *f, int fd)
{
    fflush(stdout);
    int keep = dup(STDOUT_FILENO);
    ck_assert_int_ge(keep, 0);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    int result = output_write("-", "tag", OUTPUT_CSV, &f->inputs, f->results, &err);
    dup2(keep, STDOUT_FILENO);
    close(keep);
    return result;
}

START_TEST(standard_output)
{
    struct fixture f;
    start(&f, "-> y:i64", 3);
    struct cell cell = i64(5);
    put(&f, 2, &cell);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write_to(&f, ends[1]), 0);
    char got[64] = {0};
    ck_assert_int_gt(read(ends[0], got, sizeof got - 1), 0);
    ck_assert_str_eq(got, "index,r,y\n2,20,5\n");
    close(ends[0]);
    ck_assert_int_eq(write_to(&f, ends[1]), 0); // EPIPE, and no SIGPIPE
    close(ends[1]);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(write_to(&f, full), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    close(full);
    finish(&f);
}
END_TEST

SUITE(output)
{
    FIXTURE(enter, leave);
    TEST(csv_quotes_where_it_must);
    TEST(jsonl_is_an_object_a_line);
    TEST(a_result_takes_its_inputs_place);
    TEST(a_reduced_row_stands_alone);
    TEST(npy_reads_back);
    TEST(npy_of_many_columns_has_the_longer_header);
    TEST(endings_say_the_format);
    TEST(a_failed_write_leaves_what_was_there);
    TEST(what_cannot_be_replaced_is_said);
    TEST(a_link_stays_and_its_target_is_replaced);
    TEST(standard_output);
}

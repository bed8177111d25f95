// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "inputs/convert.h"
#include "inputs/inputs.h"
#include "jobfile/spec.h"
#include "model/table_builder.h"
#include "results/results.h"
#include "support/suite.h"

static br_error err;
static char directory[64];

static void enter(void)
{
    strcpy(directory, "/tmp/test_inputs.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void leave(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const char *content)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    ck_assert_int_eq(fclose(file), 0);
}

// Returns a table as text: "r:i64 s:str | 1 a | 2 b".
static void show(struct buffer *out, const struct buffer *image)
{
    struct table t;
    ck_assert_int_eq(table_open(&t, image->data, image->length, &err), 0);
    for (size_t c = 0; c < table_columns(&t); c++)
        buffer_format(out, "%s%s:%s", c ? " " : "", table_column_name(&t, c),
                      schema_type_name(table_column_type(&t, c)));
    for (uint64_t row = 0; row < table_rows(&t); row++) {
        buffer_text(out, " |");
        for (size_t c = 0; c < table_columns(&t); c++) {
            struct cell_room room;
            size_t length;
            buffer_char(out, ' ');
            buffer_text(out, table_text(&t, c, row, &room, &length));
        }
    }
    buffer_char(out, '\0');
}

struct fixture {
    struct buffer text;
    struct diagnostics d;
    struct job *job;
    struct signature signature;
};

// Makes a job of two phases: the first has `inputs` (and the text after it), the second reads it.
static void start(struct fixture *f, const char *inputs, const char *signature)
{
    *f = (struct fixture){0};
    buffer_format(&f->text,
                  "version: 1\nname: t\nplugins: [demo]\nphases:\n"
                  "  - name: first\n    task: demo.task\n    inputs: %s\n"
                  "  - name: second\n    task: demo.task\n    inputs: {from: first}\n"
                  "    args: {unit: 3}\n",
                  inputs);
    f->job = spec_parse("job.yaml", directory, f->text.data, f->text.length, NULL, 0, &f->d, &err);
    ck_assert_msg(f->job != NULL, "%s", diagnostics_text(&f->d));
    ck_assert_msg(signature_parse(signature, &f->signature, &err) == 0, "%s", err.text);
}

static void finish(struct fixture *f)
{
    job_destroy(f->job);
    diagnostics_finish(&f->d);
    signature_finish(&f->signature);
    buffer_finish(&f->text);
}

// Returns the table of the inputs as text, or the messages.
static void check_loads(const char *inputs, const char *signature, const char *expected)
{
    struct fixture f;
    struct buffer image = BUFFER_EMPTY, shown = BUFFER_EMPTY;
    uint64_t rows;
    start(&f, inputs, signature);
    int result = inputs_load(f.job, 0, &f.signature, NULL, &f.d, &image, &rows, &err);
    ck_assert_msg(result == 0, "%s: %s", err.text, diagnostics_text(&f.d));
    show(&shown, &image);
    ck_assert_str_eq(shown.data, expected);
    buffer_finish(&shown);
    buffer_finish(&image);
    finish(&f);
}

static void check_mistake(const char *inputs, const char *signature, const char *const *expected,
                          size_t count, enum br_error_kind kind)
{
    struct fixture f;
    struct buffer image = BUFFER_EMPTY;
    uint64_t rows;
    start(&f, inputs, signature);
    ck_assert_int_eq(inputs_load(f.job, 0, &f.signature, NULL, &f.d, &image, &rows, &err), -1);
    const char *text = diagnostics_text(&f.d);
    ck_assert_msg(f.d.count == count, "%zu: %s", f.d.count, text);
    ck_assert_int_eq(err.kind, kind);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(text, expected[i]) != NULL, "no \"%s\" in %s", expected[i], text);
    ck_assert_ptr_null(image.data);
    finish(&f);
}

struct sample {
    const char *inputs;
    const char *signature;
    const char *table;
};

static const struct sample virtual_samples[] = {
    {"{range: 3}", "i:i64 ->", "i:i64 | 0 | 1 | 2"},
    {"{range: {start: 5, stop: 0, step: -2, as: k}}", "k:f64 ->", "k:f64 | 5 | 3 | 1"},
    {"{range: {start: 0, stop: 1, step: 0.25}}", "i:f64 ->", "i:f64 | 0 | 0.25 | 0.5 | 0.75"},
    {"{range: {start: 0, stop: 4.0, step: 2.0}}", "i:i64 ->", "i:i64 | 0 | 2"},
    {"{range: 2}", "i:str ->", "i:str | 0 | 1"},
    {"{range: 2}", "... ->", "i:i64 | 0 | 1"},
    {"{range: 2}\n    args: {n: 7}", "...:str ->", "i:str n:str | 0 7 | 1 7"},
    {"{range: 2}\n    args: {unit: cm, n: 2}", "i:i64 unit:str n:f64 ->",
     "i:i64 unit:str n:f64 | 0 cm 2 | 1 cm 2"},
    {"{range: 0}\n    args: {unit: cm}", "i:i64 unit:str ->", "i:i64 unit:str"},
    {"{list: {r: [1, 2], s: [a, b]}}", "r:f64 s:str ->", "r:f64 s:str | 1 a | 2 b"},
    {"{list: [{r: 1, x: 2.5}, {r: 2, x: 3}]}", "... ->", "r:i64 x:f64 | 1 2.5 | 2 3"},
    {"{list: {r: [1, a, true], b: [true, false, true]}}", "... ->",
     "r:str b:bool | 1 true | a false | true true"},
    {"{list: {r: ['12', '-3']}}", "r:i64 ->", "r:i64 | 12 | -3"},
    {"{list: {r: [2.0, 3]}}", "r:i64 ->", "r:i64 | 2 | 3"},
    {"{list: {r: [1.5, 2]}}", "r:str ->", "r:str | 1.5 | 2"},
    {"{matrix: {a: [1, 2], b: [x, y, z]}}", "a:f64 b:str ->",
     "a:f64 b:str | 1 x | 1 y | 1 z | 2 x | 2 y | 2 z"},
    {"{matrix: {a: {range: 2}, b: {range: {start: 5, stop: 7}}}}", "... ->",
     "a:i64 b:i64 | 0 5 | 0 6 | 1 5 | 1 6"},
    {"{matrix: {a: {range: 0}, b: [1]}}", "... ->", "a:i64 b:i64"},
    {"{matrix: {a: [1, 2], b: [x, y], exclude: [{a: 1, b: y}], include: [{a: 9, b: q}]}}",
     "a:f64 ... ->", "a:f64 b:str | 1 x | 2 x | 2 y | 9 q"},
    {"{matrix: {a: [1, 2], b: [x, y], exclude: [{a: 1}, {a: 1, b: x}, {b: x}]}}", "... ->",
     "a:i64 b:str | 2 y"},
    // Numbers and bools are kept as they are written, unless the task declares their type.
    {"{list: {v: [3.10, 1e-3, +7], b: [TRUE, false, True], h: [0x1F, -0, 1]}}", "... ->",
     "v:f64 b:bool h:i64 | 3.10 TRUE 0x1F | 1e-3 false -0 | +7 True 1"},
    {"{list: {v: [3.10, 1e-3, +7], b: [TRUE, false, True]}}", "...:str ->",
     "v:str b:str | 3.10 TRUE | 1e-3 false | +7 True"},
    {"{list: {v: [3.10, 1e-3, +7]}}", "v:f64 ->", "v:f64 | 3.1 | 0.001 | 7"},
    {"{list: {v: [9007199254740993, 0.5]}}", "... ->", "v:f64 | 9007199254740993 | 0.5"},
    {"{list: {v: [.NaN, -.inf, 2]}}", "... ->", "v:f64 | .NaN | -.inf | 2"},
    {"{range: 2}\n    args: {py: 3.10, t: 1.0}", "... ->",
     "i:i64 py:f64 t:f64 | 0 3.10 1.0 | 1 3.10 1.0"},
    {"{matrix: {py: [3.1, 3.10], k: [+1]}}", "... ->", "py:f64 k:i64 | 3.1 +1 | 3.10 +1"},
    {"{matrix: {py: [3.1, 3.10], k: [1], exclude: [{py: 3.10}], include: [{py: 2.70, k: 1}]}}",
     "... ->", "py:f64 k:i64 | 3.1 1 | 2.70 1"},
    {"{matrix: {py: [3.5, 4.5], k: [1], exclude: [{py: 3.50}], include: [{py: 2.70, k: 1}]}}",
     "... ->", "py:f64 k:i64 | 4.5 1 | 2.70 1"},
    {"{matrix: {py: [3.1, 3.10, 4], exclude: [{py: 3.10}, {py: 4.0}]}}", "...:str ->",
     "py:str | 3.1"},
    {"{range: {start: 0, stop: 0.5, step: 0.1}}", "... ->", "i:f64 | 0 | 0.1 | 0.2 | 0.3 | 0.4"},
    {"{range: {start: 0.3, stop: 0, step: -1e-1}}", "i:str ->", "i:str | 0.3 | 0.2 | 0.1"},
    {"{range: {start: 1.0000000000000000001, stop: 2, step: 0.5}}", "i:str ->",
     "i:str | 1.0000000000000000001 | 1.5000000000000000001"},
    {"{matrix: {r: {range: {start: 0, stop: 0.5, step: 0.1}}, exclude: [{r: 0.3}, {r: 0}]}}",
     "r:f64 ->", "r:f64 | 0.1 | 0.2 | 0.4"},
    {"{matrix: {r: {range: {start: 0, stop: 0.5, step: 0.1}}, exclude: [{r: 0.30}]}}", "...:str ->",
     "r:str | 0 | 0.1 | 0.2 | 0.4"},
};

START_TEST(inputs_that_the_job_file_holds)
{
    const struct sample *s = &virtual_samples[_i];
    check_loads(s->inputs, s->signature, s->table);
}
END_TEST

START_TEST(a_range_is_never_stored)
{
    struct fixture f;
    struct buffer image = BUFFER_EMPTY;
    struct table t;
    uint64_t rows;
    start(&f, "{range: 1000000000000}", "i:f64 ->");
    ck_assert_int_eq(inputs_load(f.job, 0, &f.signature, NULL, &f.d, &image, &rows, &err), 0);
    ck_assert_uint_eq(rows, 1000000000000);
    ck_assert_uint_lt(image.length, 1000);
    ck_assert_int_eq(table_open(&t, image.data, image.length, &err), 0);
    ck_assert_double_eq(table_cell(&t, 0, rows - 1).f64, 999999999999.0);
    buffer_finish(&image);
    finish(&f);
}
END_TEST

START_TEST(files)
{
    write_file("n.txt", "John\r\n\nBen");
    check_loads("{lines: n.txt}", "line:str ->", "line:str | John |  | Ben");
    write_file("i.txt", "1\n-2\n");
    check_loads("{lines: i.txt}", "line:i64 ->", "line:i64 | 1 | -2");
    write_file("p.csv", "\xEF\xBB\xBF"
                        "r,n,x,b,s,\"q\"\"q\"\r\n"
                        "1,1,1,true,a,\"x\ny\"\r\n2,2,nan,False,12,\r\n");
    check_loads("{csv: p.csv}", "r:f64 ... ->",
                "r:f64 n:i64 x:f64 b:bool s:str q\"q:str | 1 1 1 true a x\ny | 2 2 nan False 12 ");
    write_file("w.csv", "a,b\n1.10,007\n");
    check_loads("{csv: w.csv}", "a:f64 ...:str ->", "a:f64 b:str | 1.1 007");
    check_loads("{csv: w.csv}", "... ->", "a:f64 b:str | 1.10 007");
    write_file("id.csv", "hash,gene,n,k\n18446744073709551615,2310009E13,+7,7\n"
                         "18446744073709551614,1110008E08,-0,-7\n");
    check_loads("{csv: id.csv}", "... ->",
                "hash:f64 gene:f64 n:i64 k:i64 | 18446744073709551615 2310009E13 +7 7 | "
                "18446744073709551614 1110008E08 -0 -7");
    check_loads("{csv: id.csv}", "n:i64 gene:str ... ->",
                "hash:f64 gene:str n:i64 k:i64 | 18446744073709551615 2310009E13 7 7 | "
                "18446744073709551614 1110008E08 0 -7");
    write_file("h.csv", "a,b\n");
    check_loads("{csv: h.csv}", "a:f64 ... ->", "a:f64 b:str");
    write_file("one.csv", "z\n3\n4\n");
    check_loads("{matrix: {a: {csv: one.csv}, b: {lines: n.txt}}}", "... ->",
                "a:i64 b:str | 3 John | 3  | 3 Ben | 4 John | 4  | 4 Ben");
    write_file("big.csv", "index,r\n7,1\n");
    check_loads("{csv: big.csv}", "index:i64 ... ->", "index:i64 r:i64 | 7 1");
}
END_TEST

START_TEST(glob_is_sorted_and_can_be_opened)
{
    char expected[512];
    write_file("b[1].h5", "");
    write_file("a.h5", "");
    write_file("B.h5", "");
    write_file("c.txt", "");
    snprintf(expected, sizeof expected, "path:str | %s/B.h5 | %s/a.h5 | %s/b[1].h5", directory,
             directory, directory);
    check_loads("{glob: '*.h5'}", "path:str ->", expected);
    char odd[128], pattern[256];
    snprintf(odd, sizeof odd, "%s/[a]*", directory);
    ck_assert_int_eq(mkdir(odd, 0700), 0);
    write_file("[a]*/x", "");
    strcat(directory, "/[a]*"); // a directory whose name looks like a pattern
    snprintf(pattern, sizeof pattern, "path:str | %s/x", directory);
    check_loads("{glob: 'x*'}", "path:str ->", pattern);
    directory[strlen(directory) - strlen("/[a]*")] = '\0';
}
END_TEST

static bool reads(const char *text, double *value)
{
    struct cell in = {.type = BR_STR, .text = {text, strlen(text)}}, out;
    struct cell_room room;
    bool read = convert_cell(&in, BR_F64, &room, &out);
    *value = read ? out.f64 : 0;
    return read;
}

START_TEST(spellings_of_nan_and_infinity)
{
    static const char *const nans[] = {"nan",         "NaN",      "NAN",      "-nan",
                                       "+NaN",        ".nan",     "1.#QNAN",  "-1.#IND",
                                       "1.#SNAN",     "1.#QNAN0", "nan(ind)", "-nan(snan)",
                                       "NaN(0x7ff8)", "nan()",    ".NaN"};
    static const char *const infs[] = {"inf",      "Inf",       "INF",    "+inf", "Infinity",
                                       "INFINITY", "+Infinity", "1.#INF", ".inf", "1.#INF00"};
    static const char *const minus[] = {"-inf", "-Inf", "-INFINITY", "-1.#INF", "-.Inf"};
    static const char *const none[] = {"nano",    "infinit", "in",    "nan(",  "1.#",
                                       "1.#INFx", "--inf",   "+.nan", "nan(-)"};
    double value;
    for (size_t i = 0; i < COUNT(nans); i++)
        ck_assert_msg(reads(nans[i], &value) && isnan(value), "%s", nans[i]);
    for (size_t i = 0; i < COUNT(infs); i++)
        ck_assert_msg(reads(infs[i], &value) && value > 0 && isinf(value), "%s", infs[i]);
    for (size_t i = 0; i < COUNT(minus); i++)
        ck_assert_msg(reads(minus[i], &value) && value < 0 && isinf(value), "%s", minus[i]);
    for (size_t i = 0; i < COUNT(none); i++)
        ck_assert_msg(!reads(none[i], &value), "%s", none[i]);
}
END_TEST

START_TEST(glob_of_any_depth)
{
    char expected[1024], path[256];
    static const char *const directories[] = {"a", "a/b", "a/b/a", "-c", ".h"};
    for (size_t i = 0; i < COUNT(directories); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, directories[i]);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/x.h5", directories[i]);
        write_file(path, "");
    }
    write_file("x.h5", "");
    snprintf(path, sizeof path, "%s/a/loop", directory);
    ck_assert_int_eq(symlink("..", path), 0);
    const char *d = directory;
    snprintf(expected, sizeof expected,
             "path:str | %s/-c/x.h5 | %s/a/b/a/x.h5 | %s/a/b/x.h5 | %s/a/x.h5 | %s/x.h5", d, d, d,
             d, d);
    check_loads("{glob: '**/*.h5'}", "path:str ->", expected);
    check_loads("{glob: '**/**/x*'}", "path:str ->", expected);
    char only[256];
    snprintf(only, sizeof only, "path:str | %s/a/b/a/x.h5", d);
    snprintf(expected, sizeof expected, "path:str | %s/a/b/a/x.h5 | %s/a/b/x.h5 | %s/a/x.h5", d, d,
             d);
    check_loads("{glob: '**/b/a/x.h5'}", "path:str ->", only);
    check_loads("{glob: '**/b/**/a/x.h5'}", "path:str ->", only);
    check_loads("{glob: '**/a/**/x.h5'}", "path:str ->", expected);
    snprintf(expected, sizeof expected, "path:str | %s/a/b/a | %s/a/b/a/x.h5 | %s/a/b/x.h5", d, d,
             d);
    check_loads("{glob: 'a/b/**'}", "path:str ->", expected);
}
END_TEST

START_TEST(a_path_that_begins_with_a_dash_gets_a_dot)
{
    char here[256];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    write_file("-n.txt", "");
    write_file("b.txt", "");
    ck_assert_int_eq(chdir(directory), 0);
    char keep[sizeof directory];
    strcpy(keep, directory);
    strcpy(directory, ".");
    check_loads("{glob: '*.txt'}", "path:str ->", "path:str | ./-n.txt | b.txt");
    check_loads("{glob: '-*.txt'}", "path:str ->", "path:str | ./-n.txt");
    strcpy(directory, keep);
    ck_assert_int_eq(chdir(here), 0);
}
END_TEST

START_TEST(lines_from_standard_input)
{
    int ends[2], keep = dup(STDIN_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fd_write_all(ends[1], "x\ny", 3), 0);
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    check_loads("{lines: '-'}", "line:str ->", "line:str | x | y");
    dup2(keep, STDIN_FILENO);
    close(keep);
}
END_TEST

#define MISTAKES(inputs, signature, kind, ...)                                                     \
    do {                                                                                           \
        static const char *const expected[] = {__VA_ARGS__};                                       \
        check_mistake(inputs, signature, expected, sizeof expected / sizeof expected[0], kind);    \
    } while (0)

START_TEST(columns_must_fit_the_task)
{
    MISTAKES("{list: {radius: [1], x: [2]}}", "radios:f64 ->", BR_ERR_PLUGIN,
             "task demo.task needs column `radios` (f64); the inputs have radius, x");
    MISTAKES("{list: {radius: [1], x: [2]}}", "radios:f64 ->", BR_ERR_PLUGIN, "is `radius` meant?");
    MISTAKES("{range: 1}\n    args: {unti: cm}", "i:i64 ->", BR_ERR_USAGE,
             "task demo.task has no input `unti`");
    MISTAKES("{range: 1}\n    args: {unti: cm}", "i:i64 unit:str ->", BR_ERR_USAGE,
             "task demo.task has no input `unti`", "did you mean `unit`?\n");
    write_file("p.csv", "a,b\n1,2\n");
    MISTAKES("{csv: p.csv}", "c:i64 d:i64 ->", BR_ERR_PLUGIN,
             "column `c` (i64); the inputs have a, b", "column `d`");
    MISTAKES("{csv: p.csv}\n    args: {b: 3}", "a:i64 b:i64 ->", BR_ERR_USAGE,
             "the inputs already have a column `b`");
}
END_TEST

START_TEST(values_must_convert)
{
    MISTAKES("{list: {r: [1, abc, 2.5, true]}}", "r:i64 ->", BR_ERR_USAGE,
             "job.yaml:7:28: column `r`: \"abc\" is not an integer (i64)",
             "column `r`: 2.5 is not an integer (i64)", "column `r`: true is not an integer (i64)");
    MISTAKES("{range: {start: 0, stop: 1, step: 0.5}}", "i:i64 ->", BR_ERR_USAGE,
             "column `i`: 0.5 is not an integer (i64)");
    MISTAKES("{range: 1}\n    args: {k: yes}", "i:i64 k:bool ->", BR_ERR_USAGE,
             "job.yaml:8:15: column `k`: \"yes\" is not true or false (bool)");
    MISTAKES("{matrix: {a: [1, x], b: [2], exclude: [{b: y}], include: [{a: 1, b: z}]}}",
             "a:f64 b:f64 ->", BR_ERR_USAGE, "column `a`: \"x\" is not a number (f64)");
    MISTAKES("{matrix: {a: [1], b: [2], exclude: [{b: y}], include: [{a: 1, b: z}]}}",
             "a:f64 b:f64 ->", BR_ERR_USAGE, "column `b`: \"y\" is not a number (f64)",
             "column `b`: \"z\" is not a number (f64)");
}
END_TEST

START_TEST(files_say_where_they_are_wrong)
{
    write_file("p.csv", "r,s\n1,a\n2\nabc,b\n3,c,d\n,e\n");
    MISTAKES("{csv: p.csv}", "r:f64 ... ->", BR_ERR_USAGE,
             "/p.csv:3: 1 field, but the header has 2", "/p.csv:5: 3 fields, but the header has 2",
             "/p.csv:4: column `r`: \"abc\" is not a number (f64)",
             "/p.csv:6: column `r`: \"\" is not a number (f64)");
    write_file("q.csv", "r\n1\n\"2\n");
    MISTAKES("{csv: q.csv}", "r:f64 ->", BR_ERR_USAGE, "/q.csv:3: a quote is opened here");
    write_file("d.csv", "r,,r\n1,2,3\n");
    MISTAKES("{csv: d.csv}", "r:f64 ->", BR_ERR_USAGE, "/d.csv:1: column 2 has no name",
             "/d.csv:1: column `r` appears twice");
    write_file("e.csv", "");
    MISTAKES("{csv: e.csv}", "r:f64 ->", BR_ERR_USAGE, "e.csv: it is empty");
    MISTAKES("{csv: none.csv}", "r:f64 ->", BR_ERR_USAGE, "none.csv: No such file");
    MISTAKES("{lines: /dev/zero}", "line:str ->", BR_ERR_USAGE,
             "cannot read /dev/zero: not a regular file");
    MISTAKES("{lines: .}", "line:str ->", BR_ERR_USAGE, "not a regular file");
    write_file("u.csv", "r\xE2\x80\x8B,\xC2\xA0k,a\xEF\xBB\xBF\x62\n1,2,3\n");
    MISTAKES("{csv: u.csv}", "r:f64 ->", BR_ERR_USAGE,
             "/u.csv:1: column 1, `r\xE2\x80\x8B`, has a zero-width space (U+200B) as character 2",
             "column 2, `\xC2\xA0k`, has a no-break space (U+00A0) as character 1",
             "has a byte order mark (U+FEFF) as character 2 of its name; remove it");
    write_file("na.csv", "r\nNA\n\"\"\n 2\n3\xC2\xA0\n");
    MISTAKES("{csv: na.csv}", "r:f64 ->", BR_ERR_USAGE,
             "\"NA\" is not a number (f64); write nan for a missing number",
             "\"\" is not a number (f64); write nan",
             "\" 2\" is not a number (f64); remove the blank",
             "is not a number (f64); remove a no-break space (U+00A0)");
    MISTAKES("{glob: 'none*'}", "path:str ->", BR_ERR_USAGE, "no file matches");
    MISTAKES("{matrix: {a: {csv: p.csv}}}", "a:f64 ->", BR_ERR_USAGE, "an axis takes one column");
    char fifo[128];
    snprintf(fifo, sizeof fifo, "%s/fifo", directory);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    MISTAKES("{csv: fifo}", "r:f64 ->", BR_ERR_USAGE, "fifo: not a regular file");
}
END_TEST

START_TEST(so_many_mistakes_end_the_reading)
{
    struct fixture f;
    struct buffer text = BUFFER_EMPTY, image = BUFFER_EMPTY;
    uint64_t rows;
    buffer_text(&text, "r\n");
    for (int i = 0; i < 1000; i++)
        buffer_text(&text, "x\n");
    buffer_char(&text, '\0');
    write_file("p.csv", text.data);
    start(&f, "{csv: p.csv}", "r:f64 ->");
    ck_assert_int_eq(inputs_load(f.job, 0, &f.signature, NULL, &f.d, &image, &rows, &err), -1);
    ck_assert_uint_eq(f.d.count, DIAGNOSTICS_SHOWN);
    // Errors elsewhere do not keep good inputs from being read.
    write_file("p.csv", "r\n1\n");
    ck_assert_int_eq(inputs_load(f.job, 0, &f.signature, NULL, &f.d, &image, &rows, &err), 0);
    buffer_finish(&image);
    buffer_finish(&text);
    finish(&f);
}
END_TEST

static void make_first(struct buffer *image, struct table *t)
{
    struct cell words[2] = {{.type = BR_STR, .text = {"a", 1}}, {.type = BR_STR, .text = {"b", 1}}};
    struct table_builder *b = table_builder_create(2, &err);
    ck_assert_int_eq(table_add_range_i64(b, "index", 4, 3, &err), 0);
    ck_assert_int_eq(table_add_range_f64(b, "y", 10, 5, -1, &err), 0);
    ck_assert_int_eq(table_add_cells(b, "s", BR_STR, 1, 2, &err), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(table_add_cell(b, words[i], &err), 0);
    ck_assert_int_eq(table_builder_finish(b, image, &err), 0);
    table_builder_destroy(b);
    ck_assert_int_eq(table_open(t, image->data, image->length, &err), 0);
}

START_TEST(from_another_phase)
{
    struct fixture f;
    struct buffer first = BUFFER_EMPTY, image = BUFFER_EMPTY, shown = BUFFER_EMPTY;
    struct table t;
    struct schema columns, made;
    uint64_t rows;
    make_first(&first, &t);
    ck_assert_int_eq(results_schema_of_table(&t, &columns, &err), 0);
    start(&f, "{range: 1}", "y:f64 unit:f64 index:f64 ->");
    int result = inputs_check_from(f.job, 1, &f.signature, &columns, &f.d, &made, &err);
    ck_assert_msg(result == 0, "%s", diagnostics_text(&f.d));
    ck_assert_uint_eq(made.count, 4);
    ck_assert_int_eq(made.columns[0].type, BR_F64);
    ck_assert_str_eq(made.columns[3].name, "unit");
    schema_finish(&made);
    ck_assert_int_eq(inputs_load(f.job, 1, &f.signature, &t, &f.d, &image, &rows, &err), 0);
    ck_assert_uint_eq(rows, 2);
    show(&shown, &image);
    ck_assert_str_eq(shown.data, "index:f64 y:f64 s:str unit:f64 | 4 1 a 3 | 7 1.5 b 3");
    buffer_finish(&shown);
    buffer_finish(&image);
    schema_finish(&columns);
    buffer_finish(&first);
    finish(&f);
}
END_TEST

START_TEST(from_another_phase_types_must_fit)
{
    struct fixture f;
    struct buffer first = BUFFER_EMPTY, image = BUFFER_EMPTY;
    struct table t;
    struct schema columns;
    uint64_t rows;
    make_first(&first, &t);
    ck_assert_int_eq(results_schema_of_table(&t, &columns, &err), 0);
    start(&f, "{range: 1}", "s:f64 z:i64 unit:i64 ->");
    ck_assert_int_eq(inputs_check_from(f.job, 1, &f.signature, &columns, &f.d, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    const char *text = diagnostics_text(&f.d);
    ck_assert_msg(strstr(text, "needs column `s` as f64; phase `first` returns it as str"), "%s",
                  text);
    ck_assert_msg(strstr(text, "needs column `z` (i64); the inputs have index, y, s"), "%s", text);
    finish(&f);
    start(&f, "{range: 1}", "y:i64 unit:i64 ->");
    ck_assert_int_eq(inputs_check_from(f.job, 1, &f.signature, &columns, &f.d, NULL, &err), 0);
    ck_assert_int_eq(inputs_load(f.job, 1, &f.signature, &t, &f.d, &image, &rows, &err), -1);
    text = diagnostics_text(&f.d);
    ck_assert_msg(strstr(text, "phase `first`, task 7: column `y`: 1.5 is not an integer (i64)"),
                  "%s", text);
    ck_assert_uint_eq(f.d.count, 1);
    schema_finish(&columns);
    buffer_finish(&first);
    finish(&f);
}
END_TEST

SUITE(inputs)
{
    FIXTURE(enter, leave);
    LOOP_TEST(inputs_that_the_job_file_holds, COUNT(virtual_samples));
    TEST(a_range_is_never_stored);
    TEST(files);
    TEST(glob_is_sorted_and_can_be_opened);
    TEST(spellings_of_nan_and_infinity);
    TEST(glob_of_any_depth);
    TEST(a_path_that_begins_with_a_dash_gets_a_dot);
    TEST(lines_from_standard_input);
    TEST(columns_must_fit_the_task);
    TEST(values_must_convert);
    TEST(files_say_where_they_are_wrong);
    TEST(so_many_mistakes_end_the_reading);
    TEST(from_another_phase);
    TEST(from_another_phase_types_must_fit);
}

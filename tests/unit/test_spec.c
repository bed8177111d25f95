// SPDX-License-Identifier: BSD-3-Clause
// Job files: those in tests/specs/good are read, those in tests/specs/bad give exactly the text in
// NAME.expected. With UPDATE_EXPECTED=1 in the environment the expected texts are written instead
// of compared; look at what changed.
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "jobfile/spec.h"
#include "jobfile/spec_settings.h"
#include "model/outcome.h"
#include "support/suite.h"

static void specs_path(const char *folder, char *path, size_t size)
{
    const char *srcdir = getenv("srcdir");
    snprintf(path, size, "%s/tests/specs/%s", srcdir ? srcdir : ".", folder);
}

static int is_yaml(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && !strcmp(entry->d_name + length - 5, ".yaml");
}

// Calls `each` with every job file of the folder. Returns how many there were.
static int for_each_spec(const char *folder, void (*each)(const char *folder, const char *file))
{
    char path[1024];
    struct dirent **entries;
    specs_path(folder, path, sizeof path);
    int count = scandir(path, &entries, is_yaml, alphasort);
    ck_assert_msg(count > 0, "no job files in %s", path);
    for (int i = 0; i < count; i++) {
        each(path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void read_spec(const char *folder, const char *file, struct buffer *out)
{
    char path[2048];
    br_error err;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (fd_read_file(path, "test file", SIZE_MAX, out, &err) != 0)
        ck_abort_msg("%s", err.text);
}

// ---- The files

static void check_good(const char *folder, const char *file)
{
    struct buffer text = BUFFER_EMPTY;
    struct diagnostics d;
    br_error err = {.text = ""};
    read_spec(folder, file, &text);
    struct job *job = spec_parse(file, ".", text.data, text.length, NULL, 0, &d, &err);
    ck_assert_msg(job != NULL, "%s: %s\n%s", file, err.text, diagnostics_text(&d));
    ck_assert_str_eq(diagnostics_text(&d), "");
    ck_assert_ptr_nonnull(job->name);
    job_destroy(job);
    diagnostics_finish(&d);
    buffer_finish(&text);
}

START_TEST(good_files_are_read)
{
    ck_assert_int_ge(for_each_spec("good", check_good), 3);
}
END_TEST

static void update(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    ck_assert_int_eq(fclose(out), 0);
}

static void check_bad(const char *folder, const char *file)
{
    struct buffer text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
    struct diagnostics d;
    br_error err = {.text = ""};
    char name[256], path[2048];
    read_spec(folder, file, &text);
    struct job *job = spec_parse(file, ".", text.data, text.length, NULL, 0, &d, &err);
    ck_assert_msg(job == NULL, "%s: no error was found", file);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(d.kind, BR_ERR_USAGE);
    snprintf(name, sizeof name, "%.*s.expected", (int)(strlen(file) - 5), file);
    if (getenv("UPDATE_EXPECTED")) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        update(path, diagnostics_text(&d));
    }
    read_spec(folder, name, &expected);
    buffer_char(&expected, '\0');
    ck_assert_msg(!strcmp(expected.data, diagnostics_text(&d)), "%s:\n%s", name,
                  diagnostics_text(&d));
    diagnostics_finish(&d);
    buffer_finish(&expected);
    buffer_finish(&text);
}

START_TEST(bad_files_give_the_expected_text)
{
    ck_assert_int_ge(for_each_spec("bad", check_bad), 45);
}
END_TEST

// ---- Values that are read

static struct job *parse_with(const char *text, const struct spec_override *overrides, size_t count)
{
    struct diagnostics d;
    br_error err = {.text = ""};
    struct job *job =
        spec_parse("dir/test.yaml", "dir", text, strlen(text), overrides, count, &d, &err);
    ck_assert_msg(job != NULL, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    return job;
}

#define HEAD "version: 1\nplugins: [demo]\nphases:\n"
#define ONE  HEAD "  - {name: areas, task: demo.area, inputs: {range: 10}}\n"

START_TEST(defaults_of_a_job)
{
    struct job *job = parse_with(ONE, NULL, 0);
    ck_assert_str_eq(job->name, "test");
    ck_assert_str_eq(job->file, "dir/test.yaml");
    ck_assert_str_eq(job->directory, "dir");
    ck_assert_str_eq(job->text, ONE);
    ck_assert_uint_eq(job->workers.count, 0);
    ck_assert_int_eq(job->workers.binding, BIND_CORE);
    ck_assert_int_eq(job->workers.layout, LAYOUT_COMPACT);
    ck_assert_uint_eq(job->workers.width, 1);
    ck_assert(job->workers.membind_local && !job->workers.oversubscribe);
    ck_assert_int_eq(job->workers.start_ns, JOB_START_NS);
    ck_assert_uint_eq(job->limits.memory, JOB_UNLIMITED);
    ck_assert_uint_eq(job->limits.printed, JOB_UNLIMITED);
    const struct job_phase *p = &job->phases[0];
    ck_assert_uint_eq(job->phase_count, 1);
    ck_assert_str_eq(p->task, "demo.area");
    ck_assert_int_eq(p->mode, MODE_SYNC);
    ck_assert_uint_eq(p->batch, 1);
    ck_assert_uint_eq(p->chunk_size, 0);
    ck_assert_uint_eq(p->retries.limit, 0);
    ck_assert_uint_eq(p->retries.on, 1u << OUTCOME_ERROR | 1u << OUTCOME_CRASHED |
                                         1u << OUTCOME_TIMED_OUT | 1u << OUTCOME_OVER_LIMIT);
    ck_assert_int_eq(p->retries.max_ns, 30 * NS_PER_S);
    ck_assert_int_eq(p->reduce.kind, REDUCE_NONE);
    ck_assert_int_eq(p->on_failure.kind, FAIL_CONTINUE);
    ck_assert_ptr_null(p->output);
    ck_assert_int_eq(p->inputs.kind, INPUT_RANGE);
    ck_assert_str_eq(p->inputs.range.as, "i");
    ck_assert_uint_eq(job_range_rows(&p->inputs), 10);
    ck_assert_uint_eq(p->mark.line, 4);
    ck_assert_uint_eq(p->mark.column, 5);
    job_destroy(job);
}
END_TEST

static struct job *load_good(const char *file)
{
    char path[1024];
    struct diagnostics d;
    br_error err = {.text = ""};
    specs_path("good", path, sizeof path - 64);
    strcat(path, "/");
    strcat(path, file);
    struct job *job = spec_load(path, NULL, 0, &d, &err);
    ck_assert_msg(job != NULL, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
    return job;
}

START_TEST(every_key_has_its_field)
{
    struct job *job = load_good("everything.yaml");
    ck_assert_str_eq(job->name, "circles");
    ck_assert_uint_eq(job->workers.count, 4);
    ck_assert_int_eq(job->workers.binding, BIND_NUMA);
    ck_assert_int_eq(job->workers.layout, LAYOUT_SCATTER);
    ck_assert_uint_eq(job->workers.width, 2);
    ck_assert(!job->workers.membind_local && job->workers.oversubscribe);
    ck_assert_uint_eq(job->workers.max_tasks, 100);
    ck_assert_int_eq(job->workers.start_ns, 300 * NS_PER_S);
    ck_assert_uint_eq(job->workers.count_mark.line, 5);
    ck_assert_uint_eq(job->workers.count_mark.column, 10);
    ck_assert_str_eq(job->plugins[1].path, "./libcfd.so");
    ck_assert_uint_eq(job->plugins[1].config.count, 4);
    ck_assert_int_eq(job->plugins[1].config.items[1].value.cell.i64, 31);
    ck_assert_int_eq(job->plugins[1].config.items[3].value.cell.type, BR_BOOL);
    ck_assert_str_eq(job->env[1].value, "007");
    ck_assert_ptr_null(job->env[2].value);
    ck_assert_uint_eq(job->limits.memory, UINT64_C(2) << 30);
    ck_assert_uint_eq(job->limits.cpu_time_ns, UINT64_C(600) * NS_PER_S);
    ck_assert_uint_eq(job->limits.core_size, 0);
    const struct job_phase *mesh = &job->phases[0];
    ck_assert_int_eq(mesh->mode, MODE_ASYNC);
    ck_assert_uint_eq(job_range_rows(&mesh->inputs), 3);
    ck_assert(mesh->inputs.range.is_f64);
    ck_assert_uint_eq(mesh->batch, 10);
    ck_assert_uint_eq(mesh->chunk_size, 20);
    ck_assert_int_eq(mesh->priority, 5);
    ck_assert_uint_eq(mesh->max_parallel, 3);
    ck_assert_int_eq(mesh->expected_time_ns, 20 * 60 * NS_PER_S);
    ck_assert_int_eq(mesh->timeout.soft_ns, 50 * NS_PER_S);
    ck_assert_int_eq(mesh->timeout.hard_ns, 90 * NS_PER_S);
    ck_assert_uint_eq(mesh->retries.on, 1u << OUTCOME_CRASHED | 1u << OUTCOME_TIMED_OUT);
    ck_assert_int_eq(mesh->retries.delay_ns, 500 * NS_PER_MS);
    ck_assert_int_eq(mesh->on_failure.kind, FAIL_PERCENT);
    ck_assert(mesh->on_failure.percent == 2.5);
    ck_assert_int_eq(mesh->isolation, ISOLATE_AUTO);
    ck_assert_int_eq(mesh->reduce.kind, REDUCE_TASK);
    ck_assert_str_eq(mesh->reduce.task, "demo.total");
    ck_assert_uint_eq(mesh->reduce.fan_in, 8);
    ck_assert(mesh->keep_results);
    ck_assert_str_eq(mesh->output, "mesh.npy");
    job_destroy(job);
}
END_TEST

START_TEST(inputs_and_defaults_of_phases)
{
    struct job *job = load_good("everything.yaml");
    const struct job_phase *solve = &job->phases[1], *sweep = &job->phases[2];
    ck_assert_int_eq(solve->inputs.kind, INPUT_FROM);
    ck_assert_uint_eq(solve->inputs.from, 0);
    ck_assert_uint_eq(solve->need_count, 1);
    ck_assert_int_eq(solve->timeout.hard_ns, 0);
    ck_assert_int_eq(solve->priority, -3);
    ck_assert_int_eq(solve->on_failure.kind, FAIL_MAX);
    ck_assert_int_eq(sweep->timeout.hard_ns, 60 * NS_PER_S);
    ck_assert_uint_eq(sweep->args.count, 1);
    ck_assert_str_eq(sweep->args.items[0].value.cell.text.data, "cm");
    ck_assert_int_eq(sweep->reduce.kind, REDUCE_MEAN);
    ck_assert_uint_eq(sweep->reduce.fan_in, 64);
    ck_assert_uint_eq(sweep->inputs.matrix.axis_count, 3);
    const struct job_axis *axes = sweep->inputs.matrix.axes;
    ck_assert_str_eq(axes[0].values->list.names[0], "r");
    ck_assert_int_eq(axes[0].values->list.values[2].cell.type, BR_STR);
    ck_assert_str_eq(axes[1].values->range.as, "n");
    ck_assert_str_eq(axes[2].values->path, "bcs.txt");
    ck_assert_uint_eq(sweep->inputs.matrix.exclude_count, 1);
    ck_assert_uint_eq(sweep->inputs.matrix.include[0].columns.count, 3);
    const struct job_grid *columns = &job->phases[3].inputs.list;
    ck_assert_uint_eq(columns->rows, 2);
    ck_assert(columns->values[2].cell.f64 == 2.5); // row 1, column 0
    ck_assert_str_eq(columns->values[3].cell.text.data, "m");
    const struct job_grid *rows = &job->phases[4].inputs.list;
    ck_assert_int_eq(rows->values[2].cell.i64, 2);
    ck_assert_str_eq(rows->values[3].cell.text.data, "b");
    ck_assert_uint_eq(job->phases[3].args.count, 0);
    job_destroy(job);
}
END_TEST

// ---- Scalars: YAML 1.2's core schema

static const struct {
    const char *written;
    enum br_type type;
    double number;
    const char *text;
} scalars[] = {
    {"12", BR_I64, 12, NULL},
    {"-12", BR_I64, -12, NULL},
    {"+12", BR_I64, 12, NULL},
    {"0", BR_I64, 0, NULL},
    {"-0", BR_I64, 0, NULL},
    {"0x1F", BR_I64, 31, NULL},
    {"0o17", BR_I64, 15, NULL},
    {"1e3", BR_F64, 1000, NULL},
    {"1.", BR_F64, 1, NULL},
    {".5", BR_F64, 0.5, NULL},
    {"-.inf", BR_F64, -HUGE_VAL, NULL},
    {"1e-999", BR_F64, 0, NULL},
    {"true", BR_BOOL, 1, NULL},
    {"False", BR_BOOL, 0, NULL},
    {"no", BR_STR, 0, "no"},
    {"Yes", BR_STR, 0, "Yes"},
    {"on", BR_STR, 0, "on"},
    {"1:30", BR_STR, 0, "1:30"},
    {"1_000", BR_STR, 0, "1_000"},
    {"0b1", BR_STR, 0, "0b1"},
    {"0x", BR_STR, 0, "0x"},
    {"-0x1", BR_STR, 0, "-0x1"},
    {"0o8", BR_STR, 0, "0o8"},
    {"1e", BR_STR, 0, "1e"},
    {".", BR_STR, 0, "."},
    {"2024-01-05", BR_STR, 0, "2024-01-05"},
    {"08:30", BR_STR, 0, "08:30"},
    {"'12'", BR_STR, 0, "12"},
    {"\"true\"", BR_STR, 0, "true"},
    {"''", BR_STR, 0, ""},
    {"nan", BR_STR, 0, "nan"},
};

START_TEST(plain_scalars_follow_the_core_schema)
{
    char text[256];
    snprintf(text, sizeof text,
             HEAD "  - {name: a, task: demo.area, inputs: {range: 1}, args: {x: %s}}\n",
             scalars[_i].written);
    struct job *job = parse_with(text, NULL, 0);
    struct cell cell = job->phases[0].args.items[0].value.cell;
    ck_assert_int_eq(cell.type, scalars[_i].type);
    if (cell.type == BR_I64)
        ck_assert_int_eq(cell.i64, (int64_t)scalars[_i].number);
    else if (cell.type == BR_F64)
        ck_assert(cell.f64 == scalars[_i].number);
    else if (cell.type == BR_BOOL)
        ck_assert_int_eq(cell.boolean, scalars[_i].number != 0);
    else {
        ck_assert_str_eq(cell.text.data, scalars[_i].text);
        ck_assert_uint_eq(cell.text.length, strlen(scalars[_i].text));
    }
    job_destroy(job);
}
END_TEST

// ---- --set

START_TEST(overrides_set_values)
{
    static const struct spec_override set[] = {
        {"workers.count", "3"},
        {"workers.binding", "none"},
        {"phases.a.b.timeout", "{soft: 1s, hard: 2s}"},
        {"phases.a.retries.limit", "4"},
        {"phases.a.args.x.y", "5"},
        {"plugins.demo.path", "./demo.so"},
        {"env.LANG", "null"},
        {"name", "other"},
        {"defaults.priority", "7"},
    };
    struct job *job = parse_with("version: 1\nname: n\nplugins: [demo]\nenv:\nphases:\n"
                                 "  - {name: a, task: demo.area, inputs: {range: 1}}\n"
                                 "  - {name: a.b, task: demo.area, inputs: {range: 1}}\n",
                                 set, sizeof set / sizeof set[0]);
    ck_assert_uint_eq(job->workers.count, 3);
    ck_assert_uint_eq(job->workers.count_mark.line, 0);
    ck_assert_int_eq(job->workers.binding, BIND_NONE);
    ck_assert_int_eq(job->phases[1].timeout.soft_ns, NS_PER_S);
    ck_assert_int_eq(job->phases[0].timeout.soft_ns, 0);
    ck_assert_uint_eq(job->phases[0].retries.limit, 4);
    ck_assert_str_eq(job->phases[0].args.items[0].name, "x.y");
    ck_assert_str_eq(job->plugins[0].name, "demo");
    ck_assert_str_eq(job->plugins[0].path, "./demo.so");
    ck_assert_uint_eq(job->env_count, 1);
    ck_assert_ptr_null(job->env[0].value);
    ck_assert_str_eq(job->name, "other");
    ck_assert_int_eq(job->phases[0].priority, 7);
    job_destroy(job);
}
END_TEST

static const struct {
    const char *workers;
    struct spec_override set; // without a path: none
    unsigned count, width;
} short_workers[] = {
    {"8", {0}, 8, 1},
    {"auto", {0}, 0, 1},
    {"8", {"workers.width", "2"}, 8, 2},
    {"8", {"workers.count", "3"}, 3, 1},
    {"{count: 8, width: 2}", {"workers", "4"}, 4, 1},
};

START_TEST(workers_can_be_a_count_alone)
{
    const struct spec_override *set = &short_workers[_i].set;
    char text[256];
    snprintf(text, sizeof text,
             "version: 1\nplugins: [demo]\nworkers: %s\nphases:\n"
             "  - {name: a, task: demo.area, inputs: {range: 1}}\n",
             short_workers[_i].workers);
    struct job *job = parse_with(text, set, set->path ? 1 : 0);
    ck_assert_uint_eq(job->workers.count, short_workers[_i].count);
    ck_assert_uint_eq(job->workers.width, short_workers[_i].width);
    if (!set->path) {
        ck_assert_uint_eq(job->workers.count_mark.line, 3);
        ck_assert_uint_eq(job->workers.count_mark.column, 10);
    }
    job_destroy(job);
}
END_TEST

static const struct {
    struct spec_override set;
    const char *text;
} bad_overrides[] = {
    {{"phases.aeras.timeout", "5s"},
     "--set phases.aeras.timeout: there is no phase `aeras`; did you mean `areas`?\n"},
    {{"phases.areas.timeuot", "5s"},
     "--set phases.areas.timeuot: unknown key `timeuot` in phase `areas`; did you mean "
     "`timeout`?\n"},
    {{"phases.areas.timeout", "5"},
     "--set phases.areas.timeout: `timeout` is 5, without a unit; expected a duration (ns, us, ms, "
     "s, m, h); did you mean `5s`?\n"},
    {{"worker.count", "5"},
     "--set worker.count: unknown key `worker` in the job file; did you mean `workers`?\n"},
    {{"phases.areas", "5"},
     "--set phases.areas: the path ends at a phase; expected one of its keys; for example "
     "`phases.areas.name=...`\n"},
    {{"version.x", "5"},
     "--set version.x: `version` is a single value in the job file, not a mapping; set it as a "
     "whole: KEY={key: value, ...}\n"},
    {{"workers..x", "5"}, "--set workers..x: a part of the path is empty; write KEY.KEY=VALUE\n"},
    {{"", "5"}, "--set : a part of the path is empty; write KEY.KEY=VALUE\n"},
    {{"name", "[a"},
     "--set name: the list opened on line 1 with `[` does not continue here; add a `,` or close "
     "it with `]`\n"},
    {{"name", "\xff"}, "--set name: the value is not text; write it as UTF-8 text\n"},
};

START_TEST(bad_overrides_name_the_option)
{
    struct diagnostics d;
    br_error err;
    struct job *job =
        spec_parse("t.yaml", ".", ONE, strlen(ONE), &bad_overrides[_i].set, 1, &d, &err);
    ck_assert_ptr_null(job);
    ck_assert_str_eq(diagnostics_text(&d), bad_overrides[_i].text);
    diagnostics_finish(&d);
}
END_TEST

// ---- Limits, and what is not a job file

static void refused(const char *text, size_t length, const char *part)
{
    struct diagnostics d;
    br_error err;
    struct job *job = spec_parse("t.yaml", ".", text, length, NULL, 0, &d, &err);
    ck_assert_ptr_null(job);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_msg(strstr(diagnostics_text(&d), part) != NULL, "%s", diagnostics_text(&d));
    diagnostics_finish(&d);
}

static const struct {
    const char *piece; // repeated up to the limit of a file
    const char *part;  // of the expected message
} floods[] = {
    {"[", "nested deeper than 32 levels"},
    {"{", "expected a key, but found a mapping"},
    {"- ", "nested deeper than 32 levels"},
    {"? ", "expected a key, but found a mapping"},
    {"[a,", "nested deeper than 32 levels"},
    {"{a: ", "nested deeper than 32 levels"},
    {"- a\n", "more than 100000 values"},
    {"a: 1\n", "more than 100000 values"},
    {"x", "a text of"},
    {"\n", "the job file is empty"},
    {"#\n", "the job file is empty"},
    {"\"", "the document has ended"},
    {"a: b: ", "a `: ` that does not follow a key"},
    {"&a ", "anchors"},
    {"!", "tags"},
    {"\t", ""},
    {"%", ""},
    {"\xff", "not valid UTF-8"},
    {"\r", "the job file is empty"},
};

START_TEST(floods_are_refused)
{
    size_t piece = strlen(floods[_i].piece), length = 1024 * 1024 / piece * piece;
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    for (size_t at = 0; at < length; at += piece)
        memcpy(text + at, floods[_i].piece, piece);
    refused(text, length, floods[_i].part);
    free(text);
}
END_TEST

START_TEST(a_file_beyond_the_limit_is_refused)
{
    size_t length = 1024 * 1024 + 1;
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    memset(text, '#', length);
    refused(text, length, "t.yaml: the job file has 1048577 bytes; the limit is 1048576\n");
    free(text);
    refused("", 0, "t.yaml: the job file is empty");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    char fifo[] = "spec-fifo-XXXXXX";
    int fd = mkstemp(fifo);
    ck_assert_int_ge(fd, 0);
    close(fd);
    unlink(fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    const char *const paths[] = {fifo, "/", "/dev/zero", "/nonexistent/job.yaml"};
    for (size_t i = 0; i < 4; i++) {
        struct diagnostics d;
        br_error err = {.text = ""};
        ck_assert_ptr_null(spec_load(paths[i], NULL, 0, &d, &err));
        ck_assert_int_eq(err.kind, BR_ERR_USAGE);
        ck_assert_msg(strstr(err.text, paths[i]) != NULL, "%s", err.text);
        ck_assert_str_eq(diagnostics_text(&d), "");
        diagnostics_finish(&d);
    }
    unlink(fifo);
}
END_TEST

START_TEST(later_diagnostics_show_the_file)
{
    struct diagnostics d;
    br_error err;
    char *text = strdup(ONE);
    ck_assert_ptr_nonnull(text);
    struct job *job = spec_parse("t.yaml", ".", text, strlen(text), NULL, 0, &d, &err);
    ck_assert_ptr_nonnull(job);
    memset(text, 'x', strlen(text));
    free(text);
    diagnostics_add_plain(&d, BR_ERR_PLUGIN, "params.csv:12: too \x1b short");
    diagnostics_add(&d, BR_ERR_USAGE, (struct mark){2, 11}, 4, "it is not there", "no such plugin");
    diagnostics_add(&d, BR_ERR_USAGE, (struct mark){0, 0}, 1, NULL, "no place");
    ck_assert_str_eq(diagnostics_text(&d), "t.yaml: no place\n"
                                           "t.yaml:2:11: no such plugin\n"
                                           "    2 | plugins: [demo]\n"
                                           "      |           ^~~~ it is not there\n"
                                           "params.csv:12: too \\x1b short\n"
                                           "3 errors in t.yaml\n");
    ck_assert_int_eq(d.kind, BR_ERR_PLUGIN);
    job_destroy(job);
    diagnostics_finish(&d);
}
END_TEST

static bool is_left_out(const char *path)
{
    return strcmp(path, "phases.*.timeout") == 0;
}

// Settings are the same if only layout, comments and what is left out differ.
START_TEST(settings_are_compared_without_their_layout)
{
    static const struct {
        const char *text;
        bool same;
    } cases[] = {
        {"phases: [{name: p, args: {a: [[1, 2], [3]]}}]\n", true},
        {"# c\nphases:\n  - name: p\n    timeout: 3s\n    args:\n      a: [[1, 2], [3]]\n", true},
        {"phases: [{name: p, args: {a: [[1], [2, 3]]}}]\n", false},
        {"phases: [{name: p, args: {a: [[1, 2], ['3']]}}]\n", false},
        {"phases: [{name: p, args: {b: [[1, 2], [3]]}}]\n", false},
        {"phases: [{name: p}, {args: {a: [[1, 2], [3]]}}]\n", false},
    };
    struct buffer first = BUFFER_EMPTY;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer settings = BUFFER_EMPTY;
        br_error err;
        ck_assert_int_eq(
            spec_settings(cases[i].text, strlen(cases[i].text), is_left_out, &settings, &err), 0);
        if (i == 0)
            buffer_append(&first, settings.data, settings.length);
        bool same =
            settings.length == first.length && memcmp(settings.data, first.data, first.length) == 0;
        ck_assert_msg(same == cases[i].same, "case %zu", i);
        buffer_finish(&settings);
    }
    buffer_finish(&first);
}
END_TEST

SUITE(spec)
{
    TEST(good_files_are_read);
    TEST(bad_files_give_the_expected_text);
    TEST(defaults_of_a_job);
    TEST(every_key_has_its_field);
    TEST(inputs_and_defaults_of_phases);
    LOOP_TEST(plain_scalars_follow_the_core_schema, COUNT(scalars));
    TEST(overrides_set_values);
    LOOP_TEST(workers_can_be_a_count_alone, COUNT(short_workers));
    LOOP_TEST(bad_overrides_name_the_option, COUNT(bad_overrides));
    LOOP_TEST(floods_are_refused, COUNT(floods));
    TEST(a_file_beyond_the_limit_is_refused);
    TEST(what_is_no_file_is_refused);
    TEST(later_diagnostics_show_the_file);
    TEST(settings_are_compared_without_their_layout);
}

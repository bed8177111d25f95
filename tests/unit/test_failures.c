// SPDX-License-Identifier: BSD-3-Clause
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/golden.h"
#include "support/suite.h"
#include "views/failures.h"

static struct failures failures;
static char directory[] = "/tmp/test_failures.XXXXXX";

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    failures_init(&failures);
}

static void remove_log(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static void tear_down(void)
{
    failures_finish(&failures);
    remove_log("worker-0.out");
    remove_log("worker-0.err");
    rmdir(directory);
}

static void write_log(const char *name, const char *data, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void take(const struct event *e)
{
    ck_assert_int_eq(failures.sink.take(&failures.sink, e, NULL), 0);
}

static const struct event_task_end bill = {
    .index = 3,
    .attempt = 1,
    .status = OUTCOME_ERROR,
    .final = true,
    .duration_ns = 1200000,
    .cpu = 5,
    .inputs = "name=Bill",
    .message = "Name Error : Bill",
};

static void begin(void)
{
    take(&(struct event){.type = EVENT_PHASE_BEGIN,
                         .phase_begin = {0, "names", "demo.greet", 5, 0, 0, 0}});
    take(&(struct event){.type = EVENT_WORKER_BEGIN,
                         .worker_begin = {0, 100, {{UINT64_C(0x30)}}, 0}});
}

static void task_end(const struct event_task_end *e)
{
    take(&(struct event){.type = EVENT_TASK_END, .task_end = *e});
}

static void output(uint64_t first, uint64_t count, uint32_t stream, uint64_t offset,
                   uint64_t length)
{
    take(&(struct event){.type = EVENT_OUTPUT,
                         .output = {0, 0, first, count, 1, stream, offset, length}});
}

// In `expected`, `%` means the directory of the logs, `^` the command that runs task 3 again.
static void expect_text(const char *expected)
{
    struct buffer out = BUFFER_EMPTY, wanted = BUFFER_EMPTY;
    failures.printed = 0;
    failures_text(&failures, "a job.run", directory, &out);
    for (const char *c = expected; *c; c++) {
        if (*c == '%')
            buffer_text(&wanted, directory);
        else if (*c == '^')
            buffer_text(&wanted, "    again   batchrun task 'a job.run' names#3\n");
        else
            buffer_char(&wanted, *c);
    }
    buffer_char(&wanted, '\0');
    golden_text(&out, wanted.data);
    buffer_finish(&wanted);
}

START_TEST(no_failure_no_text)
{
    begin();
    expect_text("");
}
END_TEST

START_TEST(a_failure_with_its_output)
{
    static const char log[] = "of task 2\nhello\n\x1b[31mred\nof task 4\n";
    write_log("worker-0.err", log, sizeof log - 1);
    write_log("worker-0.out", "no newline", 10);
    begin();
    output(2, 1, 2, 0, 10);
    output(3, 1, 2, 10, 15); // before the outcome
    task_end(&bill);
    output(3, 1, 1, 0, 10); // after it
    output(4, 1, 2, 25, 10);
    expect_text("names#3 error: Name Error : Bill\n"
                "    inputs  name=Bill\n"
                "    ran     in worker 0 (cpus 4-5) on cpu 5 for 1.2 ms, attempt 1\n"
                "    stderr  %/worker-0.err\n"
                "      | hello\n"
                "      | \\x1b[31mred\n"
                "    stdout  %/worker-0.out\n"
                "      | no newline\n"
                "^\n");
}
END_TEST

START_TEST(only_the_last_lines)
{
    struct buffer log = BUFFER_EMPTY;
    for (int i = 1; i <= 20; i++)
        buffer_format(&log, "line %d\n", i);
    for (int i = 0; i < 300; i++)
        buffer_text(&log, "\xC3\xA4");
    buffer_text(&log, "\n\n");
    write_log("worker-0.err", log.data, log.length);
    begin();
    task_end(&bill);
    output(2, 4, 2, 0, log.length);
    struct buffer wanted = BUFFER_EMPTY;
    buffer_text(&wanted, "names#3 error: Name Error : Bill\n"
                         "    inputs  name=Bill\n"
                         "    ran     in worker 0 (cpus 4-5) on cpu 5 for 1.2 ms, attempt 1\n"
                         "    stderr  %/worker-0.err (tasks 2 to 5)\n"
                         "      | line 15\n      | line 16\n      | line 17\n"
                         "      | line 18\n      | line 19\n      | line 20\n      | ");
    for (int i = 0; i < 200; i++)
        buffer_text(&wanted, "\xC3\xA4");
    buffer_text(&wanted, "...\n      | \n^\n");
    buffer_char(&wanted, '\0');
    expect_text(wanted.data);
    buffer_finish(&wanted);
    buffer_finish(&log);
}
END_TEST

START_TEST(a_log_that_differs_from_the_journal)
{
    begin();
    task_end(&bill);
    output(3, 1, 2, 0, 10);
    static const char title[] =
        "names#3 error: Name Error : Bill\n"
        "    inputs  name=Bill\n"
        "    ran     in worker 0 (cpus 4-5) on cpu 5 for 1.2 ms, attempt 1\n"
        "    stderr  %/worker-0.err";
    char wanted[512];
    snprintf(wanted, sizeof wanted, "%s: cannot be read: No such file or directory\n^\n", title);
    expect_text(wanted);
    write_log("worker-0.err", "short", 5);
    snprintf(wanted, sizeof wanted, "%s\n      | short\n^\n", title);
    expect_text(wanted);
    output(3, 1, 2, UINT64_MAX - 4, UINT64_MAX);
    struct buffer out = BUFFER_EMPTY;
    failures.printed = 0;
    failures_text(&failures, "a job.run", directory, &out);
    buffer_finish(&out);
    remove_log("worker-0.err");
    char path[64];
    snprintf(path, sizeof path, "%s/worker-0.err", directory);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    failures.printed = 0;
    failures_text(&failures, "a job.run", directory, &out);
    buffer_char(&out, '\0');
    ck_assert_ptr_nonnull(strstr(out.data, "cannot be read: Too many levels of symbolic links"));
    buffer_finish(&out);
}
END_TEST

START_TEST(output_of_other_tasks_is_not_shown)
{
    write_log("worker-0.err", "0123456789", 10);
    begin();
    output(3, 1, 2, 0, 5);
    struct event_task_end retried = bill;
    retried.attempt = 2;
    task_end(&retried); // it does not have the output of the first attempt
    expect_text("names#3 error: Name Error : Bill\n"
                "    inputs  name=Bill\n"
                "    ran     in worker 0 (cpus 4-5) on cpu 5 for 1.2 ms, attempt 2\n"
                "^\n");
}
END_TEST

// Compares the titles of the blocks of all failures that were not printed yet, and of the rest.
static void expect_titles(const char *expected)
{
    struct buffer out = BUFFER_EMPTY;
    failures_text(&failures, "a job.run", NULL, &out);
    failures_rest(&failures, "a job.run", &out);
    buffer_char(&out, '\0');
    struct buffer titles = BUFFER_EMPTY;
    for (char *line = out.data, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        if (*line != '\n' && strncmp(line, "    inputs", 10) != 0 &&
            strncmp(line, "    ran", 7) != 0 && strncmp(line, "    again", 9) != 0)
            buffer_append(&titles, line, (size_t)(next - line));
    }
    golden_text(&titles, expected);
    buffer_finish(&out);
}

static void fail_with(uint64_t index, const char *message)
{
    struct event_task_end e = bill;
    e.index = index;
    e.message = message;
    task_end(&e);
}

START_TEST(alike_but_for_numbers)
{
    begin();
    fail_with(0, "residual -1.5e-3 after 10 steps\nat 0x1");
    fail_with(1, "residual 2 after 1000 steps\nat 0x2");
    fail_with(2, "residual nan after 10 steps");
    fail_with(3, "residual 7 after 10 steps of 20");
    fail_with(4, "residual -7e+30 after 5 steps");
    struct event_task_end e = bill;
    e.message = "residual 1 after 1 steps";
    e.status = OUTCOME_CRASHED;
    task_end(&e);
    expect_titles("names#0 error: residual -1.5e-3 after 10 steps\n    at 0x1\n"
                  "names#2 error: residual nan after 10 steps\n"
                  "names#3 error: residual 7 after 10 steps of 20\n"
                  "names#3 crashed: residual 1 after 1 steps\n"
                  "and 2 more: batchrun show --failed 'a job.run' lists all\n"
                  "        2 like names#0: #1, #4\n");
    ck_assert(!failures_pending(&failures));
    fail_with(5, "residual unknown");
    ck_assert(failures_pending(&failures));
    expect_titles("names#5 error: residual unknown\n" // each is written once
                  "and 2 more: batchrun show --failed 'a job.run' lists all\n"
                  "        2 like names#0: #1, #4\n");
}
END_TEST

START_TEST(the_first_ten_and_a_count)
{
    begin();
    struct event_task_end e = bill;
    char message[8] = "a";
    for (uint64_t i = 0; i < 1047; i++) {
        e.index = i;
        e.message = message;
        message[0] = (char)('a' + i % 12);
        e.final = false;
        task_end(&e);
        e.final = true;
        task_end(&e);
    }
    e.status = OUTCOME_SKIPPED;
    task_end(&e);
    e.status = OUTCOME_CANCELLED;
    task_end(&e);
    e.status = OUTCOME_OK;
    task_end(&e);
    ck_assert_uint_eq(failures.count, 1047);
    struct buffer out = BUFFER_EMPTY;
    failures_text(&failures, "a job.run", NULL, &out);
    failures_rest(&failures, "a job.run", &out);
    buffer_char(&out, '\0');
    ck_assert_ptr_nonnull(strstr(out.data, "names#9 "));
    ck_assert_ptr_null(strstr(out.data, "names#10 "));
    ck_assert_ptr_nonnull(
        strstr(out.data, "\n\nand 1 037 more: batchrun show --failed 'a job.run' lists all\n"
                         "       87 like names#0: #12, #24, #36, #48, #60, ...\n"));
    ck_assert_ptr_nonnull(
        strstr(out.data,
               "       86 like names#9: #21, #33, #45, #57, #69, ...\n      174 unlike these\n\n"));
    buffer_finish(&out);
}
END_TEST

// Tasks of phase 0 that are not in `spans` run again.
static void keep(const struct event_span *spans, size_t count)
{
    take(&(struct event){
        .type = EVENT_PHASE_KEEP,
        .phase_keep = {.phase = 0, .tasks = 100, .spans = spans, .span_count = count}});
}

START_TEST(failures_that_stay_when_others_run_again)
{
    begin();
    for (uint64_t i = 0; i < 9; i++)
        fail_with(i, i == 4 ? "another" : "bad row 1");
    keep((struct event_span[]){{1, 8}}, 1);
    ck_assert_uint_eq(failures.count, 8);
    expect_titles("names#1 error: bad row 1\n"
                  "names#4 error: another\n"
                  "and 6 more: batchrun show --failed 'a job.run' lists all\n"
                  "        6 like names#1: #2, #3, #5, #6, #7, ...\n");
    failures.printed = 0;
    keep((struct event_span[]){{3, 1}, {5, 1}}, 2);
    expect_titles("names#3 error: bad row 1\n"
                  "and 1 more: batchrun show --failed 'a job.run' lists all\n"
                  "        1 like names#3: #5\n");
    failures.printed = 0;
    keep(NULL, 0);
    ck_assert_uint_eq(failures.count, 0);
    expect_titles("");
}
END_TEST

START_TEST(one_stays_though_most_run_again)
{
    begin();
    for (uint64_t i = 0; i < 100; i++)
        fail_with(i, "bad row 1");
    keep((struct event_span[]){{50, 50}}, 1);
    expect_titles("names#64 error: bad row 1\n"
                  "and 49 more: batchrun show --failed 'a job.run' lists all\n"
                  "       49 like names#64: #50, #51, #52, #53, #54, ...\n");
}
END_TEST

START_TEST(a_phase_that_begins_again_has_no_failures)
{
    begin();
    fail_with(1, "bad");
    fail_with(2, "bad");
    begin();
    ck_assert_uint_eq(failures.count, 0);
    expect_titles("");
}
END_TEST

START_TEST(workers_and_cpus_that_are_not_known)
{
    struct event_task_end e = bill;
    e.worker = UINT32_MAX;
    e.inputs = "";
    e.message = "the worker could not be started\n\x07";
    task_end(&e);
    e.worker = 7;
    e.cpu = -1;
    e.message = "";
    task_end(&e);
    expect_text("phase 0#3 error: the worker could not be started\n"
                "    \\x07\n"
                "    ran     never\n"
                "\n"
                "phase 0#3 error\n"
                "    ran     in worker 7 for 1.2 ms, attempt 1\n"
                "\n");
}
END_TEST

static void expect_cause(struct event_task_end e, const char *expected)
{
    struct buffer out = BUFFER_EMPTY;
    failure_cause(&out, &e);
    golden_text(&out, expected);
}

START_TEST(causes_as_text)
{
    expect_cause(
        (struct event_task_end){.status = OUTCOME_CRASHED, .signal = SIGSEGV, .message = ""},
        "crashed: SIGSEGV (segmentation fault)");
    expect_cause((struct event_task_end){.status = OUTCOME_CRASHED, .signal = 34, .message = ""},
                 "crashed: SIGRTMIN+0");
    expect_cause((struct event_task_end){.status = OUTCOME_CRASHED, .message = ""},
                 "crashed: exit(0) was called");
    expect_cause((struct event_task_end){.status = OUTCOME_CRASHED,
                                         .signal = SIGKILL,
                                         .message = "SIGKILL: it was\nwhat it was"},
                 "crashed: SIGKILL: it was");
    expect_cause((struct event_task_end){.status = OUTCOME_TIMED_OUT,
                                         .duration_ns = 5 * NS_PER_S,
                                         .message = ""},
                 "timed out after 5 s");
    expect_cause((struct event_task_end){.status = OUTCOME_OVER_LIMIT, .message = "memory, 2 GiB"},
                 "over limit: memory, 2 GiB");
}
END_TEST

START_TEST(for_programs)
{
    begin();
    task_end(&bill);
    struct buffer out = BUFFER_EMPTY;
    struct json j;
    json_init(&j, &out, false);
    json_begin_array(&j, NULL);
    failures_json(&failures, &j);
    json_end_array(&j);
    golden_text(&out,
                "[{\"phase\":\"names\",\"index\":3,\"outcome\":\"error\","
                "\"cause\":\"error: Name Error : Bill\",\"message\":\"Name Error : Bill\","
                "\"inputs\":\"name=Bill\",\"alike\":0,\"attempt\":1,\"worker\":0,\"cpus\":\"4-"
                "5\",\"cpu\":5,"
                "\"start_seconds\":0.000000,\"duration_seconds\":0.001200}]");
}
END_TEST

SUITE(failures)
{
    FIXTURE(set_up, tear_down);
    TEST(no_failure_no_text);
    TEST(a_failure_with_its_output);
    TEST(only_the_last_lines);
    TEST(a_log_that_differs_from_the_journal);
    TEST(output_of_other_tasks_is_not_shown);
    TEST(alike_but_for_numbers);
    TEST(the_first_ten_and_a_count);
    TEST(failures_that_stay_when_others_run_again);
    TEST(one_stays_though_most_run_again);
    TEST(a_phase_that_begins_again_has_no_failures);
    TEST(workers_and_cpus_that_are_not_known);
    TEST(causes_as_text);
    TEST(for_programs);
}

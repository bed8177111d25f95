// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "support/golden.h"
#include "support/suite.h"
#include "views/summary.h"

static struct summary summary;
static struct failures failures;

static void take(const struct event *e)
{
    ck_assert_int_eq(summary.sink.take(&summary.sink, e, NULL), 0);
    ck_assert_int_eq(failures.sink.take(&failures.sink, e, NULL), 0);
}

static void set_up(void)
{
    summary_init(&summary);
    failures_init(&failures);
}

static void tear_down(void)
{
    summary_finish(&summary);
    failures_finish(&failures);
}

static void run_begin(uint32_t workers, uint32_t phases)
{
    take(&(struct event){.type = EVENT_RUN_BEGIN,
                         .run_begin = {"circles", "/home/a/circles.yaml", "0.1.0", "node7",
                                       INT64_C(1700000000123456789), workers, phases, "", ""}});
    for (uint32_t i = 0; i < workers; i++)
        take(&(struct event){.type = EVENT_WORKER_BEGIN,
                             .time_ns = NS_PER_MS,
                             .worker_begin = {i, 100, {{UINT64_C(3) << (2 * i)}}, 0}});
}

static void phase_begin(uint32_t phase, const char *name, uint64_t tasks, int64_t ms)
{
    take(&(struct event){.type = EVENT_PHASE_BEGIN,
                         .time_ns = ms * NS_PER_MS,
                         .phase_begin = {phase, name, "demo.area", tasks, 0, 0, 0}});
}

static void tasks_ok(uint32_t phase, uint32_t worker, uint64_t count, int64_t from_ms,
                     int64_t to_ms)
{
    take(&(struct event){
        .type = EVENT_TASKS_OK,
        .time_ns = to_ms * NS_PER_MS,
        .tasks_ok = {phase, worker, 0, 0, count, from_ms * NS_PER_MS, NULL, NULL, 0}});
}

static void task_end(uint32_t phase, uint32_t worker, enum outcome_status status, bool final,
                     int64_t ms)
{
    take(&(struct event){.type = EVENT_TASK_END,
                         .time_ns = ms * NS_PER_MS,
                         .task_end = {.phase = phase,
                                      .worker = worker,
                                      .index = 3,
                                      .status = status,
                                      .final = final,
                                      .duration_ns = 10 * NS_PER_MS,
                                      .cpu = -1,
                                      .inputs = "name=Bill",
                                      .message = "Name Error : Bill"}});
}

static void phase_end(uint32_t phase, enum phase_end how, uint64_t skipped, int64_t ms)
{
    take(&(struct event){
        .type = EVENT_PHASE_END, .time_ns = ms * NS_PER_MS, .phase_end = {phase, how, skipped}});
}

static void run_end(int exit_status, const char *reason, int64_t ms)
{
    take(&(struct event){
        .type = EVENT_RUN_END, .time_ns = ms * NS_PER_MS, .run_end = {exit_status, reason}});
}

static void expect_text(const char *expected)
{
    struct buffer out = BUFFER_EMPTY;
    summary_text(&summary, &out);
    golden_text(&out, expected);
}

START_TEST(a_good_run)
{
    run_begin(2, 2);
    phase_begin(0, "areas", 1234567, 100);
    tasks_ok(0, 0, 617283, 100, 2100);
    tasks_ok(0, 1, 617284, 200, 1900);
    phase_end(0, PHASE_ENDED, 0, 2100);
    phase_begin(1, "sum", 1, 2100);
    tasks_ok(1, 1, 1, 2100, 2150);
    phase_end(1, PHASE_ENDED, 0, 2150);
    run_end(0, "finished", 2200);
    expect_text("phase      tasks         ok   time  tasks/s  busy\n"
                "areas  1 234 567  1 234 567    2 s  617 284   92%\n"
                "sum            1          1  50 ms     20.0   50%\n"
                "\n"
                "all 1 234 568 tasks succeeded (2.2 s, 2 workers)\n");
}
END_TEST

static void bad_run(void)
{
    run_begin(1, 4);
    phase_begin(0, "names", 5, 0);
    tasks_ok(0, 0, 4, 0, 20);
    task_end(0, 0, OUTCOME_CRASHED, false, 30);
    task_end(0, 0, OUTCOME_ERROR, true, 40);
    phase_end(0, PHASE_ENDED, 0, 40);
    phase_begin(1, "l\xC3\xA4ngste", 100, 40);
    task_end(1, 0, OUTCOME_TIMED_OUT, true, 50);
    task_end(1, 0, OUTCOME_OVER_LIMIT, true, 60);
    task_end(1, UINT32_MAX, OUTCOME_CANCELLED, true, 60);
    phase_end(1, PHASE_STOPPED, 97, 60);
    phase_begin(2, "rest", 3, 60);
    phase_end(2, PHASE_SKIPPED, 3, 60);
    run_end(3, "finished", 61);
}

START_TEST(a_bad_run)
{
    bad_run();
    expect_text(
        "phase    tasks  ok  error  timed out  over limit  cancelled  skipped  retries   "
        "time  tasks/s  busy\n"
        "names        5   4      1          -           -          -        -        1  "
        "40 ms      125  100%\n"
        "l\xC3\xA4ngste    100   -      -          1           1          1       97        -  "
        "20 ms      100  100%  stopped\n"
        "rest         3   -      -          -           -          -        3        -      "
        "-        -     -  not started\n"
        "\n"
        "4 of 108 tasks succeeded: 1 error, 1 timed out, 1 over limit, 1 cancelled, 100 "
        "skipped (61 ms, 1 worker)\n");
}
END_TEST

START_TEST(a_run_that_did_not_finish)
{
    run_begin(2, 1);
    expect_text("the run has not ended: there was no task to run (1 ms, 2 workers)\n");
    phase_begin(0, "areas", 10, 0);
    tasks_ok(0, 0, 5, 0, 10);
    expect_text("phase  tasks  ok   time  tasks/s  busy\n"
                "areas     10   5  10 ms      500   50%  not ended\n"
                "\n"
                "the run has not ended: 5 of 10 tasks succeeded (10 ms, 2 workers)\n");
    phase_end(0, PHASE_STOPPED, 5, 20);
    run_end(5, "interrupted by SIGINT", 20);
    expect_text("phase  tasks  ok  skipped   time  tasks/s  busy\n"
                "areas     10   5        5  20 ms      250   25%  stopped\n"
                "\n"
                "interrupted by SIGINT: 5 of 10 tasks succeeded: 5 skipped (20 ms, 2 workers)\n");
}
END_TEST

START_TEST(busy_time_comes_from_durations_if_they_are_known)
{
    run_begin(1, 1);
    phase_begin(0, "a", 4, 0);
    uint32_t durations[] = {1000000, 2000000};
    struct event e = {.type = EVENT_TASKS_OK,
                      .time_ns = 50 * NS_PER_MS,
                      .tasks_ok = {0, 0, 0, 0, 2, 0, durations, NULL, 0}};
    take(&e);
    ck_assert_int_eq(summary.phases[0].busy_ns, 3 * NS_PER_MS);
    // Of a duration that did not fit is only known that it was long.
    durations[0] = UINT32_MAX;
    take(&e);
    ck_assert_int_eq(summary.phases[0].busy_ns, 53 * NS_PER_MS);
    ck_assert_int_eq(summary.workers[0].busy_ns, 53 * NS_PER_MS);
    ck_assert_uint_eq(summary.workers[0].tasks, 4);
}
END_TEST

START_TEST(absurd_numbers_are_survived)
{
    phase_begin(UINT32_MAX, "x", 1, 0);
    take(&(struct event){.type = EVENT_WORKER_BEGIN, .worker_begin = {.worker = UINT32_MAX}});
    ck_assert(summary.failed);
    struct buffer out = BUFFER_EMPTY;
    br_error err;
    ck_assert_int_eq(summary_json(&summary, &failures, &out, &err), -1);
    buffer_finish(&out);
}
END_TEST

START_TEST(for_programs)
{
    bad_run();
    struct buffer out = BUFFER_EMPTY;
    br_error err;
    ck_assert_int_eq(summary_json(&summary, &failures, &out, &err), 0);
    buffer_char(&out, '\0');
    static const char head[] = "{\n"
                               "  \"version\": 1,\n"
                               "  \"name\": \"circles\",\n"
                               "  \"job\": \"/home/a/circles.yaml\",\n"
                               "  \"host\": \"node7\",\n"
                               "  \"batchrun\": \"0.1.0\",\n"
                               "  \"limits\": \"\",\n"
                               "  \"exit_status\": 3,\n"
                               "  \"reason\": \"finished\",\n"
                               "  \"started\": \"2023-11-14T22:13:20.123Z\",\n"
                               "  \"wall_seconds\": 0.061000,\n"
                               "  \"workers\": [\n"
                               "    {\n"
                               "      \"worker\": 0,\n"
                               "      \"cpus\": \"0-1\",\n"
                               "      \"starts\": 1,\n"
                               "      \"tasks\": 8,\n"
                               "      \"busy_seconds\": 0.060000\n"
                               "    }\n"
                               "  ],\n"
                               "  \"phases\": [\n"
                               "    {\n"
                               "      \"name\": \"names\",\n"
                               "      \"task\": \"demo.area\",\n"
                               "      \"how\": \"ended\",\n"
                               "      \"tasks\": 5,\n"
                               "      \"outcomes\": {\n"
                               "        \"ok\": 4,\n"
                               "        \"error\": 1,\n"
                               "        \"crashed\": 0,\n"
                               "        \"timed_out\": 0,\n"
                               "        \"over_limit\": 0,\n"
                               "        \"cancelled\": 0,\n"
                               "        \"skipped\": 0\n"
                               "      },\n"
                               "      \"retries\": 1,\n"
                               "      \"start_seconds\": 0.000000,\n"
                               "      \"end_seconds\": 0.040000,\n"
                               "      \"wall_seconds\": 0.040000,\n"
                               "      \"tasks_per_second\": 125,\n"
                               "      \"busy_seconds\": 0.040000,\n"
                               "      \"busy\": 1\n"
                               "    },\n";
    ck_assert_uint_gt(out.length, sizeof head);
    ck_assert_int_eq(strncmp(out.data, head, sizeof head - 1), 0);
    ck_assert_ptr_nonnull(strstr(out.data, "\"how\": \"skipped\""));
    static const char tail[] = "      \"outcome\": \"timed_out\",\n"
                               "      \"cause\": \"timed out after 10 ms: Name Error : Bill\",\n";
    ck_assert_ptr_nonnull(strstr(out.data, tail));
    static const char end[] = "\n  ]\n}\n";
    ck_assert_str_eq(out.data + out.length - sizeof end, end);
    buffer_finish(&out);
}
END_TEST

// The numbers of reductions have gaps for phases without one.
START_TEST(numbers_without_a_phase_are_not_shown)
{
    run_begin(1, 2);
    phase_begin(0, "areas", 1, 0);
    phase_begin(3, "areas (reduce)", 1, 0);
    struct buffer text = BUFFER_EMPTY;
    br_error err;
    summary_text(&summary, &text);
    ck_assert_int_eq(summary_json(&summary, NULL, &text, &err), 0);
    buffer_char(&text, '\0');
    ck_assert_ptr_null(strstr(text.data, "phase 1"));
    ck_assert_ptr_null(strstr(text.data, "\"name\": null"));
    ck_assert_ptr_nonnull(strstr(text.data, "\nareas  "));
    ck_assert_ptr_nonnull(strstr(text.data, "\nareas (reduce)  "));
    buffer_finish(&text);
}
END_TEST

// Cancelled and skipped tasks run again. Failed tasks stay failed, or become attempts that were not
// the last.
START_TEST(a_resumed_run_counts_every_task_once)
{
    for (int retry_failed = 0; retry_failed <= 1; retry_failed++) {
        set_up();
        run_begin(2, 2);
        phase_begin(0, "areas", 10, 0);
        tasks_ok(0, 0, 4, 0, 10);
        task_end(0, 1, OUTCOME_CRASHED, true, 10);
        task_end(0, 0, OUTCOME_CANCELLED, true, 10);
        take(&(struct event){.type = EVENT_PHASE_END, .phase_end = {0, PHASE_STOPPED, 4}});
        take(&(struct event){.type = EVENT_RUN_END, .run_end = {5, "interrupted"}});
        ck_assert_uint_eq(failures.count, 1);
        take(&(struct event){.type = EVENT_RUN_RESUME,
                             .run_resume = {.workers = 3, .retry_failed = retry_failed}});
        const struct summary_phase *p = &summary.phases[0];
        ck_assert(!summary.ended && !p->ended);
        ck_assert_uint_eq(summary.worker_slots, 3);
        ck_assert_uint_eq(p->outcomes[OUTCOME_OK], 4);
        ck_assert_uint_eq(p->outcomes[OUTCOME_CANCELLED] + p->outcomes[OUTCOME_SKIPPED], 0);
        ck_assert_uint_eq(p->outcomes[OUTCOME_CRASHED], retry_failed ? 0 : 1);
        ck_assert_uint_eq(p->retries, retry_failed ? 1 : 0);
        ck_assert_uint_eq(failures.count, retry_failed ? 0 : 1);
        // A phase that starts again has no results yet.
        phase_begin(0, "areas", 12, 20);
        ck_assert_uint_eq(summary.phases[0].outcomes[OUTCOME_OK], 0);
        ck_assert_uint_eq(summary.phases[0].tasks, 12);
        tear_down();
    }
    set_up();
}
END_TEST

static void accept(const char *what, int64_t old_s, int64_t new_s, int64_t wall_s)
{
    take(&(struct event){.type = EVENT_ACCEPT,
                         .accept = {.what = what,
                                    .name = "",
                                    .old_hash = 1,
                                    .new_hash = 2,
                                    .old_ns = old_s * NS_PER_S,
                                    .new_ns = new_s * NS_PER_S,
                                    .wall_ns = wall_s * NS_PER_S,
                                    .detail = ""}});
}

static void expect_history(const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    summary_history(&summary, &text);
    buffer_char(&text, '\0');
    ck_assert_str_eq(text.data, expected);
    buffer_finish(&text);
}

START_TEST(rows_are_counted_by_what_made_them)
{
    setenv("TZ", "UTC", 1);
    tzset();
    take(&(struct event){.type = EVENT_SOURCE,
                         .source = {"plugin demo", "/demo.so", 1, 1000 * NS_PER_S}});
    run_begin(2, 2);
    phase_begin(0, "areas", 100, 0);
    tasks_ok(0, 0, 90, 0, 10);
    task_end(0, 0, OUTCOME_ERROR, true, 10);
    expect_history("");
    take(&(struct event){.type = EVENT_RUN_RESUME,
                         .run_resume = {.workers = 2, .retry_failed = true}});
    accept("plugin demo", 1000, 2000, 3000);
    tasks_ok(0, 0, 10, 10, 20);
    const char *by_plugin = "accepted 1970-01-01 00:50:00: plugin demo of 1970-01-01 00:33:20, was "
                            "of 1970-01-01 00:16:40\n"
                            "areas: 90 rows by the plugin of 1970-01-01 00:16:40, 10 by that of "
                            "1970-01-01 00:33:20\n";
    expect_history(by_plugin);
    // Of 95 rows whose inputs are the same, 86 come from before, and 9 from after.
    const struct event_span spans[] = {{5, 95}};
    const struct event_made made[] = {{0, 86}, {1, 9}};
    struct event keep = {
        .type = EVENT_PHASE_KEEP,
        .phase_keep = {
            .tasks = 100, .spans = spans, .span_count = 1, .made = made, .made_count = 2}};
    keep.phase_keep.outcomes[OUTCOME_OK] = 95;
    take(&keep);
    ck_assert_uint_eq(summary.phases[0].outcomes[OUTCOME_OK], 95);
    accept("inputs of phase areas", 0, 0, 4000);
    tasks_ok(0, 0, 5, 20, 30);
    struct buffer text = BUFFER_EMPTY;
    summary_history(&summary, &text);
    buffer_char(&text, '\0');
    ck_assert_ptr_nonnull(strstr(text.data, "areas: 86 rows by the plugin of 1970-01-01 00:16:40, "
                                            "14 by that of 1970-01-01 00:33:20\n"));
    buffer_finish(&text);
    keep.phase_keep = (struct event_phase_keep){.dropped = true};
    take(&keep);
    ck_assert_ptr_null(summary.phases[0].name);
}
END_TEST

SUITE(summary)
{
    FIXTURE(set_up, tear_down);
    TEST(a_good_run);
    TEST(a_bad_run);
    TEST(a_run_that_did_not_finish);
    TEST(busy_time_comes_from_durations_if_they_are_known);
    TEST(absurd_numbers_are_survived);
    TEST(for_programs);
    TEST(a_resumed_run_counts_every_task_once);
    TEST(numbers_without_a_phase_are_not_shown);
    TEST(rows_are_counted_by_what_made_them);
}

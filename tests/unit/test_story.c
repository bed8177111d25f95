// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "jobfile/spec.h"
#include "support/golden.h"
#include "support/suite.h"
#include "views/slowest.h"
#include "views/story.h"

static const char text[] = "version: 1\n"
                           "name: job\n"
                           "plugins: [demo]\n"
                           "phases:\n"
                           "  - {name: mesh, task: demo.square, inputs: {range: 8}}\n"
                           "  - name: solve\n"
                           "    task: demo.square\n"
                           "    inputs: {range: 8}\n"
                           "    retries: {limit: 5, backoff: {delay: 2s, factor: 2, max: 5s}}\n";

static struct job *job;
static struct story story;
static struct task_name name;
static char path[] = "job.run", logs[] = "job.run/logs";
static const struct rundir run = {.path = path, .logs_path = logs, .fd = -1};

static void set_up(void)
{
    struct diagnostics d;
    job = spec_parse("job.yaml", ".", text, strlen(text), NULL, 0, &d, NULL);
    diagnostics_finish(&d);
    ck_assert_ptr_nonnull(job);
}

static void tear_down(void)
{
    story_finish(&story);
    job_destroy(job);
}

static void tell(const struct event *e)
{
    ck_assert_int_eq(story.sink.take(&story.sink, e, NULL), 0);
}

static void ask_about(const char *task)
{
    ck_assert(task_name_parse(task, &name));
    story_init(&story, &name);
}

static void phase_begins(uint32_t phase, const char *called)
{
    tell(&(struct event){.type = EVENT_PHASE_BEGIN,
                         .phase_begin = {phase, called, "demo.square", 8, 0, 0, 0}});
}

static void phase_ends(uint32_t phase, enum phase_end how)
{
    tell(&(struct event){.type = EVENT_PHASE_END, .phase_end = {phase, how, 0}});
}

static void task_fails(uint32_t phase, uint64_t index, uint32_t attempt, bool final)
{
    tell(&(struct event){.type = EVENT_TASK_END,
                         .task_end = {.phase = phase,
                                      .index = index,
                                      .attempt = attempt,
                                      .status = OUTCOME_ERROR,
                                      .final = final,
                                      .start_ns = 3 * NS_PER_S,
                                      .duration_ns = NS_PER_MS,
                                      .cpu_ns = -1,
                                      .peak_memory = -1,
                                      .cpu = -1,
                                      .inputs = "i=1",
                                      .message = "no\x1b"}});
}

static void expect(const char *wanted)
{
    struct buffer out = BUFFER_EMPTY;
    br_error err = {0};
    ck_assert_msg(story_text(&story, job, &run, &out, &err) == 0, "%s", err.text);
    golden_text(&out, wanted);
}

START_TEST(tasks_have_names)
{
    static const struct {
        const char *text;
        size_t phase_length;
        uint64_t index;
    } good[] = {{"a#0", 1, 0}, {"areas#17", 5, 17}, {"areas (reduce)#3", 14, 3}, {"a#b#2", 3, 2}};
    static const char *const bad[] = {
        "", "a", "#1", "a#", "a#-1", "a#1x", "a#01", "a# 1", "a#99999999999999999999"};
    for (int i = 0; i < COUNT(good); i++) {
        ck_assert(task_name_parse(good[i].text, &name));
        ck_assert_uint_eq(name.phase_length, good[i].phase_length);
        ck_assert_uint_eq(name.index, good[i].index);
    }
    for (int i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!task_name_parse(bad[i], &name), "%s", bad[i]);
}
END_TEST

START_TEST(a_phase_waits_for_those_before_it)
{
    ask_about("solve#1");
    expect("solve#1 not started yet: its phase waits for mesh to end\n");
    phase_begins(0, "mesh");
    phase_ends(0, PHASE_ENDED);
    expect("solve#1 not started yet: its phase is about to start\n");
    phase_begins(1, "solve");
    expect("solve#1 not ended yet: it waits for a worker, or has started (0 of the phase's 8 tasks "
           "have ended)\n");
    phase_ends(1, PHASE_STOPPED);
    expect("solve#1 never started: its phase was stopped or skipped\n");
}
END_TEST

START_TEST(a_retry_waits_for_its_back_off)
{
    static const char first[] = "solve#1 error: no\\x1b (tried again)\n"
                                "    started 3 s into the run\n"
                                "    inputs  i=1\n"
                                "    ran     in worker 0 for 1 ms, attempt 1\n";
    char wanted[2048];
    ask_about("solve#1");
    phase_begins(1, "solve");
    task_fails(1, 1, 1, false);
    snprintf(
        wanted, sizeof wanted,
        "%ssolve#1 attempt 2 is next, about 2 s after the last: it waits for that, or has started\n"
        "    again   batchrun task job.run solve#1\n",
        first);
    expect(wanted);
    task_fails(1, 2, 1, true); // a failure of another task
    task_fails(1, 1, 2, false);
    task_fails(1, 1, 3, false);
    struct buffer out = BUFFER_EMPTY;
    ck_assert_int_eq(story_text(&story, job, &run, &out, NULL), 0);
    buffer_char(&out, '\0');
    ck_assert_ptr_nonnull(strstr(out.data, "attempt 4 is next, about 5 s after the last"));
    buffer_finish(&out);
}
END_TEST

START_TEST(cancelled_tasks_run_again)
{
    ask_about("mesh#1");
    phase_begins(0, "mesh");
    struct event e = {.type = EVENT_TASK_END,
                      .task_end = {.index = 1,
                                   .attempt = 1,
                                   .status = OUTCOME_CANCELLED,
                                   .final = true,
                                   .duration_ns = 5,
                                   .cpu_ns = NS_PER_MS,
                                   .peak_memory = 3 << 19,
                                   .cpu = -1,
                                   .inputs = "",
                                   .message = ""}};
    tell(&e);
    phase_ends(0, PHASE_STOPPED);
    static const char cancelled[] = "mesh#1 cancelled%s\n"
                                    "    started 0 ns into the run\n"
                                    "    used    1 ms of CPU time, 1.5 MiB of memory\n"
                                    "    ran     in worker 0 for 5 ns, attempt 1\n%s"
                                    "    again   batchrun task job.run mesh#1\n";
    char wanted[2048];
    snprintf(wanted, sizeof wanted, cancelled, "", "");
    expect(wanted);
    tell(&(struct event){.type = EVENT_RUN_RESUME, .run_resume = {"", "", 0, 1, false}});
    snprintf(wanted, sizeof wanted, cancelled, " (tried again)",
             "mesh#1 attempt 1 is next: it waits for that, or has started\n");
    expect(wanted);
}
END_TEST

START_TEST(no_such_task)
{
    static const struct {
        const char *task, *why;
    } cases[] = {
        {"mush#1", "no phase `mush`; its first phase is `mesh`"},
        {"mesh#8", "phase `mesh` has no task 8: it has 8, counted from 0"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct buffer out = BUFFER_EMPTY;
        br_error err = {0};
        ask_about(cases[i].task);
        phase_begins(0, "mesh");
        ck_assert_int_eq(story_text(&story, job, &run, &out, &err), -1);
        ck_assert_int_eq(err.kind, BR_ERR_USAGE);
        ck_assert_ptr_nonnull(strstr(err.text, cases[i].why));
        buffer_finish(&out);
        story_finish(&story);
    }
}
END_TEST

START_TEST(the_slowest_are_kept)
{
    struct slowest slowest;
    slowest_init(&slowest);
    uint32_t durations[100];
    for (uint32_t i = 0; i < 100; i++)
        durations[i] = (i * 37 % 100) * 1000000; // each number of ms from 0 to 99 once
    struct event ok = {.type = EVENT_TASKS_OK,
                       .tasks_ok = {.count = 100, .durations = durations, .attempt = 2}};
    struct event unknown = {.type = EVENT_TASKS_OK, .tasks_ok = {.count = 100}};
    struct event end = {.type = EVENT_TASK_END,
                        .task_end = {.index = 7,
                                     .attempt = 1,
                                     .status = OUTCOME_TIMED_OUT,
                                     .duration_ns = 95500 * NS_PER_US,
                                     .worker = 3}};
    struct event never = {.type = EVENT_TASK_END,
                          .task_end = {.worker = UINT32_MAX, .duration_ns = NS_PER_S}};
    const struct event *events[] = {&ok, &unknown, &end, &never};
    for (int i = 0; i < COUNT(events); i++)
        slowest.sink.take(&slowest.sink, events[i], NULL);
    ck_assert_uint_eq(slowest.count, SLOWEST_SHOWN);
    ck_assert_int_eq(slowest.tasks[0].duration_ns, 99 * NS_PER_MS);
    ck_assert_int_eq(slowest.tasks[4].duration_ns, 95500 * NS_PER_US);
    ck_assert_int_eq(slowest.tasks[9].duration_ns, 91 * NS_PER_MS);
    struct buffer out = BUFFER_EMPTY;
    struct phase_names names = {0};
    slowest_text(&slowest, &names, &out);
    buffer_char(&out, '\0');
    ck_assert_ptr_nonnull(
        strstr(out.data, "slowest\n    99 ms  phase 0#27, attempt 2, worker 0\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "phase 0#7 timed out, worker 3\n"));
    buffer_finish(&out);
}
END_TEST

SUITE(story)
{
    FIXTURE(set_up, tear_down);
    TEST(tasks_have_names);
    TEST(a_phase_waits_for_those_before_it);
    TEST(a_retry_waits_for_its_back_off);
    TEST(cancelled_tasks_run_again);
    TEST(no_such_task);
    TEST(the_slowest_are_kept);
}

// SPDX-License-Identifier: BSD-3-Clause
// Pages of runs that are too large, too wide or too strange to be made by running a job.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "journal/journal.h"
#include "report/report.h"
#include "support/suite.h"

enum {
    PAGE_MAX = 2 * 1000 * 1000
};

static char directory[] = "/tmp/test_report.XXXXXX";
static struct rundir dir;
static struct journal *journal;
static struct buffer page;

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    const struct rundir_options options = {
        .name = "r", .job_file = "r.yaml", .job = "version: 1\n", .job_size = 11};
    ck_assert_int_eq(rundir_create(&dir, &options, NULL), 0);
    const struct journal_identity id = {.salt = 1};
    journal = journal_create(dir.fd, "r.run/journal", &id, 0, NULL);
    ck_assert_ptr_nonnull(journal);
}

static void tear_down(void)
{
    char command[64];
    buffer_finish(&page);
    rundir_finish(&dir);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static void take(const struct event *e)
{
    struct event_sink *sink = journal_sink(journal);
    ck_assert_int_eq(sink->take(sink, e, NULL), 0);
}

static void begin(uint32_t workers, const char *name)
{
    take(&(struct event){.type = EVENT_RUN_BEGIN,
                         .run_begin = {name, "/r.yaml", "0.1.0", name, 0, workers, 1, "", ""}});
}

static void phase_begin(uint32_t phase, const char *name, uint64_t tasks)
{
    take(&(struct event){.type = EVENT_PHASE_BEGIN,
                         .phase_begin = {phase, name, "p.t", tasks, 0, 0, 0}});
}

static void worker_begin(uint32_t worker, unsigned cpu)
{
    struct event e = {.type = EVENT_WORKER_BEGIN,
                      .worker_begin = {.worker = worker, .pid = 2, .start = 0}};
    cpuset_add(&e.worker_begin.cpus, cpu);
    take(&e);
}

static void task_end(uint32_t phase, uint32_t worker, uint64_t index, enum outcome_status status,
                     bool final, int64_t start, int64_t duration, const char *words)
{
    take(&(struct event){.type = EVENT_TASK_END,
                         .time_ns = start + duration,
                         .task_end = {.phase = phase,
                                      .worker = worker,
                                      .index = index,
                                      .status = status,
                                      .final = final,
                                      .start_ns = start,
                                      .duration_ns = duration,
                                      .cpu_ns = -1,
                                      .peak_memory = -1,
                                      .cpu = -1,
                                      .inputs = words,
                                      .message = words}});
}

// Returns the page as a string.
static const char *report(void)
{
    br_error err;
    ck_assert_int_eq(journal_close(journal, &err), 0);
    ck_assert_msg(report_write(&dir, &page, &err) == 0, "%s", err.text);
    ck_assert_uint_lt(page.length, PAGE_MAX);
    buffer_char(&page, '\0');
    return page.data;
}

START_TEST(a_run_of_which_nothing_is_known)
{
    const char *text = report();
    ck_assert_ptr_nonnull(strstr(text, "the run has not ended"));
    ck_assert_ptr_nonnull(strstr(text, "</html>"));
}
END_TEST

START_TEST(no_text_becomes_markup)
{
    const char evil[] = "<script>alert(1)</script>\"'&\x1b[2J\n\xff";
    begin(1, evil);
    worker_begin(0, 0);
    phase_begin(0, evil, 1);
    task_end(0, 0, 0, OUTCOME_ERROR, true, 10, 10, evil);
    take(&(struct event){.type = EVENT_RUN_END, .run_end = {3, evil}});
    const char *text = report();
    ck_assert_ptr_null(strstr(text, "<script"));
    ck_assert_ptr_null(strchr(text, '\x1b'));
    ck_assert_ptr_null(strchr(text, '\xff'));
    ck_assert_ptr_nonnull(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"));
}
END_TEST

// The largest page: the most workers, cells that differ from their neighbours, marks, cores,
// phases, failures and long words.
START_TEST(the_worst_page_is_small)
{
    char words[4000];
    memset(words, '<', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    begin(4096, words);
    for (uint32_t i = 0; i < 4096; i++)
        worker_begin(i, i);
    for (uint32_t i = 0; i < 1000; i++)
        phase_begin(i, words, 1000);
    for (uint32_t i = 0; i < 64 * 960 * 4; i++) {
        uint32_t bin = i / 256, row = i / 4 % 64;
        task_end((bin + row) % 1000, row * 64 + i % 4, i, bin % 2 ? OUTCOME_OK : OUTCOME_ERROR,
                 i % 4 == 0, bin * NS_PER_S, NS_PER_S / 8 * (1 + (bin * 5 + row) % 7),
                 i < 4096 ? words : "");
    }
    for (uint32_t i = 0; i < 4096; i++)
        take(&(struct event){.type = EVENT_WORKER_END,
                             .time_ns = i % 960 * NS_PER_S,
                             .worker_end = {i, 2, 11, 0, words}});
    ck_assert_ptr_nonnull(strstr(report(), "And 900 more phases"));
}
END_TEST

START_TEST(times_out_of_all_bounds)
{
    begin(1, "r");
    worker_begin(0, 4095);
    phase_begin(0, "p", 2);
    task_end(0, 0, 0, OUTCOME_OK, true, -5, INT64_MAX, "");
    task_end(0, 0, 1, OUTCOME_OK, true, INT64_MAX, 0, "");
    report();
}
END_TEST

SUITE(report)
{
    FIXTURE(set_up, tear_down);
    TEST(a_run_of_which_nothing_is_known);
    TEST(no_text_becomes_markup);
    TEST(the_worst_page_is_small);
    TEST(times_out_of_all_bounds);
}

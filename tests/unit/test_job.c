// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/job.h"
#include "support/suite.h"

START_TEST(destroy_takes_null_and_half_of_a_job)
{
    errno = 42;
    job_destroy(NULL);
    struct job *job = calloc(1, sizeof *job);
    ck_assert_ptr_nonnull(job);
    job->phase_count = 2;
    job->phases = calloc(2, sizeof job->phases[0]);
    ck_assert_ptr_nonnull(job->phases);
    struct job_inputs *inputs = &job->phases[0].inputs;
    inputs->kind = INPUT_MATRIX;
    inputs->matrix.axis_count = 1;
    inputs->matrix.axes = calloc(1, sizeof inputs->matrix.axes[0]);
    job->phases[1].inputs.kind = INPUT_LIST;
    job->phases[1].inputs.list.columns = 3;
    job_destroy(job);
    ck_assert_int_eq(errno, 42);
}
END_TEST

START_TEST(a_phase_waits_for_earlier_phases)
{
    // 0 async, 1 async that needs 0, 2 sync, 3 async, 4 async that reads 3, 5 async
    struct job_phase phases[6] = {{0}};
    size_t need = 0;
    for (size_t i = 0; i < 6; i++)
        phases[i].mode = i == 2 ? MODE_SYNC : MODE_ASYNC;
    phases[1].needs = &need;
    phases[1].need_count = 1;
    phases[4].inputs.kind = INPUT_FROM;
    phases[4].inputs.from = 3;
    struct job job = {.phases = phases, .phase_count = 6};
    static const bool expected[6][6] = {
        {false},
        {true},
        {true, true},
        {false, false, true},
        {false, false, true, true},
        {false, false, true},
    };
    for (size_t p = 0; p < 6; p++) {
        bool before[6];
        memset(before, 1, sizeof before);
        job_phases_before(&job, p, before);
        for (size_t i = 0; i < 6; i++)
            ck_assert_msg(before[i] == expected[p][i], "phase %zu, before it %zu", p, i);
    }
}
END_TEST

START_TEST(a_task_is_found_by_its_plugin)
{
    char demo[] = "demo", cfd[] = "cfd";
    struct job_plugin plugins[] = {{.name = demo}, {.name = NULL}, {.name = cfd}};
    struct job job = {.plugins = plugins, .plugin_count = 3};
    const char *task = NULL;
    ck_assert_int_eq(job_find_task(&job, "demo.area", &task), 0);
    ck_assert_str_eq(task, "area");
    ck_assert_int_eq(job_find_task(&job, "cfd.solve.fast", &task), 2);
    ck_assert_str_eq(task, "solve.fast");
    ck_assert_int_eq(job_find_task(&job, "dem.area", &task), -1);
    ck_assert_int_eq(job_find_task(&job, "demo2.area", &task), -1);
    ck_assert_int_eq(job_find_task(&job, "demo", &task), -1);
    ck_assert_str_eq(task, "solve.fast");
}
END_TEST

static const struct {
    const char *start, *stop, *step;
    uint64_t rows;
} ranges[] = {
    {"0", "10", "1", 10},
    {"0", "10", "3", 4},
    {"0", "9", "3", 3},
    {"10", "0", "-3", 4},
    {"10", "0", "-5", 2},
    {"5", "5", "1", 0},
    {"5", "5", "-1", 0},
    {"0", "1", "9223372036854775807", 1},
    {"1", "0", "-9223372036854775808", 1},
    {"0", "9007199254740992", "1", JOB_ROWS_MAX},
    {"0", "9007199254740993", "1", JOB_UNLIMITED},
    {"-9223372036854775808", "9223372036854775807", "1", JOB_UNLIMITED},
    {"-9223372036854775808", "9223372036854775807", "9223372036854775807", 3},
    {"0", "10", "-1", JOB_UNLIMITED},
    {"0", "10", "0", JOB_UNLIMITED},
    {"0", "1", "0.1", 10},
    {"0", "0.3", "0.1", 3},
    {"29.99", "30.01", "1e-3", 20},
    {"2", "18.1", "0.7", 23},
    {"1", "2", "0.1", 10},
    {"0", "1", "0.3", 4},
    {"1", "0", "-.25", 4},
    {"0", "0.7", "1.00E-01", 7},
    {"2", "2.0", "0.5", 0},
    {"0", "1", "-0.5", JOB_UNLIMITED},
    {"0", "1", "0.0", JOB_UNLIMITED},
    {"0", "2", "0.5", 4},
    {"-1e308", "1e308", "1e308", 2},
    {"0", "1e-320", "1", JOB_UNLIMITED}, // more digits than are computed with
    {"0", "1e300", "1e-300", JOB_UNLIMITED},
    {"0", "1e-320", "1e-300", 1},
    {"1e20", "100000000000000000010", "2.5", 4},
};

static struct decimal decimal_of(const char *text)
{
    struct decimal d;
    ck_assert(decimal_read(text, strlen(text), &d));
    return d;
}

START_TEST(rows_of_ranges)
{
    struct job_inputs inputs = {.kind = INPUT_RANGE};
    inputs.range.start.value = decimal_of(ranges[_i].start);
    inputs.range.stop.value = decimal_of(ranges[_i].stop);
    inputs.range.step.value = decimal_of(ranges[_i].step);
    ck_assert_uint_eq(job_range_rows(&inputs), ranges[_i].rows);
}
END_TEST

SUITE(job)
{
    TEST(destroy_takes_null_and_half_of_a_job);
    TEST(a_phase_waits_for_earlier_phases);
    TEST(a_task_is_found_by_its_plugin);
    LOOP_TEST(rows_of_ranges, COUNT(ranges));
}

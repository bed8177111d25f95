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
    int64_t start, stop, step;
    uint64_t rows;
} whole[] = {
    {0, 10, 1, 10},
    {0, 10, 3, 4},
    {0, 9, 3, 3},
    {10, 0, -3, 4},
    {10, 0, -5, 2},
    {5, 5, 1, 0},
    {5, 5, -1, 0},
    {0, 1, INT64_MAX, 1},
    {1, 0, INT64_MIN, 1},
    {0, JOB_ROWS_MAX, 1, JOB_ROWS_MAX},
    {0, JOB_ROWS_MAX + 1, 1, JOB_UNLIMITED},
    {INT64_MIN, INT64_MAX, 1, JOB_UNLIMITED},
    {INT64_MIN, INT64_MAX, INT64_MAX, 3},
    {0, 10, -1, JOB_UNLIMITED},
    {0, 10, 0, JOB_UNLIMITED},
};

START_TEST(rows_of_whole_ranges)
{
    struct job_inputs inputs = {.kind = INPUT_RANGE};
    inputs.range.start.cell = (struct cell){.type = BR_I64, .i64 = whole[_i].start};
    inputs.range.stop.cell = (struct cell){.type = BR_I64, .i64 = whole[_i].stop};
    inputs.range.step.cell = (struct cell){.type = BR_I64, .i64 = whole[_i].step};
    ck_assert_uint_eq(job_range_rows(&inputs), whole[_i].rows);
}
END_TEST

static const struct {
    double start, stop, step;
    uint64_t rows;
} real[] = {
    {0, 1, 0.1, 10},  // 1 / 0.1 rounds to 10 exactly
    {0, 0.3, 0.1, 3}, // 0.3 / 0.1 is below 3, and 3 * 0.1 is above 0.3
    {1, 2, 0.1, 10},
    {0, 1, 0.3, 4},
    {1, 0, -0.25, 4},
    {0, 0.7, 0.1, 7},
    {2, 2, 0.5, 0},
    {0, 1, -0.5, JOB_UNLIMITED},
    {0, 1, 0, JOB_UNLIMITED},
    {0, 1e300, 1e-300, JOB_UNLIMITED},
    {-1e308, 1e308, 1e308, JOB_UNLIMITED}, // the difference overflows
    {0, 1e-320, 1, 1},
};

START_TEST(rows_of_real_ranges)
{
    struct job_inputs inputs = {.kind = INPUT_RANGE};
    inputs.range.is_f64 = true;
    inputs.range.start.cell = (struct cell){.type = BR_F64, .f64 = real[_i].start};
    inputs.range.stop.cell = (struct cell){.type = BR_F64, .f64 = real[_i].stop};
    inputs.range.step.cell = (struct cell){.type = BR_F64, .f64 = real[_i].step};
    uint64_t rows = job_range_rows(&inputs);
    ck_assert_uint_eq(rows, real[_i].rows);
    if (rows == 0 || rows == JOB_UNLIMITED)
        return;
    // By definition, the last row is before stop, and the next is not.
    bool up = real[_i].step > 0;
    double last = real[_i].start + (double)(rows - 1) * real[_i].step;
    double next = real[_i].start + (double)rows * real[_i].step;
    ck_assert(up ? last < real[_i].stop : last > real[_i].stop);
    ck_assert(up ? next >= real[_i].stop : next <= real[_i].stop);
}
END_TEST

START_TEST(mixed_numbers_are_real)
{
    struct job_inputs inputs = {.kind = INPUT_RANGE};
    inputs.range.is_f64 = true;
    inputs.range.start.cell = (struct cell){.type = BR_I64, .i64 = 0};
    inputs.range.stop.cell = (struct cell){.type = BR_I64, .i64 = 2};
    inputs.range.step.cell = (struct cell){.type = BR_F64, .f64 = 0.5};
    ck_assert_uint_eq(job_range_rows(&inputs), 4);
}
END_TEST

SUITE(job)
{
    TEST(destroy_takes_null_and_half_of_a_job);
    TEST(a_phase_waits_for_earlier_phases);
    TEST(a_task_is_found_by_its_plugin);
    LOOP_TEST(rows_of_whole_ranges, COUNT(whole));
    LOOP_TEST(rows_of_real_ranges, COUNT(real));
    TEST(mixed_numbers_are_real);
}

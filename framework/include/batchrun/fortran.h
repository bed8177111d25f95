/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The C side of a plugin whose tasks are written in Fortran with the module `batchrun`
 * (batchrun.f90). Included by one C file of the plugin, which names its tasks:
 *
 *     #include <batchrun/fortran.h>
 *
 *     BR_FORTRAN_TASK(area)
 *     BATCHRUN_PLUGIN("circles", "1.0",
 *         BR_TASK("area", area, "r:f64 -> area:f64", "area of a circle"));
 *
 * It defines what the module calls: Fortran can call no inline functions, and none with "...".
 */
#ifndef BATCHRUN_FORTRAN_H
#define BATCHRUN_FORTRAN_H

#include <batchrun/plugin.h>

/* A task's function that Fortran has: integer(c_int) function NAME(t) bind(C). */
#define BR_FORTRAN_TASK(name) extern int name(br_task *);

int64_t brf_arg_i64(br_task *t, const char *name, int64_t row);
int64_t brf_arg_i64(br_task *t, const char *name, int64_t row)
{
    return br_row_i64(t, (uint64_t)row, name);
}
double brf_arg_f64(br_task *t, const char *name, int64_t row);
double brf_arg_f64(br_task *t, const char *name, int64_t row)
{
    return br_row_f64(t, (uint64_t)row, name);
}
int brf_arg_bool(br_task *t, const char *name, int64_t row);
int brf_arg_bool(br_task *t, const char *name, int64_t row)
{
    return br_row_bool(t, (uint64_t)row, name);
}
const void *brf_arg_bytes(br_task *t, const char *name, size_t *size);
const void *brf_arg_bytes(br_task *t, const char *name, size_t *size)
{
    return br_arg_bytes(t, name, size);
}
int brf_result_i64(br_task *t, const char *name, int64_t x);
int brf_result_i64(br_task *t, const char *name, int64_t x)
{
    return br_result_i64(t, name, x);
}
int brf_result_f64(br_task *t, const char *name, double x);
int brf_result_f64(br_task *t, const char *name, double x)
{
    return br_result_f64(t, name, x);
}
int brf_result_bool(br_task *t, const char *name, int x);
int brf_result_bool(br_task *t, const char *name, int x)
{
    return br_result_bool(t, name, x != 0);
}
int brf_result_bytes(br_task *t, const char *name, const void *x, size_t size);
int brf_result_bytes(br_task *t, const char *name, const void *x, size_t size)
{
    return br_result_bytes(t, name, x, size);
}
int brf_fail(br_task *t, int permanent, const char *message);
int brf_fail(br_task *t, int permanent, const char *message)
{
    return permanent ? br_fail_permanent(t, "%s", message) : br_fail(t, "%s", message);
}
void brf_log(br_task *t, const char *line);
void brf_log(br_task *t, const char *line)
{
    br_log(t, "%s", line);
}
int64_t brf_rows(br_task *t);
int64_t brf_rows(br_task *t)
{
    return (int64_t)br_rows(t);
}
int64_t brf_task_index(br_task *t);
int64_t brf_task_index(br_task *t)
{
    return (int64_t)br_task_index(t);
}
int64_t brf_task_attempt(br_task *t);
int64_t brf_task_attempt(br_task *t)
{
    return br_task_attempt(t);
}
int64_t brf_task_seed(br_task *t);
int64_t brf_task_seed(br_task *t)
{
    return (int64_t)br_task_seed(t);
}
int brf_task_cancelled(br_task *t);
int brf_task_cancelled(br_task *t)
{
    return br_task_cancelled(t);
}
double brf_task_time_left(br_task *t);
double brf_task_time_left(br_task *t)
{
    return br_task_time_left(t);
}
void brf_task_progress(br_task *t, double fraction);
void brf_task_progress(br_task *t, double fraction)
{
    br_task_progress(t, fraction);
}

#endif

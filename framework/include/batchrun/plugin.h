/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that a plugin of batchrun needs. The header is C11 and C++17 and includes only headers
 * of the C library. A plugin links with no library of batchrun: every call goes through a table
 * that the task carries.
 *
 *     #include <batchrun/plugin.h>
 *
 *     static int area(br_task *t)
 *     {
 *         double r = br_arg_f64(t, "r");
 *         if (r < 0)
 *             return br_fail(t, "negative radius: %g", r);
 *         return br_result_f64(t, "area", 3.14159265358979 * r * r);
 *     }
 *
 *     BATCHRUN_PLUGIN("demo", "1.0",
 *         BR_TASK("area", area, "r:f64 -> area:f64", "area of a circle"));
 *
 *     cc $(pkg-config --cflags batchrun) -shared -fPIC -o demo.so demo.c
 *
 * A task function runs in a worker process, in one thread, one task at a time. It returns 0 for
 * success. A task that crashes, exits or hangs does not affect other tasks.
 *
 * Names (of columns, settings) are NUL-terminated UTF-8. Memory that a call returns belongs to
 * batchrun and stays valid until the task function returns, unless the call says otherwise.
 */
#ifndef BATCHRUN_PLUGIN_H
#define BATCHRUN_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number of the ABI. A plugin runs with every batchrun of the same number. Additions keep it. */
#define BR_PLUGIN_ABI 2

typedef struct br_task br_task;     /* the running task */
typedef struct br_worker br_worker; /* the worker process, given to init and fini */

#if defined(__GNUC__)
#define BR_PRINTF_(f, a) __attribute__((format(printf, f, a))) /* a is 0 for a va_list */
#else
#define BR_PRINTF_(f, a)
#endif

/*
 * The table behind the calls below. It grows only at its end; `size` is its size in the running
 * batchrun, in bytes. Plugins use the calls, not the table.
 */
struct br_api_ {
    size_t size;
    int64_t (*arg_i64)(br_task *, const char *, uint64_t);
    double (*arg_f64)(br_task *, const char *, uint64_t);
    bool (*arg_bool)(br_task *, const char *, uint64_t);
    const void *(*arg_bytes)(br_task *, const char *, uint64_t, size_t *);
    int (*result_i64)(br_task *, const char *, int64_t);
    int (*result_f64)(br_task *, const char *, double);
    int (*result_bool)(br_task *, const char *, bool);
    int (*result_bytes)(br_task *, const char *, const void *, size_t);
    int (*task_fail)(br_task *, int, const char *, va_list) BR_PRINTF_(3, 0);
    void (*task_log)(br_task *, const char *, va_list) BR_PRINTF_(2, 0);
    void (*progress)(br_task *, double);
    bool (*cancelled)(br_task *);
    double (*time_left)(br_task *);
    void *(*task_state)(br_task *);
    int (*config)(br_worker *, const char *, int, void *);
    void *(*state)(br_worker *);
    void (*set_state)(br_worker *, void *);
    int (*init_fail)(br_worker *, const char *, va_list) BR_PRINTF_(2, 0);
    int (*emit)(br_task *, const void *, size_t);
    const char *(*arg_name)(br_task *, size_t);
    uint64_t (*task_seed)(br_task *);
};

/* What batchrun fills in before each call of a task function. Plugins read it with the calls below.
 */
struct br_task {
    const struct br_api_ *api;
    uint64_t index; /* of the task within its phase, from 0 */
    uint64_t rows;  /* 1, or the number of rows of a many-row task */
    uint32_t attempt;
    uint32_t reserved;
    const char *phase;
};

struct br_worker {
    const struct br_api_ *api;
};

/* ---- Inputs ------------------------------------------------------------------------------------
 *
 * Each call returns the value of input column `name` in this task's row. The column must have the
 * call's type. If there is no such column or it has another type, the task fails with a message
 * that names it, and the call returns 0, "" or false.
 */
static inline int64_t br_arg_i64(br_task *t, const char *name)
{
    return t->api->arg_i64(t, name, 0);
}
static inline double br_arg_f64(br_task *t, const char *name)
{
    return t->api->arg_f64(t, name, 0);
}
static inline bool br_arg_bool(br_task *t, const char *name)
{
    return t->api->arg_bool(t, name, 0);
}
/* Returns a NUL-terminated string, never NULL. */
static inline const char *br_arg_str(br_task *t, const char *name)
{
    return (const char *)t->api->arg_bytes(t, name, 0, NULL);
}
/* Returns `*size` bytes, never NULL. A str column can be read as well; its NUL is not counted. */
static inline const void *br_arg_bytes(br_task *t, const char *name, size_t *size)
{
    return t->api->arg_bytes(t, name, 0, size);
}

/* Returns the name of input column `i`, from 0, in the order of the inputs; NULL after the last
 * one. It is for tasks that take any columns ("..."). */
static inline const char *br_arg_name(br_task *t, size_t i)
{
    return t->api->arg_name(t, i);
}

/* For many-row tasks ("[x:f64] -> ..."): returns the number of rows of this task. `row` in the
 * calls below is 0 to br_rows(t) - 1. */
static inline uint64_t br_rows(br_task *t)
{
    return t->rows;
}
static inline int64_t br_row_i64(br_task *t, uint64_t row, const char *name)
{
    return t->api->arg_i64(t, name, row);
}
static inline double br_row_f64(br_task *t, uint64_t row, const char *name)
{
    return t->api->arg_f64(t, name, row);
}
static inline bool br_row_bool(br_task *t, uint64_t row, const char *name)
{
    return t->api->arg_bool(t, name, row);
}
static inline const char *br_row_str(br_task *t, uint64_t row, const char *name)
{
    return (const char *)t->api->arg_bytes(t, name, row, NULL);
}
static inline const void *br_row_bytes(br_task *t, uint64_t row, const char *name, size_t *size)
{
    return t->api->arg_bytes(t, name, row, size);
}

/* ---- Results -----------------------------------------------------------------------------------
 *
 * Each call sets result column `name`, which the signature must declare with the call's type. The
 * value is copied. If a column is set twice, the last value counts. Every declared column must be
 * set before the function returns 0. A call returns 0, or non-zero if there is no such column: the
 * task then fails with a message that names it, whatever the function returns. A function can
 * therefore end with `return br_result_f64(...)`.
 */
static inline int br_result_i64(br_task *t, const char *name, int64_t value)
{
    return t->api->result_i64(t, name, value);
}
static inline int br_result_f64(br_task *t, const char *name, double value)
{
    return t->api->result_f64(t, name, value);
}
static inline int br_result_bool(br_task *t, const char *name, bool value)
{
    return t->api->result_bool(t, name, value);
}
/* `value` is NUL-terminated UTF-8. NULL is the same as "". */
static inline int br_result_str(br_task *t, const char *name, const char *value)
{
    return t->api->result_bytes(t, name, value, (size_t)-1);
}
static inline int br_result_bytes(br_task *t, const char *name, const void *data, size_t size)
{
    return t->api->result_bytes(t, name, data, size);
}

/* ---- Failing -----------------------------------------------------------------------------------
 *
 * `return br_fail(t, ...)` ends the task as `error` with this message (printf-style, cut at 1000
 * bytes). It is retried if the job file says so. After br_fail_permanent it is never retried. If
 * the function returns non-zero without one of these calls, the task ends as `error` with a message
 * that names the value.
 */
BR_PRINTF_(2, 3) static inline int br_fail(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = t->api->task_fail(t, 0, format, args);
    va_end(args);
    return result;
}
BR_PRINTF_(2, 3) static inline int br_fail_permanent(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = t->api->task_fail(t, 1, format, args);
    va_end(args);
    return result;
}
/* As br_fail, but the task ends as `timed_out`: it stopped because its soft timeout had passed,
 * which br_task_time_left shows. */
BR_PRINTF_(2, 3) static inline int br_fail_timed_out(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = t->api->task_fail(t, 2, format, args);
    va_end(args);
    return result;
}
/* As br_fail, but the task ends as `over_limit`: it, or a process that it started, reached a limit
 * on memory, CPU time or the size of files. */
BR_PRINTF_(2, 3) static inline int br_fail_over_limit(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = t->api->task_fail(t, 3, format, args);
    va_end(args);
    return result;
}

/* ---- About the task ----------------------------------------------------------------------------
 */

/* Returns the index of the task within its phase, from 0. */
static inline uint64_t br_task_index(br_task *t)
{
    return t->index;
}
/* Returns the number of the attempt, 1 for the first. */
static inline uint32_t br_task_attempt(br_task *t)
{
    return t->attempt;
}
/* Returns the name of the phase. */
static inline const char *br_task_phase(br_task *t)
{
    return t->phase;
}
/* Returns a seed for random numbers. It depends only on the job, the phase and the index: it is the
 * same on every machine, in every attempt and for any number of workers. Neighbouring tasks have
 * unrelated seeds. */
static inline uint64_t br_task_seed(br_task *t)
{
    return t->api->task_seed(t);
}
/* Returns whether the task is asked to stop, because it was cancelled or its soft timeout passed.
 * It should then clean up and return soon. */
static inline bool br_task_cancelled(br_task *t)
{
    return t->api->cancelled(t);
}
/* Returns the seconds until the task is asked to stop; infinity if it has no time limit. */
static inline double br_task_time_left(br_task *t)
{
    return t->api->time_left(t);
}
/* Sets how much of the task is done, 0 to 1, for the progress display. */
static inline void br_task_progress(br_task *t, double fraction)
{
    t->api->progress(t, fraction);
}
/* Writes a line (printf-style) to the worker's log. It belongs to the output of this task. */
BR_PRINTF_(2, 3) static inline void br_log(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->api->task_log(t, format, args);
    va_end(args);
}

/* ---- Once per worker ---------------------------------------------------------------------------
 *
 * BR_PLUGIN_INIT(fn): fn runs in every worker before its first task and can read the plugin's
 * `config` of the job file. It returns 0, or `return br_init_fail(w, ...)` ends the run with that
 * message.
 * BR_PLUGIN_FINI(fn): fn runs at the normal end of a worker.
 */

/* Keeps a pointer of the plugin for br_worker_state and br_state. */
static inline void br_set_state(br_worker *w, void *state)
{
    w->api->set_state(w, state);
}
/* Returns the pointer that br_set_state has kept, in init and fini; NULL if there is none. */
static inline void *br_worker_state(br_worker *w)
{
    return w->api->state(w);
}
/* Returns the same pointer in a task. */
static inline void *br_state(br_task *t)
{
    return t->api->task_state(t);
}
/* Fails the init with a message (printf-style). */
BR_PRINTF_(2, 3) static inline int br_init_fail(br_worker *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = w->api->init_fail(w, format, args);
    va_end(args);
    return result;
}
/* Each call returns the setting `name` of the job file, or `otherwise` if it is not set. If the
 * setting has another type, the start of the worker fails with a message that names it. */
static inline int64_t br_config_i64(br_worker *w, const char *name, int64_t otherwise)
{
    w->api->config(w, name, 1, &otherwise);
    return otherwise;
}
static inline double br_config_f64(br_worker *w, const char *name, double otherwise)
{
    w->api->config(w, name, 2, &otherwise);
    return otherwise;
}
static inline bool br_config_bool(br_worker *w, const char *name, bool otherwise)
{
    w->api->config(w, name, 3, &otherwise);
    return otherwise;
}
static inline const char *br_config_str(br_worker *w, const char *name, const char *otherwise)
{
    w->api->config(w, name, 4, (void *)&otherwise);
    return otherwise;
}

/* ---- The plugin itself -------------------------------------------------------------------------
 *
 * A signature is "columns -> columns", inputs on the left and results on the right. A column is
 * name:type, with the types i64 f64 str bool bytes. Columns are separated by blanks or commas.
 * "..." on the left takes any further columns, each with the type that fits its values; "...:str"
 * takes them as text, exactly as they are written. "[x:f64] -> y:f64" takes many rows in one call
 * (see br_rows).
 */
enum br_entry_kind_ {
    BR_ENTRY_TASK_ = 1,
    BR_ENTRY_INIT_ = 2,
    BR_ENTRY_FINI_ = 3
};

struct br_entry_ {
    uint32_t kind;
    uint32_t reserved;
    const char *name;
    const char *signature;
    const char *summary;
    int (*task)(br_task *);
    int (*worker)(br_worker *);
};

struct br_plugin_ {
    uint32_t abi;
    uint32_t size;
    const char *name;
    const char *version;
    const struct br_entry_ *entries;
    uint32_t entry_count;
    uint32_t entry_size;
};

#define BR_TASK(name, function, signature, summary)                                                \
    {                                                                                              \
        BR_ENTRY_TASK_, 0, name, signature, summary, function, NULL                                \
    }
#define BR_PLUGIN_INIT(function)                                                                   \
    {                                                                                              \
        BR_ENTRY_INIT_, 0, NULL, NULL, NULL, NULL, function                                        \
    }
#define BR_PLUGIN_FINI(function)                                                                   \
    {                                                                                              \
        BR_ENTRY_FINI_, 0, NULL, NULL, NULL, NULL, function                                        \
    }

#ifdef __cplusplus
#define BR_EXTERN_ extern "C"
#else
#define BR_EXTERN_ extern
#endif

#if defined(__GNUC__)
#define BR_VISIBLE_ __attribute__((visibility("default")))
#else
#define BR_VISIBLE_
#endif

/* Defines the plugin; used once, at file scope. The arguments are its name (letters, digits, _ and
 * -), its version and its entries. */
#define BATCHRUN_PLUGIN(name, version, ...)                                                        \
    static const struct br_entry_ br_entries_[] = {__VA_ARGS__};                                   \
    BR_EXTERN_ BR_VISIBLE_ const struct br_plugin_ batchrun_plugin;                                \
    const struct br_plugin_ batchrun_plugin = {                                                    \
        BR_PLUGIN_ABI,                                                                             \
        (uint32_t)sizeof(struct br_plugin_),                                                       \
        name,                                                                                      \
        version,                                                                                   \
        br_entries_,                                                                               \
        (uint32_t)(sizeof br_entries_ / sizeof br_entries_[0]),                                    \
        (uint32_t)sizeof(struct br_entry_)}

#ifdef __cplusplus
}
#endif

#endif

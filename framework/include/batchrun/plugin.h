/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing a plugin for batchrun. C11 and C++17; needs nothing but the C library's headers, and the
 * plugin links nothing: every call goes through a table that the task carries.
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
 * A task function is called in a worker process, by one thread, one task at a time. It returns 0
 * for success. A task that crashes, exits or hangs costs itself alone.
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

/* The ABI's number: a plugin runs where the number is the same. Additions keep it. */
#define BR_PLUGIN_ABI 1

typedef struct br_task br_task;     /* one task in hand */
typedef struct br_worker br_worker; /* the worker process, given to init and fini */

#if defined(__GNUC__)
#define BR_PRINTF_(f, a) __attribute__((format(printf, f, a))) /* a = 0: takes a va_list */
#else
#define BR_PRINTF_(f, a)
#endif

/*
 * The table behind the calls below. Grows only at its end: `size` says how much of it the running
 * batchrun has. Plugins use the calls, not the table.
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

/* What batchrun fills in before each call of a task function. Plugins read it by the calls below.
 */
struct br_task {
    const struct br_api_ *api;
    uint64_t index; /* of the task in its phase, from 0 */
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
 * The value of input column `name` in this task's row, as the type that the signature declares. A
 * column that is not there, or is of another type, fails the task with a message that names it; the
 * call then returns 0, "" or false.
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
/* A NUL-terminated string; never NULL. */
static inline const char *br_arg_str(br_task *t, const char *name)
{
    return (const char *)t->api->arg_bytes(t, name, 0, NULL);
}
/* `*size` bytes; never NULL. Works for str columns too, without the NUL. */
static inline const void *br_arg_bytes(br_task *t, const char *name, size_t *size)
{
    return t->api->arg_bytes(t, name, 0, size);
}

/* The name of input column `i`, from 0, in the inputs' order; NULL behind the last. For tasks that
 * take any columns ("..."). */
static inline const char *br_arg_name(br_task *t, size_t i)
{
    return t->api->arg_name(t, i);
}

/* Many-row tasks ("[x:f64] -> ..."): the rows of this call are 0 .. br_rows(t) - 1. */
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
 * Sets result column `name`, which the signature declares with this type. Every declared column
 * must be set before the function returns 0. The value is copied; the last one set counts. Returns
 * 0, or non-zero when there is no such column: the task then fails with a message that names it,
 * whatever the function returns, so `return br_result_f64(...)` is a good last line.
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
/* `value` is NUL-terminated UTF-8. NULL counts as "". */
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
 * `return br_fail(t, ...)`: the task ends as `error` with this message (printf-style, cut at 1000
 * bytes) and may be retried as the job file says. br_fail_permanent: never retried. Any other
 * non-zero return value is an error too, which names the value.
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

/* ---- About the task ----------------------------------------------------------------------------
 */
static inline uint64_t br_task_index(br_task *t)
{
    return t->index;
}
/* 0 for the first attempt. */
static inline uint32_t br_task_attempt(br_task *t)
{
    return t->attempt;
}
static inline const char *br_task_phase(br_task *t)
{
    return t->phase;
}
/* The same for the same job, phase and index: on every machine, in every attempt, however many
 * workers there are. Well mixed: neighbours have unrelated seeds. */
static inline uint64_t br_task_seed(br_task *t)
{
    return t->api->task_seed(t);
}
/* Whether the task has been asked to stop (cancel, soft timeout): clean up and return soon. */
static inline bool br_task_cancelled(br_task *t)
{
    return t->api->cancelled(t);
}
/* Seconds until the task is asked to stop; infinity when there is no limit. */
static inline double br_task_time_left(br_task *t)
{
    return t->api->time_left(t);
}
/* How much of the task is done, 0 to 1, for people who watch. */
static inline void br_task_progress(br_task *t, double fraction)
{
    t->api->progress(t, fraction);
}
/* A line (printf-style) in the worker's log, kept with this task. */
BR_PRINTF_(2, 3) static inline void br_log(br_task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->api->task_log(t, format, args);
    va_end(args);
}

/* ---- Once per worker ---------------------------------------------------------------------------
 *
 * BR_PLUGIN_INIT(fn): fn runs in every worker before its first task, with the plugin's `config` of
 * the job file. It returns 0, or br_init_fail(w, ...), which ends the run with that message.
 * BR_PLUGIN_FINI(fn): fn runs when a worker ends in peace.
 */
static inline void br_set_state(br_worker *w, void *state)
{
    w->api->set_state(w, state);
}
static inline void *br_worker_state(br_worker *w)
{
    return w->api->state(w);
}
/* What init gave to br_set_state; NULL without. */
static inline void *br_state(br_task *t)
{
    return t->api->task_state(t);
}
BR_PRINTF_(2, 3) static inline int br_init_fail(br_worker *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = w->api->init_fail(w, format, args);
    va_end(args);
    return result;
}
/* The setting `name` of the job file, or `otherwise` where it is not given. A setting of another
 * type makes the worker's start fail with a message that names it. */
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
 * Signature: "columns -> columns", each name:type, separated by blanks or commas; types i64 f64 str
 * bool bytes. "..." on the left takes any further columns, each of the type that its values
 * suggest;
 * "...:str" takes them as text, as they are written. "[x:f64] -> y:f64" takes many rows in one call
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

/* Once in a plugin, at file scope: its name (letters, digits, _ and -), its version, its entries.
 */
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

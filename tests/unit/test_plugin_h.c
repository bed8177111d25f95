// SPDX-License-Identifier: BSD-3-Clause
// <batchrun/plugin.h> compiles as C11 and as C++17, every call reaches its place in the table, and
// the structs have the layout that ABI 2 promises.
#include <batchrun/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

extern const struct br_plugin_ plugin_in_c;
extern const struct br_plugin_ plugin_in_cxx;

// The calls that reached the table, one word for each.
static char calls[2048];

static void record(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void record_list(const char *what, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void record(const char *format, ...)
{
    size_t used = strlen(calls);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(calls + used, sizeof calls - used, format, args);
    va_end(args);
    ck_assert_int_lt(length, (int)(sizeof calls - used));
}

static void record_list(const char *what, const char *format, va_list args)
{
    char text[256];
    vsnprintf(text, sizeof text, format, args);
    record("%s=%s ", what, text);
}

static int64_t arg_i64(br_task *t, const char *name, uint64_t row)
{
    (void)t;
    record("i64:%s%d ", name, (int)row);
    return 1;
}

static double arg_f64(br_task *t, const char *name, uint64_t row)
{
    (void)t;
    record("f64:%s%d ", name, (int)row);
    return 1;
}

static bool arg_bool(br_task *t, const char *name, uint64_t row)
{
    (void)t;
    record("bool:%s%d ", name, (int)row);
    return true;
}

static const void *arg_bytes(br_task *t, const char *name, uint64_t row, size_t *size)
{
    (void)t;
    record("%s:%s%d ", size == NULL ? "str" : "bytes", name, (int)row);
    return "";
}

static int result_i64(br_task *t, const char *name, int64_t value)
{
    (void)t;
    record("i64:%s=%d ", name, (int)value);
    return 0;
}

static int result_f64(br_task *t, const char *name, double value)
{
    (void)t;
    record("f64:%s=%g ", name, value);
    return 0;
}

static int result_bool(br_task *t, const char *name, bool value)
{
    (void)t;
    record("bool:%s=%d ", name, value);
    return 0;
}

static int result_bytes(br_task *t, const char *name, const void *data, size_t size)
{
    (void)t;
    record("bytes:%s=%.4s,%d ", name, (const char *)data, (int)size);
    return 0;
}

static int fail_task(br_task *t, int how, const char *format, va_list args)
{
    (void)t;
    record_list(how == 1   ? "fail!"
                : how == 2 ? "fail?"
                : how == 3 ? "fail+"
                           : "fail",
                format, args);
    return -5;
}

static void log_line(br_task *t, const char *format, va_list args)
{
    (void)t;
    record_list("log", format, args);
}

static void progress(br_task *t, double fraction)
{
    (void)t;
    record("progress=%g ", fraction);
}

static bool cancelled(br_task *t)
{
    (void)t;
    record("cancelled ");
    return false;
}

static double time_left(br_task *t)
{
    (void)t;
    record("time_left ");
    return 1;
}

static void *task_state(br_task *t)
{
    (void)t;
    record("task_state ");
    return NULL;
}

static int config(br_worker *w, const char *name, int type, void *value)
{
    (void)w;
    (void)value;
    record("config:%s=%d ", name, type);
    return 0;
}

static void *state(br_worker *w)
{
    (void)w;
    record("state ");
    return NULL;
}

static void set_state(br_worker *w, void *value)
{
    (void)w;
    record("set_state=%d ", value == NULL ? 0 : 1);
}

static int init_fail(br_worker *w, const char *format, va_list args)
{
    (void)w;
    record_list("init_fail", format, args);
    return -6;
}

static int emit(br_task *t, const void *data, size_t size)
{
    (void)t;
    record("emit=%.4s,%d ", (const char *)data, (int)size);
    return 0;
}

static const char *arg_name(br_task *t, size_t i)
{
    (void)t;
    record("name:%d ", (int)i);
    return NULL;
}

static uint64_t task_seed(br_task *t)
{
    (void)t;
    record("seed ");
    return 5;
}

static const struct br_api_ api = {
    sizeof api,   arg_i64,   arg_f64,   arg_bool, arg_bytes, result_i64, result_f64, result_bool,
    result_bytes, fail_task, log_line,  progress, cancelled, time_left,  task_state, config,
    state,        set_state, init_fail, emit,     arg_name,  task_seed};

static const struct br_plugin_ *const plugins[] = {&plugin_in_c, &plugin_in_cxx};

static br_task a_task(void)
{
    return (br_task){.api = &api, .index = 3, .rows = 4, .attempt = 6, .phase = "some"};
}

START_TEST(describes_itself)
{
    const struct br_plugin_ *p = plugins[_i];
    ck_assert_uint_eq(p->abi, BR_PLUGIN_ABI);
    ck_assert_uint_eq(p->size, sizeof *p);
    ck_assert_uint_eq(p->entry_size, sizeof p->entries[0]);
    ck_assert_uint_eq(p->entry_count, 5);
    ck_assert_str_eq(p->name, "calls");
    ck_assert_str_eq(p->version, "1.0");
    ck_assert_uint_eq(p->entries[0].kind, BR_ENTRY_INIT_);
    ck_assert_uint_eq(p->entries[1].kind, BR_ENTRY_FINI_);
    ck_assert_uint_eq(p->entries[2].kind, BR_ENTRY_TASK_);
    ck_assert_str_eq(p->entries[2].name, "inputs");
    ck_assert_str_eq(p->entries[3].signature, "[x:f64] -> y:f64");
    ck_assert_str_eq(p->entries[4].summary, "facts");
}
END_TEST

START_TEST(init_reaches_the_table)
{
    br_worker w = {.api = &api};
    calls[0] = '\0';
    ck_assert_int_eq(plugins[_i]->entries[0].worker(&w), -6);
    ck_assert_str_eq(calls, "state set_state=0 config:i64=1 config:f64=2 config:bool=3 "
                            "config:str=4 init_fail=init 1 ");
}
END_TEST

START_TEST(inputs_reach_the_table)
{
    br_task t = a_task();
    calls[0] = '\0';
    ck_assert_int_eq(plugins[_i]->entries[2].task(&t), 0);
    ck_assert_str_eq(calls, "i64:a0 f64:a0 bool:a0 str:a0 bytes:a0 name:3 "
                            "i64:r7 f64:r7 bool:r7 str:r7 bytes:r7 ");
}
END_TEST

START_TEST(results_reach_the_table)
{
    br_task t = a_task();
    calls[0] = '\0';
    ck_assert_int_eq(plugins[_i]->entries[3].task(&t), -5);
    ck_assert_str_eq(
        calls, "i64:r=1 f64:r=1 bool:r=1 bytes:r=text,-1 bytes:r=text,4 log=log 1 "
               "progress=0.5 cancelled time_left task_state fail!=permanent 1 fail?=timed out 1 "
               "fail+=over limit 1 fail=fail 1 ");
}
END_TEST

START_TEST(facts_come_from_the_task)
{
    br_task t = a_task();
    calls[0] = '\0';
    ck_assert_int_eq(plugins[_i]->entries[4].task(&t), 0);
    ck_assert_str_eq(calls, "seed log=3 4 5 6 some ");
}
END_TEST

// A plugin built today must load in every 1.x: structs may grow at their ends, but no offset
// changes.
START_TEST(layout_is_abi_2)
{
    ck_assert_uint_eq(BR_PLUGIN_ABI, 2);
    ck_assert_uint_eq(offsetof(struct br_plugin_, abi), 0);
    ck_assert_uint_eq(offsetof(struct br_plugin_, size), 4);
    ck_assert_uint_eq(offsetof(struct br_plugin_, entries), 8 + 2 * sizeof(void *));
    ck_assert_uint_eq(offsetof(struct br_entry_, worker), 8 + 4 * sizeof(void *));
    ck_assert_uint_eq(offsetof(struct br_task, index), 8);
    ck_assert_uint_eq(offsetof(struct br_task, phase), 32);
    ck_assert_uint_eq(offsetof(struct br_api_, arg_i64), sizeof(size_t));
    ck_assert_uint_eq(offsetof(struct br_api_, init_fail),
                      sizeof(size_t) + 17 * sizeof(void (*)(void)));
    ck_assert_uint_eq(offsetof(struct br_api_, arg_name),
                      sizeof(size_t) + 19 * sizeof(void (*)(void)));
    ck_assert_uint_eq(offsetof(struct br_api_, task_seed),
                      sizeof(size_t) + 20 * sizeof(void (*)(void)));
}
END_TEST

SUITE(plugin_h)
{
    int languages = (int)(sizeof plugins / sizeof plugins[0]);
    LOOP_TEST(describes_itself, languages);
    LOOP_TEST(init_reaches_the_table, languages);
    LOOP_TEST(inputs_reach_the_table, languages);
    LOOP_TEST(results_reach_the_table, languages);
    LOOP_TEST(facts_come_from_the_task, languages);
    TEST(layout_is_abi_2);
}

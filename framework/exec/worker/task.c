// SPDX-License-Identifier: BSD-3-Clause
// The calls of <batchrun/plugin.h>: inputs, results, the rest, and those of init.
#include "exec/worker/task.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/utf8.h"
#include "exec/plugin/plugin.h"
#include "model/job.h"
#include "model/row.h"

struct result_value {
    uint64_t set_by;       // number of the task that has set it
    size_t offset, length; // str, bytes: in t->texts
};

static struct task *task_of(br_task *t)
{
    return (struct task *)t;
}

BR_PRINTF_(2, 0) static void write_message(char *message, const char *format, va_list args)
{
    if (vsnprintf(message, TASK_MESSAGE + 1, format, args) > TASK_MESSAGE)
        utf8_mark_cut(message, TASK_MESSAGE + 1);
}

// Keeps the first failure only.
BR_PRINTF_(3, 4) static int fail(struct task *t, enum task_failure how, const char *format, ...)
{
    if (t->failure == TASK_FINE) {
        va_list args;
        va_start(args, format);
        write_message(t->message, format, args);
        va_end(args);
        t->failure = how;
        t->unusual = true;
    }
    return 1;
}

// ---- Columns by name

// A function of the calling program has no columns.
static size_t input_count(const struct task_map *m)
{
    return m->function.function ? 0 : table_columns(&m->table);
}

static const char *input_name(const struct task_map *m, size_t column)
{
    return table_column_name(&m->table, column);
}

static const char *result_name(const struct task_map *m, size_t column)
{
    return m->signature.results.columns[column].name;
}

// Most names are so short that a call of strcmp would take longer.
static inline bool is_same_name(const char *a, const char *b)
{
    for (; *a == *b; a++, b++)
        if (!*a)
            return true;
    return false;
}

static struct cached_name *cached_at(struct name_cache *cache, const char *name)
{
    return &cache->names[((uintptr_t)name >> 2 ^ (uintptr_t)name >> 6) % TASK_CACHE];
}

// Returns the column that was last found for this address, or NULL. If the string is not a literal
// it is compared, because the plugin may have written another name there.
static const struct cached_name *find_cached(struct name_cache *cache, const char *name)
{
    const struct cached_name *c = cached_at(cache, name);
    return c->name == name && is_same_name(c->text, name) ? c : NULL;
}

// Looks up a name among `count` columns, beginning after the column that was found last, so that a
// task that reads columns in their order finds each at once. Returns NULL if there is none. Not
// inlined, because most calls find their column in the cache.
static __attribute__((noinline)) struct cached_name *
search(const struct task_map *m, struct name_cache *cache, const char *name, size_t count,
       const char *(*name_at)(const struct task_map *, size_t))
{
    for (size_t i = 0; i < count; i++) {
        size_t column = (cache->next + i) % count;
        const char *text = name_at(m, column);
        if (text == name || is_same_name(text, name)) {
            struct cached_name *c = cached_at(cache, name);
            bool constant = text != name && plugin_is_constant(m->plugin, name);
            *c = (struct cached_name){
                .literal = constant ? name : text, .name = name, .text = text, .column = column};
            cache->next = column + 1;
            return c;
        }
    }
    return NULL;
}

static const struct cached_name *search_input(struct task_map *m, const char *name)
{
    struct cached_name *c = search(m, &m->inputs, name, input_count(m), input_name);
    if (c) {
        c->type = table_column_type(&m->table, c->column);
        c->view = table_view(&m->table, c->column);
    }
    return c;
}

static const struct cached_name *search_result(struct task_map *m, const char *name)
{
    struct cached_name *c = search(m, &m->results, name, m->signature.results.count, result_name);
    if (c)
        c->type = m->signature.results.columns[c->column].type;
    return c;
}

static const struct cached_name *find_input(struct task_map *m, const char *name)
{
    const struct cached_name *c = find_cached(&m->inputs, name);
    return c ? c : search_input(m, name);
}

static const struct cached_name *find_result(struct task_map *m, const char *name)
{
    const struct cached_name *c = find_cached(&m->results, name);
    return c ? c : search_result(m, name);
}

static void say_unknown(struct task *t, const char *what, const char *name, size_t count,
                        const char *(*name_at)(const struct task_map *, size_t))
{
    const char **names = calloc(count + 1, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = name_at(t->map, i);
    const char *near = names ? text_nearest(name, names, count) : NULL;
    if (near)
        fail(t, TASK_FAILED_FOR_GOOD, "there is no %s column `%s`; did you mean `%s`?", what, name,
             near);
    else
        fail(t, TASK_FAILED_FOR_GOOD, "there is no %s column `%s`", what, name);
    free(names);
}

// ---- Inputs

// Returns the input's column; NULL if there is no such column or row, and then the task has failed.
static const struct cached_name *input_for(struct task *t, const char *name, uint64_t row)
{
    struct task_map *m = t->map;
    const struct cached_name *c = find_input(m, name);
    if (!c)
        say_unknown(t, "input", name, input_count(m), input_name);
    else if (row >= t->public.rows) {
        fail(t, TASK_FAILED_FOR_GOOD, "row %" PRIu64 " was requested, but the task has %" PRIu64,
             row, t->public.rows);
        c = NULL;
    }
    return c;
}

static inline uint64_t row_in_table(const struct task *t, uint64_t row)
{
    return t->public.index * t->map->rows_per_task + row;
}

static bool get_cell(struct task *t, const char *name, uint64_t row, struct cell *out)
{
    const struct cached_name *c = input_for(t, name, row);
    if (!c)
        return false;
    uint64_t at = row_in_table(t, row);
    if (c->view.type == BR_I64)
        *out = (struct cell){.type = BR_I64, .i64 = (int64_t)table_view_i64(&c->view, at)};
    else if (c->view.type == BR_F64)
        *out = (struct cell){.type = BR_F64, .f64 = table_view_f64(&c->view, at)};
    else
        *out = table_cell(&t->map->table, c->column, at);
    return true;
}

static void say_type(struct task *t, const char *name, enum br_type is, enum br_type wanted)
{
    fail(t, TASK_FAILED_FOR_GOOD, "input column `%s` is %s, but the task reads it as %s", name,
         schema_type_name(is), schema_type_name(wanted));
}

static __attribute__((noinline)) int64_t cell_i64(struct task *t, const char *name, uint64_t row)
{
    struct cell c;
    if (!get_cell(t, name, row, &c))
        return 0;
    if (c.type == BR_I64)
        return c.i64;
    say_type(t, name, c.type, BR_I64);
    return 0;
}

static __attribute__((noinline)) double cell_f64(struct task *t, const char *name, uint64_t row)
{
    struct cell c;
    if (!get_cell(t, name, row, &c))
        return 0;
    if (c.type == BR_F64)
        return c.f64;
    if (c.type == BR_I64) // a column that no signature declares keeps the type its values suggest
        return (double)c.i64;
    say_type(t, name, c.type, BR_F64);
    return 0;
}

static int64_t arg_i64(br_task *task, const char *name, uint64_t row)
{
    struct task *t = task_of(task);
    const struct cached_name *c = cached_at(&t->map->inputs, name);
    if (c->literal != name || c->view.type != BR_I64 || row >= t->public.rows)
        return cell_i64(t, name, row);
    return (int64_t)table_view_i64(&c->view, row_in_table(t, row));
}

static double arg_f64(br_task *task, const char *name, uint64_t row)
{
    struct task *t = task_of(task);
    const struct cached_name *c = cached_at(&t->map->inputs, name);
    if (c->literal != name || c->view.type != BR_F64 || row >= t->public.rows)
        return cell_f64(t, name, row);
    return table_view_f64(&c->view, row_in_table(t, row));
}

static bool arg_bool(br_task *task, const char *name, uint64_t row)
{
    struct cell c;
    if (!get_cell(task_of(task), name, row, &c))
        return false;
    if (c.type == BR_BOOL)
        return c.boolean;
    say_type(task_of(task), name, c.type, BR_BOOL);
    return false;
}

static const void *arg_bytes(br_task *task, const char *name, uint64_t row, size_t *size)
{
    struct cell c;
    if (size)
        *size = 0;
    if (!get_cell(task_of(task), name, row, &c))
        return "";
    if (c.type != BR_STR && c.type != BR_BYTES) {
        say_type(task_of(task), name, c.type, size ? BR_BYTES : BR_STR);
        return "";
    }
    if (size)
        *size = c.text.length;
    return c.text.data;
}

static const char *arg_name(br_task *task, size_t i)
{
    const struct task_map *m = task_of(task)->map;
    return i < input_count(m) ? input_name(m, i) : NULL;
}

// ---- Results

static void say_no_result(struct task *t, const char *name, const struct cached_name *c,
                          enum br_type type)
{
    if (!c)
        say_unknown(t, "result", name, t->map->signature.results.count, result_name);
    else
        fail(t, TASK_FAILED_FOR_GOOD, "result column `%s` is declared %s, but the task gives %s",
             name, schema_type_name(c->type), schema_type_name(type));
}

static inline struct result_value *result_at(struct task *t, size_t column)
{
    struct result_value *v = &t->results[column];
    if (v->set_by != t->number) {
        v->set_by = t->number;
        t->results_set++;
    }
    return v;
}

static __attribute__((noinline)) int result_by_name(struct task *t, const char *name,
                                                    enum br_type type, uint64_t word)
{
    const struct cached_name *c = find_result(t->map, name);
    if (!c || c->type != type) {
        say_no_result(t, name, c, type);
        return 1;
    }
    result_at(t, c->column);
    t->words[c->column] = word;
    return 0;
}

// Sets a result of 8 bytes or less. Most calls find their column in the cache.
static inline int result_word(br_task *task, const char *name, enum br_type type, uint64_t word)
{
    struct task *t = task_of(task);
    const struct cached_name *c = cached_at(&t->map->results, name);
    if (c->literal != name || c->type != type)
        return result_by_name(t, name, type, word);
    result_at(t, c->column);
    t->words[c->column] = word;
    return 0;
}

static int result_i64(br_task *t, const char *name, int64_t value)
{
    return result_word(t, name, BR_I64, (uint64_t)value);
}

static int result_f64(br_task *t, const char *name, double value)
{
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    return result_word(t, name, BR_F64, word);
}

static int result_bool(br_task *t, const char *name, bool value)
{
    return result_word(t, name, BR_BOOL, value);
}

static int result_bytes(br_task *task, const char *name, const void *data, size_t size)
{
    struct task *t = task_of(task);
    const struct cached_name *c = find_result(t->map, name);
    if (!c || (c->type != BR_STR && c->type != BR_BYTES)) {
        say_no_result(t, name, c, BR_BYTES);
        return 1;
    }
    struct result_value *v = result_at(t, c->column);
    if (size == (size_t)-1)
        size = data ? strlen(data) : 0;
    else if (c->type == BR_STR && memchr(data, '\0', size))
        return fail(t, TASK_FAILED_FOR_GOOD,
                    "result column `%s` is a str, but the task gives text with a NUL byte", name);
    if (size > CHANNEL_RESULT_MAX / 2)
        return fail(t, TASK_FAILED_FOR_GOOD,
                    "result column `%s` is %zu bytes long; the limit is %d", name, size,
                    CHANNEL_RESULT_MAX / 2);
    t->unusual = true;
    v->offset = t->texts.length;
    v->length = size;
    buffer_append(&t->texts, data, size);
    buffer_char(&t->texts, '\0');
    if (t->texts.failed)
        return fail(t, TASK_FAILED, "out of memory for result column `%s`", name);
    return 0;
}

static int emit_bytes(br_task *task, const void *data, size_t size)
{
    struct task *t = task_of(task);
    if (!t->map->function.function)
        return fail(t, TASK_FAILED_FOR_GOOD,
                    "a plugin's task gives results by name (br_result_bytes); br_task_emit is for "
                    "functions of a pool");
    size_t out_size = t->map->function.out_size;
    if (size > CHANNEL_RESULT_MAX - out_size - t->emitted)
        return fail(t, TASK_FAILED_FOR_GOOD, "it emitted more than %zu bytes",
                    CHANNEL_RESULT_MAX - out_size);
    t->unusual = true;
    // Leaves room for `out`, so that result and emitted bytes are one piece of memory.
    if (t->texts.length == 0)
        buffer_extend(&t->texts, out_size);
    buffer_append(&t->texts, data, size);
    t->emitted += size;
    return t->texts.failed ? fail(t, TASK_FAILED, "out of memory for what it emitted") : 0;
}

// ---- The other calls of a task

BR_PRINTF_(3, 0) static int api_fail(br_task *task, int how, const char *format, va_list args)
{
    struct task *t = task_of(task);
    if (t->failure == TASK_FINE) {
        write_message(t->message, format, args);
        t->failure = how == 0   ? TASK_FAILED
                     : how == 2 ? TASK_TIMED_OUT
                     : how == 3 ? TASK_OVER_LIMIT
                                : TASK_FAILED_FOR_GOOD;
        t->unusual = true;
    }
    return 1;
}

BR_PRINTF_(2, 0) static void api_log(br_task *task, const char *format, va_list args)
{
    (void)task;
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static void api_progress(br_task *task, double fraction)
{
    struct task *t = task_of(task);
    t->unusual = t->progress_set = true;
    channel_progress(t->channel, fraction);
}

static bool api_cancelled(br_task *task)
{
    struct task *t = task_of(task);
    if (channel_cancelled(t->channel, t->claim, t->row))
        return true;
    // The coordinator cancels the task too, but notices the timeout later.
    return t->map->limits.soft_ns > 0 && clock_now() - t->start_ns >= t->map->limits.soft_ns;
}

static double api_time_left(br_task *task)
{
    struct task *t = task_of(task);
    int64_t limit = t->map->limits.soft_ns > 0 ? t->map->limits.soft_ns : t->map->limits.hard_ns;
    if (limit == 0)
        return HUGE_VAL;
    int64_t left = limit - (clock_now() - t->start_ns);
    return left > 0 ? (double)left / (double)NS_PER_S : 0;
}

// Sebastiano Vigna's SplitMix64 (prng.di.unimi.it/splitmix64.c): consecutive numbers give unrelated
// values.
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t api_task_seed(br_task *task)
{
    const struct task *t = task_of(task);
    return mix(t->map->seed ^ mix(t->map->function.first_index + t->claim->grant.first + t->row));
}

static void *api_task_state(br_task *task)
{
    return task_of(task)->map->state;
}

// ---- Workers: init and fini

BR_PRINTF_(2, 0) static int api_init_fail(br_worker *worker, const char *format, va_list args)
{
    struct task_worker *w = (struct task_worker *)worker;
    if (!w->failed)
        write_message(w->message, format, args);
    w->failed = true;
    return 1;
}

static bool copy_setting(const struct cell *c, int wanted, void *out)
{
    if (wanted == 1 && c->type == BR_I64)
        *(int64_t *)out = c->i64;
    else if (wanted == 2 && (c->type == BR_F64 || c->type == BR_I64))
        *(double *)out = c->type == BR_F64 ? c->f64 : (double)c->i64;
    else if (wanted == 3 && c->type == BR_BOOL)
        *(bool *)out = c->boolean;
    else if (wanted == 4 && c->type == BR_STR)
        *(const char **)out = c->text.data;
    else
        return false;
    return true;
}

static int api_config(br_worker *worker, const char *name, int wanted, void *out)
{
    static const enum br_type types[] = {BR_TYPE_NONE, BR_I64, BR_F64, BR_BOOL, BR_STR};
    struct task_worker *w = (struct task_worker *)worker;
    for (size_t i = 0; i < w->config->count; i++) {
        const struct job_setting *s = &w->config->items[i];
        if (strcmp(s->name, name) != 0)
            continue;
        if (!copy_setting(&s->value.cell, wanted, out) && !w->failed) {
            snprintf(w->message, sizeof w->message,
                     "its setting `%s` is %s, but the plugin reads it as %s", name,
                     schema_type_name(s->value.cell.type), schema_type_name(types[wanted]));
            w->failed = true;
        }
        return 0;
    }
    return 1;
}

static void *api_state(br_worker *worker)
{
    return ((struct task_worker *)worker)->state;
}

static void api_set_state(br_worker *worker, void *state)
{
    ((struct task_worker *)worker)->state = state;
}

const struct br_api_ task_api = {
    .size = sizeof(struct br_api_),
    .arg_i64 = arg_i64,
    .arg_f64 = arg_f64,
    .arg_bool = arg_bool,
    .arg_bytes = arg_bytes,
    .result_i64 = result_i64,
    .result_f64 = result_f64,
    .result_bool = result_bool,
    .result_bytes = result_bytes,
    .task_fail = api_fail,
    .task_log = api_log,
    .progress = api_progress,
    .cancelled = api_cancelled,
    .time_left = api_time_left,
    .task_state = api_task_state,
    .config = api_config,
    .state = api_state,
    .set_state = api_set_state,
    .init_fail = api_init_fail,
    .emit = emit_bytes,
    .arg_name = arg_name,
    .task_seed = api_task_seed,
};

int task_worker_start(struct task_worker *w, const struct plugin *plugin,
                      const struct job_settings *config, br_error *err)
{
    w->public.api = &task_api;
    w->config = config;
    if (!plugin->init)
        return 0;
    int returned = plugin->init(&w->public);
    if (w->failed)
        return br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` could not start: %s", plugin->name,
                            w->message);
    if (returned != 0)
        return br_error_set(err, BR_ERR_PLUGIN,
                            "plugin `%s` could not start: its init returned %d without a message "
                            "(br_init_fail sets one)",
                            plugin->name, returned);
    return 0;
}

// ---- From task to task

bool task_is_plain(const struct schema *results)
{
    for (size_t i = 0; i < results->count; i++)
        if (results->columns[i].type != BR_I64 && results->columns[i].type != BR_F64)
            return false;
    return true;
}

static bool make_results(struct task *t, size_t capacity)
{
    struct result_value *results = calloc(capacity, sizeof *results);
    uint64_t *words = calloc(capacity, sizeof *words);
    if (!results || !words) {
        free(results);
        free(words);
        return false;
    }
    free(t->results);
    free(t->words);
    t->results = results;
    t->words = words;
    t->result_capacity = capacity;
    return true;
}

bool task_prepare(struct task *t, struct task_map *map, const struct channel_claim *claim,
                  struct channel_worker *channel)
{
    size_t count = map->signature.results.count;
    t->map = map;
    t->claim = claim;
    t->channel = channel;
    t->public.api = &task_api;
    t->public.phase = map->phase;
    t->public.attempt = claim->grant.attempt;
    t->public.rows = 1;
    if (map->function.out_size > t->out_capacity) {
        free(t->out);
        t->out = malloc(map->function.out_size);
        t->out_capacity = t->out ? map->function.out_size : 0;
        if (!t->out)
            return false;
    }
    if (count >= t->result_capacity && !make_results(t, count + 1))
        return false;
    t->plain = map->function.function ? t->out : t->words;
    return true;
}

void task_undo_unusual(struct task *t)
{
    t->unusual = false;
    t->failure = TASK_FINE;
    t->emitted = 0;
    buffer_reset(&t->texts);
    if (t->progress_set)
        channel_progress(t->channel, 0);
    t->progress_set = false;
}

int task_call_function(br_task *task)
{
    struct task *t = task_of(task);
    const struct task_map *m = t->map;
    const struct channel_call *f = &m->function;
    const char *in = t->claim->items
                         ? (const char *)t->claim->items + t->row * f->in_size
                         : (const char *)m->items + (t->claim->grant.first + t->row) * f->in_size;
    if (f->out_size > 0)
        memset(t->out, 0, f->out_size);
    return f->function(task, in, t->out);
}

// Neither inlined nor a tail call, so that a stack frame lies between the task and its worker:
// stack traces of crashes end at it (exec/crash/crash.c).
__attribute__((noinline)) int task_call(struct task *t)
{
    int returned = t->map->call(&t->public);
    __asm__ volatile("");
    return returned;
}

static void pack(struct task *t)
{
    const struct schema *s = &t->map->signature.results;
    buffer_reset(&t->packed);
    for (size_t i = 0; i < s->count; i++) {
        struct cell c = {.type = s->columns[i].type};
        if (c.type == BR_STR || c.type == BR_BYTES) {
            c.text.data = t->texts.data + t->results[i].offset;
            c.text.length = t->results[i].length;
        } else if (c.type == BR_BOOL)
            c.boolean = t->words[i] != 0;
        else
            memcpy(&c.i64, &t->words[i], sizeof c.i64);
        row_pack(&t->packed, &c, 1);
    }
}

static const char *first_unset(const struct task *t)
{
    const struct schema *s = &t->map->signature.results;
    for (size_t i = 0; i < s->count; i++)
        if (t->results[i].set_by != t->number)
            return s->columns[i].name;
    return "";
}

static enum task_failure fail_size(struct task *t)
{
    fail(t, TASK_FAILED_FOR_GOOD, "the results are %zu bytes long together; the limit is %d",
         t->packed.length, CHANNEL_RESULT_MAX);
    return t->failure;
}

static __attribute__((noinline)) enum task_failure end_in_full(struct task *t, int returned,
                                                               const void **row, size_t *size)
{
    if (returned != 0)
        fail(t, TASK_FAILED, "the task returned %d without a message (br_fail sets one)", returned);
    else if (t->results_set < t->map->signature.results.count)
        fail(t, TASK_FAILED_FOR_GOOD, "the task returned 0 without giving result column `%s`",
             first_unset(t));
    if (t->failure != TASK_FINE)
        return t->failure;
    if (t->map->function.function) {
        *size = t->map->function.out_size + t->emitted;
        *row = t->out;
        if (t->emitted > 0) {
            if (t->map->function.out_size > 0)
                memcpy(t->texts.data, t->out, t->map->function.out_size);
            *row = t->texts.data;
        }
        return TASK_FINE;
    }
    pack(t);
    if (t->packed.failed) {
        fail(t, TASK_FAILED, "out of memory for the task's results");
        return t->failure;
    }
    if (t->packed.length > CHANNEL_RESULT_MAX)
        return fail_size(t);
    *row = t->packed.data;
    *size = t->packed.length;
    return TASK_FINE;
}

void task_note_unwritten(struct task *t, int number)
{
    snprintf(t->message, sizeof t->message, "its output could not be written: %s",
             strerror(number));
}

enum task_failure task_end(struct task *t, int returned, const void **row, size_t *size)
{
    const struct task_map *m = t->map;
    if (!task_ended_plainly(t, returned))
        return end_in_full(t, returned, row, size);
    *row = t->plain;
    *size = (m->function.function ? m->row_words : m->signature.results.count) * sizeof *t->plain;
    return TASK_FINE;
}

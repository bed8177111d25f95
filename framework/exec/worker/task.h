// SPDX-License-Identifier: BSD-3-Clause
// A task in hand, in the worker: what stands behind the calls of <batchrun/plugin.h>.
#ifndef BR_EXEC_WORKER_TASK_H
#define BR_EXEC_WORKER_TASK_H

#include <batchrun/plugin.h>

#include "base/buffer.h"
#include "exec/channel/channel_worker.h"
#include "model/schema.h"
#include "model/table.h"

enum {
    TASK_MESSAGE = 1000,
    TASK_CACHE = 64
};

// The plugin's name strings are usually literals: the last column found for an address is tried
// first, then the one behind the last that was found.
struct name_cache {
    struct cached_name {
        const char *literal; // of which the address alone says what it is: the plugin's, or else
                             // the column's own, which br_arg_name gives
        const char *name;    // the plugin's
        const char *text;    // the column's own
        enum br_type type;
        size_t column;
        struct table_column_view view; // of an input
    } names[TASK_CACHE];
    size_t next;
};

struct plugin;

// A map as the worker knows it.
struct task_map {
    uint64_t id;
    int (*call)(br_task *);
    const struct plugin *plugin; // whose it is
    // A function of the calling program instead: `items` is what grants carry no inputs for.
    struct channel_call function;
    const void *items;
    char *phase;
    uint64_t seed;
    struct table table;
    void *table_memory;
    size_t table_size;
    uint64_t rows, rows_per_task;
    struct signature signature;
    bool plain;       // results need no packing: columns of i64 and f64 alone, or `row_words`
    size_t row_words; // as channel_row_words
    struct time_limits limits;
    enum job_isolation isolation;
    void *state; // of the plugin
    struct name_cache inputs, results;
};

enum task_failure {
    TASK_FINE,
    TASK_FAILED,
    TASK_FAILED_FOR_GOOD
};

struct task {
    br_task public; // first: the plugin's pointer is this one
    struct task_map *map;
    struct channel_worker *channel;
    const struct channel_claim *claim;
    uint32_t row;
    int64_t start_ns;
    uint64_t number; // of this task in the worker's life: marks which results it has set
    // What few tasks do, and the next one must find undone: fail, emit, tell progress, give texts.
    bool unusual;
    bool told_progress;
    enum task_failure failure;
    size_t results_set;
    struct result_value *results; // one for each result column
    uint64_t *words;              // results of 8 bytes and less
    const uint64_t *plain;        // where the map is, the row: `words`, or `out`
    size_t result_capacity;
    void *out; // what a function writes its result to
    size_t out_capacity;
    size_t emitted;       // bytes in `texts` that a function gave with br_task_emit
    struct buffer texts;  // str and bytes results
    struct buffer packed; // the row, where it is not plain
    char message[TASK_MESSAGE + 1];
};

// Makes *t ready for tasks of a grant of `map`; both borrowed. false when out of memory.
bool task_prepare(struct task *t, struct task_map *map, const struct channel_claim *claim,
                  struct channel_worker *channel);

void task_undo_unusual(struct task *t);

// Sets all that a plugin sees of the grant's task `row`.
static inline void task_begin(struct task *t, uint32_t row, int64_t start_ns)
{
    const struct task_map *m = t->map;
    uint64_t task = t->claim->grant.first + row;
    t->row = row;
    t->start_ns = start_ns;
    t->number++;
    t->results_set = 0;
    if (t->unusual)
        task_undo_unusual(t);
    t->public.index = m->function.first_index + task;
    if (m->rows_per_task != 1) {
        uint64_t left = m->rows - task * m->rows_per_task;
        t->public.rows = left < m->rows_per_task ? left : m->rows_per_task;
    }
}

// For a map's `call`, where the task is a function of the calling program.
int task_call_function(br_task *t);

// Calls the task's function; what it returned.
int task_call(struct task *t);

// Whether it has ended as most do: well, and t->plain has its results.
static inline bool task_ended_plainly(const struct task *t, int returned)
{
    return returned == 0 && !t->unusual && t->map->plain &&
           t->results_set == t->map->signature.results.count;
}

// What has become of it, given what the function returned: the failure, with t->message; where
// there is none *row and *size are the packed results.
enum task_failure task_end(struct task *t, int returned, const void **row, size_t *size);

// Whether a row of results is words that need no packing: i64 and f64 alone.
bool task_is_plain(const struct schema *results);

// The table of calls; the same for tasks and for workers' init.
extern const struct br_api_ task_api;

// ---- A plugin in a worker, for init and fini

struct job_settings;

struct task_worker {
    br_worker public; // first
    void *state;
    const struct job_settings *config;
    bool failed; // a setting had the wrong type, or init said so
    char message[TASK_MESSAGE + 1];
};

// Runs the init of a plugin that was loaded, if it has one. -1 and *err (BR_ERR_PLUGIN) with its
// reason. `config` is borrowed for as long as the plugin is used.
int task_worker_start(struct task_worker *w, const struct plugin *plugin,
                      const struct job_settings *config, br_error *err);

#endif

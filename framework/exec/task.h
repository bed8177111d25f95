// SPDX-License-Identifier: BSD-3-Clause
// A task in hand, in the worker: what stands behind the calls of <batchrun/plugin.h>.
#ifndef BR_EXEC_TASK_H
#define BR_EXEC_TASK_H

#include <batchrun/plugin.h>

#include "base/buffer.h"
#include "exec/channel.h"
#include "model/schema.h"
#include "model/table.h"

enum {
    TASK_MESSAGE = 1000,
    TASK_CACHE = 16
};

// The plugin's name strings are usually literals: the last column found for an address is tried
// first, then the one behind the last that was found.
struct name_cache {
    struct cached_name {
        const char *name; // the plugin's
        const char *text; // the column's own
        int column;
    } names[TASK_CACHE];
    size_t next;
};

// A map as the worker knows it.
struct task_map {
    uint64_t id;
    int (*call)(br_task *);
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
    bool plain; // a plugin's task, and all its result columns are i64 or f64
    int64_t soft_ns, hard_ns;
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
    enum task_failure failure;
    uint64_t number; // of this task in the worker's life: marks which results it has set
    bool told_progress;
    size_t results_set;
    struct result_value *results; // one for each result column
    uint64_t *words;              // a plain row, ready to be sent
    size_t result_capacity;
    void *out; // what a function writes its result to
    size_t out_capacity;
    size_t emitted;       // bytes in `texts` that a function gave with br_task_emit
    struct buffer texts;  // str and bytes results
    struct buffer packed; // the row, where it is not plain
    char message[TASK_MESSAGE + 1];
};

// Makes *t ready for tasks of `map`. false when out of memory.
bool task_prepare(struct task *t, struct task_map *map, struct channel_worker *channel);

// Sets all that a plugin sees of task `index`.
void task_begin(struct task *t, const struct channel_claim *claim, uint32_t row, int64_t start_ns);

// Calls the task's function; what it returned.
int task_call(struct task *t);

// What has become of it, given what the function returned: the failure, with t->message; where
// there is none *row and *size are the packed results.
enum task_failure task_end(struct task *t, int returned, const void **row, size_t *size);

// Whether a row of results is words that need no packing: i64 and f64 alone.
bool task_is_plain(const struct schema *results);

// The table of calls; the same for tasks and for workers' init.
extern const struct br_api_ task_api;

// ---- A plugin in a worker, for init and fini

struct job_settings;
struct plugin;

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

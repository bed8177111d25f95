// SPDX-License-Identifier: BSD-3-Clause
// A running task, in the worker: the functions that the calls of <batchrun/plugin.h> end up in.
#ifndef BR_EXEC_WORKER_TASK_H
#define BR_EXEC_WORKER_TASK_H

#include <batchrun/plugin.h>

#include "base/buffer.h"
#include "exec/channel/channel_worker.h"
#include "model/schema.h"
#include "model/table.h"

enum {
    TASK_MESSAGE = 1000, // bytes of a message at most
    TASK_CACHE = 64      // names whose columns are remembered
};

// Columns by the address of the name string that a plugin passes, which is usually a literal. The
// column that was last found for an address is tried first, then the one after the last column
// found.
struct name_cache {
    struct cached_name {
        const char *literal; // key: the address of a string that cannot change: a literal of the
                             // plugin, or the column's name as br_arg_name returns it
        const char *name;    // the string that the plugin has passed
        const char *text;    // the column's name
        enum br_type type;
        size_t column;                 // its index
        struct table_column_view view; // of an input
    } names[TASK_CACHE];
    size_t next;
};

struct plugin;
struct process_mode;
struct streams;

// A map as the worker knows it.
struct task_map {
    uint64_t id;
    int (*call)(br_task *);
    const struct plugin *plugin; // that the task belongs to; NULL for a function of the program
    struct streams *streams;     // that the task may print to besides those of C
    // The function; `items` are the inputs of all tasks, unless grants carry them.
    struct channel_call function;
    const void *items;
    const char *phase;
    uint64_t seed;
    struct table table;
    void *table_memory;
    size_t table_size;
    uint64_t rows, rows_per_task;
    struct signature signature;
    bool plain; // rows need no packing: only i64 and f64 columns, or a function with row_words
    size_t row_words; // as channel_row_words returns it
    struct time_limits limits;
    enum job_isolation isolation;
    void *state;                     // that the plugin's init has set
    const struct process_mode *mode; // of the plugin; NULL for a function of the program
    struct name_cache inputs, results;
};

enum task_failure {
    TASK_FINE,
    TASK_FAILED,
    TASK_FAILED_FOR_GOOD,
    TASK_TIMED_OUT, // it ended because its soft timeout had passed
    TASK_OVER_LIMIT // it ended because it reached a limit
};

struct task {
    br_task public; // first: the plugin's pointer is this one
    struct task_map *map;
    struct channel_worker *channel;
    const struct channel_claim *claim;
    uint32_t row; // index within the grant
    int64_t start_ns;
    uint64_t number; // counts the worker's tasks; a result is set if it bears this number
    // It has done what few tasks do, and what must be undone before the next: failed, emitted
    // bytes, reported progress, set a text.
    bool unusual;
    bool progress_set;
    enum task_failure failure;
    size_t results_set;           // how many result columns
    struct result_value *results; // one for each result column
    uint64_t *words;              // results of 8 bytes and less
    const uint64_t *plain;        // if the map is plain: the row, `words` or `out`
    size_t result_capacity;
    void *out; // memory for a function's result
    size_t out_capacity;
    size_t emitted;       // bytes in `texts` that a function gave with br_task_emit
    struct buffer texts;  // str and bytes results
    struct buffer packed; // the row, if it is not plain
    char message[TASK_MESSAGE + 1];
};

// Prepares *t for the tasks of a grant of `map`. All arguments are borrowed until the next call.
// Returns false if memory ran out.
bool task_prepare(struct task *t, struct task_map *map, const struct channel_claim *claim,
                  struct channel_worker *channel);

// Undoes what the last task has done if it was unusual.
void task_undo_unusual(struct task *t);

// Starts task `row` of the grant: sets what the plugin's calls return.
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

// The `call` of a map whose task is a function of the calling program.
int task_call_function(br_task *t);

// Calls the task's function and returns what it has returned.
int task_call(struct task *t);

// Returns whether the task has succeeded without anything unusual, so that t->plain is its row.
static inline bool task_ended_plainly(const struct task *t, int returned)
{
    return returned == 0 && !t->unusual && t->map->plain &&
           t->results_set == t->map->signature.results.count;
}

// Judges the task, given what its function has returned. Returns the failure, whose message is
// t->message, or TASK_FINE and the packed results in *row and *size, valid until the next task.
enum task_failure task_end(struct task *t, int returned, const void **row, size_t *size);

// Sets t->message: what the task has printed could not be written, for this errno.
void task_note_unwritten(struct task *t, int number);

// Returns whether rows need no packing because all columns are i64 or f64.
bool task_is_plain(const struct schema *results);

// The functions behind the calls of <batchrun/plugin.h>, of tasks and of init.
extern const struct br_api_ task_api;

// ---- A plugin in a worker, for init and fini

struct job_settings;

struct task_worker {
    br_worker public; // first
    void *state;
    const struct job_settings *config;
    bool failed; // a setting has the wrong type, or init has called br_init_fail
    char message[TASK_MESSAGE + 1];
};

// Runs the init of a loaded plugin, if it has one. Returns 0; -1 and *err (BR_ERR_PLUGIN) with its
// reason if it fails. `config` is borrowed for as long as the plugin is used.
int task_worker_start(struct task_worker *w, const struct plugin *plugin,
                      const struct job_settings *config, br_error *err);

#endif

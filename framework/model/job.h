// SPDX-License-Identifier: BSD-3-Clause
// A job as its file says it, checked as far as the file alone allows. Made by run/spec, read by
// all.
#ifndef BR_MODEL_JOB_H
#define BR_MODEL_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/policy.h"
#include "model/schema.h"

// Where in the job file something stands, 1-based; line 0 = nowhere (a default).
struct mark {
    uint32_t line;
    uint32_t column;
};

// A scalar of the file with its YAML 1.2 core-schema type (i64, f64, bool or str).
struct job_value {
    struct cell cell; // text is owned by the job
    struct mark mark;
};

struct job_setting { // args, plugin config
    char *name;
    struct job_value value;
    struct mark mark;
};

struct job_settings {
    struct job_setting *items;
    size_t count;
};

enum job_binding {
    BIND_NONE,
    BIND_PU,
    BIND_CORE,
    BIND_L3,
    BIND_NUMA,
    BIND_PACKAGE
};
enum job_layout {
    LAYOUT_COMPACT,
    LAYOUT_SCATTER
};

// "none", "pu", "core", "l3", "numa", "package"; "compact", "scatter".
const char *job_binding_name(enum job_binding binding);
const char *job_layout_name(enum job_layout layout);

struct job_workers {
    unsigned count; // 0 = auto
    enum job_binding binding;
    enum job_layout layout;
    unsigned width;
    bool membind_local;
    bool oversubscribe;
    uint64_t max_tasks;     // 0 = never replaced
    struct mark mark;       // of `workers`
    struct mark count_mark; // of the values, for messages
    struct mark width_mark;
};

struct job_plugin {
    char *name;
    char *path; // as written, relative to the job file; NULL = look along the plugin path
    struct job_settings config;
    struct mark mark;
};

struct job_env {
    char *name;
    char *value; // NULL unsets
};

#define JOB_UNLIMITED UINT64_MAX

struct job_limits {  // JOB_UNLIMITED where not given
    uint64_t memory; // bytes
    uint64_t cpu_time_ns;
    uint64_t open_files;
    uint64_t core_size; // bytes
    uint64_t output;    // bytes, on each stream
};

enum job_mode {
    MODE_SYNC,
    MODE_ASYNC
};
enum job_isolation {
    ISOLATE_WORKER,
    ISOLATE_TASK,
    ISOLATE_AUTO
};

enum job_input_kind {
    INPUT_RANGE,
    INPUT_LIST,
    INPUT_LINES,
    INPUT_CSV,
    INPUT_GLOB,
    INPUT_MATRIX,
    INPUT_FROM
};

// "range", "list", "lines", "csv", "glob", "matrix", "from".
const char *job_input_kind_name(enum job_input_kind kind);

struct job_inputs;

// Values given in the file: `rows` rows of `columns` columns, row-major.
struct job_grid {
    char **names;
    size_t columns;
    size_t rows;
    struct job_value *values;
};

struct job_axis {
    char *name;
    struct job_inputs *values; // one column: a list (names[0] = name), a range, lines, csv or glob
    struct mark mark;
};

// exclude: rows that match every named column. include: rows added after all others, which must
// name every axis.
struct job_match {
    struct job_settings columns;
    struct mark mark;
};

struct job_inputs {
    enum job_input_kind kind;
    struct mark mark;
    union {
        struct {                                // row n is start + n * step; see job_range_rows
            struct job_value start, stop, step; // i64 or f64, each as written
            char *as;                           // column's name, "i" unless given
            bool is_f64;                        // any of the three is
        } range;
        struct job_grid list;
        char *path; // lines, csv: as written; "-" = standard input (lines). glob: the pattern
        struct {
            struct job_axis *axes;
            size_t axis_count;
            struct job_match *exclude;
            size_t exclude_count;
            struct job_match *include;
            size_t include_count;
        } matrix;
        size_t from; // the other phase's place in job.phases, less than this one's
    };
};

struct job_on_failure {
    enum {
        FAIL_CONTINUE,
        FAIL_STOP,
        FAIL_MAX,
        FAIL_PERCENT
    } kind;
    uint64_t max_failed; // FAIL_MAX
    double percent;      // FAIL_PERCENT
};

enum job_reduce_kind {
    REDUCE_NONE,
    REDUCE_SUM,
    REDUCE_MIN,
    REDUCE_MAX,
    REDUCE_MEAN,
    REDUCE_COUNT,
    REDUCE_TASK
};

struct job_reduce {
    enum job_reduce_kind kind;
    char *task; // REDUCE_TASK: "plugin.task"
    unsigned fan_in;
    struct mark mark;
};

struct job_phase {
    char *name;
    char *task; // "plugin.task"
    enum job_mode mode;
    size_t *needs; // places in job.phases, ascending, each less than this one's
    size_t need_count;
    struct job_inputs inputs;
    struct job_settings args;
    uint64_t batch;
    uint64_t chunk_size; // 0 = auto
    int priority;
    unsigned max_parallel;   // 0 = every worker
    int64_t time_request_ns; // that one task is expected to take; 0 = not known
    struct time_limits timeout;
    struct retry_policy retries;
    struct job_on_failure on_failure;
    enum job_isolation isolation;
    struct job_reduce reduce;
    bool keep_results;
    char
        *output; // as written; NULL = results/PHASE.csv in the run directory; "-" = standard output
    struct mark mark;
    struct mark task_mark;
    struct mark inputs_mark;
    struct mark batch_mark;
    struct mark output_mark;
};

struct job {
    char *file;      // as the user named it, for messages
    char *directory; // what paths in it are relative to: "." or a path without a final slash
    char *text;      // the file's content, for messages that show the line
    size_t text_length;
    char *name;
    struct job_workers workers;
    struct job_plugin *plugins;
    size_t plugin_count;
    struct job_env *env;
    size_t env_count;
    struct job_limits limits;
    struct job_phase *phases;
    size_t phase_count;
};

// NULL and half-built jobs are fine; errno is kept.
void job_destroy(struct job *job);

// Frees what a phase holds, not the phase.
void job_phase_finish(struct job_phase *phase);

// Row numbers stay exact as f64.
#define JOB_ROWS_MAX (INT64_C(1) << 53)

// Rows of an INPUT_RANGE; JOB_UNLIMITED when the step never gets from start to stop, or needs more
// than JOB_ROWS_MAX rows.
uint64_t job_range_rows(const struct job_inputs *inputs);

// The phases that must have ended before phase `p` starts, as a set of places written to
// before[0..phase_count): its needs, the phase it reads from, every sync phase before it; for a
// sync phase all before it.
void job_phases_before(const struct job *job, size_t p, bool *before);

// Splits "plugin.task" at its first dot: the plugin's place in job.plugins, or -1 when there is
// none of that name. *task points behind the dot.
int job_find_task(const struct job *job, const char *plugin_task, const char **task);

#endif

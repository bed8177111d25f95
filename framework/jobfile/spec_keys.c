// SPDX-License-Identifier: BSD-3-Clause
// The tables of keys.
#include "jobfile/spec_keys.h"

#include "base/clock.h"
#include "jobfile/spec_readers.h"

#define COUNT(array)        (sizeof(array) / sizeof(array)[0])
#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define MARK(type, member)  .mark_offset = offsetof(type, member)
#define TABLE(description, array)                                                                  \
    {                                                                                              \
        .what = description, .keys = array, .count = COUNT(array)                                  \
    }

// Refers to a part of the schema that jobfile/spec_schema.c defines.
#define REF(name) "{'$ref': '#/$defs/" name "'}"
#define PATH      "'type': 'string', 'minLength': 1"

// The words of each enum, in its order.
static const char *const binding_words[] = {"none", "pu", "core", "l3", "numa", "package", NULL};
static const char *const layout_words[] = {"compact", "scatter", NULL};
static const char *const membind_words[] = {"none", "local", NULL};
static const char *const mode_words[] = {"sync", "async", NULL};
static const char *const isolation_words[] = {"worker", "task", "auto", NULL};

static const struct spec_key worker_keys[] = {
    {.name = "count",
     .doc = "number of workers; auto: one for each object of `binding`",
     .example = "8",
     .type = SPEC_WHOLE,
     FIELD(struct job_workers, count),
     MARK(struct job_workers, count_mark),
     .min = 1,
     .max = 65536,
     .automatic = "auto"},
    {.name = "binding",
     .doc = "kind of object that each worker is bound to",
     .example = "core",
     .type = SPEC_WORD,
     FIELD(struct job_workers, binding),
     .words = binding_words},
    {.name = "layout",
     .doc = "compact: neighbouring objects first; scatter: spread over the machine",
     .example = "compact",
     .type = SPEC_WORD,
     FIELD(struct job_workers, layout),
     .words = layout_words},
    {.name = "width",
     .doc = "objects for each worker; a task that starts threads needs several",
     .example = "1",
     .type = SPEC_WHOLE,
     FIELD(struct job_workers, width),
     MARK(struct job_workers, width_mark),
     .min = 1,
     .max = 4096},
    {.name = "membind",
     .doc = "local: a worker's memory comes from its own NUMA nodes",
     .example = "local",
     .type = SPEC_WORD,
     FIELD(struct job_workers, membind_local),
     .words = membind_words},
    {.name = "oversubscribe",
     .doc = "allow more workers than there are objects",
     .example = "false",
     .type = SPEC_BOOL,
     FIELD(struct job_workers, oversubscribe)},
    {.name = "max_tasks",
     .doc = "replace a worker after this many tasks; 0: never",
     .example = "1000",
     .type = SPEC_WHOLE,
     FIELD(struct job_workers, max_tasks),
     .min = 0,
     .max = INT64_MAX},
    {.name = "start_timeout",
     .doc = "time for a worker to load the plugins and run their init",
     .example = "10m",
     .type = SPEC_DURATION,
     FIELD(struct job_workers, start_ns),
     .min = NS_PER_MS},
};
const struct spec_table spec_workers_table = TABLE("`workers`", worker_keys);

static const struct spec_key limit_keys[] = {
    {.name = "memory",
     .doc = "memory that one worker may use",
     .example = "2GiB",
     .type = SPEC_SIZE,
     FIELD(struct job_limits, memory),
     .min = INT64_C(1) << 20},
    {.name = "cpu_time",
     .doc = "CPU time of one task",
     .example = "10m",
     .type = SPEC_DURATION,
     FIELD(struct job_limits, cpu_time_ns),
     .min = NS_PER_MS},
    {.name = "open_files",
     .doc = "files that one worker may have open",
     .example = "1024",
     .type = SPEC_WHOLE,
     FIELD(struct job_limits, open_files),
     .min = 16,
     .max = INT64_MAX},
    {.name = "core_size",
     .doc = "size of a core dump; 0: no core dump",
     .example = "0",
     .type = SPEC_SIZE,
     FIELD(struct job_limits, core_size)},
    {.name = "printed",
     .doc = "what one task may print on each stream",
     .example = "1MiB",
     .type = SPEC_SIZE,
     FIELD(struct job_limits, printed)},
};
const struct spec_table spec_limits_table = TABLE("`limits`", limit_keys);

static const struct spec_key plugin_keys[] = {
    {.name = "name",
     .doc = "the plugin's name: the first part of PLUGIN.TASK",
     .example = "demo",
     .type = SPEC_NAME,
     .required = true,
     FIELD(struct job_plugin, name)},
    {.name = "path",
     .doc = "its file, relative to the job file; default: found in the plugin path",
     .example = "./libdemo.so",
     .type = SPEC_TEXT,
     .expected = "a file's path",
     FIELD(struct job_plugin, path)},
    {.name = "config",
     .doc = "settings for the plugin's init",
     .example = "{solver: gmres}",
     .type = SPEC_SETTINGS,
     FIELD(struct job_plugin, config)},
};
const struct spec_table spec_plugin_table = TABLE("a plugin", plugin_keys);

static const struct spec_key timeout_keys[] = {
    {.name = "soft",
     .doc = "time after which a task is asked to stop",
     .example = "50s",
     .type = SPEC_DURATION,
     FIELD(struct time_limits, soft_ns)},
    {.name = "hard",
     .doc = "time after which a task is killed",
     .example = "60s",
     .type = SPEC_DURATION,
     FIELD(struct time_limits, hard_ns)},
};
const struct spec_table spec_timeout_table = TABLE("`timeout`", timeout_keys);

static const struct spec_key backoff_keys[] = {
    {.name = "delay",
     .doc = "wait before the first retry",
     .example = "500ms",
     .type = SPEC_DURATION,
     FIELD(struct retry_policy, delay_ns)},
    {.name = "factor",
     .doc = "each further wait is this many times longer",
     .example = "2",
     .type = SPEC_NUMBER,
     FIELD(struct retry_policy, factor),
     .min = 1,
     .max = 1000},
    {.name = "max",
     .doc = "the longest wait",
     .example = "30s",
     .type = SPEC_DURATION,
     FIELD(struct retry_policy, max_ns)},
    {.name = "jitter",
     .doc = "fraction by which each wait is randomly longer or shorter",
     .example = "0.2",
     .type = SPEC_NUMBER,
     FIELD(struct retry_policy, jitter),
     .min = 0,
     .max = 1},
};
const struct spec_table spec_backoff_table = TABLE("`backoff`", backoff_keys);

static const struct spec_key retry_keys[] = {
    {.name = "limit",
     .doc = "attempts after the first",
     .example = "3",
     .type = SPEC_WHOLE,
     .required = true,
     FIELD(struct retry_policy, limit),
     .min = 0,
     .max = 1000000},
    {.name = "on",
     .doc = "which outcomes are tried again",
     .example = "[error, crashed]",
     .type = SPEC_OTHER,
     .expected = "a list of error, crashed, timed_out, over_limit",
     FIELD(struct retry_policy, on),
     .schema = "'type': 'array', 'items': {'enum': ['error', 'crashed', 'timed_out', "
               "'over_limit']}",
     .read = spec_read_retry_on},
    {.name = "backoff",
     .doc = "waits between attempts",
     .example = "{delay: 500ms, factor: 2, max: 30s, jitter: 0.2}",
     .type = SPEC_MAPPING,
     .table = &spec_backoff_table},
};
const struct spec_table spec_retries_table = TABLE("`retries`", retry_keys);

static const struct spec_key on_failure_keys[] = {
    {.name = "max_failed",
     .doc = "stop after more failed tasks than this number or percentage",
     .example = "10",
     .type = SPEC_OTHER,
     .required = true,
     .expected = "a number of tasks or a percentage",
     .schema = "'anyOf': [{'type': 'integer', 'minimum': 0}, {'type': 'string', 'pattern': "
               "'^[0-9.]+%$'}]",
     .read = spec_read_max_failed},
};
const struct spec_table spec_on_failure_table = TABLE("`on_failure`", on_failure_keys);

static const struct spec_key reduce_keys[] = {
    {.name = "task",
     .doc = "a task that takes many rows, or a built-in",
     .example = "demo.total",
     .type = SPEC_OTHER,
     .required = true,
     .expected = "sum, min, max, mean, count or PLUGIN.TASK",
     .schema = "'type': 'string'",
     .read = spec_read_reduce_task},
    {.name = "fan_in",
     .doc = "number of rows that one call takes",
     .example = "64",
     .type = SPEC_WHOLE,
     FIELD(struct job_reduce, fan_in),
     .min = 2,
     .max = 65536},
};
const struct spec_table spec_reduce_table = TABLE("`reduce`", reduce_keys);

static const struct spec_key command_keys[] = {
    {.name = "accept",
     .doc = "exit statuses that are no failure",
     .example = "[0, 1]",
     .type = SPEC_OTHER,
     .expected = "a list of exit statuses, or `any`",
     .schema = "'anyOf': [{'const': 'any'}, {'type': 'string'}, {'type': 'integer', 'minimum': 0, "
               "'maximum': 255}, {'type': 'array', 'minItems': 1, 'items': {'type': 'integer', "
               "'minimum': 0, 'maximum': 255}}]",
     .read = spec_read_command_accept},
    {.name = "cwd",
     .doc = "directory that the command runs in; can have {column}",
     .example = "\"{path.dir}\"",
     .type = SPEC_OTHER,
     .expected = "a directory's path",
     .schema = PATH,
     .read = spec_read_command_text},
    {.name = "stdin",
     .doc = "file that the command reads as standard input; can have {column}",
     .example = "\"{path}\"",
     .type = SPEC_OTHER,
     .expected = "a file's path",
     .schema = PATH,
     .read = spec_read_command_text},
    {.name = "env",
     .doc = "environment variables of the command, which can have {column}; null unsets",
     .example = "{SAMPLE: \"{name}\"}",
     .type = SPEC_OTHER,
     .expected = "a mapping of names to values",
     .schema = "'type': 'object', 'additionalProperties': {'type': ['string', 'number', 'boolean', "
               "'null']}",
     .read = spec_read_command_env},
    {.name = "export_prefix",
     .doc = "begins the names of the variables that command.shell gets for its columns",
     .example = "COL_",
     .type = SPEC_OTHER,
     .expected = "the first letters of a variable's name",
     .schema = "'type': 'string', 'pattern': '^[A-Za-z_][A-Za-z0-9_]*$'",
     .read = spec_read_command_prefix},
};
const struct spec_table spec_command_table = TABLE("`command`", command_keys);

static const struct spec_key range_keys[] = {
    {.name = "start",
     .doc = "the first value",
     .example = "0",
     .type = SPEC_OTHER,
     .expected = "a number",
     FIELD(struct job_inputs, range.start),
     .schema = "'type': 'number'",
     .read = spec_read_range_number},
    {.name = "stop",
     .doc = "the end of the range, which is not itself a value",
     .example = "1000",
     .type = SPEC_OTHER,
     .required = true,
     .expected = "a number",
     FIELD(struct job_inputs, range.stop),
     .schema = "'type': 'number'",
     .read = spec_read_range_number},
    {.name = "step",
     .doc = "the difference between two neighbouring values",
     .example = "1",
     .type = SPEC_OTHER,
     .expected = "a number",
     FIELD(struct job_inputs, range.step),
     .schema = "'type': 'number'",
     .read = spec_read_range_number},
    {.name = "as",
     .doc = "the column's name",
     .example = "i",
     .type = SPEC_OTHER,
     .expected = "a column's name",
     FIELD(struct job_inputs, range.as),
     .schema = "'type': 'string', 'minLength': 1",
     .read = spec_read_column_name},
};
const struct spec_table spec_range_table = TABLE("`range`", range_keys);

#define RANGE_KEY                                                                                  \
    {                                                                                              \
        .name = "range", .doc = "evenly spaced numbers", .example = "1000", .type = SPEC_OTHER,    \
        .expected = "a number of rows or {start, stop, step, as}", .table = &spec_range_table,     \
        .schema = "'anyOf': [{'type': 'integer', 'minimum': 0}, " REF("range") "]",                \
        .read = spec_read_range                                                                    \
    }
#define LINES_KEY                                                                                  \
    {                                                                                              \
        .name = "lines", .doc = "the lines of a text file, or of standard input: `-`",             \
        .example = "names.txt", .type = SPEC_OTHER, .expected = "a file's path or `-`",            \
        .schema = PATH, .read = spec_read_lines                                                    \
    }
#define CSV_KEY                                                                                    \
    {                                                                                              \
        .name = "csv", .doc = "a CSV file whose header names the columns",                         \
        .example = "params.csv", .type = SPEC_OTHER, .expected = "a file's path",                  \
        .schema = PATH ", 'not': {'const': '-'}", .read = spec_read_csv                            \
    }
#define GLOB_KEY                                                                                   \
    {                                                                                              \
        .name = "glob",                                                                            \
        .doc = "the paths that match a pattern, sorted; `**` matches directories of any depth",    \
        .example = "\"data/*.h5\"", .type = SPEC_OTHER, .expected = "a pattern", .schema = PATH,   \
        .read = spec_read_glob                                                                     \
    }

static const struct spec_key input_keys[] = {
    RANGE_KEY,
    {.name = "list",
     .doc = "values written in the job file, by column or by row",
     .example = "{r: [1, 2, 3]}",
     .type = SPEC_OTHER,
     .expected = "columns of values, or a list of rows",
     .schema = "'anyOf': [{'type': 'object', 'minProperties': 1, 'additionalProperties': "
               "{'type': 'array', 'items': " REF("value") "}}, {'type': 'array', 'minItems': 1, "
                                                          "'items': " REF("settings") "}]",
     .read = spec_read_list},
    LINES_KEY,
    CSV_KEY,
    GLOB_KEY,
    {.name = "matrix",
     .doc = "every combination of the axes' values",
     .example = "{r: [1, 2], bc: [wall, open]}",
     .type = SPEC_OTHER,
     .expected = "a mapping of axes",
     .table = &spec_axis_table,
     .schema = "'type': 'object', 'properties': {'exclude': {'type': 'array', "
               "'items': " REF("settings") "}, 'include': {'type': 'array', 'items': " REF(
                   "settings") "}}, 'additionalProperties': {'anyOf': [{'type': 'array', "
                               "'minItems': 1, 'items': " REF("value") "}, " REF("axis") "]"
                                                                                         "}",
     .read = spec_read_matrix},
    {.name = "from",
     .doc = "the results of an earlier phase",
     .example = "mesh",
     .type = SPEC_OTHER,
     .expected = "an earlier phase's name",
     .schema = PATH,
     .read = spec_read_from},
};
const struct spec_table spec_inputs_table = {
    .what = "`inputs`", .keys = input_keys, .count = COUNT(input_keys), .one_of = true};

static const struct spec_key axis_keys[] = {RANGE_KEY, LINES_KEY, CSV_KEY, GLOB_KEY};
const struct spec_table spec_axis_table = {
    .what = "an axis", .keys = axis_keys, .count = COUNT(axis_keys), .one_of = true};

static const struct spec_key phase_keys[] = {
    {.name = "name",
     .doc = "the phase's name; its files are named after it",
     .example = "areas",
     .type = SPEC_NAME,
     .required = true,
     .no_default = true,
     FIELD(struct job_phase, name)},
    {.name = "task",
     .doc = "the function that is called for every row",
     .example = "demo.area",
     .type = SPEC_OTHER,
     .required = true,
     .no_default = true,
     .expected = "PLUGIN.TASK",
     FIELD(struct job_phase, task),
     MARK(struct job_phase, task_mark),
     .schema = "'type': 'string', 'pattern': '^[^.]+[.].+$'",
     .read = spec_read_task},
    {.name = "mode",
     .doc = "sync: later phases wait for this one; async: they start at once",
     .example = "sync",
     .type = SPEC_WORD,
     FIELD(struct job_phase, mode),
     .words = mode_words},
    {.name = "needs",
     .doc = "phases that must end first",
     .example = "[mesh]",
     .type = SPEC_OTHER,
     .expected = "a list of earlier phases",
     .schema = "'type': 'array', 'items': {'type': 'string'}",
     .read = spec_read_needs},
    {.name = "inputs",
     .doc = "the table of inputs, one task for each row",
     .example = "{range: 1000}",
     .type = SPEC_OTHER,
     .required = true,
     .no_default = true,
     .expected = "a mapping",
     FIELD(struct job_phase, inputs),
     MARK(struct job_phase, inputs_mark),
     .table = &spec_inputs_table,
     .schema = "'allOf': [" REF("inputs") "]",
     .read = spec_read_inputs},
    {.name = "args",
     .doc = "constants added to every row",
     .example = "{unit: cm}",
     .type = SPEC_SETTINGS,
     FIELD(struct job_phase, args)},
    {.name = "command",
     .doc = "settings for a task of the plugin `command`",
     .example = "{accept: [0, 1]}",
     .type = SPEC_OTHER,
     .expected = "a mapping",
     FIELD(struct job_phase, command),
     MARK(struct job_phase, command_mark),
     .table = &spec_command_table,
     .schema = "'allOf': [" REF("command") "]",
     .read = spec_read_command},
    {.name = "batch",
     .doc = "number of rows for one call, if the task takes many rows",
     .example = "100",
     .type = SPEC_WHOLE,
     FIELD(struct job_phase, batch),
     MARK(struct job_phase, batch_mark),
     .min = 1,
     .max = JOB_ROWS_MAX},
    {.name = "chunk_size",
     .doc = "rows given to a worker at a time; auto: a few ms of work",
     .example = "100",
     .type = SPEC_WHOLE,
     FIELD(struct job_phase, chunk_size),
     .min = 1,
     .max = JOB_ROWS_MAX,
     .automatic = "auto"},
    {.name = "priority",
     .doc = "among phases that can run, the highest goes first",
     .example = "0",
     .type = SPEC_WHOLE,
     FIELD(struct job_phase, priority),
     .min = -1000000,
     .max = 1000000},
    {.name = "max_parallel",
     .doc = "number of tasks that may run at once; 0: one for each worker",
     .example = "4",
     .type = SPEC_WHOLE,
     FIELD(struct job_phase, max_parallel),
     .min = 0,
     .max = 65536},
    {.name = "expected_time",
     .doc = "time that one task is expected to take: none is started that would outlive the "
            "allocation",
     .example = "20m",
     .type = SPEC_DURATION,
     FIELD(struct job_phase, expected_time_ns)},
    {.name = "timeout",
     .doc = "time limit for one task; 0: no limit",
     .example = "60s",
     .type = SPEC_OTHER,
     .expected = "a duration or {soft, hard}",
     FIELD(struct job_phase, timeout),
     .table = &spec_timeout_table,
     .schema = "'anyOf': [" REF("duration") ", " REF("timeout") "]",
     .read = spec_read_timeout},
    {.name = "retries",
     .doc = "how often and when a failed task is retried",
     .example = "3",
     .type = SPEC_OTHER,
     .expected = "a number of retries or {limit, on, backoff}",
     FIELD(struct job_phase, retries),
     .table = &spec_retries_table,
     .schema = "'anyOf': [{'type': 'integer', 'minimum': 0}, " REF("retries") "]",
     .read = spec_read_retries},
    {.name = "on_failure",
     .doc = "whether failed tasks stop the phase",
     .example = "continue",
     .type = SPEC_OTHER,
     .expected = "continue, stop or {max_failed: N}",
     FIELD(struct job_phase, on_failure),
     .table = &spec_on_failure_table,
     .schema = "'anyOf': [{'enum': ['continue', 'stop']}, " REF("on_failure") "]",
     .read = spec_read_on_failure},
    {.name = "isolation",
     .doc = "worker: tasks share a process; task: each has its own; auto: its own on a retry",
     .example = "worker",
     .type = SPEC_WORD,
     FIELD(struct job_phase, isolation),
     .words = isolation_words},
    {.name = "reduce",
     .doc = "combine all results into one row",
     .example = "sum",
     .type = SPEC_OTHER,
     .expected = "sum, min, max, mean, count or {task, fan_in}",
     FIELD(struct job_phase, reduce),
     .table = &spec_reduce_table,
     .schema = "'anyOf': [{'type': 'string'}, " REF("reduce") "]",
     .read = spec_read_reduce},
    {.name = "keep_results",
     .doc = "with `reduce`: also keep the rows",
     .example = "true",
     .type = SPEC_BOOL,
     FIELD(struct job_phase, keep_results)},
    {.name = "output",
     .doc = "the result file, relative to the job file; `-` is standard output",
     .example = "areas.csv",
     .type = SPEC_OTHER,
     .expected = "a file that ends in .csv, .jsonl or .npy, or `-`",
     FIELD(struct job_phase, output),
     MARK(struct job_phase, output_mark),
     .schema = "'type': 'string', 'pattern': '^-$|[^/][.](csv|jsonl|npy)$'",
     .read = spec_read_output},
};
const struct spec_table spec_phase_table = TABLE("a phase", phase_keys);

static const struct spec_key job_keys[] = {
    {.name = "version",
     .doc = "version of the job file's format",
     .example = "1",
     .type = SPEC_OTHER,
     .required = true,
     .expected = "the number 1",
     .schema = "'const': 1",
     .read = spec_read_version},
    {.name = "name",
     .doc = "name of the run directory; default: the file's name",
     .example = "circles",
     .type = SPEC_NAME,
     FIELD(struct job, name)},
    {.name = "workers",
     .doc = "the processes that run tasks",
     .example = "8",
     .type = SPEC_OTHER,
     .expected = "a number of workers, `auto` or a mapping",
     FIELD(struct job, workers),
     MARK(struct job, workers.mark),
     .table = &spec_workers_table,
     .schema = "'anyOf': [" REF("workers") ", {'const': 'auto'}, {'type': 'integer', "
                                           "'minimum': 1, 'maximum': 65536}]",
     .read = spec_read_workers},
    {.name = "plugins",
     .doc = "the shared libraries that hold the tasks",
     .example = "[demo]",
     .type = SPEC_OTHER,
     .expected = "a list of plugins",
     .table = &spec_plugin_table,
     .schema = "'type': 'array', 'items': {'anyOf': [{'type': 'string', 'pattern': "
               "'^[A-Za-z0-9_][A-Za-z0-9_-]*$'}, " REF("plugin") "]}",
     .read = spec_read_plugins},
    {.name = "env",
     .doc = "environment of the workers, from their start on (LD_LIBRARY_PATH works); null unsets",
     .example = "{OMP_SCHEDULE: static}",
     .type = SPEC_OTHER,
     .expected = "a mapping of names to values",
     .schema = "'type': 'object', 'additionalProperties': {'type': ['string', 'number', 'boolean', "
               "'null']}",
     .read = spec_read_env},
    {.name = "limits",
     .doc = "limits for each worker and each task",
     .example = "{memory: 2GiB}",
     .type = SPEC_MAPPING,
     FIELD(struct job, limits),
     .table = &spec_limits_table},
    {.name = "defaults",
     .doc = "values for keys that a phase does not set",
     .example = "{timeout: 60s}",
     .type = SPEC_OTHER,
     .expected = "a mapping",
     .table = &spec_phase_table,
     .schema = "'allOf': [" REF("defaults") "]",
     .read = spec_read_defaults},
    {.name = "phases",
     .doc = "the phases of the job, in order",
     .example = "[{name: areas, task: demo.area, inputs: {range: 10}}]",
     .type = SPEC_OTHER,
     .required = true,
     .expected = "a list of phases",
     .table = &spec_phase_table,
     .schema = "'type': 'array', 'minItems': 1, 'items': " REF("phase"),
     .read = spec_read_phases},
};
const struct spec_table spec_job_table = TABLE("the job file", job_keys);

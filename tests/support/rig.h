// SPDX-License-Identifier: BSD-3-Clause
// A pool over real worker processes, for tests: the tasks of the plugin `wild` over rows i, and the
// outcome of each. Every wait is for an event, and fails the test when patience() is over. All
// functions are called by one thread.
#ifndef BR_TESTS_SUPPORT_RIG_H
#define BR_TESTS_SUPPORT_RIG_H

#include "base/clock.h"
#include "exec/local/local.h"
#include "pool/pool.h"

enum {
    RIG_KEPT = 256, // tasks whose outcome is kept
    RIG_WORKERS = 8
};

struct rig_options {
    unsigned workers;
    uint64_t max_tasks;
    const char *plugin; // path from the build directory; NULL: wild
    const struct job_env *env;
    size_t env_count;
    bool bind;
    bool logs;                            // the workers' output is kept
    int64_t grace_ns;                     // 0: 50 ms
    int64_t start_ns;                     // as local_options; 0: patience()
    int64_t stuck_ns, end_ns;             // as local_options
    uint64_t memory, cpu_time_ns, output; // of tasks; 0: no limit
};

struct fate {
    enum outcome_status status; // of the final outcome
    unsigned tries;             // number of ends reported, final or not
    bool killed;
    int signal, exit_code;
    uint32_t attempt;
    int64_t y;      // the result, if it is an i64
    char text[512]; // the result, if it is a str; else the message
};

struct printed {
    unsigned slot;
    int stream;
    uint64_t first, count, offset, length;
};

struct rig {
    struct nursery nursery;
    struct plugin_file plugin;
    struct plan plan;
    struct executor *executor;
    struct pool *pool;
    struct schema results;
    int table_fd;
    size_t table_size;
    uint64_t rows;
    int out[RIG_WORKERS], error[RIG_WORKERS];
    unsigned starts, deaths;         // of workers, counted from their reports
    unsigned bad_ends;               // workers that did not end normally after their last task
    char last_reason[512];           // why the worker that died last has died
    struct cpuset cpus[RIG_WORKERS]; // of each worker, as READY reported them
    uint64_t by_status[OUTCOME_COUNT];
    uint64_t ok_by_slot[RIG_WORKERS];
    uint64_t again;
    int64_t longest_ns; // of the tasks that succeeded
    struct fate fates[RIG_KEPT];
    struct printed printed[4 * RIG_KEPT];
    size_t printed_count;
};

// Returns the descriptor of a file without a name, opened for appending like the files for workers'
// output.
int rig_open_log(void);

void rig_open(struct rig *rig, struct rig_options options);
void rig_close(struct rig *rig); // fails the test if a child is left

// Submits a map of `rows` calls of the task `task` of the plugin, with i from `first` on. Returns
// the map, which the pool owns.
struct pool_map *rig_submit(struct rig *rig, const char *task, int64_t first, uint64_t rows,
                            struct pool_map_options options);

// Return the options of a map with one of them set: how many tasks a grant has at first (0: the
// pool decides), how often a task is tried again, or how long it may run.
struct pool_map_options rig_chunk(uint32_t chunk);
struct pool_map_options rig_retries(unsigned limit);
struct pool_map_options rig_timeout(int64_t hard_ns);

// Waits for something to happen.
void rig_sleep(struct rig *rig);

// Waits for something to happen and lets the pool act on it. Returns 0, or -1 and *err when the
// pool gave up.
int rig_step(struct rig *rig, br_error *err);

// Steps until the condition holds. Fails the test when patience() is over, or the pool gave up.
#define RIG_AWAIT(rig, condition)                                                                  \
    do {                                                                                           \
        int64_t rig_since = clock_now();                                                           \
        while (!(condition))                                                                       \
            rig_wait(rig, rig_since, #condition);                                                  \
    } while (0)
void rig_wait(struct rig *rig, int64_t since_ns, const char *what);

// Step until every worker is ready, until the map is done, and until the pool gives up, which fills
// *err.
void rig_await_workers(struct rig *rig);
void rig_run(struct rig *rig, struct pool_map *m);
void rig_run_until_error(struct rig *rig, br_error *err);

// Returns patience() in nanoseconds, for limits that no test reaches unless it hangs.
int64_t rig_patience_ns(void);

// Returns whether the program runs under valgrind.
bool rig_under_valgrind(void);

// Opens the rig, runs one map to its end, and leaves the rig open.
void rig_run_one(struct rig *rig, struct rig_options options, const char *task, int64_t first,
                 uint64_t rows, struct pool_map_options map);

// Steps until slot 0 is running a task.
void rig_await_running(struct rig *rig);

#endif

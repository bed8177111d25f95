// SPDX-License-Identifier: BSD-3-Clause
// A pool over real worker processes, for tests: the tasks of the plugin `wild` over rows i, and
// what became of each. Every wait is for an event, and fails the test when patience() is over.
#ifndef BR_TESTS_SUPPORT_RIG_H
#define BR_TESTS_SUPPORT_RIG_H

#include "base/clock.h"
#include "exec/local/local.h"
#include "pool/pool.h"

enum {
    RIG_KEPT = 256, // tasks whose fate is kept
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
    int64_t stuck_ns;                     // as local_options
    uint64_t memory, cpu_time_ns, output; // of tasks; 0: no limit
};

struct fate {
    enum outcome_status status; // final
    unsigned tries;             // ends reported, final or not
    bool killed;
    int signal, exit_code;
    uint32_t attempt;
    int64_t y;      // of the result, an i64
    char text[512]; // of the result, a str; else the message
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
    unsigned starts, deaths;         // of workers, as reported
    char last_reason[512];           // of the worker that died last
    struct cpuset cpus[RIG_WORKERS]; // as READY reported them
    uint64_t by_status[OUTCOME_COUNT];
    uint64_t ok_by_slot[RIG_WORKERS];
    uint64_t again;
    int64_t longest_ns; // of the tasks that ended well
    struct fate fates[RIG_KEPT];
    struct printed printed[4 * RIG_KEPT];
    size_t printed_count;
};

// A file without a name, opened for appending, as workers' output goes to.
int rig_open_log(void);

void rig_open(struct rig *rig, struct rig_options options);
void rig_close(struct rig *rig); // fails when a child is left

// A map of `rows` tasks with i from `first` on. Its results: one column, `name`, of type `type`.
struct pool_map *rig_submit(struct rig *rig, const char *task, int64_t first, uint64_t rows,
                            struct pool_map_options options);

// Options of a map: how many tasks a grant has at first (0: the pool decides), how often a task is
// tried again, and how long it may run.
struct pool_map_options rig_chunk(uint32_t chunk);
struct pool_map_options rig_retries(unsigned limit);
struct pool_map_options rig_timeout(int64_t hard_ns);

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

// The same until every worker is ready, until the map is done, and until the pool gives up.
void rig_await_workers(struct rig *rig);
void rig_run(struct rig *rig, struct pool_map *m);
void rig_run_until_error(struct rig *rig, br_error *err);

// patience() in nanoseconds: for limits that no test is to reach.
int64_t rig_patience_ns(void);

bool rig_under_valgrind(void);

// rig_open, the map run, and done.
void rig_run_one(struct rig *rig, struct rig_options options, const char *task, int64_t first,
                 uint64_t rows, struct pool_map_options map);

// Steps until slot 0 is running a task.
void rig_await_running(struct rig *rig);

#endif

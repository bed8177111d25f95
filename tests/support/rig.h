// SPDX-License-Identifier: BSD-3-Clause
// A pool over real worker processes, for tests: the tasks of the plugin `wild` over rows i, and
// what became of each.
#ifndef BR_TESTS_SUPPORT_RIG_H
#define BR_TESTS_SUPPORT_RIG_H

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
    int64_t start_ns, stuck_ns;           // as local_options
    uint64_t memory, cpu_time_ns, output; // of tasks; 0: no limit
};

struct fate {
    enum outcome_status status; // final
    unsigned tries;             // ends told, final or not
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
    unsigned starts, deaths;
    char last_words[512];            // of the worker that died last: the reason
    struct cpuset cpus[RIG_WORKERS]; // as READY told
    uint64_t by_status[OUTCOME_COUNT];
    uint64_t ok_by_slot[RIG_WORKERS];
    uint64_t again;
    int64_t longest_ns; // of the tasks that ended well
    struct fate fates[RIG_KEPT];
    struct printed printed[4 * RIG_KEPT];
    size_t printed_count;
    unsigned timeouts; // waits that no event ended
};

void rig_open(struct rig *rig, struct rig_options options);
void rig_close(struct rig *rig); // fails when a child is left

// A map of `rows` tasks with i from `first` on. Its results: one column, `name`, of type `type`.
struct pool_map *rig_submit(struct rig *rig, const char *task, int64_t first, uint64_t rows,
                            struct pool_map_options options);

// 0, or -1 when the pool gave up.
int rig_step(struct rig *rig, br_error *err);
void rig_run(struct rig *rig, struct pool_map *m);

// rig_open, the map run, and done.
void rig_run_one(struct rig *rig, struct rig_options options, const char *task, int64_t first,
                 uint64_t rows, struct pool_map_options map);

// Until a task of slot 0 is in hand.
void rig_wait_in_hand(struct rig *rig);

#endif

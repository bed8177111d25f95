// SPDX-License-Identifier: BSD-3-Clause
// A pool over scripted workers (support/fake.h) in virtual time, and what was seen of its maps: for
// tests of the pool's rules.
#ifndef BR_TESTS_SUPPORT_SIMULATION_H
#define BR_TESTS_SUPPORT_SIMULATION_H

#include "base/clock.h"
#include "pool/pool.h"
#include "support/fake.h"

enum {
    SIM_MAPS = 4,
    SIM_KEPT = 4096, // tasks of a map, and grants, that are kept one by one
    SIM_STEPS = 1000000
};

#define SIM_BEGIN NS_PER_S // the fake's first moment

struct simulation;

struct sim_map { // what was seen of a map
    struct simulation *sim;
    struct pool_map *map;
    uint64_t tasks;
    uint64_t finals, again; // ends reported as final, and as followed by another attempt
    uint64_t by_status[OUTCOME_COUNT];
    uint8_t outcomes[SIM_KEPT]; // of each task, the final one
    uint8_t attempts[SIM_KEPT]; // the attempt that it was the end of
    uint8_t starts[SIM_KEPT];
    int64_t started[SIM_KEPT]; // when its last attempt started
    int64_t ended[SIM_KEPT];
    double sum;       // of all results
    uint64_t printed; // bytes
};

struct sim_grant {
    struct exec_grant tasks;
    unsigned slot;
};

// What becomes of a task of the map number `map` (0 is the first submitted), and of a worker.
typedef struct fake_task sim_script(struct simulation *sim, unsigned map,
                                    const struct exec_grant *task);
typedef struct fake_worker sim_worker_script(unsigned slot);

struct simulation {
    struct executor *fake;
    struct pool *pool;
    unsigned workers;
    sim_script *script;               // NULL: every task ends as `each`
    struct fake_task each;            // 1 us, unless sim_open_alike was called
    sim_worker_script *worker_script; // NULL: every worker is as `worker`
    struct fake_worker worker;        // ready at once, lives for ever
    struct sim_map maps[SIM_MAPS];
    unsigned map_count;
    struct schema results;   // one f64
    unsigned starts, deaths; // of workers
    struct sim_grant grants[SIM_KEPT];
    unsigned grant_count;
    // Called with each OK and END report, in the middle of a dispatch. NULL: nothing.
    void (*on_end)(struct simulation *sim, const struct exec_report *report);
    uint64_t observed; // number of reports of tasks that the observer got
    uint64_t fail_at;  // the observer fails at the report of that number; 0: never
    int64_t stride;    // the pool is called no more often than this
    uint64_t seed;     // for scripts
};

struct simulation *sim_open(unsigned workers, sim_script *script);
struct simulation *sim_open_alike(unsigned workers, struct fake_task each);
// Each worker is replaced after so many tasks.
struct simulation *sim_open_max(unsigned workers, sim_script *script, uint64_t max_tasks);
void sim_close(struct simulation *sim);

// Submits a map of so many tasks; what the options leave open is filled in.
struct sim_map *sim_submit(struct simulation *sim, uint64_t tasks, struct pool_map_options options);

// Dispatches once, checks the sums, and moves time to whatever comes next. Returns 0; -1 and *err
// if the pool gives up.
int sim_step(struct simulation *sim, br_error *err);

// Steps until all maps are done, until a time, until the pool gives up (returns *err's text).
void sim_run(struct simulation *sim);
void sim_run_until(struct simulation *sim, int64_t time);
const char *sim_run_to_error(struct simulation *sim, br_error *err);

bool sim_all_done(const struct simulation *sim);

// Checks that every task of every map is accounted for once.
void sim_check_sums(const struct simulation *sim);

// A task that ends well after so many nanoseconds.
struct fake_task sim_ok(int64_t ns);

// Scripts that several test programs use.
struct fake_task sim_first_is_long(struct simulation *sim, unsigned map,
                                   const struct exec_grant *task); // 10 s; the others 1 ms
struct fake_task sim_third_fails(struct simulation *sim, unsigned map,
                                 const struct exec_grant *task); // task 3 does, each time
struct fake_task sim_first_attempts_fail(struct simulation *sim, unsigned map,
                                         const struct exec_grant *task);

// Options of a map with retries after 100, 200, 300, 300, ... ms. `on` is as in retry_policy.
struct pool_map_options sim_with_retries(unsigned limit, unsigned on);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// A pool over scripted workers (support/fake.h) in virtual time, and notes of all reports about its
// maps: for tests of the pool's rules.
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

struct sim_map { // the notes about a map
    struct simulation *sim;
    struct pool_map *map;
    uint64_t tasks;
    uint64_t finals,
        again; // number of ends reported as final, and of those followed by another attempt
    uint64_t by_status[OUTCOME_COUNT];
    uint8_t outcomes[SIM_KEPT]; // the final outcome of each task
    uint8_t attempts[SIM_KEPT]; // the number of the attempt with that outcome
    uint8_t starts[SIM_KEPT];
    int64_t started[SIM_KEPT]; // time at which its last attempt started
    int64_t ended[SIM_KEPT];
    double sum;       // of all results
    uint64_t printed; // number of bytes
};

struct sim_grant {
    struct exec_grant tasks;
    unsigned slot;
};

// Return how a task of the map number `map` (0 is the first submitted) ends, and how a worker does.
typedef struct fake_task sim_script(struct simulation *sim, unsigned map,
                                    const struct exec_grant *task);
typedef struct fake_worker sim_worker_script(unsigned slot);

struct simulation {
    struct executor *fake;
    struct pool *pool;
    unsigned workers;
    sim_script *script;               // NULL: every task is as `each`
    struct fake_task each;            // succeeds after 1 us, unless sim_open_alike was called
    sim_worker_script *worker_script; // NULL: every worker is as `worker`
    struct fake_worker worker;        // ready at once, never dies
    struct sim_map maps[SIM_MAPS];
    unsigned map_count;
    struct schema results;   // one f64
    unsigned starts, deaths; // of workers
    struct sim_grant grants[SIM_KEPT];
    unsigned grant_count;
    // Called with each OK and END report, in the middle of a dispatch. May be NULL.
    void (*on_end)(struct simulation *sim, const struct exec_report *report);
    uint64_t observed; // number of reports of tasks that the observer got
    uint64_t fail_at;  // the observer fails at the report of that number; 0: never
    int64_t stride;    // least time in ns between two calls of the pool
    uint64_t seed;     // for scripts
};

// Return a simulation, which sim_close frees. `script` may be NULL. With sim_open_alike all tasks
// are the same; with sim_open_max each worker is replaced after max_tasks tasks.
struct simulation *sim_open(unsigned workers, sim_script *script);
struct simulation *sim_open_alike(unsigned workers, struct fake_task each);
struct simulation *sim_open_max(unsigned workers, sim_script *script, uint64_t max_tasks);
void sim_close(struct simulation *sim);

// Submits a map of so many tasks; options that are 0 get values. Returns its notes, which the
// simulation owns.
struct sim_map *sim_submit(struct simulation *sim, uint64_t tasks, struct pool_map_options options);

// Dispatches once, checks the sums, and moves time to the next event or deadline. Returns 0; -1 and
// *err if the pool gives up.
int sim_step(struct simulation *sim, br_error *err);

// Step until all maps are done, until a time, and until the pool gives up. sim_run_to_error returns
// the text of *err.
void sim_run(struct simulation *sim);
void sim_run_until(struct simulation *sim, int64_t time);
const char *sim_run_to_error(struct simulation *sim, br_error *err);

// Returns whether all maps are done.
bool sim_all_done(const struct simulation *sim);

// Fails the test unless every task of every map is counted exactly once.
void sim_check_sums(const struct simulation *sim);

// Returns a task that succeeds after so many nanoseconds.
struct fake_task sim_ok(int64_t ns);

// Scripts that several test programs use. Each returns how the task ends.
struct fake_task
sim_first_is_long(struct simulation *sim, unsigned map,
                  const struct exec_grant *task); // task 0 takes 10 s, the others 1 ms
struct fake_task sim_third_fails(struct simulation *sim, unsigned map,
                                 const struct exec_grant *task); // task 3 fails in each attempt
struct fake_task sim_first_attempts_fail(struct simulation *sim, unsigned map,
                                         const struct exec_grant *task);

// Returns options of a map with retries after 100, 200, 300, 300, ... ms. `on` is as in
// retry_policy.
struct pool_map_options sim_with_retries(unsigned limit, unsigned on);

#endif

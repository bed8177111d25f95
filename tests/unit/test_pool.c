// SPDX-License-Identifier: BSD-3-Clause
// The pool's rules, over scripted workers in virtual time.
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/pool.h"
#include "support/fake.h"
#include "support/suite.h"

enum {
    MAPS = 4,
    KEPT = 4096, // tasks of a map that are looked at one by one
    STEPS = 1000000
};

struct rig;

struct view { // what was seen of a map
    struct rig *rig;
    struct pool_map *map;
    uint64_t tasks;
    uint64_t finals, again;
    uint64_t by_status[OUTCOME_COUNT];
    uint8_t outcomes[KEPT]; // final ones
    uint8_t attempts[KEPT]; // of the last end
    uint8_t starts[KEPT];
    int64_t ended[KEPT];
    int64_t started[KEPT]; // the last time
    double sum;
    uint64_t printed;
};

typedef struct fake_task script(struct rig *rig, unsigned map, const struct exec_grant *task);

struct rig {
    struct executor *fake;
    struct pool *pool;
    unsigned workers;
    script *script;
    struct view views[MAPS];
    unsigned maps;
    struct schema results;
    // Workers.
    const char *unfit;
    int64_t start_ns, idle_ns;
    int64_t last_start_ns; // of the last slot, where it is another
    unsigned steady;       // slots below it have workers that do not die idle
    unsigned begun, ready, dead;
    struct exec_grant grants[KEPT];
    unsigned grant_slots[KEPT];
    unsigned grant_count;
    // For what a test does in the middle.
    void (*on_end)(struct rig *rig, const struct exec_report *report);
    uint64_t observed, fail_at; // reports that the observer got; it fails at this one, from 1
    uint64_t random;
    unsigned killed;
    int64_t stride; // the pool is called no more often than this
};

static struct fake_task ok(int64_t ns)
{
    return (struct fake_task){.ending = FAKE_OK, .ns = ns};
}

// ---- What the rig is told

static struct fake_task on_start(void *user, const struct exec_grant *task)
{
    struct rig *rig = user;
    unsigned map = (unsigned)task->map - 1;
    struct view *v = &rig->views[map];
    if (task->first < KEPT) {
        v->starts[task->first]++;
        v->started[task->first] = fake_now(rig->fake);
    }
    return rig->script ? rig->script(rig, map, task) : ok(NS_PER_US);
}

static struct fake_worker on_begin(void *user, unsigned slot)
{
    struct rig *rig = user;
    rig->begun++;
    bool other = rig->last_start_ns > 0 && slot + 1 == rig->workers;
    return (struct fake_worker){.start_ns = other ? rig->last_start_ns : rig->start_ns,
                                .unfit = rig->unfit,
                                .idle_ns = slot < rig->steady ? FAKE_FOREVER : rig->idle_ns};
}

static void on_grant(void *user, unsigned slot, const struct exec_grant *g)
{
    struct rig *rig = user;
    if (rig->grant_count == KEPT)
        return;
    rig->grant_slots[rig->grant_count] = slot;
    rig->grants[rig->grant_count++] = *g;
}

static int on_worker(void *user, const struct exec_report *r, br_error *err)
{
    (void)err;
    struct rig *rig = user;
    rig->ready += r->type == REPORT_READY;
    rig->dead += r->type == REPORT_DEAD;
    return 0;
}

static void note_final(struct view *v, uint64_t task, enum outcome_status status, uint32_t attempt)
{
    v->finals++;
    v->by_status[status]++;
    if (task >= KEPT)
        return;
    MUST(v->outcomes[task] == OUTCOME_NONE);
    v->outcomes[task] = (uint8_t)status;
    v->attempts[task] = (uint8_t)attempt;
    v->ended[task] = fake_now(v->rig->fake);
}

static int on_task(void *user, const struct exec_report *r, bool final, br_error *err)
{
    struct view *v = user;
    MUST(r->tasks.count >= 1);
    MUST(r->tasks.first + r->tasks.count <= v->tasks);
    if (r->type == REPORT_OK) {
        MUST(final);
        const double *values = r->ok.results;
        for (uint32_t i = 0; i < r->tasks.count; i++)
            note_final(v, r->tasks.first + i, OUTCOME_OK, r->tasks.attempt);
        for (size_t i = 0; i < r->ok.results_size / sizeof *values; i++)
            v->sum += values[i];
    } else if (r->type == REPORT_END && final)
        note_final(v, r->tasks.first, r->end.status, r->tasks.attempt);
    else if (r->type == REPORT_END)
        v->again++;
    else
        v->printed += r->output.length;
    if (v->rig->on_end && r->type != REPORT_OUTPUT)
        v->rig->on_end(v->rig, r);
    return v->rig->fail_at == ++v->rig->observed
               ? br_error_set(err, BR_ERR_SYSTEM, "the observer failed")
               : 0;
}

// ---- The rig

static void open_pool(struct rig *rig, unsigned workers, uint64_t max_tasks)
{
    br_error err = {0};
    struct fake_options options = {
        .slots = workers, .task = on_start, .worker = on_begin, .on_grant = on_grant, .user = rig};
    rig->workers = workers;
    rig->fake = fake_create(&options, &err);
    ck_assert_msg(rig->fake, "%s", err.text);
    struct pool_options pool = {.executor = rig->fake,
                                .workers = workers,
                                .crash_limit = 3,
                                .max_tasks = max_tasks,
                                .grace_ns = 100 * NS_PER_MS,
                                .on_worker = on_worker,
                                .user = rig};
    rig->pool = pool_create(&pool, &err);
    ck_assert_msg(rig->pool, "%s", err.text);
}

static struct rig *rig_open(unsigned workers, script *tasks)
{
    struct rig *rig = calloc(1, sizeof *rig);
    br_error err;
    ck_assert(rig);
    rig->script = tasks;
    rig->idle_ns = FAKE_FOREVER;
    rig->random = 1;
    ck_assert(schema_add(&rig->results, "y", 1, BR_F64, &err) == 0);
    open_pool(rig, workers, 0);
    return rig;
}

static struct rig *rig_open_max(unsigned workers, script *tasks, uint64_t max_tasks)
{
    struct rig *rig = rig_open(workers, tasks);
    pool_destroy(rig->pool);
    open_pool(rig, workers, max_tasks);
    return rig;
}

static void rig_close(struct rig *rig)
{
    pool_destroy(rig->pool);
    schema_finish(&rig->results);
    free(rig);
}

static struct view *submit(struct rig *rig, uint64_t tasks, struct pool_map_options options)
{
    br_error err = {0};
    struct view *v = &rig->views[rig->maps++];
    *v = (struct view){.rig = rig, .tasks = tasks};
    options.map.results = &rig->results;
    options.map.table_fd = -1;
    options.map.rows = tasks;
    options.map.rows_per_task = 1;
    options.map.seed = 42;
    options.tasks = tasks;
    options.observer = on_task;
    options.user = v;
    v->map = pool_submit(rig->pool, &options, &err);
    ck_assert_msg(v->map, "%s", err.text);
    return v;
}

static void assert_sums(const struct rig *rig)
{
    for (unsigned i = 0; i < rig->maps; i++) {
        const struct view *v = &rig->views[i];
        const struct ledger *l = pool_map_ledger(v->map);
        MUST(l->out + ledger_ended(l) + l->waiting_count + l->returned_tasks +
                 (l->tasks - l->cursor) ==
             v->tasks);
        MUST(v->finals == ledger_ended(l) - l->ended[OUTCOME_SKIPPED]);
        MUST(v->by_status[OUTCOME_SKIPPED] == 0); // they are counted, not told
    }
}

// When the pool is to be called again: as a caller that waits for its descriptor and deadline does.
static int64_t next_time(const struct rig *rig)
{
    int64_t now = fake_now(rig->fake);
    int64_t next = fake_next(rig->fake), deadline = pool_deadline(rig->pool);
    struct pollfd told = {.fd = pool_fd(rig->pool), .events = POLLIN};
    next = poll(&told, 1, 0) > 0 ? now : deadline < next ? deadline : next;
    return next > now + rig->stride ? next : now + rig->stride;
}

// One dispatch now; then time goes to whatever comes next. -1 when the pool gives up.
static int step(struct rig *rig, br_error *err)
{
    int result = pool_dispatch(rig->pool, fake_now(rig->fake), err);
    assert_sums(rig);
    if (result != 0)
        return -1;
    int64_t next = next_time(rig);
    if (next < INT64_MAX)
        fake_advance(rig->fake, next);
    return 0;
}

static bool all_done(const struct rig *rig)
{
    for (unsigned i = 0; i < rig->maps; i++)
        if (!pool_map_done(rig->views[i].map))
            return false;
    return true;
}

static void run(struct rig *rig)
{
    br_error err = {0};
    for (int i = 0; !all_done(rig); i++) {
        MUST(i < STEPS);
        if (step(rig, &err) != 0)
            ck_abort_msg("%s", err.text);
    }
    for (unsigned i = 0; i < rig->maps; i++) {
        const struct view *v = &rig->views[i];
        ck_assert_uint_eq(v->finals + pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], v->tasks);
    }
}

static void run_until(struct rig *rig, int64_t time)
{
    br_error err = {0};
    for (;;) {
        if (pool_dispatch(rig->pool, fake_now(rig->fake), &err) != 0)
            ck_abort_msg("%s", err.text);
        assert_sums(rig);
        int64_t next = next_time(rig);
        if (next > time)
            break;
        fake_advance(rig->fake, next);
    }
    fake_advance(rig->fake, time);
}

static const char *run_to_error(struct rig *rig, br_error *err)
{
    for (int i = 0; i < STEPS; i++)
        if (step(rig, err) != 0)
            return err->text;
    ck_abort_msg("it goes on for ever");
}

#define BEGIN NS_PER_S // the fake's first moment

// ---- Granting

START_TEST(an_empty_map_is_done_at_once)
{
    struct rig *rig = rig_open(2, NULL);
    submit(rig, 0, (struct pool_map_options){0});
    ck_assert(all_done(rig));
    run(rig);
    rig_close(rig);
}
END_TEST

static struct fake_task give_index(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return (struct fake_task){.ending = FAKE_OK, .ns = 1000, .result = (int64_t)task->first};
}

START_TEST(every_task_runs_once)
{
    struct rig *rig = rig_open(3, give_index);
    struct view *v = submit(rig, 1000, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(v->starts[i], 1);
    ck_assert_double_eq(v->sum, 499500);
    rig_close(rig);
}
END_TEST

static struct fake_task some_time(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return ok(100 * NS_PER_US);
}

START_TEST(fixed_chunks_are_granted_in_order)
{
    struct rig *rig = rig_open(1, some_time);
    submit(rig, 103, (struct pool_map_options){.chunk = 10});
    run(rig);
    ck_assert_uint_eq(rig->grant_count, 11);
    for (unsigned i = 0; i < rig->grant_count; i++) {
        ck_assert_uint_eq(rig->grants[i].first, 10 * i);
        ck_assert_uint_eq(rig->grants[i].count, i < 10 ? 10 : 3);
    }
    rig_close(rig);
}
END_TEST

static struct fake_task one_of_many_is_long(struct rig *rig, unsigned map,
                                            const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return ok(task->first == 2000 ? 10 * NS_PER_S : 100);
}

// Chunks that would lie in the worker's queue one behind another.
START_TEST(fixed_chunks_of_no_time_are_granted_many_at_once)
{
    struct rig *rig = rig_open(2, one_of_many_is_long);
    struct view *v = submit(rig, 4000, (struct pool_map_options){.chunk = 1});
    run(rig);
    ck_assert_uint_le(rig->grant_count, 1000);
    for (int i = 0; i < 4000; i++) // those granted with the long one too
        ck_assert(v->ended[i] < BEGIN + NS_PER_S || i == 2000);
    rig_close(rig);
}
END_TEST

START_TEST(auto_chunks_take_some_milliseconds)
{
    struct rig *rig = rig_open(2, some_time);
    submit(rig, 4000, (struct pool_map_options){0});
    run(rig);
    unsigned mid = rig->grant_count / 2;
    ck_assert_uint_ge(rig->grants[mid].count, 10);
    ck_assert_uint_le(rig->grants[mid].count, 100);
    rig_close(rig);
}
END_TEST

static struct fake_task first_is_long(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return ok(task->first == 0 ? 10 * NS_PER_S : NS_PER_MS);
}

START_TEST(a_long_task_holds_nobody_up)
{
    struct rig *rig = rig_open(2, first_is_long);
    struct view *v = submit(rig, 100, (struct pool_map_options){.chunk = 100});
    run(rig);
    for (int i = 1; i < 100; i++)
        ck_assert_int_lt(v->ended[i], BEGIN + NS_PER_S);
    ck_assert_int_eq(v->ended[0], BEGIN + 10 * NS_PER_S);
    rig_close(rig);
}
END_TEST

static struct fake_task first_is_longest(struct rig *rig, unsigned map,
                                         const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return ok(task->first == 0 ? NS_PER_S : 10 * NS_PER_MS);
}

// Not even while there is other work: task 1 was granted with task 0, behind it.
START_TEST(what_waits_behind_a_long_task_is_not_left_for_last)
{
    struct rig *rig = rig_open(2, first_is_longest);
    struct view *v = submit(rig, 200, (struct pool_map_options){.chunk = 1});
    run(rig);
    ck_assert_uint_eq(rig->grants[1].first, 1);
    ck_assert_uint_eq(rig->grant_slots[1], rig->grant_slots[0]);
    ck_assert_int_le(v->started[1], BEGIN + 40 * NS_PER_MS);
    rig_close(rig);
}
END_TEST

static struct fake_task a_millisecond(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return ok(NS_PER_MS);
}

// However long its grants take as a whole.
START_TEST(nothing_is_taken_from_who_gets_on_while_there_is_other_work)
{
    struct rig *rig = rig_open(2, a_millisecond);
    submit(rig, 10000, (struct pool_map_options){.chunk = 100});
    run(rig);
    for (unsigned i = 0; i < 90; i++) {
        ck_assert_uint_eq(rig->grants[i].first, 100 * i);
        ck_assert_uint_eq(rig->grants[i].count, 100);
    }
    rig_close(rig);
}
END_TEST

// The first 1000 tasks take nothing, so the last ones seem not worth taking from a worker.
static struct fake_task last_are_long(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return ok(task->first < 1000 ? 10 : NS_PER_S);
}

START_TEST(long_tasks_behind_short_ones_are_shared_too)
{
    struct rig *rig = rig_open(4, last_are_long);
    struct view *v = submit(rig, 1008, (struct pool_map_options){.chunk = 8});
    run(rig);
    for (int i = 1000; i < 1008; i++)
        ck_assert_int_le(v->ended[i], BEGIN + 3 * NS_PER_S);
    rig_close(rig);
}
END_TEST

START_TEST(an_idle_pool_asks_for_attention_when_a_map_comes)
{
    struct rig *rig = rig_open(2, NULL);
    br_error err;
    ck_assert_int_le(pool_deadline(rig->pool), BEGIN);
    run_until(rig, BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_deadline(rig->pool), INT64_MAX);
    struct pollfd fd = {.fd = pool_fd(rig->pool), .events = POLLIN};
    ck_assert_int_eq(poll(&fd, 1, 0), 0);
    struct view *v = submit(rig, 10, (struct pool_map_options){0});
    ck_assert_int_le(pool_deadline(rig->pool), BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_dispatch(rig->pool, BEGIN + NS_PER_S, &err), 0);
    fake_advance(rig->fake, BEGIN + 2 * NS_PER_S);
    ck_assert_int_eq(poll(&fd, 1, 0), 1);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, BEGIN + 2 * NS_PER_S, &err), 0);
    ck_assert_int_le(pool_deadline(rig->pool), BEGIN + 2 * NS_PER_S);
    rig_close(rig);
}
END_TEST

START_TEST(higher_priority_goes_first)
{
    struct rig *rig = rig_open(1, NULL);
    submit(rig, 20, (struct pool_map_options){.chunk = 5});
    submit(rig, 20, (struct pool_map_options){.chunk = 5, .priority = 1});
    run(rig);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(rig->grants[i].map, i < 4 ? 2 : 1);
    rig_close(rig);
}
END_TEST

START_TEST(equal_maps_share_the_workers)
{
    struct rig *rig = rig_open(4, some_time);
    struct view *a = submit(rig, 1000, (struct pool_map_options){.chunk = 4});
    struct view *b = submit(rig, 1000, (struct pool_map_options){.chunk = 4});
    run_until(rig, BEGIN + 10 * NS_PER_MS);
    ck_assert_uint_gt(a->finals, 150);
    ck_assert_uint_gt(b->finals, 150);
    ck_assert_uint_gt(a->finals + b->finals, 390);
    run(rig);
    rig_close(rig);
}
END_TEST

START_TEST(max_parallel_bounds_the_workers_of_a_map)
{
    struct rig *rig = rig_open(4, some_time);
    struct view *v = submit(rig, 100, (struct pool_map_options){.chunk = 1, .max_parallel = 2});
    run(rig);
    // 100 tasks of 100 us on 2 of 4 workers.
    ck_assert_int_ge(v->ended[99], BEGIN + 5 * NS_PER_MS);
    unsigned slots = 0;
    for (unsigned i = 0; i < rig->grant_count; i++)
        slots |= 1U << rig->grant_slots[i];
    ck_assert_int_le(__builtin_popcount(slots), 2);
    rig_close(rig);
}
END_TEST

START_TEST(a_map_that_may_not_run_lets_lower_ones_run)
{
    struct rig *rig = rig_open(2, some_time);
    submit(rig, 100, (struct pool_map_options){.chunk = 1, .max_parallel = 1, .priority = 5});
    struct view *low = submit(rig, 100, (struct pool_map_options){.chunk = 1});
    run_until(rig, BEGIN + 3 * NS_PER_MS);
    ck_assert_uint_gt(low->finals, 20);
    run(rig);
    rig_close(rig);
}
END_TEST

// ---- Retries

static struct fake_task third_is_bad(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return (struct fake_task){.ending = task->first == 3 ? FAKE_ERROR : FAKE_OK, .ns = 1000};
}

static struct pool_map_options with_retries(unsigned limit, unsigned on)
{
    return (struct pool_map_options){.retries = {.limit = limit,
                                                 .on = on,
                                                 .delay_ns = 100 * NS_PER_MS,
                                                 .max_ns = 300 * NS_PER_MS,
                                                 .factor = 2}};
}

START_TEST(a_failing_task_is_tried_so_often)
{
    struct rig *rig = rig_open(2, third_is_bad);
    struct view *v = submit(rig, 10, with_retries(3, 1U << OUTCOME_ERROR));
    run(rig);
    ck_assert_uint_eq(v->starts[3], 4);
    ck_assert_uint_eq(v->again, 3);
    ck_assert_uint_eq(v->attempts[3], 3);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 1);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    // 100 + 200 + 300 ms, and the attempts themselves.
    ck_assert_int_ge(v->ended[3], BEGIN + 600 * NS_PER_MS);
    ck_assert_int_le(v->ended[3], BEGIN + 601 * NS_PER_MS);
    for (int i = 0; i < 10; i++)
        if (i != 3)
            ck_assert_int_lt(v->ended[i], BEGIN + NS_PER_MS); // a waiting retry blocks nobody
    rig_close(rig);
}
END_TEST

START_TEST(what_retries_do_not_name_is_final)
{
    struct rig *rig = rig_open(2, third_is_bad);
    struct view *v = submit(rig, 10, with_retries(3, 1U << OUTCOME_CRASHED));
    run(rig);
    ck_assert_uint_eq(v->starts[3], 1);
    rig_close(rig);
}
END_TEST

static struct fake_task permanent(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return (struct fake_task){.ending = FAKE_PERMANENT, .ns = 1000};
}

START_TEST(a_permanent_error_is_final)
{
    struct rig *rig = rig_open(2, permanent);
    struct view *v = submit(rig, 10, with_retries(3, ~0U));
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 10);
    ck_assert_uint_eq(v->again, 0);
    rig_close(rig);
}
END_TEST

static struct fake_task first_attempt_fails(struct rig *rig, unsigned map,
                                            const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return (struct fake_task){.ending = task->attempt == 0 ? FAKE_ERROR : FAKE_OK, .ns = 1};
}

START_TEST(jitter_stays_in_its_bounds)
{
    struct rig *rig = rig_open(2, first_attempt_fails);
    struct pool_map_options options = with_retries(1, ~0U);
    options.retries.jitter = 0.2;
    struct view *v = submit(rig, 1000, options);
    run(rig);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t at = v->started[i] - BEGIN;
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    ck_assert_int_ge(least, 80 * NS_PER_MS);
    ck_assert_int_le(least, 85 * NS_PER_MS);
    ck_assert_int_ge(most, 115 * NS_PER_MS);
    ck_assert_int_le(most, 121 * NS_PER_MS);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    rig_close(rig);
}
END_TEST

// ---- Crashes

static struct fake_task fifth_crashes(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return (struct fake_task){.ending = task->first == 5 ? FAKE_CRASH : FAKE_OK, .ns = 1000};
}

START_TEST(a_crash_costs_one_task)
{
    struct rig *rig = rig_open(1, fifth_crashes);
    struct view *v = submit(rig, 20, (struct pool_map_options){.chunk = 20});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_CRASHED], 1);
    ck_assert_uint_eq(v->outcomes[5], OUTCOME_CRASHED);
    for (int i = 0; i < 20; i++) {
        ck_assert_uint_eq(v->starts[i], 1);
        ck_assert_uint_eq(v->attempts[i], 0);
    }
    ck_assert_uint_eq(rig->begun, 2);
    ck_assert_uint_eq(rig->dead, 1);
    rig_close(rig);
}
END_TEST

START_TEST(a_task_that_killed_enough_workers_is_final)
{
    struct rig *rig = rig_open(2, fifth_crashes);
    struct view *v = submit(rig, 20, with_retries(100, ~0U));
    run(rig);
    ck_assert_uint_eq(v->starts[5], 3);
    ck_assert_uint_eq(v->again, 2);
    for (int i = 0; i < 20; i++)
        ck_assert(i == 5 || v->starts[i] == 1);
    rig_close(rig);
}
END_TEST

static struct fake_task all_crash(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return (struct fake_task){.ending = FAKE_CRASH, .ns = 1000};
}

START_TEST(tasks_that_all_crash_are_all_told)
{
    struct rig *rig = rig_open(2, all_crash);
    struct view *v = submit(rig, 100, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_CRASHED], 100);
    ck_assert_uint_eq(rig->dead, 100);
    rig_close(rig);
}
END_TEST

// ---- Time limits

static struct fake_task second_hangs(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return ok(task->first == 1 ? FAKE_FOREVER : 1000);
}

START_TEST(a_hard_timeout_ends_the_task)
{
    struct rig *rig = rig_open(1, second_hangs);
    struct view *v =
        submit(rig, 10, (struct pool_map_options){.chunk = 10, .map.hard_ns = NS_PER_S});
    run(rig);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], BEGIN + NS_PER_S);
    ck_assert_int_le(v->ended[1], BEGIN + NS_PER_S + 10 * NS_PER_MS);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(v->starts[i], 1);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    rig_close(rig);
}
END_TEST

static struct fake_task second_is_stubborn(struct rig *rig, unsigned map,
                                           const struct exec_grant *task)
{
    struct fake_task t = second_hangs(rig, map, task);
    t.stubborn = true;
    return t;
}

START_TEST(a_task_that_ignores_sigterm_is_killed_after_the_grace)
{
    struct rig *rig = rig_open(1, second_is_stubborn);
    struct view *v = submit(rig, 10, (struct pool_map_options){.map.hard_ns = NS_PER_S});
    run(rig);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], BEGIN + NS_PER_S + 100 * NS_PER_MS);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    rig_close(rig);
}
END_TEST

static struct fake_task second_is_immortal(struct rig *rig, unsigned map,
                                           const struct exec_grant *task)
{
    struct fake_task t = second_hangs(rig, map, task);
    t.immortal = true;
    return t;
}

START_TEST(a_worker_that_cannot_be_killed_costs_its_slot_and_no_more)
{
    struct rig *rig = rig_open(2, second_is_immortal);
    struct view *v = submit(rig, 10, (struct pool_map_options){.map.hard_ns = NS_PER_S});
    run(rig);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 9);
    v = submit(rig, 1, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1);
    ck_assert_uint_eq(rig->begun, 2); // none in its place
    ck_assert_uint_eq(rig->dead, 1);
    rig_close(rig);
}
END_TEST

static struct fake_task all_immortal(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return (struct fake_task){.ns = FAKE_FOREVER, .immortal = true};
}

START_TEST(without_any_slot_left_the_pool_ends)
{
    struct rig *rig = rig_open(2, all_immortal);
    br_error err = {0};
    submit(rig, 10, (struct pool_map_options){.map.hard_ns = NS_PER_S});
    ck_assert_ptr_nonnull(strstr(run_to_error(rig, &err), "no worker is left"));
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    ck_assert_uint_eq(rig->begun, 2);
    rig_close(rig);
}
END_TEST

static struct fake_task hangs_and_heeds(struct rig *rig, unsigned map,
                                        const struct exec_grant *task)
{
    struct fake_task t = second_hangs(rig, map, task);
    t.heeds = true;
    return t;
}

START_TEST(a_soft_timeout_asks)
{
    struct rig *rig = rig_open(2, hangs_and_heeds);
    struct view *v = submit(
        rig, 10, (struct pool_map_options){.map.soft_ns = NS_PER_S, .map.hard_ns = 2 * NS_PER_S});
    run(rig);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_ERROR);
    ck_assert_int_le(v->ended[1], BEGIN + NS_PER_S + 10 * NS_PER_MS);
    ck_assert_uint_eq(rig->dead, 0);
    rig_close(rig);
}
END_TEST

START_TEST(who_does_not_heed_the_soft_timeout_meets_the_hard_one)
{
    struct rig *rig = rig_open(2, second_hangs);
    struct view *v = submit(
        rig, 10, (struct pool_map_options){.map.soft_ns = NS_PER_S, .map.hard_ns = 2 * NS_PER_S});
    run(rig);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_TIMED_OUT);
    ck_assert_int_ge(v->ended[1], BEGIN + 2 * NS_PER_S);
    rig_close(rig);
}
END_TEST

START_TEST(a_limit_is_each_tasks_own)
{
    struct rig *rig = rig_open(1, some_time);
    struct view *v =
        submit(rig, 1000, (struct pool_map_options){.chunk = 500, .map.hard_ns = 200 * NS_PER_US});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    rig_close(rig);
}
END_TEST

// ---- Workers

START_TEST(workers_are_replaced_after_max_tasks)
{
    struct rig *rig = rig_open_max(2, NULL, 7);
    struct view *v = submit(rig, 100, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 100);
    ck_assert_uint_ge(rig->begun, 15); // 100 / 7, rounded up
    ck_assert_uint_le(rig->begun, 17);
    rig_close(rig);
}
END_TEST

START_TEST(idle_workers_end_when_the_pool_winds_down)
{
    struct rig *rig = rig_open(3, NULL);
    submit(rig, 100, (struct pool_map_options){0});
    run(rig);
    unsigned ended = 0;
    struct exec_report r;
    br_error err;
    pool_wind_down(rig->pool);
    while (rig->fake->ops->next_report(rig->fake, &r, &err) > 0)
        ended += r.type == REPORT_DEAD && r.dead.expected;
    ck_assert_uint_eq(ended, 3);
    rig_close(rig);
}
END_TEST

START_TEST(a_worker_for_every_task)
{
    struct rig *rig = rig_open_max(2, NULL, 1);
    struct view *v = submit(rig, 50, (struct pool_map_options){.chunk = 10});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 50);
    ck_assert_uint_ge(rig->begun, 50);
    for (unsigned i = 0; i < rig->grant_count; i++)
        ck_assert_uint_eq(rig->grants[i].count, 1);
    rig_close(rig);
}
END_TEST

START_TEST(a_worker_that_cannot_start_ends_the_pool)
{
    struct rig *rig = rig_open(4, NULL);
    br_error err = {0};
    rig->unfit = "no licence";
    submit(rig, 10, (struct pool_map_options){0});
    ck_assert_str_eq(run_to_error(rig, &err), "no licence");
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_uint_eq(rig->begun, 4);
    rig_close(rig);
}
END_TEST

START_TEST(workers_that_die_idle_are_no_storm)
{
    struct rig *rig = rig_open(1, NULL);
    br_error err = {0};
    rig->idle_ns = NS_PER_US;
    const char *text = run_to_error(rig, &err);
    ck_assert_ptr_nonnull(strstr(text, "without having finished a task"));
    ck_assert_uint_le(rig->begun, 6);
    ck_assert_int_ge(fake_now(rig->fake), BEGIN + 200 * NS_PER_MS);
    rig_close(rig);
}
END_TEST

static struct fake_task ten_seconds(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return ok(10 * NS_PER_S);
}

START_TEST(while_others_work_a_worker_that_will_not_stay_ends_nothing)
{
    struct rig *rig = rig_open(2, ten_seconds);
    rig->idle_ns = NS_PER_US;
    rig->steady = 1;
    struct view *v = submit(rig, 1, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1);
    ck_assert_uint_ge(rig->begun, 10);
    ck_assert_uint_le(rig->begun, 30);
    rig_close(rig);
}
END_TEST

static struct fake_task tenth_of_a_second(struct rig *rig, unsigned map,
                                          const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return ok(100 * NS_PER_MS);
}

// Whoever kills workers that are starting ends nothing as long as tasks are finished in between.
START_TEST(workers_killed_while_they_start_end_nothing_while_tasks_are_finished)
{
    struct rig *rig = rig_open(2, tenth_of_a_second);
    struct pool_map_options options = with_retries(100, ~0U);
    options.chunk = 1;
    struct view *v = submit(rig, 100, options);
    rig->last_start_ns = 100 * NS_PER_S;
    for (int i = 1; i <= 10; i++) {
        run_until(rig, BEGIN + i * NS_PER_S);
        fake_kill_worker(rig->fake, 0);
        fake_kill_worker(rig->fake, 1);
    }
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 100);
    rig_close(rig);
}
END_TEST

START_TEST(a_worker_that_dies_idle_now_and_then_is_replaced)
{
    struct rig *rig = rig_open(1, NULL);
    br_error err;
    run_until(rig, BEGIN + NS_PER_MS);
    for (unsigned i = 0; i < MAPS; i++) {
        struct view *v = submit(rig, 10, (struct pool_map_options){0});
        run(rig);
        ck_assert_uint_eq(v->by_status[OUTCOME_OK], 10);
        fake_kill_worker(rig->fake, 0);
        ck_assert_int_eq(pool_dispatch(rig->pool, fake_now(rig->fake), &err), 0);
    }
    ck_assert_uint_eq(rig->dead, MAPS);
    rig_close(rig);
}
END_TEST

START_TEST(all_workers_killed_ten_times_lose_nothing)
{
    struct rig *rig = rig_open(4, some_time);
    struct view *v = submit(rig, 1000, with_retries(100, ~0U));
    for (int i = 1; i <= 10; i++) {
        run_until(rig, BEGIN + i * 500 * NS_PER_US);
        for (unsigned slot = 0; slot < 4; slot++)
            fake_kill_worker(rig->fake, slot);
    }
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 1000);
    ck_assert_uint_le(v->again, 40);
    rig_close(rig);
}
END_TEST

// ---- Stopping

START_TEST(stop_skips_what_has_not_started)
{
    struct rig *rig = rig_open(2, some_time);
    br_error err;
    struct view *v = submit(rig, 1000, (struct pool_map_options){.chunk = 50});
    run_until(rig, BEGIN + 1050 * NS_PER_US);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    assert_sums(rig);
    run(rig);
    const struct ledger *l = pool_map_ledger(v->map);
    ck_assert_uint_eq(l->ended[OUTCOME_OK], 22); // those in hand too
    ck_assert_uint_eq(l->ended[OUTCOME_SKIPPED], 978);
    ck_assert_uint_eq(rig->dead, 0);
    rig_close(rig);
}
END_TEST

START_TEST(stop_cancels_what_waits_for_another_attempt)
{
    struct rig *rig = rig_open(2, first_attempt_fails);
    br_error err;
    struct view *v = submit(rig, 10, with_retries(3, ~0U));
    run_until(rig, BEGIN + 50 * NS_PER_MS);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    ck_assert(pool_map_done(v->map));
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 10);
    rig_close(rig);
}
END_TEST

// Its further attempts were taken from it, so it has not failed for good.
START_TEST(stop_cancels_what_fails_afterwards_and_could_be_tried_again)
{
    struct rig *rig = rig_open(2, first_attempt_fails);
    br_error err;
    struct view *v = submit(rig, 2, with_retries(3, ~0U));
    run_until(rig, BEGIN);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    ck_assert(!pool_map_done(v->map)); // both are in hand
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 2);
    ck_assert_uint_eq(v->by_status[OUTCOME_ERROR], 0);
    rig_close(rig);
}
END_TEST

static struct fake_task first_fails_second_is_long(struct rig *rig, unsigned map,
                                                   const struct exec_grant *task)
{
    return task->first == 1 ? first_is_long(rig, map, &(struct exec_grant){0})
                            : first_attempt_fails(rig, map, task);
}

// As if it still waited: what has had an attempt is not counted among those that never started.
START_TEST(stop_cancels_another_attempt_that_is_queued)
{
    struct rig *rig = rig_open(1, first_fails_second_is_long);
    br_error err;
    struct view *v = submit(rig, 2, with_retries(3, ~0U));
    run_until(rig, BEGIN + NS_PER_S);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    run(rig);
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_CANCELLED);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_OK);
    ck_assert_uint_eq(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 0);
    rig_close(rig);
}
END_TEST

START_TEST(cancel_ends_what_is_in_hand)
{
    struct rig *rig = rig_open(2, first_is_long);
    br_error err;
    struct view *v = submit(rig, 2, (struct pool_map_options){0});
    struct view *other = submit(rig, 500, (struct pool_map_options){0});
    run_until(rig, BEGIN + 100 * NS_PER_MS);
    ck_assert_int_eq(pool_map_cancel(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    run_until(rig, fake_now(rig->fake) + NS_PER_MS);
    ck_assert(pool_map_done(v->map));
    ck_assert_uint_eq(v->outcomes[0], OUTCOME_CANCELLED);
    ck_assert_uint_eq(v->outcomes[1], OUTCOME_OK);
    run(rig);
    ck_assert_uint_eq(other->by_status[OUTCOME_OK], 500);
    rig_close(rig);
}
END_TEST

// Outcomes that were not read yet when cancel was called must not put the blame elsewhere.
START_TEST(cancel_ends_what_is_in_hand_behind_unread_outcomes)
{
    struct rig *rig = rig_open(1, some_time);
    br_error err;
    struct view *v = submit(rig, 10, (struct pool_map_options){.chunk = 10});
    run_until(rig, BEGIN);
    fake_advance(rig->fake, BEGIN + 350 * NS_PER_US);
    ck_assert_int_eq(pool_map_cancel(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], 3);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], 1);
    ck_assert_uint_eq(v->outcomes[3], OUTCOME_CANCELLED);
    ck_assert_uint_eq(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 6);
    rig_close(rig);
}
END_TEST

static void cancel_on_failure(struct rig *rig, const struct exec_report *r)
{
    br_error err;
    if (r->type != REPORT_END || r->end.status != OUTCOME_ERROR)
        return;
    struct pool_map *m = rig->views[0].map;
    ck_assert_int_eq(pool_map_cancel(rig->pool, m, fake_now(rig->fake), &err), 0);
}

START_TEST(an_observer_may_cancel_its_map)
{
    struct rig *rig = rig_open(3, third_is_bad);
    rig->on_end = cancel_on_failure;
    struct view *v = submit(rig, 100000, with_retries(2, ~0U));
    run(rig);
    ck_assert_uint_ge(pool_map_ledger(v->map)->ended[OUTCOME_SKIPPED], 90000);
    rig_close(rig);
}
END_TEST

START_TEST(an_observers_error_ends_the_dispatch_and_nothing_is_counted_twice)
{
    struct rig *rig = rig_open(3, third_is_bad);
    struct view *v = submit(rig, KEPT, with_retries(2, ~0U));
    rig->fail_at = 5;
    br_error err = {0};
    ck_assert_str_eq(run_to_error(rig, &err), "the observer failed");
    ck_assert_uint_eq(rig->observed, 5); // the reports after it are unread
    run(rig);                            // counts each task once
    ck_assert_uint_eq(v->finals, KEPT);
    rig_close(rig);
}
END_TEST

static struct fake_task all_bad(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return (struct fake_task){.ending = FAKE_ERROR, .ns = 1000};
}

START_TEST(a_stop_that_an_observer_ended_can_be_called_again)
{
    struct rig *rig = rig_open(3, all_bad);
    struct pool_map_options options = with_retries(2, ~0U);
    options.retries.delay_ns = options.retries.max_ns = NS_PER_S;
    struct view *v = submit(rig, KEPT, options);
    run_until(rig, BEGIN + NS_PER_S / 2); // all wait for their second attempt
    br_error err = {0};
    rig->fail_at = rig->observed + 2;
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), -1);
    ck_assert_uint_eq(v->finals, 2);
    ck_assert_int_eq(pool_map_stop(rig->pool, v->map, fake_now(rig->fake), &err), 0);
    run(rig);
    ck_assert_uint_eq(v->by_status[OUTCOME_CANCELLED], KEPT);
    rig_close(rig);
}
END_TEST

START_TEST(a_pool_whose_observer_failed_can_be_destroyed)
{
    for (uint64_t at = 1; at <= 8; at++) {
        struct rig *rig = rig_open(3, third_is_bad);
        submit(rig, KEPT, with_retries(2, ~0U));
        rig->fail_at = at;
        br_error err = {0};
        ck_assert_str_eq(run_to_error(rig, &err), "the observer failed");
        pool_wind_down(rig->pool);
        rig_close(rig);
    }
}
END_TEST

static void submit_more(struct rig *rig, const struct exec_report *r)
{
    if (rig->maps < MAPS && r->tasks.map == rig->maps &&
        pool_map_done(rig->views[rig->maps - 1].map))
        submit(rig, 100, (struct pool_map_options){.priority = (int)rig->maps});
}

START_TEST(an_observer_may_submit_a_map)
{
    struct rig *rig = rig_open(2, NULL);
    rig->on_end = submit_more;
    submit(rig, 100, (struct pool_map_options){0});
    run(rig);
    ck_assert_uint_eq(rig->maps, MAPS);
    rig_close(rig);
}
END_TEST

static struct fake_task prints(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    return (struct fake_task){.ending = task->first % 7 == 3 ? FAKE_CRASH : FAKE_OK,
                              .ns = 1000,
                              .printed = (uint32_t)task->first % 5};
}

START_TEST(output_is_passed_on)
{
    struct rig *rig = rig_open(2, prints);
    struct view *v = submit(rig, 100, (struct pool_map_options){.chunk = 9});
    run(rig);
    ck_assert_uint_eq(v->printed, 200);
    rig_close(rig);
}
END_TEST

// ---- Many

static struct fake_task short_one(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    (void)rig;
    (void)map;
    (void)task;
    return ok(100);
}

START_TEST(ten_million_tasks_take_no_more_memory_than_a_few)
{
    struct rig *rig = rig_open(4, short_one);
    const char *tasks = getenv("POOL_TEST_TASKS");
    uint64_t many = tasks ? strtoull(tasks, NULL, 10) : 10000000;
    struct view *v = submit(rig, many, (struct pool_map_options){0});
    run_until(rig, BEGIN + 20 * NS_PER_MS);
    rig->stride = 100 * NS_PER_US;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    run(rig);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    ck_assert_uint_eq(v->by_status[OUTCOME_OK], many);
    ck_assert_uint_le(after, before + ((size_t)4 << 20));
    rig_close(rig);
}
END_TEST

// ---- Any script at all

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

static struct fake_task anything(struct rig *rig, unsigned map, const struct exec_grant *task)
{
    uint64_t x = mix(rig->random ^ mix(task->first * MAPS + map) ^ mix(task->attempt * 77));
    struct fake_task t = {.ending = FAKE_OK, .ns = (int64_t)(x % 3000), .result = 1};
    x >>= 16;
    if (x % 8 == 0)
        t.ns = (int64_t)(x % 20) * NS_PER_MS;
    x >>= 8;
    if (x % 10 == 0)
        t.ending = FAKE_ERROR + (enum fake_ending)(x / 10 % 3);
    if (x % 97 == 0)
        t.ns = FAKE_FOREVER;
    t.heeds = x % 3 == 0;
    t.stubborn = x % 5 == 0;
    t.printed = x % 4 == 0;
    return t;
}

static struct pool_map_options any_map(uint64_t x)
{
    return (struct pool_map_options){
        .chunk = (uint32_t)(x % 3 ? 0 : x / 3 % 50 + 1),
        .priority = (int)(x / 7 % 2),
        .max_parallel = (unsigned)(x / 11 % 4),
        .map.soft_ns = x / 13 % 2 ? 5 * NS_PER_MS : 0,
        .map.hard_ns = 10 * NS_PER_MS,
        .retries = {.limit = (unsigned)(x / 17 % 4),
                    .on = ~0U,
                    .delay_ns = (int64_t)(x / 19 % 2) * NS_PER_MS,
                    .max_ns = 4 * NS_PER_MS,
                    .factor = 2,
                    .jitter = 0.5},
    };
}

// Something from outside, now and then.
static void interfere(struct rig *rig, uint64_t x)
{
    br_error err;
    struct pool_map *m = rig->views[x / 64 % rig->maps].map;
    if (x % 64 == 0 && rig->killed++ < 4) // more in a row and the pool may give up
        fake_kill_worker(rig->fake, (unsigned)(x / 64 % rig->workers));
    else if (x % 2048 == 1)
        ck_assert_int_eq(pool_map_stop(rig->pool, m, fake_now(rig->fake), &err), 0);
    else if (x % 2048 == 2)
        ck_assert_int_eq(pool_map_cancel(rig->pool, m, fake_now(rig->fake), &err), 0);
}

static void run_anything(uint64_t seed)
{
    uint64_t x = mix(seed);
    struct rig *rig =
        rig_open_max((unsigned)(x % 5 + 1), anything, x / 5 % 3 ? 0 : x / 15 % 20 + 1);
    br_error err = {0};
    rig->random = x;
    rig->start_ns = (int64_t)(x / 31 % 2) * NS_PER_MS;
    for (unsigned i = 0; i <= x / 61 % MAPS; i++)
        submit(rig, mix(x + i) % 400, any_map(mix(x ^ mix(i))));
    for (int i = 0; !all_done(rig); i++) {
        if (i == STEPS || step(rig, &err) != 0)
            ck_abort_msg("seed %d: %s", (int)seed, i == STEPS ? "it never ends" : err.text);
        x = mix(x + (uint64_t)i);
        interfere(rig, x);
    }
    for (unsigned i = 0; i < rig->maps; i++) {
        const struct view *v = &rig->views[i];
        const struct ledger *l = pool_map_ledger(v->map);
        ck_assert_uint_eq(v->finals + l->ended[OUTCOME_SKIPPED], v->tasks);
        ck_assert_double_eq(v->sum, (double)l->ended[OUTCOME_OK]);
        for (int status = 0; status < OUTCOME_COUNT; status++)
            MUST(status == OUTCOME_SKIPPED || v->by_status[status] == l->ended[status]);
        for (uint64_t k = 0; k < v->tasks; k++)
            MUST(v->outcomes[k] != OUTCOME_NONE || l->ended[OUTCOME_SKIPPED] > 0);
    }
    rig_close(rig);
}

START_TEST(any_script_gives_every_task_one_outcome)
{
    const char *loops = getenv("POOL_TEST_LOOPS");
    uint64_t most = loops ? strtoull(loops, NULL, 10) : 300;
    for (uint64_t seed = 1; seed <= most; seed++)
        run_anything(seed);
}
END_TEST

SUITE(pool)
{
    TEST(an_empty_map_is_done_at_once);
    TEST(every_task_runs_once);
    TEST(fixed_chunks_are_granted_in_order);
    TEST(fixed_chunks_of_no_time_are_granted_many_at_once);
    TEST(auto_chunks_take_some_milliseconds);
    TEST(a_long_task_holds_nobody_up);
    TEST(what_waits_behind_a_long_task_is_not_left_for_last);
    TEST(nothing_is_taken_from_who_gets_on_while_there_is_other_work);
    TEST(long_tasks_behind_short_ones_are_shared_too);
    TEST(an_idle_pool_asks_for_attention_when_a_map_comes);
    TEST(higher_priority_goes_first);
    TEST(equal_maps_share_the_workers);
    TEST(max_parallel_bounds_the_workers_of_a_map);
    TEST(a_map_that_may_not_run_lets_lower_ones_run);
    TEST(a_failing_task_is_tried_so_often);
    TEST(what_retries_do_not_name_is_final);
    TEST(a_permanent_error_is_final);
    TEST(jitter_stays_in_its_bounds);
    TEST(a_crash_costs_one_task);
    TEST(a_task_that_killed_enough_workers_is_final);
    TEST(tasks_that_all_crash_are_all_told);
    TEST(a_hard_timeout_ends_the_task);
    TEST(a_task_that_ignores_sigterm_is_killed_after_the_grace);
    TEST(a_worker_that_cannot_be_killed_costs_its_slot_and_no_more);
    TEST(without_any_slot_left_the_pool_ends);
    TEST(a_soft_timeout_asks);
    TEST(who_does_not_heed_the_soft_timeout_meets_the_hard_one);
    TEST(a_limit_is_each_tasks_own);
    TEST(workers_are_replaced_after_max_tasks);
    TEST(idle_workers_end_when_the_pool_winds_down);
    TEST(a_worker_for_every_task);
    TEST(a_worker_that_cannot_start_ends_the_pool);
    TEST(workers_that_die_idle_are_no_storm);
    TEST(while_others_work_a_worker_that_will_not_stay_ends_nothing);
    TEST(workers_killed_while_they_start_end_nothing_while_tasks_are_finished);
    TEST(a_worker_that_dies_idle_now_and_then_is_replaced);
    TEST(all_workers_killed_ten_times_lose_nothing);
    TEST(stop_skips_what_has_not_started);
    TEST(stop_cancels_what_waits_for_another_attempt);
    TEST(stop_cancels_what_fails_afterwards_and_could_be_tried_again);
    TEST(stop_cancels_another_attempt_that_is_queued);
    TEST(cancel_ends_what_is_in_hand);
    TEST(cancel_ends_what_is_in_hand_behind_unread_outcomes);
    TEST(an_observer_may_cancel_its_map);
    TEST(an_observer_may_submit_a_map);
    TEST(an_observers_error_ends_the_dispatch_and_nothing_is_counted_twice);
    TEST(a_stop_that_an_observer_ended_can_be_called_again);
    TEST(a_pool_whose_observer_failed_can_be_destroyed);
    TEST(output_is_passed_on);
    TEST(ten_million_tasks_take_no_more_memory_than_a_few);
    TEST(any_script_gives_every_task_one_outcome);
}

// SPDX-License-Identifier: BSD-3-Clause
// Workers that die, in every way and at every moment.
#include "pool_tests.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static br_error err;

enum {
    ITEMS = 8,
    LARGE = 1 << 20
};

// Item 0 dies in the given way at the given moment; the other items are squares.
enum moment {
    READING,
    RUNNING,
    WRITING,
    EMITTING,
    MOMENTS
};

struct order {
    int64_t value;
    enum death how;
    enum moment when;
    char bytes[LARGE];
};

static int die_in_parts(br_task *t, const struct order *o, char *out)
{
    volatile char sum = 0;
    for (size_t i = 0; o->when == READING && i < LARGE / 2; i++)
        sum = (char)(sum + o->bytes[i]);
    if (o->when == WRITING)
        memset(out, 'x', LARGE / 2);
    if (o->when == EMITTING)
        br_task_emit(t, o->bytes, LARGE / 2);
    return die(o->how);
}

static int square_or_die(br_task *t, const void *in, void *out)
{
    const struct order *o = in;
    if (o->value == 0)
        return die_in_parts(t, o, out);
    *(int64_t *)out = o->value * o->value;
    return 0;
}

// Fails unless the pool still works.
static void check_goes_on(br_pool *pool)
{
    int64_t in[ITEMS], out[ITEMS];
    fill(in, ITEMS);
    CHECK_CALL(br_pool_map(pool, square, in, ITEMS, 8, out, 8, NULL, &err));
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(out[i], i * i);
}

START_TEST(while_reading_running_writing)
{
    enum death how = _i % DEATHS;
    enum moment when = _i / DEATHS;
    br_pool *pool = pool_of(2);
    struct order *in = calloc(ITEMS, sizeof *in);
    ck_assert_ptr_nonnull(in);
    for (int64_t i = 0; i < ITEMS; i++)
        in[i] = (struct order){.value = i, .how = how, .when = when};
    br_result *r =
        br_pool_map_async(pool, square_or_die, in, ITEMS, sizeof *in, NULL, LARGE, NULL, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    ck_assert_int_eq(br_result_get(r, patience(), &err), -1);
    ck_assert_msg(err.kind == BR_ERR_TASK, "%s: %s", death_names[how], err.text);
    br_outcome o;
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    check_death(&o, how);
    for (size_t i = 1; i < ITEMS; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), (int64_t)(i * i));
    br_result_free(r);
    check_goes_on(pool);
    br_pool_destroy(pool);
    free(in);
}
END_TEST

// ---- In init

static int init_dies(void *how)
{
    return die(*(enum death *)how);
}

START_TEST(in_init_is_an_error_of_create)
{
    enum death how = _i;
    br_pool_options options = {.workers = 2, .init = init_dies, .init_arg = &how};
    double began = seconds_now();
    ck_assert_ptr_null(br_pool_create(&options, &err));
    figure("a pool whose workers die in init is refused", seconds_now() - began);
    // A worker that was killed from outside while it started is started again, a few times.
    ck_assert_int_eq(err.kind, how == DIE_KILL ? BR_ERR_SYSTEM : BR_ERR_PLUGIN);
    ck_assert_str_ne(err.text, "");
}
END_TEST

static int later_init_dies(void *how)
{
    add_word(&shared->inits);
    return shared->inits > 1 ? die(*(enum death *)how) : 0;
}

// The first worker's init succeeds, and its replacement's fails. The pool does not start workers
// again and again, and all calls report the error.
START_TEST(in_a_replacements_init_is_an_error_of_the_calls)
{
    enum death how = _i;
    int64_t in[4] = {0, 1, 2, 3};
    br_pool *pool = open_pool(&(br_pool_options){
        .workers = 1, .init = later_init_dies, .init_arg = &how, .max_tasks = 1});
    br_outcome o;
    br_result *r = br_pool_map_async(pool, square, in, 4, 8, NULL, 8, NULL, &err);
    ck_assert_int_eq(br_result_get(r, patience(), &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    for (size_t i = 1; i < 4; i++) {
        CHECK_CALL(br_result_outcome(r, i, &o, &err));
        ck_assert_int_eq(o.status, BR_CANCELLED);
        ck_assert_str_ne(o.message, "");
    }
    ck_assert_int_eq(br_pool_apply(pool, square, in, 8, NULL, 8, NULL, &err), -1);
    ck_assert_str_ne(err.text, "");
    ck_assert_uint_le(shared->inits, 10);
    br_pool_destroy(pool);
}
END_TEST

// ---- Deaths by a thread, after the item was published

static enum death thread_death;

static void *die_when_asked(void *unused)
{
    (void)unused;
    if (wait_word(&shared->go, 1))
        die(thread_death);
    return NULL;
}

static int leave_a_thread(br_task *t, const void *in, void *out)
{
    pthread_t thread;
    thread_death = *(const enum death *)in;
    if (pthread_create(&thread, NULL, die_when_asked, NULL) != 0)
        return br_fail(t, "no thread");
    *(int64_t *)out = 77;
    return 0;
}

START_TEST(idle)
{
    enum death how = _i;
    int64_t out = 0;
    br_pool_stats stats;
    br_pool *pool = pool_of(1);
    CHECK_CALL(br_pool_apply(pool, leave_a_thread, &how, sizeof how, &out, 8, NULL, &err));
    ck_assert_int_eq(out, 77);
    set_word(&shared->go, 1);
    drive_deaths(pool, 1);
    br_pool_get_stats(pool, &stats);
    ck_assert_uint_eq(stats.ok, 1);
    ck_assert_uint_eq(stats.failed, 0);
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

// The second item wakes the thread that the first one has left, so the worker dies when the first
// is published and the second is running.
static int publish_then_die(br_task *t, const void *in, void *out)
{
    if (br_task_index(t) == 0)
        return leave_a_thread(t, in, out);
    *(int64_t *)out = 5;
    if (br_task_index(t) > 1)
        return 0;
    set_word(&shared->go, 1);
    for (;;)
        pause();
}

START_TEST(after_publishing)
{
    enum death how[4] = {_i, _i, _i, _i};
    br_outcome o;
    br_pool *pool = pool_of(1);
    br_result *r = br_pool_map_async(pool, publish_then_die, how, 4, sizeof how[0], NULL, 8,
                                     &(br_call_options){.chunk_size = 4}, &err);
    ck_assert_int_eq(br_result_get(r, patience(), &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_int_eq(*(const int64_t *)br_result_output(r, 0), 77);
    CHECK_CALL(br_result_outcome(r, 1, &o, &err));
    check_death(&o, how[0]);
    for (size_t i = 2; i < 4; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), 5);
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

// ---- While the parent is closing

static int die_when_closing(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)out;
    add_word(&shared->started);
    wait_word(&shared->go, 1);
    return die(*(const enum death *)in);
}

START_TEST(while_the_parent_is_closing)
{
    enum death how = _i;
    int64_t in = 9, out = 0;
    br_outcome o;
    br_pool *pool = pool_of(1);
    br_result *dying =
        br_pool_apply_async(pool, die_when_closing, &how, sizeof how, NULL, 0, NULL, &err);
    br_result *behind = br_pool_apply_async(pool, square, &in, 8, &out, 8, NULL, &err);
    drive_until(pool, &shared->started, 1);
    br_pool_close(pool);
    set_word(&shared->go, 1);
    CHECK_CALL(br_pool_join(pool, patience(), &err));
    CHECK_CALL(br_result_outcome(dying, 0, &o, &err));
    check_death(&o, how);
    CHECK_CALL(br_result_get(behind, 0, &err));
    ck_assert_int_eq(out, 81);
    br_pool_destroy(pool);
}
END_TEST

// ---- Many at once

// Waits until `count` items are there, then kills the worker of its neighbour.
static int kill_the_next(br_task *t, const void *in, void *out)
{
    int count = (int)*(const int64_t *)in, self = (int)br_task_index(t);
    (void)out;
    if (br_task_attempt(t) > 1)
        return 0;
    atomic_store(&shared->pids[self], getpid());
    add_word(&shared->started);
    if (!wait_word(&shared->started, (uint32_t)count))
        return br_fail(t, "the others are not there");
    kill(shared->pids[(self + 1) % count], SIGKILL);
    return die(DIE_KILL); // the one that was to kill this one may have been killed before
}

START_TEST(workers_that_kill_each_other)
{
    static const unsigned counts[] = {1, 2, 5, 13};
    unsigned count = counts[_i];
    int64_t in[13];
    br_pool *pool = pool_of(count);
    for (size_t i = 0; i < count; i++)
        in[i] = count;
    br_call_options options = {.chunk_size = 1};
    br_result *r = br_pool_map_async(pool, kill_the_next, in, count, 8, NULL, 0, &options, &err);
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    for (size_t i = 0; i < count; i++) {
        br_outcome o;
        CHECK_CALL(br_result_outcome(r, i, &o, &err));
        check_death(&o, DIE_KILL);
    }
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

static int good_or_bad(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    return *n % 2 ? die((enum death)(*n / 2 % DEATHS)) : square(t, in, out);
}

START_TEST(a_hundred_good_and_a_hundred_bad)
{
    int64_t in[200], out[200];
    br_pool *pool = pool_of(4);
    fill(in, 200);
    br_result *r = br_pool_map_async(pool, good_or_bad, in, 200, 8, out, 8, NULL, &err);
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    for (int i = 0; i < 200; i++) {
        br_outcome o;
        CHECK_CALL(br_result_outcome(r, (size_t)i, &o, &err));
        if (i % 2)
            check_death(&o, (enum death)(i / 2 % DEATHS));
        else
            ck_assert_int_eq(out[i], i * i);
    }
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

static int emit_for_long(br_task *t, const void *in, void *out)
{
    size_t size = shared->number;
    char *bytes = malloc(size);
    (void)in;
    (void)out;
    if (!bytes)
        return br_fail(t, "out of memory");
    memset(bytes, 'e', size);
    atomic_store(&shared->pids[0], getpid());
    int result = br_task_emit(t, bytes, size);
    free(bytes);
    add_word(&shared->started);
    return result;
}

// The worker is killed while it sends the result's bytes, a little later each time.
START_TEST(killed_in_the_middle_of_a_large_result)
{
    br_pool *pool = pool_of(1);
    size_t size;
    shared->number = full_size(1 << 30, 50000000);
    br_result *r = br_pool_apply_async(pool, emit_for_long, NULL, 0, NULL, 0, NULL, &err);
    drive_until(pool, &shared->started, 1);
    for (int i = 0; i < _i; i++)
        CHECK_CALL(br_pool_dispatch(pool, &err));
    kill(shared->pids[0], SIGKILL);
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    br_outcome o;
    CHECK_CALL(br_result_outcome(r, 0, &o, &err));
    const char *bytes = br_result_emitted(r, 0, &size);
    if (o.status == BR_OK) // the whole result arrived in time
        ck_assert(size == shared->number && bytes[0] == 'e' && bytes[size - 1] == 'e');
    else {
        ck_assert_int_eq(o.status, BR_CRASHED);
        ck_assert_int_eq(o.signal, SIGKILL);
        ck_assert_ptr_null(bytes);
    }
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

static void kill_all_workers(void)
{
    pid_t nursery, workers[16];
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    size_t count = count_children(nursery, workers, 16);
    for (size_t i = 0; i < count && i < 16; i++)
        kill(workers[i], SIGKILL);
}

START_TEST(every_worker_killed_at_once_ten_times)
{
    br_pool *pool = pool_of(4);
    bool busy = _i == 1;
    for (int round = 0; round < 10; round++) {
        br_result *r = NULL;
        atomic_store(&shared->started, 0);
        if (busy) {
            r = br_pool_map_async(pool, forever, NULL, 4, 0, NULL, 0,
                                  &(br_call_options){.chunk_size = 1}, &err);
            ck_assert_msg(r != NULL, "%s", err.text);
            drive_until(pool, &shared->started, 4);
        }
        kill_all_workers();
        if (busy) {
            ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
            br_result_free(r);
        }
        int64_t in = 3, out = 0;
        br_call_options twice = {.retries = 3}; // a worker that is being killed may have started it
        CHECK_CALL(br_pool_apply(pool, square, &in, 8, &out, 8, &twice, &err));
        ck_assert_int_eq(out, 9);
    }
    br_pool_destroy(pool);
}
END_TEST

START_TEST(killed_while_starting)
{
    br_pool *pool = pool_of(2);
    for (int round = 0; round < 3; round++)
        kill_all_workers();
    check_goes_on(pool);
    br_pool_destroy(pool);
}
END_TEST

static int fork_and_crash(br_task *t, const void *in, void *out)
{
    (void)in;
    (void)out;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    if (child < 0)
        return br_fail(t, "no fork");
    atomic_store(&shared->pids[0], child);
    abort();
}

START_TEST(children_of_a_dead_worker_have_ended)
{
    br_pool *pool = pool_of(1);
    ck_assert_int_eq(br_pool_apply(pool, fork_and_crash, NULL, 0, NULL, 0, NULL, &err), -1);
    ck_assert(ends(shared->pids[0]));
    br_pool_destroy(pool);
}
END_TEST

START_TEST(the_nursery_dies)
{
    pid_t nursery;
    int64_t in = 1;
    br_pool *pool = pool_of(2);
    br_result *r = br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, NULL, &err);
    drive_until(pool, &shared->started, 1);
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    kill(nursery, SIGKILL);
    ck_assert_int_eq(br_result_get(r, patience(), &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_str_ne(err.text, "");
    ck_assert_int_eq(br_pool_apply(pool, square, &in, 8, NULL, 8, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    br_pool_destroy(pool);
}
END_TEST

static void *join_at_once(void *user)
{
    struct noted *noted = user;
    br_error e;
    noted->call_result = br_pool_join(noted->pool, 0, &e);
    return NULL;
}

static void join_in_another_thread(br_result *r, void *user)
{
    struct noted *noted = user;
    pthread_t thread;
    (void)r;
    if (pthread_create(&thread, NULL, join_at_once, user) == 0)
        pthread_join(thread, NULL);
    add_word(&noted->bad);
}

// No call that waits returns before the callback, which may use what the caller then frees.
START_TEST(callbacks_are_waited_for_after_the_nursery_has_died)
{
    pid_t nursery;
    br_pool *pool = pool_with(1, _i);
    struct noted noted = {.pool = pool};
    br_call_options options = {.on_error = join_in_another_thread, .user = &noted};
    br_result *r = br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, &options, &err);
    drive_until(pool, &shared->started, 1);
    ck_assert_uint_eq(count_children(getpid(), &nursery, 1), 1);
    br_pool_close(pool);
    kill(nursery, SIGKILL);
    ck_assert_int_eq(br_result_wait(r, patience(), &err), 1);
    ck_assert_uint_eq(noted.bad, 1);
    ck_assert_int_eq(noted.call_result, -1); // the callback was running
    CHECK_CALL(br_pool_join(pool, patience(), &err));
    br_pool_destroy(pool);
}
END_TEST

SUITE(pool_deaths)
{
    FIXTURE(set_up, tear_down);
    LOOP_TEST(while_reading_running_writing, (int)DEATHS * (int)MOMENTS);
    LOOP_TEST(in_init_is_an_error_of_create, DEATHS);
    LOOP_TEST(in_a_replacements_init_is_an_error_of_the_calls, DEATHS);
    RANGE_TEST(idle, DIE_EXIT, DEATHS);
    RANGE_TEST(after_publishing, DIE_EXIT, DEATHS);
    LOOP_TEST(while_the_parent_is_closing, DEATHS);
    LOOP_TEST(workers_that_kill_each_other, 4);
    TEST(a_hundred_good_and_a_hundred_bad);
    LOOP_TEST(killed_in_the_middle_of_a_large_result, 5);
    LOOP_TEST(every_worker_killed_at_once_ten_times, 2);
    TEST(killed_while_starting);
    TEST(children_of_a_dead_worker_have_ended);
    TEST(the_nursery_dies);
    LOOP_TEST(callbacks_are_waited_for_after_the_nursery_has_died, 2);
}

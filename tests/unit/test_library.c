// SPDX-License-Identifier: BSD-3-Clause
// The rules of <batchrun/pool.h>, over scripted workers in virtual time: who waits moves the time.
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "library/library.h"
#include "support/fake.h"
#include "support/suite.h"

enum {
    KEPT = 1000,
    ITEMS = 100
};

#define BEGIN NS_PER_S // the fake's first moment

typedef struct fake_task script(const struct exec_grant *task);

// One pool a test.
static struct rig {
    struct executor *fake;
    br_pool *pool;
    script *script;
    struct exec_grant starts[KEPT], grants[KEPT];
    unsigned start_count, grant_count;
} rig;
static br_error err;

static struct fake_task ends(enum fake_ending ending, int64_t ns)
{
    return (struct fake_task){.ending = ending, .ns = ns};
}

static struct fake_task on_start(void *user, const struct exec_grant *task)
{
    (void)user;
    if (rig.start_count < KEPT)
        rig.starts[rig.start_count++] = *task;
    return rig.script ? rig.script(task) : ends(FAKE_OK, NS_PER_MS);
}

static void on_grant(void *user, unsigned slot, const struct exec_grant *g)
{
    (void)user;
    (void)slot;
    if (rig.grant_count < KEPT)
        rig.grants[rig.grant_count++] = *g;
}

static int64_t now(void *user)
{
    (void)user;
    return fake_now(rig.fake);
}

static void wait_until(void *user, struct pollfd *fds, nfds_t count, int64_t until)
{
    (void)user;
    int64_t next = fake_next(rig.fake), at = fake_now(rig.fake);
    if (poll(fds, count, 0) > 0 || until <= at)
        return;
    next = next < until ? next : until;
    ck_assert_msg(next < INT64_MAX, "it waits for what will never happen");
    fake_advance(rig.fake, next > at ? next : at);
}

static void open_with(unsigned workers, script *tasks, br_pool_options options)
{
    struct fake_options fake = {.slots = workers, .task = on_start, .on_grant = on_grant};
    struct library_time time = {.now = now, .wait = wait_until};
    rig = (struct rig){.script = tasks};
    rig.fake = fake_create(&fake, &err);
    ck_assert_msg(rig.fake, "%s", err.text);
    rig.pool = library_create(&options, rig.fake, &time, &err);
    ck_assert_msg(rig.pool, "%s", err.text);
}

static void open_rig(unsigned workers, script *tasks)
{
    open_with(workers, tasks, (br_pool_options){0});
}

static void close_rig(void)
{
    br_pool_destroy(rig.pool);
}

static int64_t elapsed(void)
{
    return fake_now(rig.fake) - BEGIN;
}

#define ck_call(call) ck_assert_msg((call) == 0, "%s", err.text)

static int square(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    (void)t;
    *(int64_t *)out = *n * *n;
    return 0;
}

static br_result *submit(size_t count, const br_call_options *options)
{
    int64_t in[ITEMS];
    for (int64_t i = 0; i < ITEMS; i++)
        in[i] = i;
    br_result *r = br_pool_map_async(rig.pool, square, in, count, sizeof in[0], NULL, sizeof in[0],
                                     options, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

static br_outcome outcome(br_result *r, size_t i)
{
    br_outcome o;
    ck_call(br_result_outcome(r, i, &o, &err));
    return o;
}

// ---- Order and chunks

// Whatever is later is done sooner.
static struct fake_task later_is_sooner(const struct exec_grant *task)
{
    return ends(FAKE_OK, (int64_t)(ITEMS - task->first) * NS_PER_MS);
}

START_TEST(results_are_in_order_whatever_ends_first)
{
    static const size_t chunks[] = {0, 1, 7, ITEMS, SIZE_MAX};
    open_rig(3, later_is_sooner);
    br_result *r = submit(ITEMS, &(br_call_options){.chunk = chunks[_i]});
    ck_call(br_result_get(r, BR_FOREVER, &err));
    for (size_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(*(const int64_t *)br_result_output(r, i), (int64_t)(i * i));
    ck_assert_uint_eq(rig.start_count, ITEMS);
    close_rig();
}
END_TEST

START_TEST(items_are_handed_out_in_chunks)
{
    open_rig(1, NULL);
    br_result *r = submit(ITEMS, &(br_call_options){.chunk = 30});
    ck_call(br_result_get(r, BR_FOREVER, &err));
    ck_assert_uint_eq(rig.grant_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(rig.grants[i].first, 30 * i);
        ck_assert_uint_eq(rig.grants[i].count, i < 3 ? 30 : 10);
    }
    close_rig();
}
END_TEST

START_TEST(max_parallel_is_how_many_work_at_once)
{
    open_rig(4, NULL);
    br_result *r = submit(10, &(br_call_options){.max_parallel = 2, .chunk = 1});
    ck_call(br_result_get(r, BR_FOREVER, &err));
    ck_assert_int_eq(elapsed(), 5 * NS_PER_MS);
    close_rig();
}
END_TEST

START_TEST(higher_priority_comes_first)
{
    open_rig(1, NULL);
    ck_call(br_result_get(submit(1, NULL), BR_FOREVER, &err));
    submit(1, NULL); // what the worker has in hand, and what lies behind it
    submit(1, NULL);
    submit(1, &(br_call_options){.priority = -1});
    submit(1, &(br_call_options){.priority = 1});
    br_pool_close(rig.pool);
    ck_call(br_pool_join(rig.pool, BR_FOREVER, &err));
    ck_assert_uint_eq(rig.start_count, 5);
    ck_assert_uint_eq(rig.starts[3].map, 5);
    ck_assert_uint_eq(rig.starts[4].map, 4);
    close_rig();
}
END_TEST

// ---- Callbacks

struct told {
    unsigned good, bad;
    br_result *last;
    int64_t at;
    bool elsewhere; // on another thread than the test's
    pthread_t test;
};

static void note(struct told *t, br_result *r, unsigned *count)
{
    ++*count;
    t->last = r;
    t->at = elapsed();
    t->elsewhere |= !pthread_equal(pthread_self(), t->test);
}

static void on_result(br_result *r, void *user)
{
    struct told *t = user;
    note(t, r, &t->good);
}

static void on_error(br_result *r, void *user)
{
    struct told *t = user;
    note(t, r, &t->bad);
}

static struct told nothing_told(void)
{
    return (struct told){.test = pthread_self()};
}

static br_call_options telling(struct told *t)
{
    return (br_call_options){.on_result = on_result, .on_error = on_error, .user = t};
}

static struct fake_task odd_calls_fail(const struct exec_grant *task)
{
    return ends(task->map % 2 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(one_callback_a_call_on_the_thread_that_waits)
{
    struct told told = nothing_told();
    br_call_options options = telling(&told);
    open_rig(3, odd_calls_fail);
    for (int i = 0; i < 50; i++)
        br_result_free(submit(3, &options)); // freed or not, it is told
    ck_assert_uint_eq(told.good + told.bad, 0);
    br_pool_close(rig.pool);
    ck_call(br_pool_join(rig.pool, BR_FOREVER, &err));
    ck_assert_uint_eq(told.good, 25);
    ck_assert_uint_eq(told.bad, 25);
    ck_assert(!told.elsewhere);
    close_rig();
    ck_assert_uint_eq(told.good + told.bad, 50);
}
END_TEST

START_TEST(an_empty_call_is_told_once)
{
    struct told told = nothing_told();
    br_call_options options = telling(&told);
    open_rig(1, NULL);
    br_result *r = submit(0, &options);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_ready(r));
    ck_assert_uint_eq(told.good, 1);
    ck_assert_uint_eq(told.bad, 0);
    close_rig();
}
END_TEST

static struct fake_task first_call_is_long(const struct exec_grant *task)
{
    return ends(FAKE_OK, task->map == 1 ? NS_PER_S : NS_PER_MS);
}

START_TEST(callbacks_come_as_calls_end)
{
    struct told told[2] = {nothing_told(), nothing_told()};
    open_rig(2, first_call_is_long);
    br_call_options options[2] = {telling(&told[0]), telling(&told[1])};
    br_result *first = submit(1, &options[0]);
    submit(1, &options[1]);
    ck_call(br_result_get(first, BR_FOREVER, &err));
    ck_assert_int_eq(told[0].at, NS_PER_S);
    ck_assert_int_eq(told[1].at, NS_PER_MS);
    close_rig();
}
END_TEST

static void submit_again(br_result *r, void *user)
{
    unsigned *left = user;
    (void)r;
    if (--*left > 0)
        br_result_free(submit(2, &(br_call_options){.on_result = submit_again, .user = left}));
}

START_TEST(a_callback_may_submit)
{
    unsigned left = 20;
    open_rig(2, NULL);
    submit(2, &(br_call_options){.on_result = submit_again, .user = &left});
    while (left > 0)
        ck_assert_int_eq(br_result_wait(submit(1, NULL), BR_FOREVER, &err), 1);
    ck_assert_uint_eq(left, 0);
    close_rig();
}
END_TEST

static void terminate(br_result *r, void *user)
{
    (void)r;
    br_pool_terminate(user);
}

static struct fake_task all_but_the_first_last_for_ever(const struct exec_grant *task)
{
    return ends(FAKE_OK, task->map == 1 ? NS_PER_MS : FAKE_FOREVER);
}

START_TEST(a_callback_may_terminate)
{
    struct told told = nothing_told();
    br_call_options others = telling(&told);
    open_rig(2, all_but_the_first_last_for_ever);
    submit(1, &(br_call_options){.on_result = terminate, .user = rig.pool});
    for (int i = 0; i < 20; i++)
        submit(5, &others);
    ck_call(br_pool_join((br_pool_close(rig.pool), rig.pool), BR_FOREVER, &err));
    ck_assert_uint_eq(told.bad, 20);
    ck_assert_uint_eq(told.good, 0);
    ck_assert_int_eq(elapsed(), NS_PER_MS);
    close_rig();
}
END_TEST

// ---- Retries

static struct fake_task third_attempt_is_good(const struct exec_grant *task)
{
    return ends(task->attempt < 2 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(a_retry_comes_after_its_back_off)
{
    open_rig(1, third_attempt_is_good);
    br_result *r = submit(1, &(br_call_options){.retries = 2, .retry_delay = 0.01});
    ck_call(br_result_get(r, BR_FOREVER, &err));
    ck_assert_uint_eq(rig.start_count, 3);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_uint_eq(rig.starts[i].attempt, i);
    ck_assert_int_eq(elapsed(), (1 + 10 + 1 + 20 + 1) * NS_PER_MS);
    close_rig();
}
END_TEST

START_TEST(retries_end_with_the_last_failure)
{
    open_rig(1, third_attempt_is_good);
    br_result *r = submit(1, &(br_call_options){.retries = 1});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TASK);
    ck_assert_int_eq(outcome(r, 0).status, BR_ERROR);
    ck_assert_uint_eq(outcome(r, 0).attempt, 1);
    close_rig();
}
END_TEST

static struct fake_task first_attempt_fails(const struct exec_grant *task)
{
    return ends(task->attempt == 0 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

// Each of many calls waits for a time of its own; none waits for another's.
START_TEST(many_calls_wait_for_their_next_attempt)
{
    enum {
        CALLS = 300
    };
    br_result *r[CALLS];
    open_rig(1, first_attempt_fails);
    for (int i = 0; i < CALLS; i++)
        r[i] = submit(1, &(br_call_options){.retries = 1, .retry_delay = 0.0005 * (CALLS - i)});
    for (int i = 0; i < CALLS; i++)
        ck_call(br_result_get(r[i], BR_FOREVER, &err));
    ck_assert_uint_eq(rig.start_count, 2 * CALLS);
    ck_assert_int_eq(elapsed(), (int64_t)2 * CALLS * NS_PER_MS); // it never stood idle
    close_rig();
}
END_TEST

static struct fake_task item_three_crashes(const struct exec_grant *task)
{
    return ends(task->first == 3 ? FAKE_CRASH : FAKE_OK, NS_PER_MS);
}

START_TEST(a_crash_costs_that_item_alone)
{
    open_rig(2, item_three_crashes);
    br_result *r = submit(ITEMS, &(br_call_options){.chunk = ITEMS});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    for (size_t i = 0; i < ITEMS; i++)
        ck_assert_int_eq(outcome(r, i).status, i == 3 ? BR_CRASHED : BR_OK);
    br_pool_stats stats;
    br_pool_get_stats(rig.pool, &stats);
    ck_assert_uint_eq(stats.deaths, 1);
    close_rig();
}
END_TEST

// ---- Time

static struct fake_task item_three_never_ends(const struct exec_grant *task)
{
    return (struct fake_task){.ns = task->first == 3 ? FAKE_FOREVER : NS_PER_MS, .stubborn = true};
}

START_TEST(a_timeout_ends_that_item_and_no_other)
{
    open_with(2, item_three_never_ends, (br_pool_options){.grace = 0.25});
    br_result *r = submit(10, &(br_call_options){.timeout = 0.5, .chunk = 10});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(outcome(r, i).status, i == 3 ? BR_TIMED_OUT : BR_OK);
    ck_assert_int_ge(elapsed(), 750 * NS_PER_MS); // it ignores SIGTERM
    ck_assert_int_lt(elapsed(), 760 * NS_PER_MS);
    close_rig();
}
END_TEST

static struct fake_task heeds(const struct exec_grant *task)
{
    (void)task;
    return (struct fake_task){.ns = FAKE_FOREVER, .heeds = true};
}

START_TEST(a_soft_timeout_asks)
{
    open_rig(1, heeds);
    br_result *r = submit(1, &(br_call_options){.soft_timeout = 0.5, .timeout = 5});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(outcome(r, 0).status, BR_ERROR);
    ck_assert_int_eq(elapsed(), 500 * NS_PER_MS);
    close_rig();
}
END_TEST

START_TEST(get_waits_no_longer_than_told)
{
    open_rig(1, first_call_is_long);
    br_result *r = submit(1, NULL);
    ck_assert_int_eq(br_result_get(r, 0.25, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(elapsed(), 250 * NS_PER_MS);
    ck_assert(!br_result_ready(r));
    ck_assert_int_eq(br_result_wait(r, 0.25, &err), 0);
    ck_assert_int_eq(br_result_wait(r, 10, &err), 1);
    ck_assert_int_eq(elapsed(), NS_PER_S);
    ck_assert(br_result_successful(r));
    close_rig();
}
END_TEST

// ---- Cancelling and ending

START_TEST(cancel_ends_what_runs_and_never_starts_what_is_queued)
{
    open_rig(1, item_three_never_ends);
    br_result *r = submit(10, &(br_call_options){.chunk = 10});
    ck_assert_int_eq(br_result_wait(r, 1, &err), 0);
    ck_assert_uint_eq(rig.start_count, 4);
    br_result_cancel(r);
    ck_assert_int_eq(br_result_wait(r, 0, &err), 1);
    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(outcome(r, i).status, i < 3 ? BR_OK : BR_CANCELLED);
    ck_assert_int_eq(outcome(r, 4).worker, -1);
    ck_call(br_result_get(submit(2, NULL), BR_FOREVER, &err)); // the pool goes on
    ck_assert_uint_eq(rig.start_count, 6);
    close_rig();
}
END_TEST

static struct fake_task item_three_fails(const struct exec_grant *task)
{
    return ends(task->first == 3 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(a_failure_stops_the_rest_where_asked)
{
    open_rig(1, item_three_fails);
    br_result *r = submit(ITEMS, &(br_call_options){.chunk = 1, .stop_on_error = true});
    br_result *other = submit(ITEMS, &(br_call_options){.chunk = 1});
    ck_assert_int_eq(br_result_get(r, BR_FOREVER, &err), -1);
    ck_assert_int_eq(br_result_get(other, BR_FOREVER, &err), -1);
    for (size_t i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(outcome(other, i).status, i == 3 ? BR_ERROR : BR_OK);
        if (i <= 3 || i > 10) // some may have been in hand
            ck_assert_int_eq(outcome(r, i).status, i < 3    ? BR_OK
                                                   : i == 3 ? BR_ERROR
                                                            : BR_CANCELLED);
    }
    close_rig();
}
END_TEST

static struct fake_task always_fails(const struct exec_grant *task)
{
    (void)task;
    return ends(FAKE_ERROR, NS_PER_MS);
}

// Its items end while it is cancelled, each with a failure that would stop the rest.
START_TEST(a_call_of_which_all_waits_for_its_next_attempt_is_cancelled)
{
    open_rig(2, always_fails);
    br_call_options options = {.stop_on_error = true, .retries = 3, .retry_delay = 20};
    br_result *r = submit(3, &options), *others[3];
    for (int i = 0; i < 3; i++)
        others[i] = submit(3, &options);
    ck_assert_int_eq(br_result_wait(r, 1, &err), 0);
    ck_assert_uint_eq(rig.start_count, 12);
    br_result_cancel(r);
    ck_assert_int_eq(br_result_wait(r, 0, &err), 1);
    ck_assert_int_eq(br_result_wait(others[0], 0, &err), 0);
    br_pool_terminate(rig.pool);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(outcome(r, i).status, BR_CANCELLED);
        ck_assert_int_eq(outcome(others[i], i).status, BR_CANCELLED);
    }
    ck_assert_int_eq(elapsed(), NS_PER_S);
    close_rig();
}
END_TEST

START_TEST(join_waits_no_longer_than_told)
{
    open_rig(1, first_call_is_long);
    submit(1, NULL);
    ck_assert_int_eq(br_pool_join(rig.pool, 0, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    br_pool_close(rig.pool);
    ck_assert_int_eq(br_pool_join(rig.pool, 0.5, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    ck_call(br_pool_join(rig.pool, 0.5, &err));
    ck_assert_int_eq(elapsed(), NS_PER_S);
    close_rig();
}
END_TEST

static struct fake_task for_ever(const struct exec_grant *task)
{
    (void)task;
    return ends(FAKE_OK, FAKE_FOREVER);
}

START_TEST(terminate_cancels_everything_at_once)
{
    struct told told = nothing_told();
    br_call_options options = telling(&told);
    open_rig(4, for_ever);
    for (int i = 0; i < 100; i++)
        submit(ITEMS, &options);
    ck_assert_int_eq(br_result_wait(submit(1, &options), 0.001, &err), 0);
    br_pool_terminate(rig.pool);
    ck_assert_uint_eq(told.bad, 101);
    ck_assert_int_eq(elapsed(), NS_PER_MS);
    ck_assert_uint_eq(rig.start_count, 4);
    ck_assert_ptr_null(br_pool_map_async(rig.pool, square, NULL, 0, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_CLOSED);
    close_rig();
}
END_TEST

// ---- Back-pressure

START_TEST(a_full_queue_refuses_at_once)
{
    int64_t in = 1;
    open_with(1, NULL, (br_pool_options){.max_queued = 10});
    submit(7, NULL);
    submit(3, NULL);
    ck_assert_ptr_null(br_pool_apply_async(rig.pool, square, &in, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_FULL);
    ck_assert_int_eq(elapsed(), 0);
    close_rig();
}
END_TEST

START_TEST(a_full_queue_is_waited_for)
{
    int64_t in = 1;
    open_with(1, NULL, (br_pool_options){.max_queued = 10, .queue_timeout = 0.005});
    submit(10, NULL);
    ck_assert_ptr_nonnull(br_pool_apply_async(rig.pool, square, &in, 8, NULL, 8, NULL, &err));
    ck_assert_int_eq(elapsed(), NS_PER_MS);
    ck_assert_ptr_null(br_pool_map_async(rig.pool, square, &in, 9, 0, NULL, 8, NULL, &err));
    ck_assert_int_eq(err.kind, BR_ERR_FULL);
    ck_assert_int_eq(elapsed(), 6 * NS_PER_MS);
    close_rig();
}
END_TEST

// ---- Iterators

struct source {
    int64_t next, end;
};

static int next_number(void *user, void *item)
{
    struct source *s = user;
    if (s->next == s->end)
        return 0;
    *(int64_t *)item = s->next++;
    return 1;
}

// Each chunk is a call; every third takes long.
static struct fake_task some_are_long(const struct exec_grant *task)
{
    return ends(FAKE_OK, task->map % 3 == 1 ? 10 * NS_PER_MS : NS_PER_MS);
}

START_TEST(imap_ordered_waits_for_the_next)
{
    struct source source = {.end = 30};
    int64_t out;
    size_t index;
    open_rig(4, some_are_long);
    br_imap *it = br_pool_imap(rig.pool, square, next_number, &source, 8, 8,
                               &(br_imap_options){.ordered = true, .chunk = (size_t)_i}, &err);
    for (size_t i = 0; i < 30; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, &index, &err), 1);
        ck_assert_uint_eq(index, i);
        ck_assert_int_eq(out, (int64_t)(i * i));
    }
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, &index, &err), 0);
    br_imap_free(it);
    close_rig();
}
END_TEST

START_TEST(imap_unordered_yields_what_is_there)
{
    struct source source = {.end = 30};
    int64_t out, last = 0;
    size_t index, yielded = 0, misplaced = 0;
    open_rig(4, some_are_long);
    br_imap *it = br_pool_imap(rig.pool, square, next_number, &source, 8, 8, NULL, &err);
    for (; br_imap_next(it, BR_FOREVER, &out, NULL, &index, &err) == 1; yielded++) {
        ck_assert_int_eq(out, (int64_t)(index * index));
        misplaced += index != yielded;
        ck_assert_int_ge(elapsed(), last);
        if (yielded == 0) // not the first one, which is long
            ck_assert_int_eq(elapsed(), NS_PER_MS);
        last = elapsed();
    }
    ck_assert_uint_eq(yielded, 30);
    ck_assert_uint_gt(misplaced, 0);
    br_imap_free(it);
    close_rig();
}
END_TEST

START_TEST(imap_looks_no_further_ahead_than_told)
{
    struct source source = {.end = INT64_MAX};
    int64_t out;
    open_rig(2, some_are_long);
    br_imap *it =
        br_pool_imap(rig.pool, square, next_number, &source, 8, 8,
                     &(br_imap_options){.ordered = true, .chunk = 4, .lookahead = 9}, &err);
    for (int64_t i = 0; i < 200; i++) {
        ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
        ck_assert_int_le(source.next, i + 9);
    }
    br_imap_free(it);
    close_rig();
}
END_TEST

START_TEST(imap_next_waits_no_longer_than_told)
{
    struct source source = {.end = 2};
    int64_t out;
    open_rig(1, first_call_is_long);
    br_imap *it = br_pool_imap(rig.pool, square, next_number, &source, 8, 8,
                               &(br_imap_options){.ordered = true}, &err);
    ck_assert_int_eq(br_imap_next(it, 0.1, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(elapsed(), 100 * NS_PER_MS);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    ck_assert_int_eq(elapsed(), NS_PER_S);
    br_imap_free(it);
    close_rig();
}
END_TEST

static struct fake_task every_call_is_long(const struct exec_grant *task)
{
    (void)task;
    return ends(FAKE_OK, NS_PER_S);
}

// The queue is full of another's items, which take a second each.
START_TEST(imap_next_waits_for_room_no_longer_than_told)
{
    struct source source = {.end = 2};
    int64_t out;
    open_with(1, every_call_is_long, (br_pool_options){.max_queued = 1, .queue_timeout = 100});
    submit(1, NULL);
    br_imap *it = br_pool_imap(rig.pool, square, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, 0.1, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_FULL);
    ck_assert_int_eq(elapsed(), 100 * NS_PER_MS);
    // Room from the first second on, a result from the second on.
    ck_assert_int_eq(br_imap_next(it, 1.5, &out, NULL, NULL, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_TIMEOUT);
    ck_assert_int_eq(elapsed(), 1600 * NS_PER_MS);
    // While one is under way the next is not waited with.
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    ck_assert_int_eq(elapsed(), 2 * NS_PER_S);
    br_imap_free(it);
    close_rig();
}
END_TEST

START_TEST(imap_freed_half_way_cancels_what_is_under_way)
{
    struct source source = {.end = 100};
    int64_t out;
    open_rig(2, NULL);
    br_imap *it = br_pool_imap(rig.pool, square, next_number, &source, 8, 8, NULL, &err);
    ck_assert_int_eq(br_imap_next(it, BR_FOREVER, &out, NULL, NULL, &err), 1);
    br_imap_free(it);
    br_pool_close(rig.pool);
    ck_call(br_pool_join(rig.pool, BR_FOREVER, &err));
    br_pool_stats stats;
    br_pool_get_stats(rig.pool, &stats);
    ck_assert_uint_eq(stats.queued, 0);
    ck_assert_int_le(elapsed(), 3 * NS_PER_MS);
    close_rig();
}
END_TEST

SUITE(library)
{
    LOOP_TEST(results_are_in_order_whatever_ends_first, 5);
    TEST(items_are_handed_out_in_chunks);
    TEST(max_parallel_is_how_many_work_at_once);
    TEST(higher_priority_comes_first);
    TEST(one_callback_a_call_on_the_thread_that_waits);
    TEST(an_empty_call_is_told_once);
    TEST(callbacks_come_as_calls_end);
    TEST(a_callback_may_submit);
    TEST(a_callback_may_terminate);
    TEST(a_retry_comes_after_its_back_off);
    TEST(retries_end_with_the_last_failure);
    TEST(many_calls_wait_for_their_next_attempt);
    TEST(a_crash_costs_that_item_alone);
    TEST(a_timeout_ends_that_item_and_no_other);
    TEST(a_soft_timeout_asks);
    TEST(get_waits_no_longer_than_told);
    TEST(cancel_ends_what_runs_and_never_starts_what_is_queued);
    TEST(a_failure_stops_the_rest_where_asked);
    TEST(a_call_of_which_all_waits_for_its_next_attempt_is_cancelled);
    TEST(join_waits_no_longer_than_told);
    TEST(terminate_cancels_everything_at_once);
    TEST(a_full_queue_refuses_at_once);
    TEST(a_full_queue_is_waited_for);
    LOOP_TEST(imap_ordered_waits_for_the_next, 5);
    TEST(imap_unordered_yields_what_is_there);
    TEST(imap_looks_no_further_ahead_than_told);
    TEST(imap_next_waits_no_longer_than_told);
    TEST(imap_next_waits_for_room_no_longer_than_told);
    TEST(imap_freed_half_way_cancels_what_is_under_way);
}

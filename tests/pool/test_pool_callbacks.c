// SPDX-License-Identifier: BSD-3-Clause
// Callbacks: in which thread they run, and which calls they may make.
#include "pool_tests.h"

#include <pthread.h>
#include <unistd.h>

static br_error err;

START_TEST(one_callback_a_call_in_this_process)
{
    struct noted noted = {.pid = 0};
    int64_t in[2] = {0, 1};
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = &noted};
    br_pool *pool = pool_with(2, _i);
    br_result *good = br_pool_map_async(pool, odd_fails, in, 1, 8, NULL, 8, &options, &err);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(noted.good, 1);
    ck_assert_uint_eq(noted.bad, 0);
    ck_assert_ptr_eq(noted.result, good);
    ck_assert_int_eq(noted.pid, getpid());
    ck_assert((pthread_equal(noted.thread, pthread_self()) == 0) == _i);
    br_pool_destroy(pool);
    pool = pool_with(2, _i);
    br_result *bad = br_pool_map_async(pool, odd_fails, in, 2, 8, NULL, 8, &options, &err);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(noted.good, 1);
    ck_assert_uint_eq(noted.bad, 1);
    ck_assert_ptr_eq(noted.result, bad);
    br_pool_destroy(pool);
}
END_TEST

START_TEST(a_wait_returns_after_the_callback)
{
    br_pool *pool = pool_with(2, _i);
    for (int64_t in = 0; in < 200; in++) {
        struct noted noted = {.pid = 0};
        br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = &noted};
        br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
        ck_assert_int_eq(br_result_wait(r, BR_FOREVER, &err), 1);
        ck_assert_uint_eq(noted.good, 1);
        br_result_free(r);
    }
    br_pool_destroy(pool);
}
END_TEST

static void submit_another(br_result *r, void *user)
{
    struct noted *noted = user;
    int64_t in = 6;
    (void)r;
    br_call_options options = {.on_result = note_good, .on_error = note_bad, .user = noted};
    br_result_free(br_pool_apply_async(noted->pool, square, &in, 8, NULL, 8, &options, NULL));
}

START_TEST(a_callback_that_submits)
{
    int64_t in = 3;
    br_pool *pool = pool_with(1, _i);
    struct noted noted = {.pool = pool};
    br_call_options options = {.on_result = submit_another, .user = &noted};
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
    CHECK_CALL(br_result_get(r, BR_FOREVER, &err));
    drive_until(pool, &noted.good, 1);
    ck_assert_uint_eq(noted.bad, 0);
    br_pool_destroy(pool);
}
END_TEST

static void map_within(br_result *r, void *user)
{
    struct noted *noted = user;
    int64_t in[10], out[10] = {0};
    (void)r;
    fill(in, 10);
    noted->call_result = br_pool_map(noted->pool, square, in, 10, 8, out, 8, NULL, NULL);
    if (noted->call_result == 0 && out[9] == 81)
        add_word(&noted->good);
}

static void terminate_within(br_result *r, void *user)
{
    struct noted *noted = user;
    br_result_free(r);
    br_pool_terminate(noted->pool);
    add_word(&noted->good);
}

static void close_within(br_result *r, void *user)
{
    struct noted *noted = user;
    (void)r;
    br_pool_close(noted->pool);
    noted->call_result = br_pool_join(noted->pool, BR_FOREVER, NULL);
    add_word(&noted->good);
}

static void cancel_within(br_result *r, void *user)
{
    struct noted *noted = user;
    (void)r;
    br_result_cancel(noted->result);
    add_word(&noted->good);
}

static void (*const within[])(br_result *, void *) = {map_within, terminate_within, close_within,
                                                      cancel_within};

// The same while a second call is under way.
START_TEST(a_callback_that_waits_terminates_closes_cancels)
{
    int64_t in = 3;
    int what = _i / 2;
    br_pool *pool = pool_with(2, _i % 2);
    struct noted noted = {.pool = pool, .call_result = 1};
    br_call_options options = {.on_result = within[what], .user = &noted};
    noted.result = what == 1 || what == 3
                       ? br_pool_apply_async(pool, forever, NULL, 0, NULL, 0, NULL, &err)
                       : br_pool_apply_async(pool, square, &in, 8, NULL, 8, NULL, &err);
    ck_assert_msg(noted.result != NULL, "%s", err.text);
    br_result *r = br_pool_apply_async(pool, square, &in, 8, NULL, 8, &options, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    drive_until(pool, &noted.good, 1);
    ck_assert_int_eq(br_result_wait(noted.result, patience(), &err), 1);
    ck_assert_int_eq(noted.call_result, what == 0 || what == 2 ? 0 : 1);
    br_pool_destroy(pool);
}
END_TEST

static void wait_for_go(br_result *r, void *user)
{
    (void)r;
    (void)user;
    wait_word(&shared->go, 1);
}

static void *say_go(void *pool)
{
    // Both calls have ended, and one is in its callback. The callback of the other is not lost.
    (void)pool;
    wait_word(&shared->calls, 2);
    set_word(&shared->go, 1);
    return NULL;
}

START_TEST(a_slow_callback_loses_no_other)
{
    struct noted noted = {.pid = 0};
    pthread_t other;
    br_pool *pool = pool_with(2, _i);
    br_call_options slow = {.on_result = wait_for_go};
    br_call_options quick = {.on_result = note_good, .user = &noted};
    ck_assert_int_eq(pthread_create(&other, NULL, say_go, pool), 0);
    br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &slow, &err);
    br_pool_apply_async(pool, count_calls, NULL, 0, NULL, 0, &quick, &err);
    br_pool_close(pool);
    CHECK_CALL(br_pool_join(pool, BR_FOREVER, &err));
    ck_assert_uint_eq(noted.good, 1);
    pthread_join(other, NULL);
    br_pool_destroy(pool);
}
END_TEST

struct meeting {
    br_pool *pool;
    pthread_barrier_t both;
};

static void meet_and_terminate(br_result *r, void *user)
{
    struct meeting *meeting = user;
    (void)r;
    pthread_barrier_wait(&meeting->both);
    br_pool_terminate(meeting->pool);
}

static void *join_pool(void *pool)
{
    return br_pool_join(pool, BR_FOREVER, NULL) == 0 ? pool : NULL;
}

// A thread that only waits for a callback in another thread notices its end.
START_TEST(callbacks_on_two_threads_that_terminate)
{
    struct meeting meeting = {.pool = pool_of(2)};
    br_call_options options = {.on_result = meet_and_terminate, .user = &meeting};
    pthread_t other;
    void *joined = NULL;
    ck_assert_int_eq(pthread_barrier_init(&meeting.both, NULL, 2), 0);
    for (int i = 0; i < 2; i++)
        ck_assert(br_pool_apply_async(meeting.pool, count_calls, NULL, 0, NULL, 0, &options, &err));
    br_pool_close(meeting.pool);
    ck_assert_int_eq(pthread_create(&other, NULL, join_pool, meeting.pool), 0);
    CHECK_CALL(br_pool_join(meeting.pool, BR_FOREVER, &err));
    pthread_join(other, &joined);
    ck_assert_ptr_eq(joined, meeting.pool);
    br_pool_destroy(meeting.pool);
    pthread_barrier_destroy(&meeting.both);
}
END_TEST

SUITE(pool_callbacks)
{
    FIXTURE(set_up, tear_down);
    LOOP_TEST(one_callback_a_call_in_this_process, 2);
    LOOP_TEST(a_wait_returns_after_the_callback, 2);
    LOOP_TEST(a_callback_that_submits, 2);
    LOOP_TEST(a_callback_that_waits_terminates_closes_cancels, 8);
    LOOP_TEST(a_slow_callback_loses_no_other, 2);
    LOOP_TEST(callbacks_on_two_threads_that_terminate, 10); // which thread ends first differs
}

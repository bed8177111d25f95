// SPDX-License-Identifier: BSD-3-Clause
// When callbacks are called, and what they may do.
#include <pthread.h>

#include "support/library_simulation.h"
#include "support/suite.h"

struct noted {
    unsigned good, bad;
    br_result *last;
    int64_t at;
    bool elsewhere; // on another thread than the test's
    pthread_t test;
};

static void note(struct noted *t, br_result *r, unsigned *count)
{
    ++*count;
    t->last = r;
    t->at = lib_elapsed();
    t->elsewhere |= !pthread_equal(pthread_self(), t->test);
}

static void on_result(br_result *r, void *user)
{
    struct noted *t = user;
    note(t, r, &t->good);
}

static void on_error(br_result *r, void *user)
{
    struct noted *t = user;
    note(t, r, &t->bad);
}

static struct noted no_notes(void)
{
    return (struct noted){.test = pthread_self()};
}

static br_call_options with_notes(struct noted *t)
{
    return (br_call_options){.on_result = on_result, .on_error = on_error, .user = t};
}

static struct fake_task odd_calls_fail(const struct exec_grant *task)
{
    return lib_ends(task->map % 2 ? FAKE_ERROR : FAKE_OK, NS_PER_MS);
}

START_TEST(one_callback_a_call_on_the_thread_that_waits)
{
    struct noted noted = no_notes();
    br_call_options options = with_notes(&noted);
    lib_open(3, odd_calls_fail);
    for (int i = 0; i < 50; i++)
        br_result_free(lib_submit(3, &options)); // its callback is called nevertheless
    ck_assert_uint_eq(noted.good + noted.bad, 0);
    br_pool_close(lib.pool);
    lib_must(br_pool_join(lib.pool, BR_FOREVER, &lib_error));
    ck_assert_uint_eq(noted.good, 25);
    ck_assert_uint_eq(noted.bad, 25);
    ck_assert(!noted.elsewhere);
    lib_close();
    ck_assert_uint_eq(noted.good + noted.bad, 50);
}
END_TEST

START_TEST(an_empty_call_has_one_callback)
{
    struct noted noted = no_notes();
    br_call_options options = with_notes(&noted);
    lib_open(1, NULL);
    br_result *r = lib_submit(0, &options);
    ck_assert(br_result_ready(r));
    ck_assert(br_result_ready(r));
    ck_assert_uint_eq(noted.good, 1);
    ck_assert_uint_eq(noted.bad, 0);
    lib_close();
}
END_TEST

START_TEST(callbacks_come_as_calls_end)
{
    struct noted noted[2] = {no_notes(), no_notes()};
    lib_open(2, lib_first_call_is_long);
    br_call_options options[2] = {with_notes(&noted[0]), with_notes(&noted[1])};
    br_result *first = lib_submit(1, &options[0]);
    lib_submit(1, &options[1]);
    lib_must(br_result_get(first, BR_FOREVER, &lib_error));
    ck_assert_int_eq(noted[0].at, NS_PER_S);
    ck_assert_int_eq(noted[1].at, NS_PER_MS);
    lib_close();
}
END_TEST

static void submit_again(br_result *r, void *user)
{
    unsigned *left = user;
    (void)r;
    if (--*left > 0)
        br_result_free(lib_submit(2, &(br_call_options){.on_result = submit_again, .user = left}));
}

START_TEST(a_callback_may_submit)
{
    unsigned left = 20;
    lib_open(2, NULL);
    lib_submit(2, &(br_call_options){.on_result = submit_again, .user = &left});
    while (left > 0)
        ck_assert_int_eq(br_result_wait(lib_submit(1, NULL), BR_FOREVER, &lib_error), 1);
    ck_assert_uint_eq(left, 0);
    lib_close();
}
END_TEST

static void terminate(br_result *r, void *user)
{
    (void)r;
    br_pool_terminate(user);
}

static struct fake_task all_but_the_first_last_for_ever(const struct exec_grant *task)
{
    return lib_ends(FAKE_OK, task->map == 1 ? NS_PER_MS : FAKE_FOREVER);
}

START_TEST(a_callback_may_terminate)
{
    struct noted noted = no_notes();
    br_call_options others = with_notes(&noted);
    lib_open(2, all_but_the_first_last_for_ever);
    lib_submit(1, &(br_call_options){.on_result = terminate, .user = lib.pool});
    for (int i = 0; i < 20; i++)
        lib_submit(5, &others);
    lib_must(br_pool_join((br_pool_close(lib.pool), lib.pool), BR_FOREVER, &lib_error));
    ck_assert_uint_eq(noted.bad, 20);
    ck_assert_uint_eq(noted.good, 0);
    ck_assert_int_eq(lib_elapsed(), NS_PER_MS);
    lib_close();
}
END_TEST

static struct fake_task for_ever(const struct exec_grant *task)
{
    (void)task;
    return lib_ends(FAKE_OK, FAKE_FOREVER);
}

START_TEST(terminate_cancels_everything_at_once)
{
    struct noted noted = no_notes();
    br_call_options options = with_notes(&noted);
    lib_open(4, for_ever);
    for (int i = 0; i < 100; i++)
        lib_submit(LIB_ITEMS, &options);
    ck_assert_int_eq(br_result_wait(lib_submit(1, &options), 0.001, &lib_error), 0);
    br_pool_terminate(lib.pool);
    ck_assert_uint_eq(noted.bad, 101);
    ck_assert_int_eq(lib_elapsed(), NS_PER_MS);
    ck_assert_uint_eq(lib.start_count, 4);
    ck_assert_ptr_null(
        br_pool_map_async(lib.pool, lib_square, NULL, 0, 8, NULL, 8, NULL, &lib_error));
    ck_assert_int_eq(lib_error.kind, BR_ERR_CLOSED);
    lib_close();
}
END_TEST

SUITE(library_callbacks)
{
    TEST(one_callback_a_call_on_the_thread_that_waits);
    TEST(an_empty_call_has_one_callback);
    TEST(callbacks_come_as_calls_end);
    TEST(a_callback_may_submit);
    TEST(a_callback_may_terminate);
    TEST(terminate_cancels_everything_at_once);
}

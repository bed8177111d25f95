// SPDX-License-Identifier: BSD-3-Clause
// Reopening a journal: after a clean end, with a torn tail, and where it is refused.
#include <string.h>
#include <unistd.h>

#include "support/journal_rig.h"
#include "support/suite.h"

// A sink that compares the events with the samples.
struct witness {
    struct event_sink sink;
    int count;
    int refuse_at;
};

static int witness_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct witness *w = (struct witness *)sink;
    if (w->count == w->refuse_at)
        return br_error_set(err, BR_ERR_USAGE, "another job");
    jrig_same(&jrig_samples[jrig_order[w->count % JRIG_SAMPLES]], event);
    w->count++;
    return 0;
}

static struct witness witness(void)
{
    return (struct witness){.sink.take = witness_take, .refuse_at = -1};
}

static struct journal *reopen(struct witness *w, int events)
{
    br_error err;
    *w = witness();
    struct journal *j = journal_reopen(jrig_directory_fd, jrig_path, &w->sink, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    ck_assert_int_eq(w->count, events);
    return j;
}

START_TEST(a_reopened_journal_goes_on)
{
    struct witness w;
    struct journal *j = jrig_create();
    jrig_take_samples(j);
    jrig_finish(j);
    for (int round = 1; round < 4; round++) {
        j = reopen(&w, round * JRIG_SAMPLES);
        jrig_take_samples(j);
        jrig_finish(j);
    }
    struct buffer before = jrig_slurp();
    jrig_finish(reopen(&w, 4 * JRIG_SAMPLES));
    struct buffer after = jrig_slurp(); // a reopened journal without new events is unchanged
    ck_assert_uint_eq(before.length, after.length);
    ck_assert_mem_eq(before.data, after.data, before.length);
    buffer_finish(&before);
    buffer_finish(&after);
}
END_TEST

START_TEST(a_reopened_journal_loses_its_torn_tail_alone)
{
    struct buffer whole = jrig_sample_journal();
    for (size_t size = 0; size <= whole.length; size++) {
        jrig_spill(whole.data, size);
        struct witness w = witness();
        struct journal *j = journal_reopen(jrig_directory_fd, jrig_path, &w.sink, 0, NULL);
        ck_assert_ptr_nonnull(j);
        ck_assert(w.count < JRIG_SAMPLES || size == whole.length);
        int there = w.count;
        for (int i = there; i < JRIG_SAMPLES; i++) {
            jrig_take(j, &jrig_samples[jrig_order[i]]);
            ck_assert_int_eq(journal_commit(j, 0, NULL), 0);
        }
        jrig_finish(j);
        jrig_finish(reopen(&w, JRIG_SAMPLES));
    }
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_journal_that_is_refused_stays_as_it_was)
{
    struct buffer whole = jrig_sample_journal();
    br_error err;
    struct witness w = witness();
    w.refuse_at = 3;
    ck_assert_ptr_null(journal_reopen(jrig_directory_fd, jrig_path, &w.sink, 0, &err));
    ck_assert_str_eq(err.text, "another job");
    whole.data[JOURNAL_HEADER_SIZE + JOURNAL_FRAME_SIZE] ^= 1;
    jrig_spill(whole.data, whole.length);
    w = witness();
    ck_assert_ptr_null(journal_reopen(jrig_directory_fd, jrig_path, &w.sink, 0, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "is damaged at byte 64 (record 1)"));
    struct buffer after = jrig_slurp();
    ck_assert_uint_eq(whole.length, after.length);
    ck_assert_mem_eq(whole.data, after.data, whole.length);
    buffer_finish(&whole);
    buffer_finish(&after);
}
END_TEST

START_TEST(a_journal_that_is_no_longer_there_is_noticed)
{
    for (int replaced = 0; replaced <= 1; replaced++) {
        struct journal *j = jrig_create();
        ck_assert_int_eq(journal_commit(j, 0, NULL), 0);
        unlink(jrig_path);
        if (replaced)
            jrig_spill("", 0);
        jrig_take(j, &jrig_samples[0]);
        br_error err;
        ck_assert_int_eq(journal_commit(j, 0, &err), -1);
        ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
        ck_assert_ptr_nonnull(strstr(err.text, replaced ? "was replaced" : "was removed"));
        ck_assert_int_eq(journal_close(j, NULL), -1);
        unlink(jrig_path);
    }
}
END_TEST

SUITE(journal_reopen)
{
    FIXTURE(jrig_set_up, jrig_tear_down);
    TEST(a_reopened_journal_goes_on);
    TEST(a_reopened_journal_loses_its_torn_tail_alone);
    TEST(a_journal_that_is_refused_stays_as_it_was);
    TEST(a_journal_that_is_no_longer_there_is_noticed);
}

// SPDX-License-Identifier: BSD-3-Clause
// Writing a journal: what is in the file, when it is written and synced, and disks that fail.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/journal_rig.h"
#include "support/suite.h"

START_TEST(every_event_comes_back)
{
    struct journal *j = jrig_create();
    jrig_take_samples(j);
    jrig_finish(j);
    struct journal_reader *r = jrig_open();
    ck_assert_uint_eq(journal_reader_identity(r)->salt, jrig_identity.salt);
    struct event e;
    br_error err;
    for (int i = 0; i < JRIG_SAMPLES; i++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        jrig_same(&jrig_samples[jrig_order[i]], &e);
        if (e.type == EVENT_TASKS_OK && e.tasks_ok.results)
            ck_assert_uint_eq((uintptr_t)e.tasks_ok.results % 8, 0);
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    ck_assert(!journal_reader_torn(r));
    struct stat st;
    ck_assert_int_eq(stat(jrig_path, &st), 0);
    ck_assert_uint_eq(journal_reader_offset(r), (uint64_t)st.st_size);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    journal_reader_destroy(r);
}
END_TEST

START_TEST(successes_of_a_worker_become_one_record)
{
    struct journal *j = jrig_create();
    uint32_t times[64];
    uint64_t results[64];
    // Reports of two workers alternate.
    for (uint64_t i = 0; i < 40; i++) {
        for (int k = 0; k < 64; k++) {
            times[k] = (uint32_t)(1000 * (i + 1));
            results[k] = 64 * i + (uint64_t)k;
        }
        struct event e = {EVENT_TASKS_OK,
                          0,
                          {.tasks_ok = {0, (uint32_t)(i % 2), 0, (i % 2) * 100000 + 64 * (i / 2),
                                        64, (int64_t)i * 64000, times, results, sizeof results}}};
        jrig_take(j, &e);
    }
    jrig_finish(j);
    struct stat st;
    ck_assert_int_eq(stat(jrig_path, &st), 0);
    ck_assert_int_lt(st.st_size, 40 * 64 * 9 + 300);
    struct journal_reader *r = jrig_open();
    br_error err;
    struct event e;
    for (uint64_t worker = 0; worker < 2; worker++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        ck_assert_uint_eq(e.tasks_ok.worker, worker);
        ck_assert_uint_eq(e.tasks_ok.first, worker * 100000);
        ck_assert_uint_eq(e.tasks_ok.count, 20 * 64);
        for (uint64_t i = 0; i < e.tasks_ok.count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)e.tasks_ok.results + 8 * i, sizeof value);
            ck_assert_uint_eq(value, 64 * (2 * (i / 64) + worker) + i % 64);
            double exact = (double)(1000 * (2 * (i / 64) + worker + 1));
            ck_assert_double_eq_tol(e.tasks_ok.durations[i], exact, 0.0626 * exact);
        }
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    journal_reader_destroy(r);
}
END_TEST

START_TEST(successes_that_differ_stay_apart)
{
    static const struct event_tasks_ok runs[] = {
        {0, 0, 0, 0, 2, 0, NULL, jrig_rows, 16},
        {0, 0, 0, 3, 1, 0, NULL, jrig_rows, 8},             // a gap
        {0, 0, 1, 4, 1, 0, NULL, jrig_rows, 8},             // another attempt
        {1, 0, 1, 5, 1, 0, NULL, jrig_rows, 8},             // another phase
        {1, 0, 1, 6, 1, 0, NULL, NULL, 0},                  // no results
        {1, 0, 1, 7, 1, 0, jrig_durations, NULL, 0},        // durations
        {1, 64, 1, 8, 1, 0, jrig_durations, NULL, 0},       // another worker in the same slot
        {1, 64, 1, 9, 1, 9000000, jrig_durations, NULL, 0}, // idle in between
    };
    struct journal *j = jrig_create();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        jrig_take(j, &(struct event){EVENT_TASKS_OK, 0, {.tasks_ok = runs[i]}});
    jrig_finish(j);
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        jrig_same_tasks_ok(&runs[i], &e.tasks_ok);
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    journal_reader_destroy(r);
}
END_TEST

START_TEST(syncs_come_when_they_are_due)
{
    struct journal *j = jrig_create_faulty(INT32_MAX, INT32_MAX);
    br_error err;
    ck_assert_int_eq(journal_next_sync(j), 100 * NS_PER_MS);
    ck_assert_int_eq(journal_sync(j, 99 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(disk.syncs, 0);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(disk.syncs, 1);
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    ck_assert_int_eq(journal_sync(j, NS_PER_S, &err), 0);
    ck_assert_int_eq(disk.syncs, 1);
    jrig_take(j, &jrig_samples[6]);
    ck_assert_int_eq(disk.writes, 0);
    ck_assert_int_eq(journal_next_sync(j), 200 * NS_PER_MS);
    ck_assert_int_eq(journal_commit(j, 120 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(disk.writes, 1);
    ck_assert_int_eq(disk.syncs, 2);
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    // Committed events can be read while the journal is still written.
    struct journal_reader *r = jrig_open();
    struct event e;
    ck_assert_int_eq(journal_next(r, &e, &err), 1);
    jrig_same(&jrig_samples[6], &e);
    journal_reader_destroy(r);
    jrig_finish(j);
}
END_TEST

START_TEST(much_is_written_without_waiting)
{
    struct journal *j = jrig_create_faulty(INT32_MAX, INT32_MAX);
    for (int i = 0; i < 65; i++) {
        static char kilobyte[1024];
        struct event e = {
            EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, (uint64_t)i, 1, 0, NULL, kilobyte, 1024}}};
        jrig_take(j, &e);
    }
    ck_assert_int_eq(disk.writes, 1);
    jrig_finish(j);
}
END_TEST

// Fails the n-th write and the n-th sync, until a run succeeds. The events that are read back are a
// prefix, and include all that were durable.
START_TEST(a_journal_that_failed_stays_dead)
{
    for (int n = 0;; n++) {
        unlink(jrig_path);
        struct journal *j =
            _i ? jrig_create_faulty(n, INT32_MAX) : jrig_create_faulty(INT32_MAX, n);
        br_error err = {.kind = BR_ERR_NONE};
        int durable = 0, taken = 0;
        for (; taken < JRIG_SAMPLES; taken++) {
            ck_assert_int_eq(journal_sink(j)->take(journal_sink(j), &jrig_samples[taken], &err), 0);
            if (journal_commit(j, 0, &err) != 0)
                break;
            durable++;
        }
        bool whole = taken == JRIG_SAMPLES;
        if (!whole) {
            ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
            ck_assert_ptr_nonnull(strstr(err.text, jrig_path));
            ck_assert_ptr_nonnull(strstr(err.text, strerror(_i ? ENOSPC : EIO)));
            // The disk works again; the journal does not.
            disk.writes_left = disk.syncs_left = INT32_MAX;
            int calls = disk.writes + disk.syncs;
            br_error again;
            ck_assert_int_eq(journal_sink(j)->take(journal_sink(j), &jrig_samples[0], &again), -1);
            ck_assert_str_eq(again.text, err.text);
            ck_assert_int_eq(journal_sync(j, INT64_MAX, &again), -1);
            ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
            ck_assert_int_eq(journal_close(j, &again), -1);
            ck_assert_str_eq(again.text, err.text);
            ck_assert_int_eq(disk.writes + disk.syncs, calls);
        } else {
            jrig_finish(j);
        }
        // Events that are committed one by one keep their order.
        struct journal_reader *r = jrig_open();
        struct event e;
        for (int i = 0; i < durable; i++) {
            ck_assert_int_eq(journal_next(r, &e, &err), 1);
            jrig_same(&jrig_samples[i], &e);
        }
        journal_reader_destroy(r);
        if (whole)
            break;
        ck_assert_int_lt(n, 100);
    }
}
END_TEST

START_TEST(a_full_disk_shows_before_work_is_lost)
{
    struct journal *j = jrig_create();
    br_error err;
    disk.full = true;
    // The first megabyte is reserved: events are taken until the margin is reached.
    static char row[60000];
    int taken = 0;
    struct event e = {EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, 0, 1, 0, NULL, row, sizeof row}}};
    while (journal_sink(j)->take(journal_sink(j), &e, &err) == 0) {
        e.tasks_ok.first++;
        ck_assert_int_lt(++taken, 100);
    }
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(err.text, "No space left on device"));
    ck_assert_int_gt(taken, 8);
    journal_destroy(j);
    // All of them, and the one that failed, are in the file.
    struct journal_reader *r = jrig_open();
    uint64_t rows_read = 0;
    while (journal_next(r, &e, &err) == 1)
        rows_read += e.tasks_ok.count;
    ck_assert_uint_eq(rows_read, (uint64_t)taken + 1);
    ck_assert(!journal_reader_torn(r));
    journal_reader_destroy(r);
}
END_TEST

START_TEST(a_long_journal_asks_for_space_less_often)
{
    static char row[60000];
    struct journal *j = jrig_create();
    struct event e = {EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, 0, 1, 0, NULL, row, sizeof row}}};
    for (; e.tasks_ok.first < 700; e.tasks_ok.first++)
        jrig_take(j, &e);
    ck_assert_int_gt(disk.reservations, 1);
    ck_assert_int_lt(disk.reservations, 35);
    // If there is no room for a large step, a megabyte is reserved.
    disk.room = 1 << 20;
    disk.reservations = 0;
    for (; e.tasks_ok.first < 900; e.tasks_ok.first++)
        jrig_take(j, &e);
    ck_assert_int_gt(disk.reservations, 5);
    jrig_finish(j);
}
END_TEST

START_TEST(no_room_at_all_is_told_at_once)
{
    disk.full = true;
    br_error err;
    ck_assert_ptr_null(journal_create(jrig_directory_fd, jrig_path, &jrig_identity, 0, &err));
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_int_ne(access(jrig_path, F_OK), 0);
}
END_TEST

// journal_sync does not wait for the disk; closing does.
START_TEST(a_sync_aside_is_a_sync_all_the_same)
{
    struct journal *j = jrig_create_faulty(100, 100);
    journal_sync_aside(j);
    disk.syncs = 0;
    for (int i = 1; i <= 5; i++) {
        jrig_take(j, &jrig_samples[0]);
        ck_assert_int_eq(journal_sync(j, i * 100 * NS_PER_MS, NULL), 0);
    }
    jrig_take(j, &jrig_samples[0]);
    ck_assert_int_eq(journal_commit(j, 501 * NS_PER_MS, NULL), 0);
    ck_assert_int_ge(disk.syncs, 2); // at least one aside, and the last one
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    disk.fd = -1;
    jrig_finish(j);
}
END_TEST

START_TEST(the_directory_is_synced_aside_as_well_and_once)
{
    struct journal *j = jrig_create();
    journal_sync_aside(j);
    jrig_take(j, &jrig_samples[0]);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, NULL), 0);
    jrig_take(j, &jrig_samples[0]);
    ck_assert_int_eq(journal_commit(j, 200 * NS_PER_MS, NULL), 0);
    ck_assert_int_eq(disk.directory_syncs, 1);
    ck_assert_int_eq(disk.directory_syncs_here, 0);
    jrig_finish(j);
}
END_TEST

START_TEST(a_failed_sync_aside_is_never_tried_again)
{
    struct journal *j = jrig_create_faulty(100, 1);
    journal_sync_aside(j);
    jrig_take(j, &jrig_samples[0]);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, NULL), 0); // succeeds
    jrig_take(j, &jrig_samples[0]);
    ck_assert_int_eq(journal_sync(j, 200 * NS_PER_MS, NULL), 0); // fails, as soon as it begins
    br_error err;
    int result = 0;
    for (int64_t ms = 300; result == 0; ms += 100) {
        ck_assert_int_le(journal_next_sync(j), ms * NS_PER_MS); // its result will be looked at
        result = journal_sync(j, ms * NS_PER_MS, &err);
    }
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(err.text, "Input/output error"));
    int calls = disk.syncs;
    ck_assert_int_eq(journal_sync(j, INT64_MAX / 2, NULL), -1);
    ck_assert_int_eq(journal_close(j, NULL), -1);
    ck_assert_int_eq(disk.syncs, calls);
    disk.fd = -1;
}
END_TEST

START_TEST(durability_is_a_choice)
{
    static const struct {
        enum journal_durability durability;
        int syncs;
    } cases[] = {{JOURNAL_GROUP, 1}, {JOURNAL_BATCH, 3}, {JOURNAL_UNSYNCED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct journal *j = jrig_create_faulty(100, 100);
        journal_set_durability(j, cases[i].durability);
        disk.syncs = 0;
        for (int ms = 80; ms < 110; ms += 10) {
            jrig_take(j, &jrig_samples[0]);
            ck_assert_int_eq(journal_sync(j, ms * NS_PER_MS, NULL), 0);
        }
        ck_assert_int_eq(disk.syncs, cases[i].syncs);
        disk.fd = -1;
        jrig_finish(j);
        unlink(jrig_path);
    }
}
END_TEST

START_TEST(a_salt_is_drawn)
{
    const struct journal_identity none = {0};
    br_error err;
    struct journal *j = journal_create(jrig_directory_fd, jrig_path, &none, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    jrig_finish(j);
    struct journal_reader *r = jrig_open();
    ck_assert_uint_ne(journal_reader_identity(r)->salt, 0);
    journal_reader_destroy(r);
    ck_assert_uint_ne(journal_hash(0, "a", 1), journal_hash(1, "a", 1));
}
END_TEST

SUITE(journal)
{
    FIXTURE(jrig_set_up, jrig_tear_down);
    TEST(every_event_comes_back);
    TEST(successes_of_a_worker_become_one_record);
    TEST(successes_that_differ_stay_apart);
    TEST(syncs_come_when_they_are_due);
    TEST(much_is_written_without_waiting);
    LOOP_TEST(a_journal_that_failed_stays_dead, 2);
    TEST(a_full_disk_shows_before_work_is_lost);
    TEST(a_long_journal_asks_for_space_less_often);
    TEST(no_room_at_all_is_told_at_once);
    TEST(a_sync_aside_is_a_sync_all_the_same);
    TEST(the_directory_is_synced_aside_as_well_and_once);
    TEST(a_failed_sync_aside_is_never_tried_again);
    TEST(durability_is_a_choice);
    TEST(a_salt_is_drawn);
}

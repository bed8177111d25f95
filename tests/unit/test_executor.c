// SPDX-License-Identifier: BSD-3-Clause
// The rules of exec/executor.h, by their numbers: each runs over the executor of worker processes
// and over the scripted one.
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "exec/local/local.h"
#include "support/trial.h"

#define LONG_NS (3600 * NS_PER_S) // never over in a test

START_TEST(rule_1_no_operation_blocks)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_STUBBORN, 0}, {ACT_OK, 1}));
    trial_grant(0, 1, 0, 2);
    TRIAL_AWAIT(trial_is_running(0, 0) && trial.shared->started == 1);
    trial_ask(0, 1, 0);
    trial_kill(0, 1, 0, LONG_NS); // the worker ignores SIGTERM
    while (trial_keep_report())
        ;
    ck_assert_uint_eq(trial.note_count, trial.notes_seen);
    trial_close();
}
END_TEST

START_TEST(rule_2_grants_and_their_tasks_run_in_order)
{
    static struct trial_item items[EXECUTOR_QUEUE * 3];
    for (int i = 0; i < COUNT(items); i++)
        items[i] = (struct trial_item){ACT_OK, i};
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, items);
    trial_define(2, items);
    for (uint32_t g = 0; g < EXECUTOR_QUEUE; g++)
        trial_grant(0, 1 + g % 2, 3 * g, 3);
    ck_assert_uint_le(trial.ex->ops->load(trial.ex, 0), EXECUTOR_QUEUE);
    for (uint32_t g = 0; g < EXECUTOR_QUEUE; g++)
        trial_expect_ok(1 + g % 2, 3 * g, 3);
    ck_assert_uint_eq(trial.ex->ops->load(trial.ex, 0), 0);
    trial_close();
}
END_TEST

START_TEST(rule_3_every_task_is_reported_once)
{
    unsigned seen[8] = {0};
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_FAIL, 1}, {ACT_FAIL_FOR_GOOD, 2}, {ACT_OK, 3},
                                {ACT_CRASH, 4}, {ACT_OK, 5}, {ACT_OK, 6}, {ACT_OK, 7}));
    trial_grant(0, 1, 0, 6);
    trial_grant(0, 1, 6, 2);
    TRIAL_AWAIT(trial.note_count > 0 &&
                trial.notes[trial.note_count - 1].report.type == REPORT_DEAD);
    for (size_t n = trial.notes_seen; n < trial.note_count; n++) {
        const struct exec_report *r = &trial.notes[n].report;
        for (uint32_t i = 0; i < r->tasks.count; i++)
            seen[r->tasks.first + i]++;
    }
    for (int i = 0; i < 8; i++)
        ck_assert_uint_eq(seen[i], 1);
    trial_close();
}
END_TEST

START_TEST(rule_4_reports_come_in_the_order_of_what_happened)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_FAIL, 1}, {ACT_OK, 2}, {ACT_FAIL_FOR_GOOD, 3}));
    trial_define(2, TRIAL_ITEMS({ACT_PRINT, 0}));
    trial_grant(0, 1, 0, 4);
    trial_expect_ok(1, 0, 1);
    ck_assert(!trial_expect_end(1, OUTCOME_ERROR)->report.end.permanent);
    trial_expect_ok(1, 2, 1);
    ck_assert(trial_expect_end(3, OUTCOME_ERROR)->report.end.permanent);
    trial_grant(0, 2, 0, 1);
    const struct exec_report *printed = &trial_expect(REPORT_OUTPUT)->report;
    ck_assert_uint_eq(printed->tasks.map, 2);
    ck_assert_int_eq(printed->output.stream, 1);
    ck_assert_uint_eq(printed->output.length, TRIAL_PRINTED);
    trial_expect_ok(2, 0, 1);
    trial_close();
}
END_TEST

START_TEST(rule_5_what_was_finished_is_reported_before_the_death)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_OK, 1}, {ACT_OK, 2}, {ACT_WAIT, 3}, {ACT_OK, 4}));
    trial_grant(0, 1, 0, 4);
    trial_grant(0, 1, 4, 1);
    TRIAL_AWAIT_UNREAD(trial.shared->started == 4);
    trial_kill_worker(0);
    trial_expect_ok(1, 0, 3);
    const struct trial_note *end = trial_expect_end(3, OUTCOME_CRASHED);
    ck_assert(end->report.end.killed);
    ck_assert_int_eq(end->report.end.signal, SIGKILL);
    trial_expect_returned(4, 1);
    trial_expect_dead(false);
    trial_close();
}
END_TEST

START_TEST(rule_6_a_worker_is_ready_or_unfit_or_dead)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_kill_worker(0);
    trial_expect_dead(false);
    trial_close();
}
END_TEST

START_TEST(rule_6_an_unfit_worker_says_why)
{
    trial.unfit = "it does not like this machine";
    trial_open(_i);
    trial_start(1);
    const struct trial_note *n = trial_expect(REPORT_UNFIT);
    ck_assert_uint_eq(n->report.slot, 1);
    ck_assert_int_eq(n->report.unfit.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(n->text, trial.is_fake ? trial.unfit : "initializer failed"));
    trial_expect_dead(true);
    trial_close();
}
END_TEST

START_TEST(rule_6_a_worker_that_is_killed_while_it_starts_is_dead_and_no_more)
{
    trial.never_ready = true;
    trial_open(_i);
    trial_start(0);
    TRIAL_AWAIT(trial.is_fake || local_pid(trial.ex, 0) > 0);
    trial_kill_worker(0);
    trial_expect_dead(false);
    trial_close();
}
END_TEST

static void start_in_vain(unsigned slot)
{
    br_error err = {0};
    ck_assert_int_eq(trial.ex->ops->start(trial.ex, slot, &err), -1);
    ck_assert_str_ne(err.text, "");
}

START_TEST(rule_7_a_slot_takes_another_worker_once_the_last_is_dead)
{
    trial_open(_i);
    trial_start(0);
    start_in_vain(0);
    trial_expect(REPORT_READY);
    start_in_vain(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_CRASH, 1}));
    trial_grant(0, 1, 0, 2);
    trial_expect_ok(1, 0, 1);
    trial_expect_end(1, OUTCOME_CRASHED);
    start_in_vain(0); // it has died, and that is not reported yet
    trial_expect_dead(false);
    ck_assert_uint_eq(trial.ex->ops->load(trial.ex, 0), 0);
    trial_start_ready(0);
    trial_grant(0, 1, 0, 1);
    trial_expect_ok(1, 0, 1);
    trial_close();
}
END_TEST

START_TEST(rule_8_what_a_dead_worker_is_granted_is_returned)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_OK, 1}, {ACT_OK, 2}));
    int pid = trial.is_fake ? 0 : local_pid(trial.ex, 0);
    trial_kill_worker(0);
    TRIAL_AWAIT_UNREAD(trial.is_fake || kill(pid, 0) != 0);
    trial_grant(0, 1, 0, 2);
    trial_grant(0, 1, 2, 1);
    ck_assert_uint_eq(trial.ex->ops->load(trial.ex, 0), 2);
    trial_expect_returned(0, 3);
    trial_expect_dead(false);
    trial_close();
}
END_TEST

START_TEST(rule_9_what_is_taken_back_is_not_reported)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_WAIT, 0}, {ACT_OK, 1}, {ACT_OK, 2}, {ACT_OK, 3}, {ACT_OK, 4}));
    trial_define(2, TRIAL_ITEMS({ACT_OK, 0}, {ACT_OK, 1}));
    trial_grant(0, 1, 0, 5);
    trial_grant(0, 2, 0, 2);
    TRIAL_AWAIT(trial.shared->started == 1);
    ck_assert_uint_eq(trial_take_back(0, 1, 2, 3), 2); // the last ones of the map's newest grant
    ck_assert_uint_eq(trial_take_back(0, 3, 2, 0), 0); // a map of which it holds nothing
    ck_assert_uint_eq(trial_take_back(0, 0, UINT64_MAX, 0), 2); // all of the newest grant
    ck_assert_uint_eq(trial.ex->ops->load(trial.ex, 0), 2);     // it counts until its turn
    ck_assert_uint_eq(trial_take_back(0, 0, UINT64_MAX, 1), 2);
    ck_assert_uint_eq(trial_take_back(0, 0, UINT64_MAX, 0), 0); // one has started
    trial_kill_worker(0);
    trial_expect_end(0, OUTCOME_CRASHED);
    trial_expect_dead(false);
    trial_close();
}
END_TEST

START_TEST(rule_10_a_killed_task_ends_as_was_said)
{
    for (int round = 0; round < 2; round++) {
        trial_open(_i);
        trial_start_ready(0);
        trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_WAIT, 1}, {ACT_OK, 2}, {ACT_OK, 3}));
        trial_grant(0, 1, 0, 3);
        trial_grant(0, 1, 3, 1);
        TRIAL_AWAIT(trial_is_running(0, 1));
        trial_expect_ok(1, 0, 1);
        trial_kill(0, 1, 1, round == 0 ? 0 : LONG_NS);
        const struct trial_note *end = trial_expect_end(1, OUTCOME_TIMED_OUT);
        ck_assert(end->report.end.killed);
        ck_assert_int_eq(end->report.end.signal, round == 0 ? SIGKILL : SIGTERM);
        ck_assert_str_eq(end->text, "the test says so");
        trial_expect_returned(2, 2);
        trial_expect_dead(true);
        trial_close();
    }
}
END_TEST

START_TEST(rule_10_a_task_that_ignores_the_first_signal_is_killed_after_the_grace)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_STUBBORN, 0}));
    trial_grant(0, 1, 0, 1);
    TRIAL_AWAIT(trial_is_running(0, 0) && trial.shared->started == 1);
    trial_kill(0, 1, 0, NS_PER_MS);
    const struct trial_note *end = trial_expect_end(0, OUTCOME_TIMED_OUT);
    ck_assert_int_eq(end->report.end.signal, SIGKILL);
    trial_expect_dead(true);
    trial_close();
}
END_TEST

START_TEST(rule_10_a_task_that_has_ended_keeps_its_outcome)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_WAIT, 1}, {ACT_OK, 2}));
    trial_grant(0, 1, 0, 3);
    TRIAL_AWAIT_UNREAD(trial.shared->started == 2);
    trial_kill(0, 1, 0, 0);
    trial_expect_ok(1, 0, 1);
    trial_expect_returned(1, 2);
    trial_expect_dead(true);
    trial_close();
}
END_TEST

START_TEST(rule_11_kill_does_nothing_unless_the_slot_is_ready)
{
    trial_open(_i);
    trial_kill(0, 1, 0, 0);
    trial_start(0);
    trial_kill(0, 1, 0, 0);
    trial_expect(REPORT_READY);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}));
    trial_grant(0, 1, 0, 1);
    trial_expect_ok(1, 0, 1);
    trial_close();
}
END_TEST

START_TEST(rule_12_a_retired_worker_ends)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}));
    trial_grant(0, 1, 0, 1);
    trial_expect_ok(1, 0, 1);
    trial.ex->ops->retire(trial.ex, 0);
    trial.ex->ops->retire(trial.ex, 0);
    trial_kill(0, 1, 0, 0);
    trial_expect_dead(true);
    trial.ex->ops->retire(trial.ex, 0); // a slot without a worker
    trial_start_ready(0);
    trial_close();
}
END_TEST

START_TEST(rule_12_a_worker_that_is_retired_early_is_never_ready)
{
    trial_open(_i);
    trial_start(0);
    trial.ex->ops->retire(trial.ex, 0);
    trial_expect_dead(true);
    trial_close();
}
END_TEST

START_TEST(rule_13_ask_reaches_the_task_that_it_names)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_HEED, 0}, {ACT_OK, 1}, {ACT_HEED, 2}));
    trial_grant(0, 1, 0, 2);
    TRIAL_AWAIT(trial_is_running(0, 0));
    trial_ask(0, 1, 1);
    trial_ask(0, 2, 0);
    trial.shared->go = 1;
    trial_expect_ok(1, 0, 2);
    trial.shared->go = 0;
    trial_grant(0, 1, 2, 1);
    TRIAL_AWAIT(trial_is_running(0, 2));
    trial_ask(0, 1, 2);
    ck_assert(!trial_expect_end(2, OUTCOME_ERROR)->report.end.killed);
    trial_close();
}
END_TEST

START_TEST(rule_14_results_are_those_of_the_granted_tasks)
{
    static struct trial_item items[1000];
    for (int i = 0; i < COUNT(items); i++)
        items[i] = (struct trial_item){ACT_OK, 7 * i};
    trial_open(_i);
    trial_start_ready(0);
    trial_start_ready(1);
    trial_define(1, items);
    trial_grant(0, 1, 0, 600);
    trial_grant(1, 1, 600, 400);
    for (uint64_t left = 1000; left > 0;) {
        const struct trial_note *n = trial_expect(REPORT_OK);
        const struct exec_grant *tasks = &n->report.tasks;
        ck_assert_uint_eq(n->report.slot, tasks->first >= 600);
        ck_assert_uint_eq(tasks->attempt, 0);
        ck_assert_int_eq(n->first_result, 7 * (int64_t)tasks->first);
        left -= tasks->count;
    }
    trial_close();
}
END_TEST

// One task at a time, each waited for: a lost wake-up would wait for the deadline, and a missing
// deadline for ever.
START_TEST(rule_15_the_descriptor_and_the_deadline_announce_reports)
{
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, TRIAL_ITEMS({ACT_OK, 0}, {ACT_FAIL, 1}));
    for (int i = 0; i < 100; i++) {
        trial_grant(0, 1, 0, 1);
        trial_expect_ok(1, 0, 1);
        trial_grant(0, 1, 1, 1);
        trial_expect_end(1, OUTCOME_ERROR);
    }
    trial_close();
}
END_TEST

// Reports that are in a ring already, more than one round reads, are announced without a wake-up.
START_TEST(rule_15_what_one_round_leaves_is_announced_at_once)
{
    static struct trial_item items[101];
    for (int i = 0; i < 100; i++)
        items[i] = (struct trial_item){ACT_FAIL, i};
    items[100] = (struct trial_item){ACT_WAIT, 100};
    trial_open(_i);
    trial_start_ready(0);
    trial_define(1, items);
    trial_grant(0, 1, 0, 101);
    TRIAL_AWAIT_UNREAD(trial.shared->started == 101);
    while (trial.note_count < 1 + 100) {
        while (trial_keep_report())
            ;
        struct pollfd now = {.fd = trial.ex->ops->fd(trial.ex), .events = POLLIN};
        ck_assert(trial.note_count == 1 + 100 || poll(&now, 1, 0) == 1 ||
                  trial.ex->ops->deadline(trial.ex) <= clock_now());
    }
    trial_close();
}
END_TEST

START_TEST(rule_16_destroy_ends_all_workers)
{
    int pids[TRIAL_SLOTS] = {0};
    trial_open(_i);
    trial_define(1, TRIAL_ITEMS({ACT_STUBBORN, 0}, {ACT_WAIT, 1}));
    for (unsigned slot = 0; slot < TRIAL_SLOTS; slot++) {
        trial_start_ready(slot);
        pids[slot] = trial.notes[trial.note_count - 1].report.ready.pid;
        trial_grant(slot, 1, slot, 1);
        TRIAL_AWAIT(trial_is_running(slot, slot));
    }
    trial_close();
    for (unsigned slot = 0; _i == TRIAL_LOCAL && slot < TRIAL_SLOTS; slot++)
        while (kill(pids[slot], 0) == 0)
            poll(NULL, 0, 1); // a process that was killed may not have ended yet
}
END_TEST

START_TEST(a_map_is_defined_and_dropped_at_any_time)
{
    trial_open(_i);
    trial_start_ready(0);
    trial.ex->ops->drop(trial.ex, 1); // there is none
    for (uint64_t map = 1; map < TRIAL_MAPS; map++) {
        trial_define(map, TRIAL_ITEMS({ACT_OK, (int)map}));
        trial_grant(0, map, 0, 1);
        trial_expect_ok(map, 0, 1);
        ck_assert_int_eq(trial.notes[trial.notes_seen - 1].first_result, (int64_t)map);
        trial.ex->ops->drop(trial.ex, map);
    }
    trial_close();
}
END_TEST

SUITE(executor)
{
    LOOP_TEST(rule_1_no_operation_blocks, TRIAL_EXECUTORS);
    LOOP_TEST(rule_2_grants_and_their_tasks_run_in_order, TRIAL_EXECUTORS);
    LOOP_TEST(rule_3_every_task_is_reported_once, TRIAL_EXECUTORS);
    LOOP_TEST(rule_4_reports_come_in_the_order_of_what_happened, TRIAL_EXECUTORS);
    LOOP_TEST(rule_5_what_was_finished_is_reported_before_the_death, TRIAL_EXECUTORS);
    LOOP_TEST(rule_6_a_worker_is_ready_or_unfit_or_dead, TRIAL_EXECUTORS);
    LOOP_TEST(rule_6_an_unfit_worker_says_why, TRIAL_EXECUTORS);
    LOOP_TEST(rule_6_a_worker_that_is_killed_while_it_starts_is_dead_and_no_more, TRIAL_EXECUTORS);
    LOOP_TEST(rule_7_a_slot_takes_another_worker_once_the_last_is_dead, TRIAL_EXECUTORS);
    LOOP_TEST(rule_8_what_a_dead_worker_is_granted_is_returned, TRIAL_EXECUTORS);
    LOOP_TEST(rule_9_what_is_taken_back_is_not_reported, TRIAL_EXECUTORS);
    LOOP_TEST(rule_10_a_killed_task_ends_as_was_said, TRIAL_EXECUTORS);
    LOOP_TEST(rule_10_a_task_that_ignores_the_first_signal_is_killed_after_the_grace,
              TRIAL_EXECUTORS);
    LOOP_TEST(rule_10_a_task_that_has_ended_keeps_its_outcome, TRIAL_EXECUTORS);
    LOOP_TEST(rule_11_kill_does_nothing_unless_the_slot_is_ready, TRIAL_EXECUTORS);
    LOOP_TEST(rule_12_a_retired_worker_ends, TRIAL_EXECUTORS);
    LOOP_TEST(rule_12_a_worker_that_is_retired_early_is_never_ready, TRIAL_EXECUTORS);
    LOOP_TEST(rule_13_ask_reaches_the_task_that_it_names, TRIAL_EXECUTORS);
    LOOP_TEST(rule_14_results_are_those_of_the_granted_tasks, TRIAL_EXECUTORS);
    LOOP_TEST(rule_15_the_descriptor_and_the_deadline_announce_reports, TRIAL_EXECUTORS);
    LOOP_TEST(rule_15_what_one_round_leaves_is_announced_at_once, TRIAL_EXECUTORS);
    LOOP_TEST(rule_16_destroy_ends_all_workers, TRIAL_EXECUTORS);
    LOOP_TEST(a_map_is_defined_and_dropped_at_any_time, TRIAL_EXECUTORS);
}

// SPDX-License-Identifier: BSD-3-Clause
// The tasks of a trial, for real workers and as a script, and the notes of its reports.
#include "support/trial.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "exec/local/local.h"
#include "exec/worker/children.h"
#include "support/fake.h"
#include "support/rig.h"

struct trial trial;

// ---- Tasks

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static int heed(br_task *t)
{
    while (!trial.shared->go) {
        if (br_task_cancelled(t))
            return br_fail(t, "it was asked");
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
    return 0;
}

static int perform(br_task *t, const void *in, void *out)
{
    const struct trial_item *item = in;
    int64_t result = item->value;
    if (item->act == ACT_STUBBORN)
        signal(SIGTERM, SIG_IGN);
    if (item->act >= ACT_WAIT && t->api)
        trial.shared->started = item->value + 1;
    switch (item->act) {
    case ACT_FAIL:
        return br_fail(t, "item %d fails", item->value);
    case ACT_FAIL_FOR_GOOD:
        return br_fail_permanent(t, "item %d fails", item->value);
    case ACT_CRASH:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case ACT_STUBBORN:
    case ACT_WAIT:
        wait_for_ever();
        break;
    case ACT_HEED:
        if (t->api && heed(t) != 0)
            return 1;
        break;
    case ACT_PRINT:
        if (t->api && write(STDOUT_FILENO, "line\n", TRIAL_PRINTED) != TRIAL_PRINTED)
            return br_fail(t, "it cannot print");
        break;
    case ACT_OK:
        break;
    }
    memcpy(out, &result, sizeof result);
    return 0;
}

// ---- The executor under test

static struct nursery nursery;
static int logs[TRIAL_SLOTS];
static const struct trial_item *items_of[TRIAL_MAPS];

static struct fake_task script(void *user, const struct exec_grant *task)
{
    const struct trial_item *item = &items_of[task->map][task->first];
    struct fake_task f = {.ending = FAKE_OK, .ns = NS_PER_US};
    (void)user;
    if (item->act >= ACT_WAIT)
        trial.shared->started = item->value + 1;
    switch (item->act) {
    case ACT_FAIL:
        f.ending = FAKE_ERROR;
        break;
    case ACT_FAIL_FOR_GOOD:
        f.ending = FAKE_PERMANENT;
        break;
    case ACT_CRASH:
        f.ending = FAKE_CRASH;
        break;
    case ACT_STUBBORN:
        f.stubborn = true;
        f.ns = FAKE_FOREVER;
        break;
    case ACT_WAIT:
        f.ns = FAKE_FOREVER;
        break;
    case ACT_HEED:
        f.heeds = true;
        f.ns = NS_PER_S;
        break;
    case ACT_PRINT:
        f.printed = TRIAL_PRINTED;
        break;
    case ACT_OK:
        break;
    }
    return f;
}

static struct fake_worker worker_script(void *user, unsigned slot)
{
    (void)user;
    (void)slot;
    return (struct fake_worker){.start_ns = trial.never_ready ? FAKE_FOREVER - NS_PER_S * 2 : 0,
                                .unfit = trial.unfit,
                                .idle_ns = FAKE_FOREVER};
}

static int initialize(void *arg)
{
    (void)arg;
    if (trial.never_ready)
        wait_for_ever();
    return trial.unfit != NULL;
}

static struct executor *create_local(br_error *err)
{
    static struct plan_slot plan_slots[TRIAL_SLOTS] = {{.width = 1}, {.width = 1}};
    static const struct plan plan = {.slots = plan_slots, .slot_count = TRIAL_SLOTS};
    for (int i = 0; i < TRIAL_SLOTS; i++)
        logs[i] = rig_open_log();
    struct local_options options = {.nursery = &nursery,
                                    .plan = &plan,
                                    .common = {.keep_output = true,
                                               .init = initialize,
                                               .address_space = JOB_UNLIMITED,
                                               .data = JOB_UNLIMITED,
                                               .output = JOB_UNLIMITED,
                                               .open_files = JOB_UNLIMITED},
                                    .out_fds = logs,
                                    .limits = LIMIT_WATCH_NOTHING,
                                    .start_ns = rig_patience_ns(),
                                    .start_name = "start_ns"};
    ck_assert_msg(nursery_start(&nursery, nursery_children, err) == 0, "%s", err->text);
    return local_create(&options, err);
}

static struct executor *create_fake(br_error *err)
{
    struct fake_options options = {.slots = TRIAL_SLOTS, .task = script, .worker = worker_script};
    return fake_create(&options, err);
}

void trial_open(int which)
{
    br_error err = {0};
    trial.shared =
        mmap(NULL, sizeof *trial.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(trial.shared != MAP_FAILED);
    trial.is_fake = which == TRIAL_FAKE;
    trial.ex = trial.is_fake ? create_fake(&err) : create_local(&err);
    ck_assert_msg(trial.ex != NULL, "%s", err.text);
}

void trial_close(void)
{
    trial.ex->ops->destroy(trial.ex, 0);
    if (!trial.is_fake)
        nursery_stop(&nursery);
    for (int i = 0; !trial.is_fake && i < TRIAL_SLOTS; i++)
        close(logs[i]);
    munmap(trial.shared, sizeof *trial.shared);
}

void trial_kill_worker(unsigned slot)
{
    if (trial.is_fake)
        fake_kill_worker(trial.ex, slot);
    else
        ck_assert_int_eq(kill(local_pid(trial.ex, slot), SIGKILL), 0);
}

// ---- Reports

static void keep_text(struct trial_note *n, const char *text)
{
    snprintf(n->text, sizeof n->text, "%s", text);
}

bool trial_keep_report(void)
{
    br_error err = {0};
    struct trial_note *n = &trial.notes[trial.note_count];
    struct exec_report *r = &n->report;
    ck_assert_uint_lt(trial.note_count, TRIAL_NOTES);
    int got = trial.ex->ops->next_report(trial.ex, r, &err);
    ck_assert_msg(got >= 0, "%s", err.text);
    if (got == 0)
        return false;
    if (r->type == REPORT_OK) {
        ck_assert_uint_eq(r->ok.results_size, r->tasks.count * sizeof(int64_t));
        memcpy(&n->first_result, r->ok.results, sizeof n->first_result);
    } else if (r->type == REPORT_END)
        keep_text(n, r->end.message);
    else if (r->type == REPORT_UNFIT)
        keep_text(n, r->unfit.text);
    else if (r->type == REPORT_DEAD)
        keep_text(n, r->dead.reason);
    trial.note_count++;
    return true;
}

static void check_patience(const char *what)
{
    if (trial.waiting_since == 0)
        trial.waiting_since = clock_now();
    if (clock_now() - trial.waiting_since > (int64_t)(patience() * (double)NS_PER_S))
        ck_abort_msg("gave up waiting for: %s", what);
}

void trial_pass_time(const char *what)
{
    check_patience(what);
    if (!trial.is_fake)
        poll(NULL, 0, 1);
    else if (fake_next(trial.ex) == INT64_MAX)
        ck_abort_msg("no event is left while waiting for: %s", what);
    else
        fake_advance(trial.ex, fake_next(trial.ex));
}

void trial_wait(const char *what)
{
    check_patience(what);
    struct pollfd wait = {.fd = trial.ex->ops->fd(trial.ex), .events = POLLIN};
    if (trial.is_fake) {
        if (poll(&wait, 1, 0) == 0)
            trial_pass_time(what);
        return;
    }
    // Waits for a second at most, so that a wait that nothing ends notices when patience() is over.
    int64_t now = clock_now(), deadline = trial.ex->ops->deadline(trial.ex);
    if (deadline > now + NS_PER_S)
        deadline = now + NS_PER_S;
    poll(&wait, 1, clock_poll_timeout(deadline, now));
}

const struct trial_note *trial_expect(enum exec_report_type type)
{
    TRIAL_AWAIT(trial.note_count > trial.notes_seen);
    const struct trial_note *n = &trial.notes[trial.notes_seen++];
    ck_assert_msg(n->report.type == type, "report %zu has type %d, not %d; it says: %s",
                  trial.notes_seen - 1, (int)n->report.type, (int)type, n->text);
    return n;
}

void trial_expect_ok(uint64_t map, uint64_t first, uint32_t count)
{
    while (count > 0) {
        const struct exec_grant *tasks = &trial_expect(REPORT_OK)->report.tasks;
        ck_assert_uint_eq(tasks->map, map);
        ck_assert_uint_eq(tasks->first, first);
        ck_assert_uint_le(tasks->count, count);
        first += tasks->count;
        count -= tasks->count;
    }
}

const struct trial_note *trial_expect_end(uint64_t first, enum outcome_status status)
{
    const struct trial_note *n = trial_expect(REPORT_END);
    ck_assert_uint_eq(n->report.tasks.first, first);
    ck_assert_uint_eq(n->report.tasks.count, 1);
    ck_assert_int_eq(n->report.end.status, status);
    return n;
}

void trial_expect_returned(uint64_t first, uint32_t count)
{
    while (count > 0) {
        const struct exec_grant *tasks = &trial_expect(REPORT_RETURNED)->report.tasks;
        ck_assert_uint_eq(tasks->first, first);
        ck_assert_uint_le(tasks->count, count);
        first += tasks->count;
        count -= tasks->count;
    }
}

void trial_expect_dead(bool expected)
{
    const struct trial_note *n = trial_expect(REPORT_DEAD);
    ck_assert_msg(n->report.dead.expected == expected, "%s", n->text);
    ck_assert(!n->report.dead.stuck);
}

// ---- For tests

void trial_start(unsigned slot)
{
    br_error err = {0};
    ck_assert_msg(trial.ex->ops->start(trial.ex, slot, &err) == 0, "%s", err.text);
}

void trial_start_ready(unsigned slot)
{
    trial_start(slot);
    const struct trial_note *n = trial_expect(REPORT_READY);
    ck_assert_uint_eq(n->report.slot, slot);
    ck_assert_int_gt(n->report.ready.pid, 0);
}

void trial_define(uint64_t map, const struct trial_item *items)
{
    br_error err = {0};
    struct exec_map m = {.id = map,
                         .function = perform,
                         .in_size = sizeof *items,
                         .out_size = sizeof(int64_t),
                         .items = items,
                         .table_fd = -1};
    items_of[map] = items;
    ck_assert_msg(trial.ex->ops->define(trial.ex, &m, &err) == 0, "%s", err.text);
}

void trial_grant(unsigned slot, uint64_t map, uint64_t first, uint32_t count)
{
    br_error err = {0};
    struct exec_grant g = {.map = map, .first = first, .count = count};
    ck_assert_msg(trial.ex->ops->grant(trial.ex, slot, &g, &err) == 0, "%s", err.text);
}

void trial_kill(unsigned slot, uint64_t map, uint64_t task, int64_t grace_ns)
{
    struct exec_grant g = {.map = map, .first = task, .count = 1};
    trial.ex->ops->kill(trial.ex, slot, &g, OUTCOME_TIMED_OUT, "the test says so", grace_ns);
}

void trial_ask(unsigned slot, uint64_t map, uint64_t task)
{
    struct exec_grant g = {.map = map, .first = task, .count = 1};
    trial.ex->ops->ask(trial.ex, slot, &g);
}

uint32_t trial_take_back(unsigned slot, uint64_t map, uint64_t most, uint64_t first)
{
    struct exec_grant g;
    uint32_t count = trial.ex->ops->take_back(trial.ex, slot, map, most, &g);
    if (count > 0) {
        ck_assert_uint_eq(g.first, first);
        ck_assert_uint_eq(g.count, count);
    }
    return count;
}

bool trial_is_running(unsigned slot, uint64_t task)
{
    struct exec_in_hand h;
    return trial.ex->ops->in_hand(trial.ex, slot, &h) && h.task.first == task && h.task.count == 1;
}

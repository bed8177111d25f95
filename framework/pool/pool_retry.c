// SPDX-License-Identifier: BSD-3-Clause
// The ends of tasks: which are tried again, and which are final.
#include <string.h>

#include "pool/pool_private.h"

struct ledger_work pool_work_of(const struct exec_grant *g)
{
    return (struct ledger_work){g->first, g->count, g->attempt, g->crashes, g->alone};
}

struct exec_grant pool_grant_of(const struct pool_map *m, const struct ledger_work *work)
{
    return (struct exec_grant){m->options.map.id, work->first,   work->count,
                               work->attempt,     work->crashes, work->alone};
}

static double random_fraction(struct pool_map *m)
{
    // xorshift64 (Marsaglia, "Xorshift RNGs", 2003): a jitter need not be better than this.
    uint64_t x = m->random ? m->random : 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    m->random = x;
    return (double)(x >> 11) / 9007199254740992.0;
}

// Returns the delay after attempt number `failed`.
static int64_t retry_delay(struct pool_map *m, uint32_t failed)
{
    const struct retry_policy *policy = &m->options.retries;
    double factor = 1 + policy->jitter * (2 * random_fraction(m) - 1);
    return (int64_t)(retry_policy_delay(policy, failed) * factor);
}

static bool may_retry(const struct pool_map *m, const struct exec_report *r)
{
    const struct retry_policy *policy = &m->options.retries;
    return !r->end.permanent && r->tasks.attempt <= policy->limit &&
           (policy->on & 1U << r->end.status);
}

// Returns the message of a task that the map would have tried again, had the task not ended so many
// workers. It says so at the end of the first line, because a crash's stack may follow there. Valid
// until the next call.
static const char *give_up_message(struct pool *p, const char *message, uint32_t crashes)
{
    size_t line = strcspn(message, "\n");
    buffer_reset(&p->message);
    buffer_append(&p->message, message, line);
    buffer_format(&p->message, "; it has ended %u workers and is not retried", crashes);
    buffer_append(&p->message, message + line, strlen(message + line) + 1);
    return p->message.failed ? message : p->message.data;
}

int pool_cancel_waiting(struct pool_map *m, int64_t now, br_error *err)
{
    struct ledger_work work;
    while (ledger_drop_waiting(&m->ledger, &work)) {
        struct exec_report r = {.type = REPORT_END, .slot = UINT32_MAX};
        r.tasks = pool_grant_of(m, &work);
        r.end.status = OUTCOME_CANCELLED;
        r.end.start_ns = now;
        r.end.cpu_ns = r.end.peak_memory = r.end.cpu = -1;
        r.end.message = "it was stopped before its next attempt";
        if (m->options.observer(m->options.user, &r, true, err) != 0)
            return -1;
    }
    return 0;
}

int pool_take_end(struct pool *p, struct pool_map *m, const struct exec_report *r, br_error *err)
{
    struct ledger_work work = pool_work_of(&r->tasks);
    if (r->end.killed && r->end.status == OUTCOME_CRASHED)
        work.crashes++;
    struct exec_report passed_on = *r;
    bool wanted = may_retry(m, r), again = wanted && work.crashes < p->options.crash_limit;
    if (wanted && !again)
        passed_on.end.message = give_up_message(p, r->end.message, work.crashes);
    if (again) {
        int64_t due = p->now + retry_delay(m, work.attempt);
        work.attempt++;
        if (ledger_retry(&m->ledger, &work, due, err) != 0)
            return -1;
        pool_place_map(p, m);
    } else
        ledger_end(&m->ledger, r->end.status, 1);
    if (m->options.observer(m->options.user, &passed_on, !again, err) != 0)
        return -1;
    // If the map is stopped there is no other attempt, and the task has not failed for good either.
    int result = 0;
    if (again && m->stopped) {
        result = pool_cancel_waiting(m, p->now, err);
        pool_place_map(p, m);
    }
    return result;
}

int pool_come_back(struct pool *p, struct pool_map *m, const struct exec_grant *g, br_error *err)
{
    struct ledger_work work = pool_work_of(g);
    if (m->stopped && work.attempt == 1)
        ledger_end(&m->ledger, OUTCOME_SKIPPED, work.count);
    else if (ledger_give_back(&m->ledger, &work, err) != 0)
        return -1;
    int result = m->stopped ? pool_cancel_waiting(m, p->now, err) : 0;
    pool_place_map(p, m);
    return result;
}

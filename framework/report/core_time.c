// SPDX-License-Identifier: BSD-3-Clause
// Accounts for the workers' time between attempts.
#include "report/core_time.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

struct core_worker {
    int64_t until_ns; // the worker's time is accounted for up to here
    bool up;
};

void core_time_init(struct core_time *c)
{
    *c = (struct core_time){0};
}

void core_time_finish(struct core_time *c)
{
    free(c->workers);
    free(c->phase_begins);
    core_time_init(c);
}

// Accounts a worker's time until `to` as `use`.
static void spend(struct core_time *c, struct core_worker *w, int64_t to, enum core_use use)
{
    if (to <= w->until_ns)
        return;
    c->ns[use] += to - w->until_ns;
    w->until_ns = to;
}

static void end_all(struct core_time *c, int64_t time_ns)
{
    for (size_t i = 0; i < c->worker_count; i++)
        spend(c, &c->workers[i], time_ns, c->workers[i].up ? CORE_TAIL : CORE_START);
}

void core_time_begin(struct core_time *c, uint32_t workers, int64_t time_ns)
{
    end_all(c, time_ns);
    free(c->workers);
    c->worker_count = 0;
    c->workers =
        workers <= EVENT_INDEX_MAX ? calloc((size_t)workers + 1, sizeof *c->workers) : NULL;
    if (!c->workers) {
        c->failed = true;
        return;
    }
    c->worker_count = workers;
    for (size_t i = 0; i < workers; i++)
        c->workers[i].until_ns = time_ns;
}

static void take_phase_begin(struct core_time *c, uint32_t phase, int64_t time_ns)
{
    size_t count = (size_t)phase + 1;
    if (phase >= EVENT_INDEX_MAX || array_extend(&c->phase_begins, &c->phase_count, count,
                                                 sizeof *c->phase_begins, NULL) != 0) {
        c->failed = true;
        return;
    }
    c->phase_begins[phase] = time_ns;
}

static struct core_worker *worker_at(struct core_time *c, uint32_t worker)
{
    return worker < c->worker_count ? &c->workers[worker] : NULL;
}

void core_time_take(struct core_time *c, const struct event *event)
{
    struct core_worker *w;
    if (event->type == EVENT_PHASE_BEGIN)
        take_phase_begin(c, event->phase_begin.phase, event->time_ns);
    else if (event->type == EVENT_WORKER_BEGIN) {
        if ((w = worker_at(c, event->worker_begin.worker))) {
            spend(c, w, event->time_ns, CORE_START);
            w->up = true;
        }
    } else if (event->type == EVENT_WORKER_END) {
        if ((w = worker_at(c, event->worker_end.worker)))
            w->up = false;
    }
}

void core_time_add(struct core_time *c, const struct attempt *a)
{
    struct core_worker *w = worker_at(c, a->worker);
    if (!w)
        return;
    int64_t begin = a->phase < c->phase_count ? c->phase_begins[a->phase] : 0;
    spend(c, w, begin < a->start_ns ? begin : a->start_ns, CORE_BARRIER);
    spend(c, w, a->start_ns, a->attempt > 1 ? CORE_RETRY : CORE_DISPATCH);
    spend(c, w, a->end_ns, a->status == OUTCOME_OK ? CORE_OK : CORE_FAILED);
}

void core_time_end(struct core_time *c, int64_t time_ns)
{
    end_all(c, time_ns);
}

void core_time_parts(const int64_t ns[CORE_USES], unsigned units, unsigned parts[CORE_USES])
{
    double whole = 0, rest[CORE_USES];
    unsigned given = 0;
    for (int i = 0; i < CORE_USES; i++)
        whole += (double)ns[i];
    memset(parts, 0, CORE_USES * sizeof parts[0]);
    if (whole <= 0)
        return;
    for (int i = 0; i < CORE_USES; i++) {
        double exact = (double)ns[i] / whole * units;
        parts[i] = (unsigned)exact;
        rest[i] = exact - parts[i];
        given += parts[i];
    }
    // Units that are left after rounding down go to the parts that rounding made smaller by most.
    for (; given < units; given++) {
        int most = 0;
        for (int i = 1; i < CORE_USES; i++)
            if (rest[i] > rest[most])
                most = i;
        parts[most]++;
        rest[most] = 0;
    }
}

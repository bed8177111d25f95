// SPDX-License-Identifier: BSD-3-Clause
// Judges a running task by its limits.
#include "exec/local/limit_watch.h"

#include "base/clock.h"
#include "exec/worker/limit_message.h"
#include "model/job.h"

// Bounds between two measurements. A task is not expected to fill memory faster than BYTES_PER_NS
// on each CPU. An output limit is small and could be exceeded at any moment, so output is measured
// every OUTPUT_NS, which costs little; whatever exceeds the limit is cut from the log.
#define LOOK_MIN_NS  (2 * NS_PER_MS)
#define LOOK_MAX_NS  (100 * NS_PER_MS)
#define OUTPUT_NS    (20 * NS_PER_MS)
#define BYTES_PER_NS 4

bool limit_watch_is_on(const struct limit_watch_limits *l)
{
    return l->memory != JOB_UNLIMITED || l->cpu_time_ns != JOB_UNLIMITED ||
           l->output != JOB_UNLIMITED;
}

static bool same_attempt(const struct exec_grant *a, const struct exec_grant *b)
{
    return a->map == b->map && a->first == b->first && a->attempt == b->attempt;
}

// Notes the CPU time at which the running task has started. If that was since the last measurement,
// other tasks may have run in between. They can have used all CPU time until its start; the task is
// charged the rest.
static void note_task(struct limit_watch *w, const struct limit_watch_sample *seen,
                      const struct exec_in_hand *h, unsigned cpus)
{
    if (same_attempt(&w->task, &h->task) && w->looked_ns >= h->since_ns)
        return;
    int64_t before = h->since_ns > w->looked_ns ? (h->since_ns - w->looked_ns) * cpus : 0;
    int64_t used = seen->cpu_ns - w->cpu_ns;
    w->task = h->task;
    w->base_ns = seen->cpu_ns - (used > before ? used - before : 0);
}

static int64_t until(uint64_t used, uint64_t limit, uint64_t per_ns)
{
    return limit == JOB_UNLIMITED ? INT64_MAX : (int64_t)((limit - used) / per_ns);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool limit_watch_judge(struct limit_watch *w, const struct limit_watch_limits *l,
                       const struct limit_watch_sample *seen, const struct exec_in_hand *h,
                       unsigned cpus, int64_t now, char *message, size_t size)
{
    note_task(w, seen, h, cpus);
    w->looked_ns = now;
    w->cpu_ns = seen->cpu_ns;
    uint64_t cpu = (uint64_t)(seen->cpu_ns - w->base_ns);
    if (seen->resident > l->memory) {
        limit_message(message, size, LIMIT_MEMORY, seen->resident, l->memory);
        return true;
    }
    if (seen->printed > l->output) {
        limit_message(message, size, LIMIT_PRINTED, seen->printed, l->output);
        return true;
    }
    if (cpu >= l->cpu_time_ns) {
        limit_message(message, size, LIMIT_CPU_TIME, cpu, l->cpu_time_ns);
        return true;
    }
    // How soon a limit could be exceeded.
    int64_t wait = least(until(seen->resident, l->memory, (uint64_t)BYTES_PER_NS * cpus),
                         l->output == JOB_UNLIMITED ? INT64_MAX : OUTPUT_NS);
    wait = least(least(wait, until(cpu, l->cpu_time_ns, cpus)), LOOK_MAX_NS);
    w->next_ns = now + (wait > LOOK_MIN_NS ? wait : LOOK_MIN_NS);
    return false;
}

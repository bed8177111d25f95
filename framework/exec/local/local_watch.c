// SPDX-License-Identifier: BSD-3-Clause
// Measures running tasks and ends those that are over a limit; sets up the control groups.
#include "exec/local/local_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "exec/local/local_life.h"
#include "exec/process/proc_usage.h"

#define IDLE_NS (20 * NS_PER_MS) // between looks whether a task has started

static const struct limit_watch_limits *limits_of(const struct local *l)
{
    return &l->options.limits;
}

static uint64_t printed_by_task(const struct local *l, unsigned slot)
{
    off_t most = 0;
    for (int stream = 1; l->options.common.keep_output && stream <= 2; stream++) {
        off_t length =
            local_stream_end(local_log_fd(l, slot, stream)) - l->slots[slot].output.end[stream - 1];
        most = length > most ? length : most;
    }
    return (uint64_t)most;
}

static void watch_slot(struct local *l, unsigned slot, int64_t now)
{
    struct slot *s = &l->slots[slot];
    struct exec_in_hand h;
    struct proc_usage usage;
    char message[sizeof s->leaving.message];
    unsigned cpus = cpuset_count(&s->cpus);
    // An idle worker uses nothing up on a task's account.
    if (!local_in_hand(&l->base, slot, &h) || !proc_usage_read(s->pid, &usage)) {
        s->watch.next_ns = now + IDLE_NS;
        return;
    }
    struct limit_watch_sample seen = {usage.resident, usage.cpu_ns, printed_by_task(l, slot)};
    if (limit_watch_judge(&s->watch, limits_of(l), &seen, &h, cpus > 0 ? cpus : 1, now, message,
                          sizeof message))
        local_happen(
            l, s, EVENT_KILL,
            &(struct slot_cause){.task = &h.task, .status = OUTCOME_OVER_LIMIT, .text = message});
}

void local_watch(struct local *l)
{
    int64_t now = clock_now();
    if (!limit_watch_is_on(limits_of(l)))
        return;
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state == SLOT_READY && l->slots[i].watch.next_ns <= now)
            watch_slot(l, i, now);
}

int64_t local_watch_deadline(const struct local *l, const struct slot *s)
{
    bool wanted =
        limit_watch_is_on(limits_of(l)) && s->state == SLOT_READY && channel_load(&s->channel) > 0;
    return wanted ? s->watch.next_ns : INT64_MAX;
}

int local_open_groups(struct local *l, br_error *err)
{
    bool wanted = limits_of(l)->memory != JOB_UNLIMITED;
    cgroups_find(&l->groups, wanted ? l->base.slots : 0);
    l->oom_kills = cgroups_oom_kills(&l->groups, 0);
    // The nursery hears of them first, because this process may be killed while it makes them.
    if (wanted && nursery_adopt_groups(l->options.nursery, &l->groups, err) != 0)
        return -1;
    cgroups_make(&l->groups, limits_of(l)->memory);
    return 0;
}

bool local_oom_killed(struct local *l, unsigned slot)
{
    bool own = l->groups.made[CGROUP_MEMORY] < 0; // of many: each death accounts for one kill
    uint64_t *reported = own ? &l->oom_kills : &l->slots[slot].oom_kills;
    uint64_t kills = cgroups_oom_kills(&l->groups, slot);
    bool killed = kills > *reported;
    *reported = own && killed ? *reported + 1 : kills;
    return killed;
}

// The worker may print more after the part that is cut, so that part becomes a hole. If the file
// system cannot make one the bytes stay.
uint64_t local_cut_output(const struct local *l, unsigned slot, int stream, uint64_t from,
                          uint64_t length)
{
    uint64_t limit = limits_of(l)->output;
    if (length <= limit)
        return length;
    (void)fallocate(local_log_fd(l, slot, stream), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (off_t)(from + limit), (off_t)(length - limit));
    return limit;
}

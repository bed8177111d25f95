// SPDX-License-Identifier: BSD-3-Clause
// Limits of tasks that the kernel does not enforce: looks at what is in hand, and ends what is over
// one of them.
#include <fcntl.h>
#include <unistd.h>

#include "exec/local/local_slot.h"
#include "exec/process/usage.h"

static const struct watch_limits *limits_of(const struct local *l)
{
    return &l->options.limits;
}

static uint64_t printed_by_task(const struct local *l, unsigned slot)
{
    off_t most = 0;
    for (int stream = 1; l->options.common.keep_output && stream <= 2; stream++) {
        off_t length =
            local_stream_end(local_log_fd(l, slot, stream)) - l->slots[slot].printed[stream - 1];
        most = length > most ? length : most;
    }
    return (uint64_t)most;
}

static void watch_slot(struct local *l, unsigned slot, int64_t now)
{
    struct slot *s = &l->slots[slot];
    struct executor *ex = &l->base;
    struct exec_in_hand h;
    struct usage usage;
    char message[sizeof s->message];
    unsigned cpus = cpuset_count(&s->cpus);
    // Without a task in hand nothing is used up on anyone's account. One that begins now is seen
    // here soon enough.
    if (!ex->ops->in_hand(ex, slot, &h) || !usage_read(s->pid, &usage)) {
        s->watch.next_ns = now + WATCH_IDLE_NS;
        return;
    }
    struct watch_seen seen = {usage.resident, usage.cpu_ns, printed_by_task(l, slot)};
    if (watch_judge(&s->watch, limits_of(l), &seen, &h, cpus > 0 ? cpus : 1, now, message,
                    sizeof message))
        ex->ops->kill(ex, slot, &h.task, OUTCOME_OVER_LIMIT, message, 0);
}

void local_watch(struct local *l)
{
    int64_t now = clock_now();
    if (!watch_is_on(limits_of(l)))
        return;
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state == READY && l->slots[i].watch.next_ns <= now)
            watch_slot(l, i, now);
}

int64_t local_watch_deadline(const struct local *l, const struct slot *s)
{
    bool wanted = watch_is_on(limits_of(l)) && s->state == READY && channel_load(&s->channel) > 0;
    return wanted ? s->watch.next_ns : INT64_MAX;
}

int local_open_groups(struct local *l, br_error *err)
{
    bool wanted = limits_of(l)->memory != JOB_UNLIMITED;
    cgroups_find(&l->groups, wanted ? l->base.slots : 0);
    l->oom_told = cgroups_oom_kills(&l->groups, 0);
    // First told, then made: this process may be killed between any two of them.
    if (wanted && nursery_adopt_groups(l->options.nursery, &l->groups, err) != 0)
        return -1;
    cgroups_make(&l->groups, limits_of(l)->memory);
    return 0;
}

bool local_oom_killed(struct local *l, unsigned slot)
{
    bool own = l->groups.made[CGROUP_MEMORY] < 0; // shared: each death accounts for one
    uint64_t *told = own ? &l->oom_told : &l->slots[slot].oom_told;
    uint64_t kills = cgroups_oom_kills(&l->groups, slot);
    bool killed = kills > *told;
    *told = own && killed ? *told + 1 : kills;
    return killed;
}

void local_describe_limits(const struct executor *ex, struct buffer *out)
{
    const struct local *l = (const struct local *)ex;
    if (limits_of(l)->memory == JOB_UNLIMITED)
        return;
    buffer_text(out, "memory by resident-set watch");
    if (l->options.common.data != JOB_UNLIMITED)
        buffer_text(out, ", rlimit");
    cgroups_describe(&l->groups, out);
}

// What was printed beyond the limit is not kept. The worker may go on printing behind it, so its
// place stays, empty; where the file system cannot do that, so do the bytes.
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

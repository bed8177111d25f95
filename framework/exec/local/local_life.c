// SPDX-License-Identifier: BSD-3-Clause
// The life of a slot's worker as a table, and its actions.
#include "exec/local/local_life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/kernel.h"

#define KILLED_STUCK_NS (10 * NS_PER_S) // after SIGKILL; freeing much memory takes seconds
#define END_NS          (5 * NS_PER_S)
#define RETRY_NS                                                                                   \
    (100 * NS_PER_MS) // until the worker is killed, after a request that the nursery refused

int64_t local_end_limit(const struct local *l)
{
    return l->options.end_ns ? l->options.end_ns : END_NS;
}

// ---- Signals

void local_signal(struct local *l, struct slot *s, int signal)
{
    if (signal == SIGKILL)
        cgroups_kill(&l->groups, (unsigned)(s - l->slots));
    if (nursery_kill(l->options.nursery, s->id, signal, NULL) == 0) {
        if (signal == SIGKILL)
            local_happen(l, s, EVENT_KILL_SENT, NULL);
        return;
    }
    // Without a nursery there are no workers, but processes of their groups may live on.
    if (errno == EPIPE && signal == SIGKILL && s->pid > 0)
        kill(-s->pid, SIGKILL);
    s->deadline_ns = clock_now() + RETRY_NS;
}

// ---- Actions

static void set_message(struct slot *s, const char *text)
{
    snprintf(s->leaving.message, sizeof s->leaving.message, "%s", text);
}

static void await_ready(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)cause;
    int64_t now = clock_now();
    s->deadline_ns = l->options.start_ns < INT64_MAX - now ? now + l->options.start_ns : INT64_MAX;
}

static void take_grants(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    s->was_ready = true;
    s->cpus = *cause->cpus;
    s->deadline_ns = INT64_MAX;
    l->stillborn = 0;
}

// Also of a worker that is leaving: the report of its death says less than its own error. A task
// that it is killed for keeps the blame.
static void note_unfit(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)l;
    (void)cause;
    if (s->leaving.reason != LEAVE_FOR_TASK)
        s->leaving.reason = LEAVE_UNFIT;
}

static void let_unfit_end(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    note_unfit(l, s, cause);
    s->deadline_ns = clock_now() + local_end_limit(l);
}

// Another worker may do better: this one's tasks have used up what it lacks.
static void let_exhausted_end(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    s->leaving.reason = LEAVE_EXHAUSTED;
    set_message(s, cause->text ? cause->text : "it could not continue");
    s->deadline_ns = clock_now() + local_end_limit(l);
}

static void let_used_up_end(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    s->leaving.reason = LEAVE_RETIRED;
    set_message(s, cause->text ? cause->text : "");
    s->deadline_ns = clock_now() + local_end_limit(l);
}

static void end_for_task(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    s->leaving.reason = LEAVE_FOR_TASK;
    s->leaving.task = *cause->task;
    s->leaving.status = cause->status;
    set_message(s, cause->text);
    s->deadline_ns = clock_now() + cause->grace_ns;
    local_signal(l, s, cause->grace_ns > 0 ? SIGTERM : SIGKILL);
}

static void close_channel(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)cause;
    s->leaving.reason = LEAVE_RETIRED;
    s->deadline_ns = clock_now() + local_end_limit(l);
    channel_close(&s->channel);
}

// Nothing more is read from the channel.
static void note_violation(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)l;
    s->leaving.reason = LEAVE_VIOLATION;
    s->leaving.violation = cause->text;
}

static void kill_violator(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    note_violation(l, s, cause);
    local_signal(l, s, SIGKILL);
}

static void kill_overdue(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)cause;
    s->deadline_ns = INT64_MAX;
    s->leaving.overdue = true;
    local_signal(l, s, SIGKILL);
}

static void kill_late(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    s->leaving.reason = LEAVE_LATE;
    kill_overdue(l, s, cause);
}

static void await_end(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)cause;
    s->deadline_ns = clock_now() + (l->options.stuck_ns ? l->options.stuck_ns : KILLED_STUCK_NS);
}

// A process that waits in the kernel may act on no signal. It is left alone, and its tasks are
// given to others.
static void leave_stuck(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)l;
    (void)cause;
    s->death.stuck = true;
    s->death.wait_status = SIGKILL;
    s->death.ended_ns = clock_now();
}

static void note_not_forked(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)l;
    if (s->leaving.reason != LEAVE_NONE)
        return;
    s->leaving.reason = LEAVE_NOT_FORKED;
    snprintf(s->leaving.message, sizeof s->leaving.message, "cannot fork a worker: %s%s",
             strerror(cause->fact->number), kernel_fork_limit(cause->fact->number));
}

static void note_end(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)l;
    s->death.wait_status = cause->fact->wait_status;
    s->death.peak_memory = cause->fact->peak_memory;
    s->death.cpu_ns = cause->fact->cpu_ns;
    s->death.ended_ns = clock_now();
    s->control.readable = true; // its last message may be there
}

static void clear(struct local *l, struct slot *s, const struct slot_cause *cause)
{
    (void)cause;
    local_clear_slot(l, s);
}

// ---- The table

#define MOVE(to, act)                                                                              \
    {                                                                                              \
        SLOT_##to, act, #to, #act                                                                  \
    }
#define IN(state, to, act) [SLOT_##state] = MOVE(to, act)

static const struct slot_move moves[SLOT_EVENTS][SLOT_STATES] = {
    [EVENT_START] = {IN(EMPTY, STARTING, await_ready)},
    [EVENT_READY] = {IN(STARTING, READY, take_grants)},
    [EVENT_UNFIT] = {IN(STARTING, LEAVING, let_unfit_end), IN(READY, LEAVING, let_unfit_end),
                     IN(LEAVING, LEAVING, note_unfit), IN(KILLED, KILLED, note_unfit),
                     IN(DYING, DYING, note_unfit)},
    [EVENT_EXHAUSTED] = {IN(READY, LEAVING, let_exhausted_end)},
    [EVENT_USED_UP] = {IN(READY, LEAVING, let_used_up_end)},
    // A slot that is not ready holds no task that it could be killed for.
    [EVENT_KILL] = {IN(READY, LEAVING, end_for_task)},
    [EVENT_RETIRE] = {IN(STARTING, LEAVING, close_channel), IN(READY, LEAVING, close_channel)},
    [EVENT_VIOLATION] = {IN(READY, LEAVING, kill_violator), IN(LEAVING, LEAVING, kill_violator),
                         IN(KILLED, KILLED, note_violation), IN(DYING, DYING, note_violation)},
    [EVENT_OVERDUE] = {IN(STARTING, LEAVING, kill_late), IN(LEAVING, LEAVING, kill_overdue),
                       IN(KILLED, DYING, leave_stuck)},
    [EVENT_KILL_SENT] = {IN(LEAVING, KILLED, await_end)},
    [EVENT_NOT_FORKED] = {IN(STARTING, DYING, note_not_forked), IN(LEAVING, DYING, note_not_forked),
                          IN(KILLED, DYING, note_not_forked)},
    [EVENT_ENDED] = {IN(STARTING, DYING, note_end), IN(READY, DYING, note_end),
                     IN(LEAVING, DYING, note_end), IN(KILLED, DYING, note_end)},
    [EVENT_REPORTED] = {IN(DYING, EMPTY, clear)},
};

const struct slot_move *local_move(enum slot_state state, enum slot_event event)
{
    return &moves[event][state];
}

bool local_happen(struct local *l, struct slot *s, enum slot_event event,
                  const struct slot_cause *cause)
{
    const struct slot_move *m = local_move(s->state, event);
    if (!m->act)
        return false;
    s->state = m->to;
    m->act(l, s, cause);
    return true;
}

const char *local_event_name(enum slot_event event)
{
#define NAME(event) [EVENT_##event] = #event
    static const char *const names[SLOT_EVENTS] = {
        NAME(START),      NAME(READY),  NAME(UNFIT),     NAME(EXHAUSTED), NAME(USED_UP),
        NAME(KILL),       NAME(RETIRE), NAME(VIOLATION), NAME(OVERDUE),   NAME(KILL_SENT),
        NAME(NOT_FORKED), NAME(ENDED),  NAME(REPORTED)};
#undef NAME
    return names[event];
}

const char *local_state_name(enum slot_state state)
{
#define NAME(state) [SLOT_##state] = #state
    static const char *const names[SLOT_STATES] = {NAME(EMPTY),   NAME(STARTING), NAME(READY),
                                                   NAME(LEAVING), NAME(KILLED),   NAME(DYING)};
#undef NAME
    return names[state];
}

static bool is_overdue(const struct slot *s, int64_t now)
{
    return s->state != SLOT_EMPTY && s->state != SLOT_DYING && s->deadline_ns <= now;
}

bool local_note_overdue(struct local *l, int64_t now)
{
    bool any = false;
    for (unsigned i = 0; i < l->base.slots; i++)
        if (is_overdue(&l->slots[i], now))
            any = l->slots[i].control.readable = true;
    l->nursery_ready |= any;
    return any;
}

void local_end_overdue(struct local *l, int64_t now)
{
    for (unsigned i = 0; i < l->base.slots; i++) {
        struct slot *s = &l->slots[i];
        if (s->state == SLOT_EMPTY || s->state == SLOT_DYING)
            continue;
        if (s->control.hung_up)
            nursery_continue(l->options.nursery);
        if (is_overdue(s, now))
            local_happen(l, s, EVENT_OVERDUE, NULL);
    }
}

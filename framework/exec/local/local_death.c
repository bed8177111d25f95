// SPDX-License-Identifier: BSD-3-Clause
// Reports of a worker's end, and of a worker that cannot start.
#include "exec/local/local_death.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "exec/local/local_crash.h"
#include "exec/local/local_life.h"
#include "exec/local/local_ring.h"
#include "exec/local/local_watch.h"
#include "exec/process/printed.h"
#include "exec/process/proc_usage.h"

void local_report_unfit(struct local *l, unsigned slot, enum br_error_kind kind, const char *text,
                        struct exec_report *out)
{
    buffer_reset(&l->text);
    buffer_text(&l->text, text);
    buffer_char(&l->text, '\0');
    *out = (struct exec_report){.type = REPORT_UNFIT, .slot = slot};
    out->unfit.kind = kind;
    out->unfit.text = l->text.failed ? "a worker could not start" : l->text.data;
}

static void set_ending(const struct slot *s, int *signal, int *exit_code)
{
    int status = s->death.wait_status;
    *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

// ---- Workers that were never ready

// A worker that died of itself before it was ready, or was not ready in time. A failed fork, and a
// signal that a person or the kernel out of memory sends, do not count: the next worker may do
// better.
static bool is_stillborn(const struct slot *s)
{
    int status = s->death.wait_status;
    bool killed =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
    return !s->was_ready &&
           (s->leaving.reason == LEAVE_LATE || (s->leaving.reason == LEAVE_NONE && !killed));
}

static void describe_stillborn(struct buffer *b, const struct local *l, unsigned slot)
{
    const struct slot *s = &l->slots[slot];
    const char *where = l->options.common.plugins.count > 0 ? "while it was loading the plugins"
                        : l->options.common.init            ? "in the pool's initializer"
                                                            : "while it was starting";
    if (s->leaving.reason == LEAVE_LATE) {
        buffer_format(b, "a worker hung %s: it was not ready after %.4g s (%s)", where,
                      (double)l->options.start_ns / (double)NS_PER_S, l->options.start_name);
        return;
    }
    buffer_format(b, "a worker died %s: ", where);
    local_describe_end(b, s, false);
    printed_describe(b, local_log_fd(l, slot, 2), s->output.end[1]);
}

// A worker that crashes may have been sent the signal from outside. If the next one does so too,
// before any was ready, or if a worker hangs, no worker can run these plugins: UNFIT.
static int report_stillborn(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    bool late = s->leaving.reason == LEAVE_LATE;
    struct buffer b = BUFFER_EMPTY;
    describe_stillborn(&b, l, slot);
    buffer_char(&b, '\0');
    snprintf(s->leaving.message, sizeof s->leaving.message, "%s",
             b.failed ? "a worker died while it was starting" : b.data);
    buffer_finish(&b);
    s->leaving.reason = LEAVE_STILLBORN;
    l->stillborn++;
    if (l->stillborn < 2 && !late)
        return 0;
    local_happen(l, s, EVENT_UNFIT, NULL);
    local_report_unfit(l, slot, BR_ERR_PLUGIN, s->leaving.message, out);
    return 1;
}

// ---- The blamed task

// Reports what it printed, or short tasks just before it, a stream a call.
static bool report_last_output(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    for (int stream = 1; l->options.common.keep_output && stream <= 2; stream++) {
        off_t end = local_stream_end(local_log_fd(l, slot, stream));
        off_t from = s->output.end[stream - 1];
        if (end <= from)
            continue;
        s->output.end[stream - 1] = end;
        *out = (struct exec_report){.type = REPORT_OUTPUT, .slot = slot, .tasks = s->output.suffix};
        out->output.stream = stream;
        out->output.offset = (uint64_t)from;
        out->output.length =
            local_cut_output(l, slot, stream, (uint64_t)from, (uint64_t)(end - from));
        return true;
    }
    return false;
}

static bool is_killed_for(const struct slot *s, const struct exec_grant *task)
{
    return s->leaving.reason == LEAVE_FOR_TASK && local_same_task(&s->leaving.task, task);
}

// Writes the blamed task's message into l->text and returns its status.
static enum outcome_status judge_blamed(struct local *l, unsigned slot)
{
    struct slot *s = &l->slots[slot];
    buffer_reset(&l->text);
    if (s->leaving.reason == LEAVE_VIOLATION) {
        buffer_format(&l->text, "it damaged the worker's channel: %s", s->leaving.violation);
        return OUTCOME_CRASHED;
    }
    if (is_killed_for(s, &s->death.running.task)) {
        buffer_text(&l->text, s->leaving.message);
        return s->leaving.status;
    }
    if (s->death.wait_status == SIGKILL && local_oom_killed(l, slot)) {
        buffer_text(&l->text, "the kernel killed it: ");
        local_describe_oom(&l->text, l);
        return OUTCOME_OVER_LIMIT;
    }
    int status = s->death.wait_status;
    if (WIFSIGNALED(status) && local_describe_ulimit(&l->text, WTERMSIG(status), s->death.cpu_ns))
        return OUTCOME_OVER_LIMIT;
    local_describe_end(&l->text, s, true);
    return OUTCOME_CRASHED;
}

// Returns whether the worker has reached the limit on CPU time with what tasks before the running
// one have used, or may have. The running task then gets a worker of its own.
static bool shared_its_time(const struct slot *s)
{
    struct buffer text = BUFFER_EMPTY;
    int status = s->death.wait_status;
    bool over = s->leaving.reason == LEAVE_NONE && WIFSIGNALED(status) &&
                WTERMSIG(status) != SIGXFSZ &&
                local_describe_ulimit(&text, WTERMSIG(status), s->death.cpu_ns);
    buffer_finish(&text);
    return over && s->channel.last_end_ns > 0 && !s->death.running.task.alone;
}

static void report_blamed(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    const struct exec_in_hand *running = &s->death.running;
    bool for_another = s->leaving.reason == LEAVE_UNFIT ||
                       (s->leaving.reason == LEAVE_FOR_TASK && !is_killed_for(s, &running->task));
    *out = (struct exec_report){.slot = slot, .tasks = running->task};
    bool shared = shared_its_time(s);
    if (for_another || shared) { // then this task is as innocent as those after it
        out->type = REPORT_RETURNED;
        out->tasks.alone |= shared;
        return;
    }
    out->type = REPORT_END;
    out->end.status = judge_blamed(l, slot);
    buffer_char(&l->text, '\0');
    out->end.killed = true;
    set_ending(s, &out->end.signal, &out->end.exit_code);
    out->end.start_ns = running->since_ns;
    out->end.duration_ns =
        s->death.ended_ns > running->since_ns ? s->death.ended_ns - running->since_ns : 0;
    out->end.cpu_ns = -1;
    out->end.peak_memory = s->death.peak_memory;
    out->end.cpu = -1;
    out->end.message = l->text.failed ? "the worker died" : l->text.data;
}

// ---- DEAD

static void describe_stuck(struct buffer *b, int pid)
{
    char state = proc_usage_state(pid);
    buffer_text(b, "; it does not end though it was killed");
    if (state)
        buffer_format(b, " (state %c%s)", state,
                      state == 'D' ? ": it waits in the kernel, for a device or a file system"
                                   : "");
}

// Returns whether a worker that had nothing left to run did not end normally.
static bool ended_badly(const struct slot *s)
{
    return s->was_ready && s->leaving.reason == LEAVE_RETIRED && s->death.wait_status != 0;
}

static void describe_bad_end(struct buffer *b, const struct local *l, const struct slot *s)
{
    buffer_text(b, "in `fini`, an exit handler or a destructor: ");
    if (s->leaving.overdue)
        buffer_format(b, "it took longer than %.4g s and was killed",
                      (double)local_end_limit(l) / (double)NS_PER_S);
    else
        local_describe_end(b, s, false);
}

static void describe_reason(struct buffer *b, const struct local *l, const struct slot *s)
{
    const struct leaving *why = &s->leaving;
    switch (why->reason) {
    case LEAVE_VIOLATION:
        buffer_format(b, "killed: it damaged its channel: %s", why->violation);
        break;
    case LEAVE_FOR_TASK:
        buffer_format(b, "killed: %s", why->message);
        break;
    case LEAVE_EXHAUSTED:
    case LEAVE_NOT_FORKED:
    case LEAVE_STILLBORN:
        buffer_text(b, why->message);
        break;
    case LEAVE_UNFIT:
    case LEAVE_RETIRED:
        if (ended_badly(s))
            describe_bad_end(b, l, s);
        else
            buffer_text(b, why->message[0] ? why->message : "told to end");
        break;
    case LEAVE_NONE:
    case LEAVE_LATE:
        local_describe_end(b, s, false);
        break;
    }
    if (s->death.stuck)
        describe_stuck(b, s->pid);
}

static void report_dead(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    enum leave_reason why = s->leaving.reason;
    *out = (struct exec_report){.type = REPORT_DEAD, .slot = slot};
    out->dead.pid = s->pid;
    out->dead.stuck = s->death.stuck;
    out->dead.expected = why == LEAVE_FOR_TASK || why == LEAVE_RETIRED || why == LEAVE_UNFIT;
    out->dead.badly = ended_badly(s);
    set_ending(s, &out->dead.signal, &out->dead.exit_code);
    buffer_reset(&l->text);
    describe_reason(&l->text, l, s);
    buffer_char(&l->text, '\0');
    out->dead.reason = l->text.failed ? "" : l->text.data;
    local_happen(l, s, EVENT_REPORTED, NULL);
}

// ---- Step by step

static bool is_damaged(const struct slot *s)
{
    return s->leaving.reason == LEAVE_VIOLATION;
}

static int explain(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    if (!local_explain(l, s))
        return 0;
    s->death.step = DEATH_READ;
    return is_stillborn(s) ? report_stillborn(l, slot, out) : 0;
}

static int read_rest(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    int got = local_read_ring(l, slot, out, err);
    if (got != 0 || s->held)
        return got;
    s->output.suffix = channel_printers(&s->channel);
    s->death.step =
        channel_blamed(&s->channel, is_damaged(s), &s->death.running) ? DEATH_OUTPUT : DEATH_RETURN;
    return 0;
}

static int take_step(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    switch (s->death.step) {
    case DEATH_EXPLAIN:
        return explain(l, slot, out);
    case DEATH_READ:
        return read_rest(l, slot, out, err);
    case DEATH_OUTPUT:
        if (report_last_output(l, slot, out))
            return 1;
        s->death.step = DEATH_BLAME;
        return 0;
    case DEATH_BLAME:
        s->death.step = DEATH_RETURN;
        report_blamed(l, slot, out);
        return 1;
    case DEATH_RETURN:
        *out = (struct exec_report){.type = REPORT_RETURNED, .slot = slot};
        if (!channel_unreported(&s->channel, is_damaged(s), &out->tasks))
            report_dead(l, slot, out);
        return 1;
    }
    return 0;
}

int local_report_death(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    enum death_step before;
    int got;
    do {
        before = s->death.step;
        got = take_step(l, slot, out, err);
    } while (got == 0 && s->death.step != before);
    return got;
}

// SPDX-License-Identifier: BSD-3-Clause
// What has become of granted tasks and of workers: one round of next_report looks at descriptors,
// then each ring, then sockets, then the dead, and kills what is overdue.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/local/local_slot.h"
#include "exec/process/usage.h"

enum {
    ROUND_BATCHES = 16 // read from a ring before the others have their turn
};

// ---- Reports from rings

static void describe_oom(struct buffer *b, const struct local *l)
{
    if (l->groups.made[CGROUP_MEMORY] >= 0)
        buffer_format(b, "all together have reached limits.memory, %.4g MiB",
                      (double)l->options.limits.memory / (1 << 20));
    else
        buffer_text(b, "the control group that this run is in has no more memory");
}

// A task that failed because the kernel has ended what it had started, for want of memory.
static void blame_memory(struct local *l, unsigned slot, struct exec_report *out)
{
    bool may_be = out->end.status == OUTCOME_ERROR ||
                  (out->end.status == OUTCOME_CRASHED && out->end.signal == SIGKILL);
    if (l->groups.made[CGROUP_MEMORY] < 0 || !may_be || !local_oom_killed(l, slot))
        return;
    buffer_reset(&l->text);
    if (out->end.status == OUTCOME_CRASHED)
        buffer_text(&l->text, "the kernel killed it: ");
    else
        buffer_format(&l->text, "%s; the kernel killed a process of it: ", out->end.message);
    describe_oom(&l->text, l);
    buffer_char(&l->text, '\0');
    out->end.status = OUTCOME_OVER_LIMIT;
    out->end.message = l->text.failed ? "the kernel killed it" : l->text.data;
}

static void report_batch(const struct channel_batch *b, struct exec_report *out)
{
    out->tasks = b->tasks;
    switch (b->kind) {
    case RECORD_OUTPUT:
        out->type = REPORT_OUTPUT;
        out->output.stream = (int)b->output.stream;
        out->output.offset = b->output.offset;
        out->output.length = b->output.length;
        break;
    case RECORD_END:
        out->type = REPORT_END;
        out->end.status = (enum outcome_status)b->end.status;
        out->end.permanent = b->end.permanent != 0;
        out->end.start_ns = b->start_ns;
        out->end.duration_ns = b->end.times.duration_ns;
        out->end.signal = b->end.signal;
        out->end.exit_code = b->end.exit_code;
        out->end.cpu_ns = b->end.times.cpu_ns;
        out->end.peak_memory = b->end.peak_memory;
        out->end.cpu = b->end.times.cpu;
        out->end.message = b->payload;
        break;
    default:
        out->type = REPORT_OK;
        out->ok.start_ns = b->start_ns;
        out->ok.duration_ns = b->kind == RECORD_LONG_OK ? b->times.duration_ns : -1;
        out->ok.durations = b->durations;
        out->ok.results = b->payload;
        out->ok.results_size = b->size;
        out->ok.cpu_ns = b->kind == RECORD_LONG_OK ? b->times.cpu_ns : -1;
        out->ok.cpu = b->kind == RECORD_LONG_OK ? b->times.cpu : -1;
        break;
    }
}

// Whether output is where the log has some that was not told yet. A task that puts another file in
// place of its standard output makes its worker say else.
static bool is_printed(const struct local *l, unsigned slot, const struct record_output *o)
{
    uint64_t from = (uint64_t)l->slots[slot].printed[o->stream - 1];
    uint64_t end = (uint64_t)local_stream_end(local_log_fd(l, slot, (int)o->stream));
    return o->offset >= from && o->offset <= end && o->length <= end - o->offset;
}

// Whether the batch is one to report; output that is none is passed over.
static bool take_batch(struct local *l, unsigned slot, struct channel_batch *b)
{
    if (b->kind != RECORD_OUTPUT)
        return true;
    if (!is_printed(l, slot, &b->output))
        return false;
    l->slots[slot].printed[b->output.stream - 1] = (off_t)(b->output.offset + b->output.length);
    b->output.length =
        local_cut_output(l, slot, (int)b->output.stream, b->output.offset, b->output.length);
    return true;
}

// Reports what was read; 0 when it is held until the words for it are there.
static int give_batch(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    out->slot = slot;
    report_batch(&s->batch, out);
    if (out->type == REPORT_END)
        blame_memory(l, slot, out);
    s->held = out->type == REPORT_END && out->end.status == OUTCOME_CRASHED &&
              out->end.signal != 0 && !local_explain_child(l, s, out);
    if (s->held)
        *out = (struct exec_report){.type = REPORT_NONE};
    return !s->held;
}

// The next report from the slot's ring: 1, 0 when it is empty or at fault, -1 when out of memory.
static int read_ring(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    const char *violation = NULL;
    if (s->held)
        return give_batch(l, slot, out);
    if (s->violation || !s->channel.up)
        return 0;
    enum channel_read state;
    do
        state = channel_read(&s->channel, clock_now(), &s->batch, &violation);
    while (state == CHANNEL_BATCH && !take_batch(l, slot, &s->batch));
    switch (state) {
    case CHANNEL_BATCH:
        return give_batch(l, slot, out);
    case CHANNEL_FAULT:
        if (s->state == DYING)
            s->violation = violation;
        else
            local_accuse(l, s, violation);
        return 0;
    case CHANNEL_FAILED:
        return br_error_nomem(err);
    default:
        channel_read_done(&s->channel);
        return 0;
    }
}

static int read_rings(struct local *l, struct exec_report *out, br_error *err)
{
    for (; l->cursor < l->base.slots; l->cursor++, l->batches = 0) {
        struct slot *s = &l->slots[l->cursor];
        // A worker that is quicker than we read must not keep the others waiting.
        s->left_over = l->batches == ROUND_BATCHES;
        l->left_over |= s->left_over;
        if ((s->state != READY && s->state != LEAVING) || s->left_over) {
            if (s->channel.up)
                channel_read_done(&s->channel);
            continue;
        }
        int got = read_ring(l, l->cursor, out, err);
        l->batches++;
        if (got != 0)
            return got;
    }
    return 0;
}

// ---- Reports from sockets

static int report_unfit(struct local *l, unsigned slot, enum br_error_kind kind, const char *text,
                        struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    buffer_reset(&l->text);
    buffer_text(&l->text, text);
    buffer_char(&l->text, '\0');
    s->unfit_told = true;
    *out = (struct exec_report){.type = REPORT_UNFIT, .slot = slot};
    out->unfit.kind = kind;
    out->unfit.text = l->text.failed ? "a worker could not start" : l->text.data;
    return 1;
}

// A worker at work that lacks memory or descriptors, for what its tasks have used up: another one
// may do better.
static void give_up(struct slot *s, const char *why)
{
    if (s->state != READY)
        return;
    s->state = LEAVING;
    s->gave_up = true;
    snprintf(s->message, sizeof s->message, "%s", why ? why : "it could not go on");
    s->kill_at = clock_now() + RETIRE_GRACE_NS;
}

static int take_control(struct local *l, unsigned slot, const char *data, size_t size,
                        struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    struct wire w = {.at = data, .left = size};
    uint64_t type = wire_get(&w);
    if (type == CONTROL_READY && s->state == STARTING) {
        (void)wire_get(&w); // its pid, which the nursery told too
        wire_get_bytes(&w, &s->cpus, sizeof s->cpus);
        s->state = READY;
        s->was_ready = true;
        s->kill_at = INT64_MAX;
        l->stillborn = 0;
        *out = (struct exec_report){.type = REPORT_READY, .slot = slot};
        out->ready.pid = s->pid;
        out->ready.cpus = &s->cpus;
        return 1;
    }
    if (type == CONTROL_CRASHED)
        local_take_note(s, &w);
    if (type == CONTROL_UNFIT && !s->unfit_told && !s->violation) {
        enum br_error_kind kind = (enum br_error_kind)wire_get(&w);
        const char *text = wire_get_text(&w);
        if (s->was_ready && kind != BR_ERR_PLUGIN) {
            give_up(s, text);
            return 0;
        }
        if (s->state == READY || s->state == STARTING)
            s->state = LEAVING;
        s->kill_at = clock_now() + RETIRE_GRACE_NS;
        return report_unfit(l, slot, kind == BR_ERR_PLUGIN ? kind : BR_ERR_SYSTEM,
                            text ? text : "a worker could not start", out);
    }
    return 0;
}

static int read_controls(struct local *l, struct exec_report *out)
{
    char *space = l->control;
    for (unsigned i = 0; i < l->base.slots; i++) {
        struct slot *s = &l->slots[i];
        // What a worker says can be here before the nursery's word that it exists.
        while (s->control_ready && s->control >= 0 && s->pid != 0) {
            ssize_t got = recv(s->control, space, CONTROL_MAX, MSG_DONTWAIT);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0) {
                s->control_ready = false;
                // Its end: the nursery will tell. Until then the socket would be readable for ever.
                s->hung_up = got == 0 || errno != EAGAIN;
                if (s->hung_up)
                    epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->control, NULL);
                break;
            }
            if (take_control(l, i, space, (size_t)got, out))
                return 1;
        }
    }
    return 0;
}

static struct slot *slot_of(struct local *l, uint32_t id)
{
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state != EMPTY && l->slots[i].id == id)
            return &l->slots[i];
    return NULL;
}

static void take_nursery_event(struct local *l, const struct nursery_event *e)
{
    struct slot *s = slot_of(l, e->id);
    if (!s)
        return;
    switch (e->type) {
    case NURSERY_STARTED:
        s->pid = e->pid;
        break;
    case NURSERY_NOT_STARTED:
        s->wait_status = 0;
        snprintf(s->message, sizeof s->message, "cannot fork a worker: %s", strerror(e->number));
        s->state = DYING;
        break;
    case NURSERY_ENDED:
        s->wait_status = e->wait_status;
        s->peak_memory = e->peak_memory;
        s->ended_ns = clock_now();
        s->control_ready = true; // a last word may be there
        s->state = DYING;
        break;
    }
}

int local_read_nursery(struct local *l, br_error *err)
{
    struct nursery_event event;
    int got = 0;
    while (l->nursery_ready && (got = nursery_next(l->options.nursery, &event, err)) > 0)
        take_nursery_event(l, &event);
    l->nursery_ready = false;
    return got;
}

// ---- Reports of a death

static void set_ending(const struct slot *s, int *signal, int *exit_code)
{
    *signal = WIFSIGNALED(s->wait_status) ? WTERMSIG(s->wait_status) : 0;
    *exit_code = WIFEXITED(s->wait_status) ? WEXITSTATUS(s->wait_status) : 0;
}

// What the task that was in hand, or short ones just before it, printed before the end, stream by
// stream.
static bool report_last_words(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    for (int stream = 1; l->options.common.keep_output && stream <= 2; stream++) {
        off_t end = local_stream_end(local_log_fd(l, slot, stream)), from = s->printed[stream - 1];
        if (end <= from)
            continue;
        s->printed[stream - 1] = end;
        *out = (struct exec_report){.type = REPORT_OUTPUT, .slot = slot, .tasks = s->printers};
        out->output.stream = stream;
        out->output.offset = (uint64_t)from;
        out->output.length =
            local_cut_output(l, slot, stream, (uint64_t)from, (uint64_t)(end - from));
        return true;
    }
    return false;
}

static void report_blamed(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    bool for_it = s->blame.count > 0 && local_same_task(&s->blame, &s->in_hand.task);
    *out = (struct exec_report){.slot = slot, .tasks = s->in_hand.task};
    if (!s->violation && s->state == DYING && !for_it && (s->blame.count > 0 || s->unfit_told)) {
        // It ended for another's sake; this task is no more to blame than those behind it.
        out->type = REPORT_RETURNED;
        return;
    }
    bool oom = !s->violation && !for_it && s->wait_status == SIGKILL && local_oom_killed(l, slot);
    buffer_reset(&l->text);
    if (s->violation)
        buffer_format(&l->text, "it damaged the worker's channel: %s", s->violation);
    else if (for_it)
        buffer_text(&l->text, s->message);
    else if (oom) {
        buffer_text(&l->text, "the kernel killed it: ");
        describe_oom(&l->text, l);
    } else
        local_describe_end(&l->text, s, true);
    buffer_char(&l->text, '\0');
    out->type = REPORT_END;
    out->end.status = oom                       ? OUTCOME_OVER_LIMIT
                      : for_it && !s->violation ? s->status
                                                : OUTCOME_CRASHED;
    out->end.killed = true;
    set_ending(s, &out->end.signal, &out->end.exit_code);
    out->end.start_ns = s->in_hand.since_ns;
    out->end.duration_ns =
        s->ended_ns > s->in_hand.since_ns ? s->ended_ns - s->in_hand.since_ns : 0;
    out->end.cpu_ns = -1;
    out->end.peak_memory = s->peak_memory;
    out->end.cpu = -1;
    out->end.message = l->text.failed ? "the worker died" : l->text.data;
}

static void describe_stuck(struct buffer *b, int pid)
{
    char state = usage_state(pid);
    buffer_text(b, "; it does not end though it was killed");
    if (state)
        buffer_format(b, " (state %c%s)", state,
                      state == 'D' ? ": it waits in the kernel, for a device or a file system"
                                   : "");
}

static void report_dead(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    bool expected = s->blame.count > 0 || s->told_to_end || s->unfit_told;
    *out = (struct exec_report){.type = REPORT_DEAD, .slot = slot};
    out->dead.pid = s->pid;
    out->dead.stuck = s->stuck;
    out->dead.expected = expected && !s->violation;
    set_ending(s, &out->dead.signal, &out->dead.exit_code);
    buffer_reset(&l->text);
    if (s->violation)
        buffer_format(&l->text, "killed: it damaged its channel: %s", s->violation);
    else if (s->blame.count > 0)
        buffer_format(&l->text, "killed: %s", s->message);
    else if (s->message[0])
        buffer_text(&l->text, s->message);
    else if (expected)
        buffer_text(&l->text, "told to end");
    else
        local_describe_end(&l->text, s, false);
    if (s->stuck)
        describe_stuck(&l->text, s->pid);
    buffer_char(&l->text, '\0');
    out->dead.reason = l->text.failed ? "" : l->text.data;
    local_forget_worker(l, s);
}

// A worker that died of itself before it was ready, or was not ready in time. No process to be had,
// and a signal from outside (a person, the kernel out of memory) are another matter: a later one
// may do better.
static bool is_stillborn(const struct slot *s)
{
    bool killed = WIFSIGNALED(s->wait_status) &&
                  (WTERMSIG(s->wait_status) == SIGKILL || WTERMSIG(s->wait_status) == SIGTERM);
    return !s->was_ready && !s->unfit_told && !s->told_to_end && (!killed || s->late) &&
           !s->message[0];
}

static void describe_stillborn(struct buffer *b, const struct local *l, const struct slot *s)
{
    const char *where = l->options.common.plugins.count > 0 ? "while it was loading the plugins"
                        : l->options.common.init            ? "in the pool's initializer"
                                                            : "while it was starting";
    if (s->late) {
        int64_t limit = l->options.start_ns ? l->options.start_ns : START_NS;
        buffer_format(b, "a worker hung %s: it was not ready after %.4g s", where,
                      (double)limit / (double)NS_PER_S);
        return;
    }
    buffer_format(b, "a worker died %s: ", where);
    local_describe_end(b, s, false);
}

// One that crashes may have been sent the signal from outside. The next one that does so before any
// was ready shows that it is the plugins' own doing; and so does one that hangs.
static int report_stillborn(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    struct buffer b = BUFFER_EMPTY;
    describe_stillborn(&b, l, s);
    buffer_char(&b, '\0');
    snprintf(s->message, sizeof s->message, "%s",
             b.failed ? "a worker died while it was starting" : b.data);
    buffer_finish(&b);
    l->stillborn++;
    if (l->stillborn < 2 && !s->late)
        return 0;
    return report_unfit(l, slot, BR_ERR_PLUGIN, s->message, out);
}

// What a dead worker leaves, one report a call, the last one DEAD.
static int report_dying(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    if (!local_explain(l, s))
        return 0;
    int got = is_stillborn(s) ? report_stillborn(l, slot, out) : 0;
    if (got == 0 && !s->blame_told)
        got = read_ring(l, slot, out, err);
    if (got == 0 && s->held)
        return 0;
    if (got != 0)
        return got;
    if (!s->blame_told && !s->blame_found) {
        s->printers = channel_printers(&s->channel);
        s->blame_found = channel_blamed(&s->channel, s->violation != NULL, &s->in_hand);
        s->blame_told = !s->blame_found;
    }
    if (!s->blame_told) {
        if (report_last_words(l, slot, out))
            return 1;
        s->blame_told = true;
        report_blamed(l, slot, out);
        return 1;
    }
    *out = (struct exec_report){.type = REPORT_RETURNED, .slot = slot};
    if (!channel_unreported(&s->channel, s->violation != NULL, &out->tasks))
        report_dead(l, slot, out);
    return 1;
}

// ---- One round

static int poll_descriptors(struct local *l, br_error *err)
{
    struct epoll_event events[64];
    int count = epoll_wait(l->epoll, events, 64, 0);
    // As when a program has closed descriptors that are not its own.
    if (count < 0 && errno != EINTR)
        return br_error_errno(err, "cannot see what the workers tell");
    for (int i = 0; i < count; i++) {
        uint64_t tag = events[i].data.u64;
        uint64_t rings;
        if (tag == TAG_DOORBELL)
            (void)!read(l->doorbell, &rings, sizeof rings); // EAGAIN: another has read it
        else if (tag == TAG_NURSERY)
            l->nursery_ready = true;
        else if (tag >= TAG_SLOT)
            l->slots[tag - TAG_SLOT].control_ready = true;
    }
    l->polled = true;
    l->heard = count > 0;
    l->cursor = 0;
    l->batches = 0;
    l->left_over = false;
    return 0;
}

int local_next_report(struct executor *ex, struct exec_report *out, br_error *err)
{
    struct local *l = local_of(ex);
    if (!l->polled && poll_descriptors(l, err) != 0)
        return -1;
    // What a worker finished counts before its end is looked at; then what it finished meanwhile.
    int got = read_rings(l, out, err);
    if (got == 0)
        got = read_controls(l, out);
    if (got == 0)
        got = local_read_nursery(l, err);
    for (unsigned i = 0; got == 0 && i < ex->slots; i++)
        if (l->slots[i].state == DYING) {
            got = read_controls(l, out);
            if (got == 0)
                got = report_dying(l, i, out, err);
        }
    l->heard |= got > 0;
    if (got == 0) {
        local_watch(l);
        local_kill_overdue(l);
        if (l->heard)
            l->heard_ns = clock_now();
        l->polled = false;
    }
    return got;
}

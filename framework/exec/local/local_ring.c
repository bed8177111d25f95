// SPDX-License-Identifier: BSD-3-Clause
// Reports of what workers publish in their rings.
#include "exec/local/local_ring.h"

#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "exec/local/local_crash.h"
#include "exec/local/local_life.h"
#include "exec/local/local_watch.h"

enum {
    ROUND_BATCHES = 16 // read from a ring before the others have their turn
};

// Corrects the END of a task that failed because the kernel has killed a process of it when memory
// ran out.
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
    local_describe_oom(&l->text, l);
    buffer_char(&l->text, '\0');
    out->end.status = OUTCOME_OVER_LIMIT;
    out->end.message = l->text.failed ? "the kernel killed it" : l->text.data;
}

// Corrects the END of an isolated task whose process has reached a limit that this process was
// started with.
static void blame_ulimit(struct local *l, struct exec_report *out)
{
    buffer_reset(&l->text);
    if (out->end.status != OUTCOME_CRASHED ||
        !local_describe_ulimit(&l->text, out->end.signal, out->end.cpu_ns))
        return;
    buffer_char(&l->text, '\0');
    out->end.status = OUTCOME_OVER_LIMIT;
    out->end.message = l->text.failed ? "it reached a limit (ulimit)" : l->text.data;
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

// Whether the log has such output that was not reported yet. A task that replaces its standard
// output by another file makes its worker claim other positions.
static bool is_printed(const struct local *l, unsigned slot, const struct record_output *o)
{
    uint64_t from = (uint64_t)l->slots[slot].output.end[o->stream - 1];
    uint64_t end = (uint64_t)local_stream_end(local_log_fd(l, slot, (int)o->stream));
    return o->offset >= from && o->offset <= end && o->length <= end - o->offset;
}

// Whether the batch is one to report. Output that the log does not have is not.
static bool take_batch(struct local *l, unsigned slot, struct channel_batch *b)
{
    if (b->kind != RECORD_OUTPUT)
        return true;
    if (!is_printed(l, slot, &b->output))
        return false;
    l->slots[slot].output.end[b->output.stream - 1] = (off_t)(b->output.offset + b->output.length);
    b->output.length =
        local_cut_output(l, slot, (int)b->output.stream, b->output.offset, b->output.length);
    return true;
}

// Reports the batch that was read. Returns 0 if it is held until symbol names are known.
static int give_batch(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    out->slot = slot;
    report_batch(&s->batch, out);
    if (out->type == REPORT_END)
        blame_memory(l, slot, out);
    if (out->type == REPORT_END)
        blame_ulimit(l, out);
    s->held = out->type == REPORT_END && out->end.status == OUTCOME_CRASHED &&
              out->end.signal != 0 && !local_explain_child(l, s, out);
    if (s->held)
        *out = (struct exec_report){.type = REPORT_NONE};
    return !s->held;
}

int local_read_ring(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    const char *violation = NULL;
    if (s->held)
        return give_batch(l, slot, out);
    if (s->leaving.reason == LEAVE_VIOLATION || !s->channel.up)
        return 0;
    enum channel_read state;
    do
        state = channel_read(&s->channel, clock_now(), &s->batch, &violation);
    while (state == CHANNEL_BATCH && !take_batch(l, slot, &s->batch));
    switch (state) {
    case CHANNEL_BATCH:
        return give_batch(l, slot, out);
    case CHANNEL_FAULT:
        local_happen(l, s, EVENT_VIOLATION, &(struct slot_cause){.text = violation});
        return 0;
    case CHANNEL_FAILED:
        return br_error_nomem(err);
    default:
        channel_read_done(&s->channel);
        return 0;
    }
}

// A starting worker has published nothing, and a dead one's ring is read by local_report_death.
static bool has_live_ring(const struct slot *s)
{
    return s->state == SLOT_READY || s->state == SLOT_LEAVING || s->state == SLOT_KILLED;
}

int local_read_rings(struct local *l, struct exec_report *out, br_error *err)
{
    for (; l->cursor < l->base.slots; l->cursor++, l->batches = 0) {
        struct slot *s = &l->slots[l->cursor];
        // A worker that publishes faster than this reads must not keep the others waiting.
        s->unread = l->batches == ROUND_BATCHES;
        l->unread |= s->unread;
        if (!has_live_ring(s) || s->unread) {
            if (s->channel.up)
                channel_read_done(&s->channel);
            continue;
        }
        int got = local_read_ring(l, l->cursor, out, err);
        l->batches++;
        if (got != 0)
            return got;
    }
    return 0;
}

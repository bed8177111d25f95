// SPDX-License-Identifier: BSD-3-Clause
// The rounds of next_report, and what workers say over their sockets.
#include "exec/local/local_report.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "exec/local/local_crash.h"
#include "exec/local/local_death.h"
#include "exec/local/local_life.h"
#include "exec/local/local_ring.h"
#include "exec/local/local_watch.h"

#define LOCAL_RESCAN_NS (100 * NS_PER_MS)
#define RESCAN_MAX_NS   (2 * NS_PER_S)

// ---- Reports from sockets

// Returns the number of reports: 1 or 0.
static int take_ready(struct local *l, unsigned slot, struct wire *w, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    struct cpuset cpus = {0};
    (void)wire_get(w); // its pid, which the nursery has reported too
    wire_get_bytes(w, &cpus, sizeof cpus);
    if (!local_happen(l, s, EVENT_READY, &(struct slot_cause){.cpus = &cpus}))
        return 0;
    *out = (struct exec_report){.type = REPORT_READY, .slot = slot};
    out->ready.pid = s->pid;
    out->ready.cpus = &s->cpus;
    return 1;
}

static int take_unfit(struct local *l, unsigned slot, struct wire *w, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    enum leave_reason why = s->leaving.reason;
    enum br_error_kind kind = (enum br_error_kind)wire_get(w);
    const char *text = wire_get_text(w);
    if (why == LEAVE_UNFIT || why == LEAVE_VIOLATION)
        return 0;
    if (s->was_ready && kind != BR_ERR_PLUGIN) {
        local_happen(l, s, EVENT_EXHAUSTED, &(struct slot_cause){.text = text});
        return 0;
    }
    if (!local_happen(l, s, EVENT_UNFIT, NULL))
        return 0;
    local_report_unfit(l, slot, kind == BR_ERR_PLUGIN ? kind : BR_ERR_SYSTEM,
                       text ? text : "a worker could not start", out);
    return 1;
}

static int take_control(struct local *l, unsigned slot, const char *data, size_t size,
                        struct exec_report *out)
{
    struct wire w = {.at = data, .left = size};
    switch (wire_get(&w)) {
    case CONTROL_READY:
        return take_ready(l, slot, &w, out);
    case CONTROL_UNFIT:
        return take_unfit(l, slot, &w, out);
    case CONTROL_USED_UP:
        local_happen(l, &l->slots[slot], EVENT_USED_UP,
                     &(struct slot_cause){.text = wire_get_text(&w)});
        return 0;
    case CONTROL_CRASHED:
        local_take_note(&l->slots[slot], &w);
        return 0;
    default:
        return 0;
    }
}

// Reads one message. Returns its size; 0 if there is none for now.
static size_t read_control(struct local *l, struct slot *s)
{
    for (;;) {
        ssize_t got = recv(s->control.fd, l->control, CONTROL_MAX, MSG_DONTWAIT);
        if (got > 0)
            return (size_t)got;
        if (got < 0 && errno == EINTR)
            continue;
        s->control.readable = false;
        s->control.hung_up = got == 0 || errno != EAGAIN;
        // Its end would be readable until the nursery has reported the worker's death.
        if (s->control.hung_up)
            epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->control.fd, NULL);
        return 0;
    }
}

static int read_controls(struct local *l, struct exec_report *out)
{
    for (unsigned i = 0; i < l->base.slots; i++) {
        struct slot *s = &l->slots[i];
        // A worker's message can be here before the nursery has reported its start.
        while (s->control.readable && s->control.fd >= 0 && s->pid != 0) {
            size_t size = read_control(l, s);
            if (size > 0 && take_control(l, i, l->control, size, out))
                return 1;
        }
    }
    return 0;
}

static struct slot *slot_of(struct local *l, uint32_t id)
{
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state != SLOT_EMPTY && l->slots[i].id == id)
            return &l->slots[i];
    return NULL;
}

static void take_nursery_event(struct local *l, const struct nursery_event *e)
{
    struct slot *s = slot_of(l, e->id);
    if (!s)
        return;
    if (e->type == NURSERY_STARTED)
        s->pid = e->pid;
    else
        local_happen(l, s, e->type == NURSERY_ENDED ? EVENT_ENDED : EVENT_NOT_FORKED,
                     &(struct slot_cause){.fact = e});
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

// ---- One round

int64_t local_next_rescan(int64_t now, int64_t heard_ns, bool hung_up)
{
    int64_t wait = now - heard_ns;
    if (wait > RESCAN_MAX_NS)
        wait = RESCAN_MAX_NS;
    return now + (hung_up || wait < LOCAL_RESCAN_NS ? LOCAL_RESCAN_NS : wait);
}

static int poll_descriptors(struct local *l, br_error *err)
{
    struct epoll_event events[64];
    int count = epoll_wait(l->epoll, events, 64, 0);
    // It fails when a program has closed descriptors that are not its own.
    if (count < 0 && errno != EINTR)
        return br_error_errno(err, "cannot wait for the workers' reports");
    for (int i = 0; i < count; i++) {
        uint64_t tag = events[i].data.u64;
        uint64_t rings;
        if (tag == TAG_DOORBELL)
            (void)!read(l->doorbell, &rings, sizeof rings); // nothing to read is not an error
        else if (tag == TAG_NURSERY)
            l->nursery_ready = true;
        else if (tag >= TAG_SLOT)
            l->slots[tag - TAG_SLOT].control.readable = true;
    }
    l->polled = true;
    l->heard = count > 0;
    l->cursor = 0;
    l->batches = 0;
    l->unread = false;
    return 0;
}

// Outcomes come first: what a worker finished counts before its end is judged. The nursery's events
// come before the workers' messages: without its pid a worker's message is not read.
static int read_all(struct local *l, struct exec_report *out, br_error *err)
{
    int got = local_read_rings(l, out, err);
    if (got == 0)
        got = local_read_nursery(l, err);
    if (got == 0)
        got = read_controls(l, out);
    for (unsigned i = 0; got == 0 && i < l->base.slots; i++)
        if (l->slots[i].state == SLOT_DYING)
            got = local_report_death(l, i, out, err);
    return got;
}

int local_next_report(struct executor *ex, struct exec_report *out, br_error *err)
{
    struct local *l = local_of(ex);
    if (!l->polled && poll_descriptors(l, err) != 0)
        return -1;
    int got = read_all(l, out, err);
    // This process may have been stopped or busy since it polled. A deadline counts only after
    // everything was read that was said before it was found to have passed.
    int64_t now = clock_now();
    if (got == 0 && local_note_overdue(l, now))
        got = read_all(l, out, err);
    l->heard |= got > 0;
    if (got == 0) {
        local_watch(l);
        local_end_overdue(l, now);
        if (l->heard)
            l->heard_ns = clock_now();
        l->polled = false;
    }
    return got;
}

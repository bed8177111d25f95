// SPDX-License-Identifier: BSD-3-Clause
// Worker processes of this machine, each behind its own channel.
//
// A slot's life:
//
//   state \ event  start()    READY      UNFIT       kill()     retire()   worker ends
//   -------------  ---------  ---------  ----------  ---------  ---------  -----------
//   EMPTY          STARTING   -          -           -          -          -
//   STARTING       -          READY      LEAVING     LEAVING    LEAVING    DYING
//   READY          -          -          LEAVING     LEAVING    LEAVING    DYING
//   LEAVING        -          -          -           -          -          DYING
//   DYING          what is left in its channel is reported, then DEAD -> EMPTY
//
// LEAVING has been told to end, by a signal or through its channel; past its deadline it is sent
// SIGKILL.
#include "exec/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "exec/channel.h"
#include "exec/worker.h"

#define RESCAN_NS       (100 * NS_PER_MS)
#define RETIRE_GRACE_NS (5 * NS_PER_S)
#define LAST_GRACE_NS   (2 * NS_PER_S)

enum {
    ROUND_BATCHES = 16,
    MAP_BUCKETS = 1024
};

enum slot_state {
    EMPTY,
    STARTING,
    READY,
    LEAVING,
    DYING
};

struct slot {
    enum slot_state state;
    uint32_t id; // the nursery's name for the worker
    int pid;
    int control;
    bool control_ready;
    bool was_ready;
    bool unfit_told;
    bool gave_up; // was at work, and said that it cannot go on: `message`
    bool told_to_end;
    bool left_over; // the last round did not read all of its ring
    struct channel channel;
    struct cpuset cpus; // as the worker read them back
    off_t printed[2];   // how far its output is accounted for

    // Why it is LEAVING.
    int64_t kill_at;         // when SIGKILL follows, or INT64_MAX
    struct exec_grant blame; // the task it is killed for; count 0: none
    enum outcome_status status;
    char message[256];
    const char *violation; // what it did to its channel: nothing more is read

    // How it ended, and how far that was reported.
    int wait_status;
    int64_t peak_memory;
    int64_t ended_ns;
    bool blame_found;
    bool blame_told;
    struct exec_in_hand in_hand;
};

struct map_entry {
    struct map_entry *next; // in its bucket
    struct exec_map map;
    uint32_t told[]; // by slot: the worker (by the nursery's name) that knows it
};

struct local {
    struct executor base; // first
    struct local_options options;
    int epoll;
    int doorbell;
    int null;
    struct slot *slots;
    struct map_entry *maps[MAP_BUCKETS]; // by id: a program may have any number of calls under way
    // One round of next_report: descriptors, then each ring, then the rest.
    bool polled;
    bool nursery_ready;
    unsigned cursor;    // the slot whose ring is read
    unsigned batches;   // read from it in this round
    bool left_over;     // a ring had more than this round's share: nobody rings for that
    struct buffer text; // of the report last given
    char control[CONTROL_MAX];
};

static struct local *local_of(const struct executor *ex)
{
    return (struct local *)ex;
}

// ---- Starting workers

static int watch(struct local *l, int fd, uint64_t tag, br_error *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = tag};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        return br_error_errno(err, "cannot watch a worker's socket");
    return 0;
}

enum {
    TAG_DOORBELL = 1,
    TAG_NURSERY,
    TAG_SLOT
};

static int setup_memory(struct local *l, unsigned slot, br_error *err)
{
    const struct plan_slot *p = &l->options.plan->slots[slot];
    struct setup_slot s = {.slot = slot, .width = p->width, .cpus = p->cpus, .nodes = p->nodes};
    struct buffer b = BUFFER_EMPTY;
    setup_write(&b, &l->options.common, &s);
    int fd =
        buffer_check(&b, err) == 0 ? fd_memory_sealed("batchrun-setup", b.data, b.length, err) : -1;
    buffer_finish(&b);
    return fd;
}

// By fstat: the descriptor's offset is shared with the worker.
static off_t stream_end(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static int log_fd(const struct local *l, unsigned slot, int stream)
{
    const int *fds = stream == 1 ? l->options.out_fds : l->options.err_fds;
    return fds && fds[slot] >= 0 ? fds[slot] : -1;
}

static int spawn(struct local *l, unsigned slot, int control, int setup, br_error *err)
{
    struct slot *s = &l->slots[slot];
    int out = log_fd(l, slot, 1), error = log_fd(l, slot, 2);
    int fds[WORKER_FDS] = {
        [WORKER_CONTROL] = control,
        [WORKER_SETUP] = setup,
        [WORKER_DOWN] = s->channel.down_fd,
        [WORKER_UP] = s->channel.up_fd,
        [WORKER_DOORBELL] = l->doorbell,
        [WORKER_OUT] = out >= 0 ? out : l->null,
        [WORKER_ERR] = error >= 0 ? error : l->null,
    };
    return nursery_spawn(l->options.nursery, worker_main, fds, WORKER_FDS, &s->id, err);
}

static void forget_worker(struct local *l, struct slot *s)
{
    if (s->control >= 0)
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->control, NULL);
    fd_close(&s->control);
    channel_destroy(&s->channel);
    s->state = EMPTY;
    s->pid = 0;
}

static int local_start(struct executor *ex, unsigned slot, br_error *err)
{
    struct local *l = local_of(ex);
    struct slot *s = &l->slots[slot];
    int pair[2];
    *s = (struct slot){.control = -1, .kill_at = INT64_MAX};
    if (channel_create(&s->channel, err) != 0)
        return -1;
    int setup = setup_memory(l, slot, err);
    if (setup < 0) {
        forget_worker(l, s);
        return -1;
    }
    int result = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        br_error_errno(err, "cannot create a socket pair");
    else {
        s->control = fd_above_standard(pair[0]);
        pair[1] = fd_above_standard(pair[1]);
        result = spawn(l, slot, pair[1], setup, err);
        close(pair[1]);
    }
    close(setup);
    if (result == 0)
        result = watch(l, s->control, TAG_SLOT + slot, err);
    if (result != 0) {
        forget_worker(l, s);
        return -1;
    }
    s->printed[0] = stream_end(log_fd(l, slot, 1));
    s->printed[1] = stream_end(log_fd(l, slot, 2));
    s->state = STARTING;
    return 0;
}

// ---- Maps and grants

static int local_define(struct executor *ex, const struct exec_map *map, br_error *err)
{
    struct local *l = local_of(ex);
    struct map_entry *m = calloc(1, sizeof *m + ex->slots * sizeof *m->told);
    if (!m)
        return br_error_nomem(err);
    struct map_entry **bucket = &l->maps[map->id % MAP_BUCKETS];
    m->map = *map;
    m->next = *bucket;
    *bucket = m;
    return 0;
}

// Where the map's entry hangs; *it is NULL when there is none.
static struct map_entry **find_map(struct local *l, uint64_t id)
{
    struct map_entry **at = &l->maps[id % MAP_BUCKETS];
    while (*at && (*at)->map.id != id)
        at = &(*at)->next;
    return at;
}

static int send_control(struct slot *s, const struct buffer *b, int fd, br_error *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec data = {.iov_base = b->data, .iov_len = b->length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (buffer_check(b, err) != 0)
        return -1;
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(s->control, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    // A worker that has just died is found by its end; what it is granted comes back then.
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
        return br_error_errno(err, "cannot tell a worker of its tasks");
    return 0;
}

static int tell_map(struct slot *s, const struct exec_map *m, br_error *err)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, CONTROL_DEFINE);
    wire_put(&b, m->id);
    wire_put(&b, m->plugin);
    wire_put_text(&b, m->task);
    wire_put_text(&b, m->phase);
    wire_put(&b, m->seed);
    wire_put(&b, m->table_size);
    wire_put(&b, m->rows);
    wire_put(&b, m->rows_per_task);
    wire_put(&b, (uint64_t)m->soft_ns);
    wire_put(&b, (uint64_t)m->hard_ns);
    wire_put(&b, (uintptr_t)m->function);
    wire_put(&b, m->in_size);
    wire_put(&b, m->out_size);
    int result = send_control(s, &b, m->table_fd, err);
    buffer_finish(&b);
    return result;
}

static void tell_drop(struct slot *s, uint64_t id)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, CONTROL_DROP);
    wire_put(&b, id);
    // A worker that does not hear it keeps a mapping longer; no more.
    (void)send_control(s, &b, -1, NULL);
    buffer_finish(&b);
}

static void local_drop(struct executor *ex, uint64_t id)
{
    struct local *l = local_of(ex);
    struct map_entry **at = find_map(l, id), *m = *at;
    if (!m)
        return;
    for (unsigned slot = 0; m->map.table_fd >= 0 && slot < ex->slots; slot++)
        if (l->slots[slot].state == READY && m->told[slot] == l->slots[slot].id)
            tell_drop(&l->slots[slot], id);
    *at = m->next;
    free(m);
}

static int local_grant(struct executor *ex, unsigned slot, const struct exec_grant *g,
                       br_error *err)
{
    struct local *l = local_of(ex);
    struct slot *s = &l->slots[slot];
    struct map_entry *m = *find_map(l, g->map);
    // What needs no shared memory travels with the grant.
    if (m->map.table_fd >= 0 && m->told[slot] != s->id) {
        if (tell_map(s, &m->map, err) != 0)
            return -1;
        m->told[slot] = s->id;
    }
    channel_grant(&s->channel, g, &m->map, clock_now());
    return 0;
}

static unsigned local_load(const struct executor *ex, unsigned slot)
{
    return channel_load(&local_of(ex)->slots[slot].channel);
}

static uint32_t local_take_back(struct executor *ex, unsigned slot, uint64_t map, uint64_t most,
                                struct exec_grant *out)
{
    struct slot *s = &local_of(ex)->slots[slot];
    return s->state == READY && !s->violation ? channel_take_back(&s->channel, map, most, out) : 0;
}

static bool local_in_hand(struct executor *ex, unsigned slot, struct exec_in_hand *out)
{
    struct slot *s = &local_of(ex)->slots[slot];
    // With outcomes unread the task that seems to be in hand may long have ended.
    return s->state == READY && !s->left_over && channel_in_hand(&s->channel, out);
}

static void local_ask(struct executor *ex, unsigned slot, const struct exec_grant *task)
{
    struct slot *s = &local_of(ex)->slots[slot];
    if (s->state == READY)
        channel_cancel(&s->channel, task);
}

// ---- Ending workers

static bool same_task(const struct exec_grant *a, const struct exec_grant *b)
{
    return a->map == b->map && a->first == b->first;
}

static void send_signal(struct local *l, struct slot *s, int signal)
{
    // When the nursery does not keep up the next round tries again.
    if (nursery_kill(l->options.nursery, s->id, signal, NULL) == 0)
        return;
    // When it is gone its workers are too, but what they forked may live on in their groups.
    if (errno == EPIPE && signal == SIGKILL && s->pid > 0)
        kill(-s->pid, SIGKILL);
    s->kill_at = clock_now() + RESCAN_NS;
}

static void local_kill(struct executor *ex, unsigned slot, const struct exec_grant *task,
                       enum outcome_status status, const char *message, int64_t grace_ns)
{
    struct local *l = local_of(ex);
    struct slot *s = &l->slots[slot];
    if (s->state != READY) // it is ending already
        return;
    s->state = LEAVING;
    s->blame = *task;
    s->status = status;
    snprintf(s->message, sizeof s->message, "%s", message);
    s->kill_at = clock_now() + grace_ns;
    send_signal(l, s, grace_ns > 0 ? SIGTERM : SIGKILL);
}

static void local_retire(struct executor *ex, unsigned slot)
{
    struct slot *s = &local_of(ex)->slots[slot];
    if (s->state != READY && s->state != STARTING)
        return;
    s->state = LEAVING;
    s->told_to_end = true;
    s->kill_at = clock_now() + RETIRE_GRACE_NS;
    channel_close(&s->channel);
}

static void kill_overdue(struct local *l)
{
    int64_t now = clock_now();
    for (unsigned i = 0; i < l->base.slots; i++) {
        struct slot *s = &l->slots[i];
        if (s->state == EMPTY || s->state == DYING || s->kill_at > now)
            continue;
        s->kill_at = INT64_MAX;
        send_signal(l, s, SIGKILL);
    }
}

static void accuse(struct local *l, struct slot *s, const char *violation)
{
    s->violation = violation;
    s->state = LEAVING;
    s->kill_at = INT64_MAX;
    send_signal(l, s, SIGKILL);
}

// ---- Reports from rings

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
        out->end.cpu_ns = b->end.times.cpu_ns;
        out->end.peak_memory = -1;
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
    uint64_t end = (uint64_t)stream_end(log_fd(l, slot, (int)o->stream));
    return o->offset >= from && o->offset <= end && o->length <= end - o->offset;
}

// Whether the batch is one to report; output that is none is passed over.
static bool take_batch(struct local *l, unsigned slot, const struct channel_batch *b)
{
    if (b->kind != RECORD_OUTPUT)
        return true;
    if (!is_printed(l, slot, &b->output))
        return false;
    l->slots[slot].printed[b->output.stream - 1] = (off_t)(b->output.offset + b->output.length);
    return true;
}

// The next report from the slot's ring: 1, 0 when it is empty or at fault, -1 when out of memory.
static int read_ring(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    struct channel_batch batch = {0};
    const char *violation = NULL;
    if (s->violation || !s->channel.up)
        return 0;
    enum channel_read state;
    do
        state = channel_read(&s->channel, clock_now(), &batch, &violation);
    while (state == CHANNEL_BATCH && !take_batch(l, slot, &batch));
    switch (state) {
    case CHANNEL_BATCH:
        out->slot = slot;
        report_batch(&batch, out);
        return 1;
    case CHANNEL_FAULT:
        if (s->state == DYING)
            s->violation = violation;
        else
            accuse(l, s, violation);
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
        *out = (struct exec_report){.type = REPORT_READY, .slot = slot};
        out->ready.pid = s->pid;
        out->ready.cpus = &s->cpus;
        return 1;
    }
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
                if (got == 0 || errno != EAGAIN)
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

static int read_nursery(struct local *l, br_error *err)
{
    struct nursery_event event;
    int got = 0;
    while (l->nursery_ready && (got = nursery_next(l->options.nursery, &event, err)) > 0)
        take_nursery_event(l, &event);
    l->nursery_ready = false;
    return got;
}

// ---- Reports of a death

static void describe_end(struct buffer *b, int wait_status)
{
    if (WIFSIGNALED(wait_status))
        signal_describe(b, WTERMSIG(wait_status));
    else
        buffer_format(b, "exit(%d) was called", WEXITSTATUS(wait_status));
}

static void set_ending(const struct slot *s, int *signal, int *exit_code)
{
    *signal = WIFSIGNALED(s->wait_status) ? WTERMSIG(s->wait_status) : 0;
    *exit_code = WIFEXITED(s->wait_status) ? WEXITSTATUS(s->wait_status) : 0;
}

// What the task that was in hand printed before the end, stream by stream.
static bool report_last_words(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    for (int stream = 1; l->options.common.keep_output && stream <= 2; stream++) {
        off_t end = stream_end(log_fd(l, slot, stream)), from = s->printed[stream - 1];
        if (end <= from)
            continue;
        s->printed[stream - 1] = end;
        *out = (struct exec_report){.type = REPORT_OUTPUT, .slot = slot, .tasks = s->in_hand.task};
        out->output.stream = stream;
        out->output.offset = (uint64_t)from;
        out->output.length = (uint64_t)(end - from);
        return true;
    }
    return false;
}

static void report_blamed(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    bool for_it = s->blame.count > 0 && same_task(&s->blame, &s->in_hand.task);
    *out = (struct exec_report){.slot = slot, .tasks = s->in_hand.task};
    if (!s->violation && s->state == DYING && !for_it && (s->blame.count > 0 || s->unfit_told)) {
        // It ended for another's sake; this task is no more to blame than those behind it.
        out->type = REPORT_RETURNED;
        return;
    }
    buffer_reset(&l->text);
    if (s->violation)
        buffer_format(&l->text, "it damaged the worker's channel: %s", s->violation);
    else if (for_it)
        buffer_text(&l->text, s->message);
    else
        describe_end(&l->text, s->wait_status);
    buffer_char(&l->text, '\0');
    out->type = REPORT_END;
    out->end.status = for_it && !s->violation ? s->status : OUTCOME_CRASHED;
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

static void report_dead(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    bool expected = s->blame.count > 0 || s->told_to_end || s->unfit_told;
    *out = (struct exec_report){.type = REPORT_DEAD, .slot = slot};
    out->dead.pid = s->pid;
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
        describe_end(&l->text, s->wait_status);
    buffer_char(&l->text, '\0');
    out->dead.reason = l->text.failed ? "" : l->text.data;
    forget_worker(l, s);
}

// A worker that died of itself before it was ready. No process to be had, and a signal from outside
// (a person, the kernel out of memory) are another matter: a later one may do better.
static bool is_stillborn(const struct slot *s)
{
    bool killed = WIFSIGNALED(s->wait_status) &&
                  (WTERMSIG(s->wait_status) == SIGKILL || WTERMSIG(s->wait_status) == SIGTERM);
    return !s->was_ready && !s->unfit_told && !s->told_to_end && !killed && !s->message[0];
}

static int report_stillborn(struct local *l, unsigned slot, struct exec_report *out)
{
    struct slot *s = &l->slots[slot];
    struct buffer b = BUFFER_EMPTY;
    buffer_text(&b, l->options.common.plugin_count > 0
                        ? "a worker died while it was loading the plugins: "
                        : "a worker died in the pool's initializer: ");
    describe_end(&b, s->wait_status);
    char *text = buffer_take_string(&b, NULL);
    report_unfit(l, slot, BR_ERR_PLUGIN, text ? text : "a worker died while it was starting", out);
    free(text);
    return 1;
}

// What a dead worker leaves, one report a call, the last one DEAD.
static int report_dying(struct local *l, unsigned slot, struct exec_report *out, br_error *err)
{
    struct slot *s = &l->slots[slot];
    if (is_stillborn(s))
        return report_stillborn(l, slot, out);
    int got = s->blame_told ? 0 : read_ring(l, slot, out, err);
    if (got != 0)
        return got;
    if (!s->blame_told && !s->blame_found) {
        s->blame_found = channel_blamed(&s->channel, &s->in_hand);
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
    if (!channel_unstarted(&s->channel, &out->tasks))
        report_dead(l, slot, out);
    return 1;
}

// ---- One round

static void poll_descriptors(struct local *l)
{
    struct epoll_event events[64];
    int count = epoll_wait(l->epoll, events, 64, 0);
    for (int i = 0; i < count; i++) {
        uint64_t tag = events[i].data.u64;
        uint64_t rings;
        if (tag == TAG_DOORBELL)
            (void)!read(l->doorbell, &rings, sizeof rings); // EAGAIN: another has read it
        else if (tag == TAG_NURSERY)
            l->nursery_ready = true;
        else
            l->slots[tag - TAG_SLOT].control_ready = true;
    }
    l->polled = true;
    l->cursor = 0;
    l->batches = 0;
    l->left_over = false;
}

static int local_next_report(struct executor *ex, struct exec_report *out, br_error *err)
{
    struct local *l = local_of(ex);
    if (!l->polled)
        poll_descriptors(l);
    // What a worker finished counts before its end is looked at; then what it finished meanwhile.
    int got = read_rings(l, out, err);
    if (got == 0)
        got = read_controls(l, out);
    if (got == 0)
        got = read_nursery(l, err);
    for (unsigned i = 0; got == 0 && i < ex->slots; i++)
        if (l->slots[i].state == DYING) {
            got = read_controls(l, out);
            if (got == 0)
                got = report_dying(l, i, out, err);
        }
    if (got == 0) {
        kill_overdue(l);
        l->polled = false;
    }
    return got;
}

static int local_fd(const struct executor *ex)
{
    return local_of(ex)->epoll;
}

static int64_t local_deadline(const struct executor *ex)
{
    const struct local *l = local_of(ex);
    int64_t first = INT64_MAX;
    bool busy = false;
    for (unsigned i = 0; i < ex->slots; i++) {
        const struct slot *s = &l->slots[i];
        if (s->state == EMPTY)
            continue;
        if (s->kill_at < first)
            first = s->kill_at;
        busy |= channel_load(&s->channel) > 0;
    }
    if (l->left_over)
        return 0; // nobody rings for what was told already
    // A wake-up that was lost is a delay, not a hang.
    int64_t rescan = busy ? clock_now() + RESCAN_NS : INT64_MAX;
    return rescan < first ? rescan : first;
}

// ---- Making and ending

static bool any_left(const struct local *l)
{
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state != EMPTY && l->slots[i].state != DYING)
            return true;
    return false;
}

static void wait_all(struct local *l, int64_t deadline)
{
    br_error err;
    for (int64_t now = clock_now(); any_left(l) && now < deadline; now = clock_now()) {
        struct pollfd wait = {.fd = l->options.nursery->socket, .events = POLLIN};
        if (poll(&wait, 1, clock_poll_timeout(deadline, now)) < 0 && errno != EINTR)
            return;
        l->nursery_ready = true;
        if (read_nursery(l, &err) < 0)
            return;
    }
}

static void local_destroy(struct executor *ex, int64_t grace_ns)
{
    struct local *l = local_of(ex);
    for (unsigned i = 0; i < ex->slots; i++) {
        struct slot *s = &l->slots[i];
        if (s->state == EMPTY || s->state == DYING)
            continue;
        if (s->state == READY && channel_load(&s->channel) == 0)
            channel_close(&s->channel);
        else
            send_signal(l, s, grace_ns > 0 ? SIGTERM : SIGKILL);
    }
    wait_all(l, clock_now() + grace_ns);
    for (unsigned i = 0; i < ex->slots; i++)
        if (l->slots[i].state != EMPTY && l->slots[i].state != DYING)
            send_signal(l, &l->slots[i], SIGKILL);
    wait_all(l, clock_now() + LAST_GRACE_NS);
    for (unsigned i = 0; l->slots && i < ex->slots; i++)
        forget_worker(l, &l->slots[i]);
    for (size_t i = 0; i < MAP_BUCKETS; i++)
        while (l->maps[i]) {
            struct map_entry *m = l->maps[i];
            l->maps[i] = m->next;
            free(m);
        }
    fd_close(&l->epoll);
    fd_close(&l->doorbell);
    fd_close(&l->null);
    buffer_finish(&l->text);
    free(l->slots);
    free(l);
}

static const struct executor_ops local_ops = {
    .start = local_start,
    .define = local_define,
    .drop = local_drop,
    .grant = local_grant,
    .load = local_load,
    .take_back = local_take_back,
    .in_hand = local_in_hand,
    .ask = local_ask,
    .kill = local_kill,
    .retire = local_retire,
    .next_report = local_next_report,
    .fd = local_fd,
    .deadline = local_deadline,
    .destroy = local_destroy,
};

static int open_descriptors(struct local *l, br_error *err)
{
    l->epoll = fd_above_standard(epoll_create1(EPOLL_CLOEXEC));
    l->doorbell = fd_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    l->null = fd_above_standard(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (l->epoll < 0 || l->doorbell < 0 || l->null < 0)
        return br_error_errno(err, "cannot open what workers are run with");
    if (watch(l, l->doorbell, TAG_DOORBELL, err) != 0)
        return -1;
    return watch(l, l->options.nursery->socket, TAG_NURSERY, err);
}

struct executor *local_create(const struct local_options *options, br_error *err)
{
    struct local *l = calloc(1, sizeof *l);
    if (!l) {
        br_error_nomem(err);
        return NULL;
    }
    l->base.ops = &local_ops;
    l->options = *options;
    l->epoll = l->doorbell = l->null = -1;
    l->slots = calloc(options->plan->slot_count, sizeof *l->slots);
    if (!l->slots)
        br_error_nomem(err);
    for (size_t i = 0; l->slots && i < options->plan->slot_count; i++) {
        l->slots[i] = (struct slot){.control = -1, .kill_at = INT64_MAX};
        l->slots[i].channel.down_fd = l->slots[i].channel.up_fd = -1;
    }
    l->base.slots = l->slots ? (unsigned)options->plan->slot_count : 0;
    if (!l->slots || open_descriptors(l, err) != 0) {
        local_destroy(&l->base, 0);
        return NULL;
    }
    return &l->base;
}

int local_pid(const struct executor *ex, unsigned slot)
{
    return local_of(ex)->slots[slot].pid;
}

// SPDX-License-Identifier: BSD-3-Clause
// The operations of the executor of worker processes: starting workers, their maps and grants,
// ending them. What happens to a worker is in local_life.c, what is reported in local_report.c.
#include "exec/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stopwatch.h"
#include "base/wire.h"
#include "exec/local/local_life.h"
#include "exec/local/local_report.h"
#include "exec/local/local_state.h"
#include "exec/local/local_watch.h"
#include "exec/worker/worker.h"

enum {
    MAP_BUCKETS = 16 // of the first table
};

#define LAST_GRACE_NS (2 * NS_PER_S) // of local_destroy, after SIGKILL

// ---- Starting workers

static int watch(struct local *l, int fd, uint64_t tag, br_error *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = tag};
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        return br_error_errno(err, "cannot watch a worker's socket");
    return 0;
}

static int setup_memory(struct local *l, unsigned slot, br_error *err)
{
    const struct plan_slot *p = &l->options.plan->slots[slot];
    struct worker_setup_slot s = {
        .slot = slot, .width = p->width, .cpus = p->cpus, .nodes = p->nodes};
    struct buffer b = BUFFER_EMPTY;
    worker_setup_write(&b, &l->options.common, &s);
    int fd =
        buffer_check(&b, err) == 0 ? fd_memory_sealed("batchrun-setup", b.data, b.length, err) : -1;
    buffer_finish(&b);
    return fd;
}

static int spawn(struct local *l, unsigned slot, int control, int setup, br_error *err)
{
    struct slot *s = &l->slots[slot];
    int out = local_log_fd(l, slot, 1), error = local_log_fd(l, slot, 2);
    int fds[WORKER_FDS] = {
        [WORKER_CONTROL] = control,
        [WORKER_SETUP] = setup,
        [WORKER_DOWN] = s->channel.down_fd,
        [WORKER_UP] = s->channel.up_fd,
        [WORKER_DOORBELL] = l->doorbell,
        [WORKER_OUT] = out >= 0 ? out : l->null,
        [WORKER_ERR] = error >= 0 ? error : l->null,
    };
    int doors[CGROUP_KINDS];
    for (int k = 0; k < CGROUP_KINDS; k++) {
        doors[k] = cgroups_door(&l->groups, (enum cgroup_kind)k, slot);
        fds[WORKER_GROUPS + k] = doors[k] >= 0 ? doors[k] : l->null;
    }
    int result = nursery_spawn(l->options.nursery, NURSERY_WORKER, fds, WORKER_FDS, &s->id, err);
    for (int k = 0; k < CGROUP_KINDS; k++)
        fd_close(&doors[k]);
    return result;
}

// Creates the worker's end of the control socket and asks the nursery for the worker.
static int connect_and_spawn(struct local *l, unsigned slot, br_error *err)
{
    struct slot *s = &l->slots[slot];
    int pair[2];
    int setup = setup_memory(l, slot, err);
    if (setup < 0)
        return -1;
    int result = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        br_error_errno(err, "cannot create a socket pair");
    else {
        s->control.fd = fd_above_standard(pair[0]);
        pair[1] = fd_above_standard(pair[1]);
        result = spawn(l, slot, pair[1], setup, err);
        close(pair[1]);
    }
    close(setup);
    return result;
}

static int local_start(struct executor *ex, unsigned slot, br_error *err)
{
    struct local *l = local_of(ex);
    struct slot *s = &l->slots[slot];
    if (s->state != SLOT_EMPTY)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: slot %u has a worker", slot);
    *s = (struct slot){.control.fd = -1, .deadline_ns = INT64_MAX};
    s->oom_kills = cgroups_oom_kills(&l->groups, slot);
    s->output.end[0] = local_stream_end(local_log_fd(l, slot, 1));
    s->output.end[1] = local_stream_end(local_log_fd(l, slot, 2));
    if (channel_create(&s->channel, err) != 0)
        return -1;
    if (connect_and_spawn(l, slot, err) != 0 ||
        watch(l, s->control.fd, TAG_SLOT + slot, err) != 0) {
        local_clear_slot(l, s);
        return -1;
    }
    local_happen(l, s, EVENT_START, NULL);
    return 0;
}

// ---- Maps and grants

static void insert_map(struct local *l, struct map_entry *m)
{
    struct map_entry **bucket = &l->maps[m->map.id % l->map_buckets];
    m->next = *bucket;
    *bucket = m;
}

// Ids are consecutive, so with as many buckets as maps each has one of its own.
static int grow_maps(struct local *l, br_error *err)
{
    size_t count = l->map_buckets;
    struct map_entry **old = l->maps;
    struct map_entry **grown = calloc(2 * count + MAP_BUCKETS, sizeof(struct map_entry *));
    if (!grown)
        return br_error_nomem(err);
    l->maps = grown;
    l->map_buckets = 2 * count + MAP_BUCKETS;
    for (size_t i = 0; i < count; i++)
        for (struct map_entry *m; (m = old[i]);) {
            old[i] = m->next;
            insert_map(l, m);
        }
    free(old);
    return 0;
}

static int local_define(struct executor *ex, const struct exec_map *map, br_error *err)
{
    struct local *l = local_of(ex);
    if (l->map_count == l->map_buckets && grow_maps(l, err) != 0)
        return -1;
    struct map_entry *m = calloc(1, sizeof *m + ex->slots * sizeof *m->known_by);
    if (!m)
        return br_error_nomem(err);
    m->map = *map;
    insert_map(l, m);
    l->map_count++;
    return 0;
}

// Returns the pointer that refers to the map's entry; it is NULL if there is no such map.
static struct map_entry **find_map(struct local *l, uint64_t id)
{
    struct map_entry **at = &l->maps[id % l->map_buckets];
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
        sent = sendmsg(s->control.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    // A worker that has just died is not an error: its tasks are reported as RETURNED.
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
        return br_error_errno(err, "cannot send a worker its tasks");
    return 0;
}

static int send_map(struct slot *s, const struct exec_map *m, br_error *err)
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
    wire_put(&b, (uint64_t)m->limits.soft_ns);
    wire_put(&b, (uint64_t)m->limits.hard_ns);
    wire_put(&b, m->isolation);
    wire_put(&b, (uintptr_t)m->function);
    wire_put(&b, m->in_size);
    wire_put(&b, m->out_size);
    wire_put(&b, m->first_index);
    int result = send_control(s, &b, m->table_fd, err);
    buffer_finish(&b);
    return result;
}

static void send_drop(struct slot *s, uint64_t id)
{
    struct buffer b = BUFFER_EMPTY;
    wire_put(&b, CONTROL_DROP);
    wire_put(&b, id);
    // A worker that does not receive it keeps a mapping longer, which does no harm.
    (void)send_control(s, &b, -1, NULL);
    buffer_finish(&b);
}

static void local_drop(struct executor *ex, uint64_t id)
{
    struct local *l = local_of(ex);
    if (l->map_count == 0)
        return;
    struct map_entry **at = find_map(l, id), *m = *at;
    if (!m)
        return;
    for (unsigned slot = 0; m->map.table_fd >= 0 && slot < ex->slots; slot++)
        if (l->slots[slot].state == SLOT_READY && m->known_by[slot] == l->slots[slot].id)
            send_drop(&l->slots[slot], id);
    *at = m->next;
    l->map_count--;
    free(m);
}

static int local_grant(struct executor *ex, unsigned slot, const struct exec_grant *g,
                       br_error *err)
{
    struct local *l = local_of(ex);
    struct slot *s = &l->slots[slot];
    struct map_entry *m = *find_map(l, g->map);
    // A map without shared memory travels with its grants.
    if (m->map.table_fd >= 0 && m->known_by[slot] != s->id) {
        if (send_map(s, &m->map, err) != 0)
            return -1;
        m->known_by[slot] = s->id;
    }
    channel_grant(&s->channel, g, &m->map, clock_now());
    return 0;
}

static unsigned local_load(const struct executor *ex, unsigned slot)
{
    return channel_load(&local_of_const(ex)->slots[slot].channel);
}

static uint32_t local_take_back(struct executor *ex, unsigned slot, uint64_t map, uint64_t most,
                                struct exec_grant *out)
{
    struct slot *s = &local_of(ex)->slots[slot];
    return s->state == SLOT_READY ? channel_take_back(&s->channel, map, most, out) : 0;
}

static void local_ask(struct executor *ex, unsigned slot, const struct exec_grant *task)
{
    struct slot *s = &local_of(ex)->slots[slot];
    if (s->state == SLOT_READY)
        channel_cancel(&s->channel, task);
}

// ---- Ending workers

static void local_kill(struct executor *ex, unsigned slot, const struct exec_grant *task,
                       enum outcome_status status, const char *message, int64_t grace_ns)
{
    struct local *l = local_of(ex);
    struct slot_cause cause = {
        .task = task, .status = status, .text = message, .grace_ns = grace_ns};
    local_happen(l, &l->slots[slot], EVENT_KILL, &cause);
}

static void local_retire(struct executor *ex, unsigned slot)
{
    struct local *l = local_of(ex);
    local_happen(l, &l->slots[slot], EVENT_RETIRE, NULL);
}

// ---- Waiting

static int local_fd(const struct executor *ex)
{
    return local_of_const(ex)->epoll;
}

static int64_t local_deadline(const struct executor *ex)
{
    const struct local *l = local_of_const(ex);
    int64_t first = symbols_deadline(l->symbols);
    bool busy = false, hung_up = false;
    for (unsigned i = 0; i < ex->slots; i++) {
        const struct slot *s = &l->slots[i];
        if (s->state == SLOT_EMPTY)
            continue;
        int64_t look = local_watch_deadline(l, s);
        first = s->deadline_ns < first ? s->deadline_ns : first;
        first = look < first ? look : first;
        busy |= channel_load(&s->channel) > 0;
        hung_up |= s->control.hung_up;
    }
    if (l->unread)
        return 0; // nobody rings again for what is in a ring already
    int64_t rescan =
        busy || hung_up ? local_next_rescan(clock_now(), l->heard_ns, hung_up) : INT64_MAX;
    return rescan < first ? rescan : first;
}

static void local_stood_still(struct executor *ex, int64_t from, int64_t to)
{
    struct local *l = local_of(ex);
    for (unsigned i = 0; i < ex->slots; i++)
        if (l->slots[i].deadline_ns < INT64_MAX - (to - from))
            l->slots[i].deadline_ns += to - from;
}

// ---- Making and ending

static bool any_left(const struct local *l)
{
    for (unsigned i = 0; i < l->base.slots; i++)
        if (l->slots[i].state != SLOT_EMPTY && l->slots[i].state != SLOT_DYING)
            return true;
    return false;
}

// Waits for the workers' ends. What the nursery has said until the deadline is read in any case.
static void wait_all(struct local *l, int64_t deadline)
{
    br_error err;
    for (int64_t now = 0; any_left(l) && now < deadline;) {
        struct pollfd wait = {.fd = l->options.nursery->socket, .events = POLLIN};
        now = clock_now();
        if (poll(&wait, 1, clock_poll_timeout(deadline, now)) < 0 && errno != EINTR)
            return;
        int64_t after = clock_now();
        if (clock_stood_still(now, deadline, after) != 0)
            deadline += after - now;
        l->nursery_ready = true;
        if (local_read_nursery(l, &err) < 0)
            return;
    }
}

static void local_destroy(struct executor *ex, int64_t grace_ns)
{
    struct local *l = local_of(ex);
    for (unsigned i = 0; i < ex->slots; i++) {
        struct slot *s = &l->slots[i];
        if (s->state == SLOT_EMPTY || s->state == SLOT_DYING || s->leaving.reason == LEAVE_RETIRED)
            continue;
        if (s->state == SLOT_READY && channel_load(&s->channel) == 0)
            channel_close(&s->channel);
        else
            local_signal(l, s, grace_ns > 0 ? SIGTERM : SIGKILL);
    }
    wait_all(l, clock_now() + grace_ns);
    for (unsigned i = 0; i < ex->slots; i++)
        if (l->slots[i].state != SLOT_EMPTY && l->slots[i].state != SLOT_DYING)
            local_signal(l, &l->slots[i], SIGKILL);
    wait_all(l, clock_now() + LAST_GRACE_NS);
    for (unsigned i = 0; l->slots && i < ex->slots; i++)
        local_clear_slot(l, &l->slots[i]);
    for (size_t i = 0; i < l->map_buckets; i++)
        for (struct map_entry *m; (m = l->maps[i]);) {
            l->maps[i] = m->next;
            free(m);
        }
    free(l->maps);
    fd_close(&l->epoll);
    fd_close(&l->doorbell);
    fd_close(&l->null);
    cgroups_kill_all(&l->groups);
    cgroups_close(&l->groups);
    symbols_destroy(l->symbols);
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
    .stood_still = local_stood_still,
    .destroy = local_destroy,
};

static int open_descriptors(struct local *l, br_error *err)
{
    l->epoll = fd_above_standard(epoll_create1(EPOLL_CLOEXEC));
    l->doorbell = fd_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    l->null = fd_above_standard(fd_open(AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC, 0));
    if (l->epoll < 0 || l->doorbell < 0 || l->null < 0)
        return br_error_errno(err, "cannot open descriptors for the workers");
    if (watch(l, l->doorbell, TAG_DOORBELL, err) != 0)
        return -1;
    l->symbols = symbols_create(l->options.nursery, &l->options.common.plugins, err);
    if (!l->symbols || watch(l, symbols_fd(l->symbols), TAG_SYMBOLS, err) != 0)
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
    l->options.common.counter = stopwatch_usable(); // read once, not by each worker
    l->epoll = l->doorbell = l->null = -1;
    l->groups = CGROUPS_NONE;
    l->slots = calloc(options->plan->slot_count, sizeof *l->slots);
    if (!l->slots)
        br_error_nomem(err);
    for (size_t i = 0; l->slots && i < options->plan->slot_count; i++) {
        l->slots[i] = (struct slot){.control.fd = -1, .deadline_ns = INT64_MAX};
        l->slots[i].channel.down_fd = l->slots[i].channel.up_fd = -1;
    }
    l->base.slots = l->slots ? (unsigned)options->plan->slot_count : 0;
    if (!l->slots || open_descriptors(l, err) != 0 || local_open_groups(l, err) != 0) {
        local_destroy(&l->base, 0);
        return NULL;
    }
    return &l->base;
}

void local_describe_limits(const struct executor *ex, struct buffer *out)
{
    const struct local *l = local_of_const(ex);
    if (l->options.limits.memory == JOB_UNLIMITED)
        return;
    buffer_text(out, "memory by resident-set watch");
    if (l->options.common.data != JOB_UNLIMITED)
        buffer_text(out, ", rlimit");
    cgroups_describe(&l->groups, out);
}

int local_pid(const struct executor *ex, unsigned slot)
{
    return local_of_const(ex)->slots[slot].pid;
}

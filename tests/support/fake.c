// SPDX-License-Identifier: BSD-3-Clause
// The scripted executor: queues, virtual time, reports.
#include "support/fake.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/owned.h"
#include "model/row.h"

// Tasks that take as long are reported one by one, as real workers do it.
#define LONG_NS NS_PER_MS

enum state {
    EMPTY,
    STARTING,
    READY,
    DYING // its last outcomes are reported, then DEAD -> EMPTY
};

// A grant in a slot's queue: 0 <= read <= ended <= claimed <= end.
struct queued {
    struct exec_grant grant;
    uint32_t end;     // tasks from here on were taken back
    uint32_t claimed; // tasks before this were claimed by the worker
    uint32_t ended;
    uint32_t read; // tasks before this were reported, so the executor's user knows them
    int64_t given_ns;
};

// An event that is not reported yet. Offsets are into the slot's buffers.
struct happened {
    enum exec_report_type type; // OK, END, OUTPUT
    struct exec_grant tasks;
    bool permanent;
    int64_t start_ns, end_ns;
    size_t durations, results, results_size;
    uint64_t offset, length;
};

struct slot {
    enum state state;
    int pid;
    struct fake_worker life;
    int64_t ready_at;
    bool announce; // READY or UNFIT is to be reported
    bool leaving;  // was killed or retired
    bool unfit;

    struct queued queue[EXECUTOR_QUEUE];
    unsigned queue_count;
    int64_t last_end_ns; // end of the last task that was reported

    bool busy;
    struct fake_task running;
    int64_t since, until; // of the running task; if there is none: since when the worker is idle
    bool asked;

    int64_t kill_at;
    struct exec_grant blame; // count 0: none
    enum outcome_status status;
    char message[256];
    int signal;
    bool stuck;
    int64_t died_ns;

    struct happened *list; // list[list_read .. list_count) are to be reported
    size_t list_read, list_count, list_capacity;
    struct buffer durations, results;
    uint64_t printed;
};

struct map_entry {
    uint64_t id;
    struct exec_map map;
};

struct fake {
    struct executor base; // first
    struct fake_options options;
    int64_t now;
    int bell;
    bool rung;
    int last_pid;
    struct slot *slots;
    struct map_entry *maps;
    size_t map_count;
    struct cpuset cpus;
    uint64_t looks; // number of calls of the operation in_hand
    bool failed;    // out of memory: the next call of next_report fails
};

// Returns the fake; of a constant executor, too, so that fake_running can count its calls.
static struct fake *fake_of(const struct executor *ex)
{
    return owned(ex);
}

static void ring(struct fake *f)
{
    uint64_t one = 1;
    if (!f->rung && write(f->bell, &one, sizeof one) == (ssize_t)sizeof one)
        f->rung = true;
}

// ---- Starting, maps

static int fake_start(struct executor *ex, unsigned slot, br_error *err)
{
    struct fake *f = fake_of(ex);
    struct slot *s = &f->slots[slot];
    if (s->state != EMPTY)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: slot %u is not empty", slot);
    struct slot next = {.state = STARTING,
                        .pid = ++f->last_pid,
                        .life = {.idle_ns = FAKE_FOREVER},
                        .kill_at = INT64_MAX,
                        .list = s->list,
                        .list_capacity = s->list_capacity,
                        .durations = s->durations,
                        .results = s->results,
                        .printed = s->printed};
    if (f->options.worker)
        next.life = f->options.worker(f->options.user, slot);
    next.ready_at = f->now + next.life.start_ns;
    *s = next;
    return 0;
}

static int fake_define(struct executor *ex, const struct exec_map *map, br_error *err)
{
    struct fake *f = fake_of(ex);
    struct map_entry *maps = realloc(f->maps, (f->map_count + 1) * sizeof *maps);
    if (!maps)
        return br_error_nomem(err);
    f->maps = maps;
    f->maps[f->map_count++] = (struct map_entry){map->id, *map};
    return 0;
}

static struct map_entry *find_map(const struct fake *f, uint64_t id)
{
    for (size_t i = 0; i < f->map_count; i++)
        if (f->maps[i].id == id)
            return &f->maps[i];
    return NULL;
}

static void fake_drop(struct executor *ex, uint64_t id)
{
    struct fake *f = fake_of(ex);
    struct map_entry *m = find_map(f, id);
    if (m)
        *m = f->maps[--f->map_count];
}

// ---- A worker at work

static struct exec_grant task_at(const struct queued *q, uint32_t row)
{
    struct exec_grant task = q->grant;
    task.first += row;
    task.count = 1;
    return task;
}

static void die(struct fake *f, struct slot *s, int signal)
{
    s->state = DYING;
    s->busy = false;
    s->kill_at = INT64_MAX;
    s->signal = signal;
    s->died_ns = f->now;
    ring(f);
}

// Makes the worker claim its next task, or be idle from now on.
static void claim(struct fake *f, struct slot *s)
{
    s->since = f->now;
    for (unsigned i = 0; i < s->queue_count; i++) {
        struct queued *q = &s->queue[i];
        if (q->claimed == q->end)
            continue;
        struct exec_grant task = task_at(q, q->claimed++);
        s->running = f->options.task(f->options.user, &task);
        s->busy = true;
        s->asked = false;
        s->until = s->running.ns < INT64_MAX - f->now ? f->now + s->running.ns : INT64_MAX;
        return;
    }
    s->busy = false;
    if (s->leaving && s->blame.count == 0)
        die(f, s, 0);
}

static struct queued *running_grant(struct slot *s)
{
    struct queued *q = s->queue;
    while (q->ended == q->claimed)
        q++;
    return q;
}

static struct happened *note(struct fake *f, struct slot *s, enum exec_report_type type,
                             const struct exec_grant *task)
{
    if (s->list_count == s->list_capacity) {
        size_t capacity = s->list_capacity ? 2 * s->list_capacity : 16;
        struct happened *list = realloc(s->list, capacity * sizeof *list);
        if (!list) {
            f->failed = true;
            return NULL;
        }
        s->list = list;
        s->list_capacity = capacity;
    }
    struct happened *h = &s->list[s->list_count++];
    *h = (struct happened){.type = type,
                           .tasks = *task,
                           .start_ns = s->since,
                           .end_ns = f->now,
                           .durations = SIZE_MAX};
    ring(f);
    return h;
}

// Calls the function for its output.
static void append_output(struct slot *s, const struct exec_map *map, const struct exec_grant *task)
{
    br_task public = {.index = map->first_index + task->first, .attempt = task->attempt};
    const char *in = map->items ? (const char *)map->items + task->first * map->in_size : NULL;
    void *out = map->out_size > 0 ? buffer_extend(&s->results, map->out_size) : NULL;
    if (out)
        memset(out, 0, map->out_size);
    if (out || map->out_size == 0)
        map->function(&public, in, out);
}

static void append_row(struct fake *f, struct slot *s, const struct exec_grant *task)
{
    const struct exec_map *map = &find_map(f, task->map)->map;
    const struct schema *results = map->results;
    if (map->function)
        append_output(s, map, task);
    for (size_t i = 0; results && i < results->count; i++) {
        struct cell c = {.type = results->columns[i].type};
        if (c.type == BR_I64)
            c.i64 = s->running.result;
        else if (c.type == BR_F64)
            c.f64 = (double)s->running.result;
        else if (c.type == BR_BOOL)
            c.boolean = s->running.result != 0;
        else
            c.text.data = "";
        row_pack(&s->results, &c, 1);
    }
}

static bool continues(const struct happened *h, const struct exec_grant *task)
{
    return h->type == REPORT_OK && h->durations != SIZE_MAX && h->tasks.map == task->map &&
           h->tasks.attempt == task->attempt && h->tasks.crashes == task->crashes &&
           h->tasks.first + h->tasks.count == task->first;
}

// Short successes of one grant are one report; `row` is the task's index in the grant.
static void note_ok(struct fake *f, struct slot *s, const struct exec_grant *task, uint32_t row)
{
    int64_t duration = f->now - s->since;
    struct happened *h = s->list_count > s->list_read ? &s->list[s->list_count - 1] : NULL;
    if (!h || row == 0 || duration >= LONG_NS || !continues(h, task)) {
        h = note(f, s, REPORT_OK, task);
        if (!h)
            return;
        h->results = s->results.length;
        if (duration < LONG_NS)
            h->durations = s->durations.length;
    } else
        h->tasks.count++;
    h->end_ns = f->now;
    if (duration < LONG_NS) {
        uint32_t short_one = (uint32_t)duration;
        buffer_append(&s->durations, &short_one, sizeof short_one);
    }
    append_row(f, s, task);
    h->results_size = s->results.length - h->results;
}

static void finish_task(struct fake *f, struct slot *s)
{
    struct queued *q = running_grant(s);
    struct exec_grant task = task_at(q, q->ended);
    if (s->running.printed > 0) {
        struct happened *h = note(f, s, REPORT_OUTPUT, &task);
        if (h) {
            h->offset = s->printed;
            h->length = s->running.printed;
        }
        s->printed += s->running.printed;
    }
    if (s->running.ending == FAKE_CRASH) {
        die(f, s, SIGSEGV);
        return;
    }
    q->ended++;
    if (s->running.ending == FAKE_OK)
        note_ok(f, s, &task, q->ended - 1);
    else {
        struct happened *h = note(f, s, REPORT_END, &task);
        if (h)
            h->permanent = s->running.ending == FAKE_PERMANENT;
    }
    claim(f, s);
}

// ---- Time

static int64_t idle_death(const struct slot *s)
{
    return s->life.idle_ns < INT64_MAX - s->since ? s->since + s->life.idle_ns : INT64_MAX;
}

static int64_t next_of(const struct slot *s)
{
    if (s->state == STARTING)
        return s->kill_at < s->ready_at ? s->kill_at : s->ready_at;
    if (s->state != READY)
        return INT64_MAX;
    int64_t own = s->busy ? s->until : idle_death(s);
    return s->kill_at < own ? s->kill_at : own;
}

static void get_ready(struct fake *f, struct slot *s)
{
    s->unfit = s->life.unfit != NULL;
    s->announce = s->unfit || !s->leaving;
    ring(f);
    if (s->unfit || s->leaving) {
        die(f, s, 0);
        return;
    }
    s->state = READY;
    claim(f, s);
}

static void happen(struct fake *f, struct slot *s)
{
    f->now = next_of(s);
    if (s->state == STARTING && f->now == s->ready_at)
        get_ready(f, s);
    else if (s->busy && f->now == s->until)
        finish_task(f, s);
    else
        die(f, s, SIGKILL);
}

int64_t fake_now(const struct executor *ex)
{
    return fake_of(ex)->now;
}

static struct slot *next_slot(const struct fake *f)
{
    struct slot *first = &f->slots[0];
    for (unsigned i = 1; i < f->base.slots; i++)
        if (next_of(&f->slots[i]) < next_of(first))
            first = &f->slots[i];
    return first;
}

int64_t fake_next(const struct executor *ex)
{
    return next_of(next_slot(fake_of(ex)));
}

void fake_advance(struct executor *ex, int64_t until)
{
    struct fake *f = fake_of(ex);
    for (struct slot *s; next_of(s = next_slot(f)) <= until;)
        happen(f, s);
    f->now = until;
}

uint64_t fake_looks(const struct executor *ex)
{
    return fake_of(ex)->looks;
}

void fake_kill_worker(struct executor *ex, unsigned slot)
{
    struct fake *f = fake_of(ex);
    if (f->slots[slot].state == STARTING || f->slots[slot].state == READY)
        die(f, &f->slots[slot], SIGKILL);
}

// ---- Granting and taking back

static int fake_grant(struct executor *ex, unsigned slot, const struct exec_grant *g, br_error *err)
{
    struct fake *f = fake_of(ex);
    struct slot *s = &f->slots[slot];
    if ((s->state != READY && s->state != DYING) || s->leaving || s->unfit ||
        !find_map(f, g->map) || s->queue_count == EXECUTOR_QUEUE || g->count == 0 ||
        g->count > EXECUTOR_GRANT_MAX)
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: slot %u takes no such grant",
                            slot);
    s->queue[s->queue_count++] = (struct queued){.grant = *g, .end = g->count, .given_ns = f->now};
    if (f->options.on_grant)
        f->options.on_grant(f->options.user, slot, g);
    if (s->state == READY && !s->busy)
        claim(f, s);
    return 0;
}

static unsigned fake_load(const struct executor *ex, unsigned slot)
{
    return fake_of(ex)->slots[slot].queue_count;
}

static void leave_queue(struct slot *s)
{
    while (s->queue_count > 0 && s->queue[0].read == s->queue[0].end) {
        s->queue_count--;
        memmove(s->queue, s->queue + 1, s->queue_count * sizeof s->queue[0]);
    }
}

static bool answers(const struct slot *s)
{
    return s->state == READY && !s->leaving;
}

static uint32_t fake_take_back(struct executor *ex, unsigned slot, uint64_t map, uint64_t most,
                               struct exec_grant *out)
{
    struct slot *s = &fake_of(ex)->slots[slot];
    for (unsigned i = answers(s) ? s->queue_count : 0; i-- > 0;) {
        struct queued *q = &s->queue[i];
        uint32_t unstarted = q->end - q->claimed;
        if (unstarted == 0 || (map != 0 && q->grant.map != map))
            continue;
        uint32_t count = most < unstarted ? (uint32_t)most : unstarted;
        q->end -= count;
        *out = q->grant;
        out->first += q->end;
        out->count = count;
        leave_queue(s);
        return count;
    }
    return 0;
}

static bool fake_running(struct executor *ex, unsigned slot, struct exec_in_hand *out)
{
    const struct slot *s = &fake_of(ex)->slots[slot];
    fake_of(ex)->looks++;
    if (!answers(s) || s->queue_count == 0)
        return false;
    const struct queued *q = &s->queue[0];
    if (q->claimed == q->read)
        return false;
    out->task = task_at(q, q->read);
    out->since_ns = s->last_end_ns > q->given_ns ? s->last_end_ns : q->given_ns;
    out->progress = 0;
    return true;
}

static bool is_running_task(struct slot *s, const struct exec_grant *task)
{
    if (!s->busy)
        return false;
    const struct queued *q = running_grant(s);
    return q->grant.map == task->map && q->grant.first + q->ended == task->first;
}

// ---- Ending

static void fake_ask(struct executor *ex, unsigned slot, const struct exec_grant *task)
{
    struct fake *f = fake_of(ex);
    struct slot *s = &f->slots[slot];
    if (!answers(s) || !is_running_task(s, task))
        return;
    s->asked = true;
    if (s->running.heeds) {
        s->running.ending = FAKE_ERROR;
        s->until = f->now;
    }
}

static void fake_kill(struct executor *ex, unsigned slot, const struct exec_grant *task,
                      enum outcome_status status, const char *message, int64_t grace_ns)
{
    struct fake *f = fake_of(ex);
    struct slot *s = &f->slots[slot];
    if (!answers(s))
        return;
    s->leaving = true;
    s->blame = *task;
    s->status = status;
    snprintf(s->message, sizeof s->message, "%s", message);
    s->stuck = s->busy && s->running.immortal;
    if (grace_ns == 0)
        die(f, s, SIGKILL);
    else if (!s->busy || !s->running.stubborn)
        die(f, s, SIGTERM);
    else
        s->kill_at = f->now + grace_ns;
}

static void fake_retire(struct executor *ex, unsigned slot)
{
    struct fake *f = fake_of(ex);
    struct slot *s = &f->slots[slot];
    if (s->state != STARTING && s->state != READY)
        return;
    s->leaving = true;
    if (s->state == READY && !s->busy)
        die(f, s, 0);
}

// ---- Reports

static void report_start(struct fake *f, struct slot *s, struct exec_report *out)
{
    s->announce = false;
    if (s->unfit) {
        out->type = REPORT_UNFIT;
        out->unfit.kind = BR_ERR_PLUGIN;
        out->unfit.text = s->life.unfit;
    } else {
        out->type = REPORT_READY;
        out->ready.pid = s->pid;
        out->ready.cpus = &f->cpus;
    }
}

static void report_happened(struct slot *s, const struct happened *h, struct exec_report *out)
{
    out->type = h->type;
    out->tasks = h->tasks;
    int64_t duration = h->end_ns - h->start_ns;
    if (h->type == REPORT_OUTPUT) {
        out->output.stream = 1;
        out->output.offset = h->offset;
        out->output.length = h->length;
        return;
    }
    if (h->type == REPORT_OK) {
        bool is_long = h->durations == SIZE_MAX;
        out->ok.start_ns = h->start_ns;
        out->ok.duration_ns = is_long ? duration : -1;
        out->ok.durations = is_long ? NULL : (const uint32_t *)(s->durations.data + h->durations);
        out->ok.results = h->results_size ? s->results.data + h->results : "";
        out->ok.results_size = h->results_size;
        out->ok.cpu_ns = is_long ? duration : -1;
        out->ok.cpu = is_long ? 0 : -1;
    } else {
        out->end.status = OUTCOME_ERROR;
        out->end.permanent = h->permanent;
        out->end.start_ns = h->start_ns;
        out->end.duration_ns = duration;
        out->end.cpu_ns = duration;
        out->end.peak_memory = -1;
        out->end.message = "the script says so";
    }
    s->last_end_ns = h->end_ns;
    s->queue[0].read += h->tasks.count;
    leave_queue(s);
}

static bool same_task(const struct exec_grant *a, const struct exec_grant *b)
{
    return a->map == b->map && a->first == b->first;
}

// Reports the task that a dead worker was running.
static void report_running(struct slot *s, struct exec_report *out)
{
    struct queued *q = &s->queue[0];
    int64_t since = s->last_end_ns > q->given_ns ? s->last_end_ns : q->given_ns;
    out->tasks = task_at(q, q->read);
    bool for_it = s->blame.count > 0 && same_task(&s->blame, &out->tasks);
    q->ended++;
    q->read++;
    leave_queue(s);
    if (s->blame.count > 0 && !for_it) {
        out->type = REPORT_RETURNED;
        return;
    }
    out->type = REPORT_END;
    out->end.status = for_it ? s->status : OUTCOME_CRASHED;
    out->end.killed = true;
    out->end.signal = s->signal;
    out->end.start_ns = since;
    out->end.duration_ns = s->died_ns - since;
    out->end.cpu_ns = out->end.peak_memory = out->end.cpu = -1;
    out->end.message = for_it ? s->message : "the script crashed it";
}

static void report_dying(struct slot *s, struct exec_report *out)
{
    if (s->queue_count > 0 && s->queue[0].claimed > s->queue[0].read) {
        report_running(s, out);
        return;
    }
    if (s->queue_count > 0) {
        struct queued *q = &s->queue[0];
        out->type = REPORT_RETURNED;
        out->tasks = q->grant;
        out->tasks.first += q->read;
        out->tasks.count = q->end - q->read;
        q->claimed = q->ended = q->read = q->end;
        leave_queue(s);
        return;
    }
    out->type = REPORT_DEAD;
    out->dead.pid = s->pid;
    out->dead.signal = s->signal;
    out->dead.expected = s->leaving || s->unfit;
    out->dead.stuck = s->stuck;
    out->dead.reason = "the script ended it";
    s->state = EMPTY;
}

static bool report_slot(struct fake *f, unsigned slot, struct exec_report *out)
{
    struct slot *s = &f->slots[slot];
    *out = (struct exec_report){.slot = slot};
    if (s->list_count > 0 && s->list_read == s->list_count) {
        s->list_read = s->list_count = 0;
        buffer_clear(&s->durations);
        buffer_clear(&s->results);
    }
    f->failed |= s->durations.failed || s->results.failed;
    if (s->announce)
        report_start(f, s, out);
    else if (s->list_read < s->list_count)
        report_happened(s, &s->list[s->list_read++], out);
    else if (s->state == DYING)
        report_dying(s, out);
    return out->type != REPORT_NONE;
}

static int fake_next_report(struct executor *ex, struct exec_report *out, br_error *err)
{
    struct fake *f = fake_of(ex);
    bool any = false;
    for (unsigned i = 0; !any && i < ex->slots; i++)
        any = report_slot(f, i, out);
    if (f->failed)
        return br_error_nomem(err);
    uint64_t rings;
    if (!any && f->rung && read(f->bell, &rings, sizeof rings) == (ssize_t)sizeof rings)
        f->rung = false;
    return any;
}

static int fake_fd(const struct executor *ex)
{
    return fake_of(ex)->bell;
}

static void fake_stood_still(struct executor *ex, int64_t from, int64_t to)
{
    struct fake *f = fake_of(ex);
    for (unsigned i = 0; i < ex->slots; i++)
        if (f->slots[i].kill_at < INT64_MAX - (to - from))
            f->slots[i].kill_at += to - from;
}

// Does nothing: all events happen in fake_advance, which makes the descriptor readable.
static int64_t fake_deadline(const struct executor *ex)
{
    (void)ex;
    return INT64_MAX;
}

// ---- Making

static void fake_destroy(struct executor *ex, int64_t grace_ns)
{
    struct fake *f = fake_of(ex);
    (void)grace_ns;
    for (unsigned i = 0; i < ex->slots; i++) {
        free(f->slots[i].list);
        buffer_finish(&f->slots[i].durations);
        buffer_finish(&f->slots[i].results);
    }
    fd_close(&f->bell);
    free(f->slots);
    free(f->maps);
    free(f);
}

static const struct executor_ops fake_ops = {
    .start = fake_start,
    .define = fake_define,
    .drop = fake_drop,
    .grant = fake_grant,
    .load = fake_load,
    .take_back = fake_take_back,
    .in_hand = fake_running,
    .ask = fake_ask,
    .kill = fake_kill,
    .retire = fake_retire,
    .next_report = fake_next_report,
    .fd = fake_fd,
    .deadline = fake_deadline,
    .stood_still = fake_stood_still,
    .destroy = fake_destroy,
};

struct executor *fake_create(const struct fake_options *options, br_error *err)
{
    struct fake *f = calloc(1, sizeof *f);
    struct slot *slots = calloc(options->slots, sizeof *slots);
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!f || !slots || bell < 0) {
        br_error_errno(err, "cannot make a scripted executor");
        free(f);
        free(slots);
        fd_close(&bell);
        return NULL;
    }
    f->base = (struct executor){.ops = &fake_ops, .slots = options->slots};
    f->options = *options;
    f->now = NS_PER_S;
    f->bell = bell;
    f->slots = slots;
    return &f->base;
}

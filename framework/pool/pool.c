// SPDX-License-Identifier: BSD-3-Clause
#include "pool/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "pool/chunk.h"
#include "pool/due.h"

// A worker that dies before it has finished anything is started anew so many times, at growing
// intervals, before the pool gives up.
enum {
    FRUITLESS_MAX = 5
};
#define FRUITLESS_DELAY_NS (20 * NS_PER_MS)

// Workers that start at the same time: what an executor is asked for must not pile up.
enum {
    STARTING_MAX = 64
};

// Tasks are not taken from a worker that will have started them before another could; unless its
// task in hand shows, by how long it has run, that the guess was wrong.
#define STEAL_NS (20 * NS_PER_US)
#define STUCK_NS (1 * NS_PER_MS)

// Tasks that have waited so long behind one that has been in hand as long, and for twice the time
// that tasks of its map take, go to the next worker that asks for more. Newer ones would do for
// that worker, but a long task that is begun out of turn is what a map's end waits for.
#define HELD_UP_NS (8 * NS_PER_MS)

struct held { // a grant that a slot holds
    struct pool_map *map;
    uint64_t left;
    int64_t since_ns;
};

// A slot's life: DOWN -start-> STARTING -READY-> READY -kill, retire-> ENDING; DEAD in any -> DOWN,
// or LOST when its process could not be ended.
struct slot {
    enum {
        SLOT_DOWN,
        SLOT_STARTING,
        SLOT_READY,
        SLOT_ENDING,
        SLOT_LOST
    } state;
    struct held held[EXECUTOR_QUEUE]; // oldest first
    unsigned held_count;
    bool alone;              // the newest of them is to run with no other beside it
    uint64_t granted;        // to this worker, for max_tasks
    uint64_t finished;       // by this worker
    unsigned fruitless;      // workers of this slot in a row that finished nothing
    uint64_t finished_then;  // the pool's count when the first of them ended
    bool came_up;            // one of this slot's has been ready
    int64_t start_at;        // DOWN: not before
    struct exec_grant asked; // the task that was told of its soft timeout; count 0: none
};

// A map is in the pool's queue while it has tasks that could be handed out now; otherwise, while it
// has some that wait for another attempt, it is due when the first of them is.
struct pool_map {
    LIST_ENTRY(pool_map) entry; // of all maps
    TAILQ_ENTRY(pool_map) queue_entry;
    bool queued;
    struct due due;
    struct pool_map_options options;
    struct ledger ledger;
    struct chunk_size chunk;
    unsigned holders;    // slots that hold tasks of it
    uint64_t granted_at; // the pool's count of grants when it was last served
    bool stopped;
    bool cancelled; // what is in hand is to be killed
    uint64_t random;
};

struct pool {
    struct pool_options options;
    struct executor *executor;
    struct slot *slots;
    LIST_HEAD(, pool_map) maps;
    TAILQ_HEAD(map_queue, pool_map) queue; // by priority, then by when they came
    struct due_heap due;
    size_t map_count;
    uint64_t last_id;
    uint64_t grants;
    uint64_t finished;   // attempts
    int64_t now;         // of the dispatch under way
    bool stirred;        // something was asked for since the last dispatch
    bool starving;       // a worker is idle, and tasks wait behind one that another has in hand
    struct buffer words; // of the report last given
};

// ---- Making

struct pool *pool_create(const struct pool_options *options, br_error *err)
{
    struct pool *p = calloc(1, sizeof *p);
    struct slot *slots = calloc(options->workers, sizeof *slots);
    if (!p || !slots) {
        free(p);
        free(slots);
        br_error_nomem(err);
        return NULL;
    }
    p->options = *options;
    p->executor = options->executor;
    p->slots = slots;
    LIST_INIT(&p->maps);
    TAILQ_INIT(&p->queue);
    p->stirred = true; // the workers are to be started
    return p;
}

void pool_wind_down(struct pool *p)
{
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_READY || s->held_count > 0)
            continue;
        p->executor->ops->retire(p->executor, i);
        s->state = SLOT_ENDING;
    }
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    while (!LIST_EMPTY(&p->maps))
        pool_map_release(p, LIST_FIRST(&p->maps));
    due_finish(&p->due);
    buffer_finish(&p->words);
    p->executor->ops->destroy(p->executor, p->options.grace_ns);
    free(p->slots);
    free(p);
}

static void enqueue(struct pool *p, struct pool_map *m)
{
    // Mostly all have the same priority, and the place is the end.
    struct pool_map *before = TAILQ_LAST(&p->queue, map_queue);
    while (before && before->options.priority < m->options.priority)
        before = TAILQ_PREV(before, map_queue, queue_entry);
    if (before)
        TAILQ_INSERT_AFTER(&p->queue, before, m, queue_entry);
    else
        TAILQ_INSERT_HEAD(&p->queue, m, queue_entry);
}

// After whatever may have changed which of the map's tasks can be handed out.
static void put_in_place(struct pool *p, struct pool_map *m)
{
    bool ready = ledger_ready(&m->ledger, p->now);
    if (ready && !m->queued)
        enqueue(p, m);
    else if (!ready && m->queued)
        TAILQ_REMOVE(&p->queue, m, queue_entry);
    m->queued = ready;
    due_set(&p->due, &m->due, ready ? INT64_MAX : ledger_next_due(&m->ledger));
}

struct pool_map *pool_submit(struct pool *p, const struct pool_map_options *options, br_error *err)
{
    struct pool_map *m = calloc(1, sizeof *m);
    if (!m) {
        br_error_nomem(err);
        return NULL;
    }
    m->options = *options;
    m->options.map.id = p->last_id + 1;
    m->random = options->map.seed;
    ledger_init(&m->ledger, options->tasks);
    if ((options->past && ledger_resume(&m->ledger, options->past, err) != 0) ||
        due_reserve(&p->due, p->map_count + 1, err) != 0 ||
        p->executor->ops->define(p->executor, &m->options.map, err) != 0) {
        ledger_finish(&m->ledger);
        free(m);
        return NULL;
    }
    m->options.past = NULL; // was borrowed for this call
    p->last_id++;
    p->map_count++;
    LIST_INSERT_HEAD(&p->maps, m, entry);
    m->due.of = m;
    chunk_init(&m->chunk, options->chunk);
    put_in_place(p, m);
    p->stirred = true;
    return m;
}

void pool_map_release(struct pool *p, struct pool_map *m)
{
    if (m->queued)
        TAILQ_REMOVE(&p->queue, m, queue_entry);
    due_set(&p->due, &m->due, INT64_MAX);
    LIST_REMOVE(m, entry);
    p->map_count--;
    p->executor->ops->drop(p->executor, m->options.map.id);
    ledger_finish(&m->ledger);
    free(m);
}

bool pool_map_done(const struct pool_map *m)
{
    return ledger_done(&m->ledger);
}

const struct ledger *pool_map_ledger(const struct pool_map *m)
{
    return &m->ledger;
}

// ---- Who holds what

static bool holds(const struct slot *s, const struct pool_map *m)
{
    for (unsigned i = 0; i < s->held_count; i++)
        if (s->held[i].map == m)
            return true;
    return false;
}

// The map of tasks that the slot holds.
static struct pool_map *map_of(const struct slot *s, uint64_t id)
{
    unsigned i = 0;
    while (s->held[i].map->options.map.id != id)
        i++;
    return s->held[i].map;
}

enum end {
    OLDEST,
    NEWEST
};

// Tasks of `m` have left the slot: from the oldest of its grants, or the newest when taken back.
static void let_go(struct slot *s, struct pool_map *m, uint64_t count, enum end end)
{
    unsigned at = end == NEWEST ? s->held_count - 1 : 0;
    while (s->held[at].map != m)
        at = end == NEWEST ? at - 1 : at + 1;
    s->held[at].left -= count;
    if (end == NEWEST)
        s->granted -= count;
    if (s->held[at].left > 0)
        return;
    s->held_count--;
    for (unsigned i = at; i < s->held_count; i++)
        s->held[i] = s->held[i + 1];
    if (!holds(s, m))
        m->holders--;
}

static struct ledger_work work_of(const struct exec_grant *g)
{
    return (struct ledger_work){g->first, g->count, g->attempt, g->crashes, g->alone};
}

// ---- Reports

static double random_fraction(struct pool_map *m)
{
    // xorshift64 (Marsaglia, "Xorshift RNGs", 2003): a jitter need not be better than this.
    uint64_t x = m->random ? m->random : 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    m->random = x;
    return (double)(x >> 11) / 9007199254740992.0;
}

static int64_t retry_delay(struct pool_map *m, uint32_t attempt)
{
    const struct pool_retries *r = &m->options.retries;
    double delay = (double)r->delay_ns;
    for (uint32_t k = 1; k < attempt && delay < (double)r->max_ns; k++)
        delay *= r->factor;
    if (delay > (double)r->max_ns)
        delay = (double)r->max_ns;
    return (int64_t)(delay * (1 + r->jitter * (2 * random_fraction(m) - 1)));
}

static bool may_retry(const struct pool_map *m, const struct exec_report *r)
{
    const struct pool_retries *policy = &m->options.retries;
    return !r->end.permanent && r->tasks.attempt < policy->limit &&
           (policy->on & 1U << r->end.status);
}

// An end that the map would have tried again, had the task not ended so many workers: says so at
// the end of the first line. Behind that may stand the stack of a crash.
static const char *say_given_up(struct pool *p, const char *message, uint32_t crashes)
{
    size_t line = strcspn(message, "\n");
    buffer_reset(&p->words);
    buffer_append(&p->words, message, line);
    buffer_format(&p->words, "; it has ended %u workers, and is not tried again", crashes);
    buffer_append(&p->words, message + line, strlen(message + line) + 1);
    return p->words.failed ? message : p->words.data;
}

static int cancel_waiting(struct pool_map *m, int64_t now, br_error *err)
{
    struct ledger_work work;
    while (ledger_drop_waiting(&m->ledger, &work)) {
        struct exec_report r = {.type = REPORT_END, .slot = UINT32_MAX};
        r.tasks = (struct exec_grant){m->options.map.id, work.first,   1,
                                      work.attempt,      work.crashes, work.alone};
        r.end.status = OUTCOME_CANCELLED;
        r.end.start_ns = now;
        r.end.cpu_ns = r.end.peak_memory = r.end.cpu = -1;
        r.end.message = "it was stopped before its next attempt";
        if (m->options.observer(m->options.user, &r, true, err) != 0)
            return -1;
    }
    return 0;
}

static int take_end(struct pool *p, struct pool_map *m, const struct exec_report *r, br_error *err)
{
    struct ledger_work work = work_of(&r->tasks);
    if (r->end.killed && r->end.status == OUTCOME_CRASHED)
        work.crashes++;
    struct exec_report told = *r;
    bool wanted = may_retry(m, r), again = wanted && work.crashes < p->options.crash_limit;
    if (wanted && !again)
        told.end.message = say_given_up(p, r->end.message, work.crashes);
    if (again) {
        work.attempt++;
        if (ledger_retry(&m->ledger, &work, p->now + retry_delay(m, work.attempt), err) != 0)
            return -1;
        put_in_place(p, m);
    } else
        ledger_end(&m->ledger, r->end.status, 1);
    if (m->options.observer(m->options.user, &told, !again, err) != 0)
        return -1;
    // What would have been tried again, had the map not been stopped, has not failed for good.
    int result = 0;
    if (again && m->stopped) {
        result = cancel_waiting(m, p->now, err);
        put_in_place(p, m);
    }
    return result;
}

// Tasks that come back when nothing more is to start end here, like those that wait and those that
// are new.
static int come_back(struct pool *p, struct pool_map *m, const struct exec_grant *g, br_error *err)
{
    struct ledger_work work = work_of(g);
    if (m->stopped && work.attempt == 0)
        ledger_end(&m->ledger, OUTCOME_SKIPPED, work.count);
    else if (ledger_give_back(&m->ledger, &work, err) != 0)
        return -1;
    int result = m->stopped ? cancel_waiting(m, p->now, err) : 0;
    put_in_place(p, m);
    return result;
}

static int take_tasks(struct pool *p, const struct exec_report *r, br_error *err)
{
    struct slot *s = &p->slots[r->slot];
    struct pool_map *m = map_of(s, r->tasks.map);
    switch (r->type) {
    case REPORT_OK:
        let_go(s, m, r->tasks.count, OLDEST);
        s->finished += r->tasks.count;
        p->finished += r->tasks.count;
        s->fruitless = 0;
        ledger_end(&m->ledger, OUTCOME_OK, r->tasks.count);
        chunk_learn(&m->chunk, r);
        return m->options.observer(m->options.user, r, true, err);
    case REPORT_END:
        let_go(s, m, 1, OLDEST);
        s->finished++;
        p->finished++;
        s->fruitless = 0;
        chunk_learn(&m->chunk, r);
        return take_end(p, m, r, err);
    case REPORT_RETURNED:
        let_go(s, m, r->tasks.count, OLDEST);
        return come_back(p, m, &r->tasks, err);
    default:
        return m->options.observer(m->options.user, r, false, err);
    }
}

static bool others_work(const struct pool *p, unsigned slot)
{
    for (unsigned i = 0; i < p->options.workers; i++)
        if (i != slot && p->slots[i].state == SLOT_READY)
            return true;
    return false;
}

// A worker that could not be started, or ended before it had done anything, is started anew at
// growing intervals. Where others finish tasks meanwhile, or this slot's has come up before and
// others are at work, that goes on for as long as they do; otherwise the pool gives up.
static int start_later(struct pool *p, unsigned slot, const char *reason, br_error *err)
{
    struct slot *s = &p->slots[slot];
    if (s->fruitless++ == 0)
        s->finished_then = p->finished;
    bool others_do = p->finished > s->finished_then || (s->came_up && others_work(p, slot));
    if (s->fruitless >= FRUITLESS_MAX && !others_do)
        return br_error_set(
            err, BR_ERR_SYSTEM,
            "worker %u was started %u times in a row without having finished a task: %s", slot,
            s->fruitless, reason);
    unsigned doublings = s->fruitless < FRUITLESS_MAX ? s->fruitless : FRUITLESS_MAX;
    s->start_at = p->now + (FRUITLESS_DELAY_NS << doublings);
    return 0;
}

static bool all_lost(const struct pool *p)
{
    for (unsigned i = 0; i < p->options.workers; i++)
        if (p->slots[i].state != SLOT_LOST)
            return false;
    return true;
}

static int take_dead(struct pool *p, const struct exec_report *r, br_error *err)
{
    struct slot *s = &p->slots[r->slot];
    bool was_up = s->state != SLOT_STARTING;
    s->state = r->dead.stuck ? SLOT_LOST : SLOT_DOWN;
    s->start_at = p->now;
    if (s->state == SLOT_DOWN && s->finished == 0 && !r->dead.expected &&
        start_later(p, r->slot, r->dead.reason, err) != 0)
        return -1;
    if ((was_up || r->dead.stuck) && p->options.on_worker(p->options.user, r, err) != 0)
        return -1;
    return all_lost(p) ? br_error_set(err, BR_ERR_SYSTEM, "no worker is left: the last was %s",
                                      r->dead.reason)
                       : 0;
}

static int take_report(struct pool *p, const struct exec_report *r, br_error *err)
{
    switch (r->type) {
    case REPORT_READY:
        if (p->slots[r->slot].state == SLOT_STARTING)
            p->slots[r->slot].state = SLOT_READY;
        p->slots[r->slot].came_up = true;
        return p->options.on_worker(p->options.user, r, err);
    case REPORT_UNFIT:
        return br_error_set(err, r->unfit.kind, "%s", r->unfit.text);
    case REPORT_DEAD:
        return take_dead(p, r, err);
    default:
        return take_tasks(p, r, err);
    }
}

static int take_reports(struct pool *p, br_error *err)
{
    for (;;) {
        struct exec_report r = {0};
        int got = p->executor->ops->next_report(p->executor, &r, err);
        if (got <= 0)
            return got;
        if (take_report(p, &r, err) != 0)
            return -1;
    }
}

// ---- Time

static bool is_judged(const struct pool_map *m)
{
    return m->cancelled || m->options.map.soft_ns > 0 || m->options.map.hard_ns > 0;
}

const struct pool_map *pool_in_hand(const struct pool *p, unsigned slot, struct exec_in_hand *out,
                                    void **user)
{
    const struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->held_count == 0 ||
        !p->executor->ops->in_hand(p->executor, slot, out) ||
        out->task.map != s->held[0].map->options.map.id)
        return NULL;
    *user = s->held[0].map->options.user;
    return s->held[0].map;
}

// The task in hand of a slot whose tasks have a limit, or are cancelled.
static bool judged_in_hand(const struct pool *p, unsigned slot, struct exec_in_hand *h)
{
    const struct slot *s = &p->slots[slot];
    void *user;
    return s->held_count > 0 && is_judged(s->held[0].map) && pool_in_hand(p, slot, h, &user);
}

static bool was_asked(const struct slot *s, const struct exec_in_hand *h)
{
    return s->asked.count > 0 && s->asked.map == h->task.map && s->asked.first == h->task.first &&
           s->asked.attempt == h->task.attempt;
}

static void end_overdue(struct pool *p, unsigned slot, const struct exec_in_hand *h, int64_t limit)
{
    char message[96];
    snprintf(message, sizeof message, "it ran longer than its timeout of %.6g s",
             (double)limit / (double)NS_PER_S);
    p->executor->ops->kill(p->executor, slot, &h->task, OUTCOME_TIMED_OUT, message,
                           p->options.grace_ns);
    p->slots[slot].state = SLOT_ENDING;
}

static void end_cancelled(struct pool *p, unsigned slot, const struct exec_in_hand *h)
{
    p->executor->ops->kill(p->executor, slot, &h->task, OUTCOME_CANCELLED, "it was cancelled", 0);
    p->slots[slot].state = SLOT_ENDING;
}

static void judge(struct pool *p, unsigned slot)
{
    struct slot *s = &p->slots[slot];
    struct exec_in_hand h;
    if (!judged_in_hand(p, slot, &h))
        return;
    if (s->held[0].map->cancelled) {
        end_cancelled(p, slot, &h);
        return;
    }
    const struct exec_map *limits = &s->held[0].map->options.map;
    int64_t ran = p->now - h.since_ns;
    if (limits->hard_ns > 0 && ran >= limits->hard_ns)
        end_overdue(p, slot, &h, limits->hard_ns);
    else if (limits->soft_ns > 0 && ran >= limits->soft_ns && !was_asked(s, &h)) {
        p->executor->ops->ask(p->executor, slot, &h.task);
        s->asked = h.task;
    }
}

static int64_t slot_deadline(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    struct exec_in_hand h;
    if (s->state == SLOT_DOWN) // one that may start and has not waits for those that are starting
        return s->start_at > p->now ? s->start_at : INT64_MAX;
    if (s->state != SLOT_READY || s->held_count == 0 || !is_judged(s->held[0].map))
        return INT64_MAX;
    const struct exec_map *limits = &s->held[0].map->options.map;
    if (s->held[0].map->cancelled)
        return p->now;
    // A task may be in hand before its claim is seen: look again before it can be overdue.
    if (!judged_in_hand(p, slot, &h))
        return p->now + (limits->soft_ns > 0 ? limits->soft_ns : limits->hard_ns);
    if (limits->soft_ns > 0 && !was_asked(s, &h))
        return h.since_ns + limits->soft_ns;
    return limits->hard_ns > 0 ? h.since_ns + limits->hard_ns : INT64_MAX;
}

// ---- Handing out

static int start_workers(struct pool *p, br_error *err)
{
    unsigned starting = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        starting += p->slots[i].state == SLOT_STARTING;
    for (unsigned i = 0; i < p->options.workers && starting < STARTING_MAX; i++) {
        struct slot *s = &p->slots[i];
        if (s->state != SLOT_DOWN || s->start_at > p->now)
            continue;
        br_error why = {0};
        if (p->executor->ops->start(p->executor, i, &why) != 0) {
            if (!s->came_up) {
                *err = why;
                return -1;
            }
            if (start_later(p, i, why.text, err) != 0)
                return -1;
            continue;
        }
        *s = (struct slot){.state = SLOT_STARTING,
                           .fruitless = s->fruitless,
                           .finished_then = s->finished_then,
                           .came_up = s->came_up};
        starting++;
    }
    return 0;
}

static bool is_runnable(const struct pool_map *m, const struct slot *s)
{
    return m->options.max_parallel == 0 || m->holders < m->options.max_parallel || holds(s, m);
}

// Of the maps with the highest priority that have work for this slot, the one that fewest slots
// work on, and of these the one that was served longest ago: maps of the same priority share the
// workers.
static struct pool_map *choose_map(const struct pool *p, const struct slot *s)
{
    struct pool_map *best = NULL, *m;
    TAILQ_FOREACH(m, &p->queue, queue_entry)
    {
        if (best && m->options.priority < best->options.priority)
            break;
        if (!is_runnable(m, s))
            continue;
        if (!best || m->holders < best->holders ||
            (m->holders == best->holders && m->granted_at < best->granted_at))
            best = m;
        if (best->holders == 0)
            break; // none can have fewer; many small maps may stand behind it
    }
    return best;
}

static int grant(struct pool *p, unsigned slot, struct pool_map *m, br_error *err)
{
    struct slot *s = &p->slots[slot];
    uint32_t most = chunk_next(&m->chunk, ledger_left(&m->ledger), p->options.workers);
    uint64_t max = p->options.max_tasks;
    if (max > 0 && max - s->granted < most)
        most = (uint32_t)(max - s->granted);
    struct ledger_work work;
    if (!ledger_take(&m->ledger, most, p->now, &work))
        return 0;
    put_in_place(p, m);
    struct exec_grant g = {m->options.map.id, work.first,   work.count,
                           work.attempt,      work.crashes, work.alone};
    if (!holds(s, m))
        m->holders++;
    m->granted_at = ++p->grants;
    s->held[s->held_count++] = (struct held){m, work.count, p->now};
    s->alone = work.alone;
    s->granted += work.count;
    return p->executor->ops->grant(p->executor, slot, &g, err);
}

// A worker that has had its number of tasks is replaced when it has finished them.
static bool is_used_up(const struct pool *p, const struct slot *s)
{
    return p->options.max_tasks > 0 && s->granted >= p->options.max_tasks;
}

// Two grants, the one in work and the one behind it, or more where they are over in no time.
static bool has_enough(const struct slot *s)
{
    double ns = 0;
    for (unsigned i = 0; i < s->held_count; i++)
        ns += (double)s->held[i].left * s->held[i].map->chunk.mean_ns;
    return s->held_count >= 2 && (ns <= 0 || ns >= (double)CHUNK_AHEAD_NS);
}

// A grant all of which was taken back is still in the executor's queue: its count holds.
static bool asks_for_more(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    return s->state == SLOT_READY && !is_used_up(p, s) && !has_enough(s) &&
           p->executor->ops->load(p->executor, slot) < EXECUTOR_QUEUE;
}

static int feed(struct pool *p, unsigned slot, br_error *err)
{
    struct slot *s = &p->slots[slot];
    while (asks_for_more(p, slot)) {
        struct pool_map *m = choose_map(p, s);
        // Beside a task that may have damaged its worker no other's outcome is to be at stake.
        if (!m || (s->held_count > 0 && (s->alone || ledger_next_alone(&m->ledger, p->now))))
            return 0;
        if (grant(p, slot, m, err) != 0)
            return -1;
    }
    if (s->state == SLOT_READY && is_used_up(p, s) && s->held_count == 0) {
        p->executor->ops->retire(p->executor, slot);
        s->state = SLOT_ENDING;
    }
    return 0;
}

// For how long the slot's task in hand has run; 0: there is none.
static int64_t has_run(const struct pool *p, unsigned slot)
{
    struct exec_in_hand h;
    return p->executor->ops->in_hand(p->executor, slot, &h) ? p->now - h.since_ns : 0;
}

static bool is_held_up(const struct pool *p, unsigned slot)
{
    const struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->held_count == 0)
        return false;
    double least = 2 * s->held[0].map->chunk.mean_ns;
    if (least < HELD_UP_NS)
        least = HELD_UP_NS;
    // It has run no longer than it has been there; that takes no look at the worker's memory.
    return (double)(p->now - s->held[0].since_ns) >= least && (double)has_run(p, slot) >= least;
}

// Takes back what the slot has of a map and has not started.
static int take_back(struct pool *p, unsigned slot, struct pool_map *m, br_error *err)
{
    struct exec_grant g;
    while (holds(&p->slots[slot], m) &&
           p->executor->ops->take_back(p->executor, slot, m->options.map.id, UINT64_MAX, &g) > 0) {
        let_go(&p->slots[slot], m, g.count, NEWEST);
        if (come_back(p, m, &g, err) != 0)
            return -1;
    }
    return 0;
}

// The oldest of the grants that wait behind a task that has been in hand for long, of those that
// the one who asks may run.
static const struct held *find_held_up(const struct pool *p, const struct slot *asking,
                                       unsigned *victim)
{
    const struct held *oldest = NULL;
    for (unsigned i = 0; i < p->options.workers; i++) {
        const struct slot *s = &p->slots[i];
        for (unsigned k = 0; s != asking && k < s->held_count; k++) {
            const struct held *h = &s->held[k];
            uint64_t unstarted = h->left - (k == 0); // one may be in hand
            if (unstarted == 0 || p->now - h->since_ns < HELD_UP_NS ||
                (oldest && h->since_ns >= oldest->since_ns) || !is_runnable(h->map, asking) ||
                !is_held_up(p, i))
                continue;
            oldest = h;
            *victim = i;
        }
    }
    return oldest;
}

// Before the slot is given what is new.
static int take_held_up(struct pool *p, unsigned slot, br_error *err)
{
    unsigned victim;
    if (!asks_for_more(p, slot) || is_held_up(p, slot))
        return 0;
    const struct held *h = find_held_up(p, &p->slots[slot], &victim);
    return h ? take_back(p, victim, h->map, err) : 0;
}

// Whether it pays to take tasks that the slot holds behind others. Where it does not yet, the pool
// will look again soon.
static bool is_worth_taking(struct pool *p, unsigned slot, const struct held *h, uint64_t unstarted)
{
    if (chunk_is_worth(&h->map->chunk, unstarted, STEAL_NS) || has_run(p, slot) >= STUCK_NS)
        return true;
    p->starving = true;
    return false;
}

// The slot from which an idle one may best take tasks: the one with the most left of a map.
static struct held *find_victim(struct pool *p, const struct slot *idle, unsigned *victim)
{
    struct held *best = NULL;
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct slot *s = &p->slots[i];
        for (unsigned k = 0; s->state == SLOT_READY && k < s->held_count; k++) {
            struct held *h = &s->held[k];
            uint64_t unstarted = h->left - (k == 0); // one may be in hand
            if (unstarted == 0 || (best && h->left <= best->left) || !is_runnable(h->map, idle) ||
                !is_worth_taking(p, i, h, unstarted))
                continue;
            best = h;
            *victim = i;
        }
    }
    return best;
}

// Gives an idle worker half of what another has not started, so that nobody waits behind a long
// task while hands are free.
static int steal(struct pool *p, unsigned slot, br_error *err)
{
    struct slot *s = &p->slots[slot];
    if (s->state != SLOT_READY || s->held_count > 0 || is_used_up(p, s))
        return 0;
    unsigned victim;
    struct held *from = find_victim(p, s, &victim);
    if (!from)
        return 0;
    struct pool_map *m = from->map;
    struct exec_grant g;
    if (p->executor->ops->take_back(p->executor, victim, m->options.map.id, (from->left + 1) / 2,
                                    &g) == 0)
        return 0;
    let_go(&p->slots[victim], m, g.count, NEWEST);
    if (come_back(p, m, &g, err) != 0)
        return -1;
    return feed(p, slot, err);
}

// Tasks whose next attempt is due can be handed out.
static void wake_due(struct pool *p)
{
    for (struct due *d; (d = due_first(&p->due)) && d->at_ns <= p->now;)
        put_in_place(p, d->of);
}

static int hand_out(struct pool *p, br_error *err)
{
    wake_due(p);
    for (unsigned i = 0; i < p->options.workers; i++)
        if (take_held_up(p, i, err) != 0 || feed(p, i, err) != 0)
            return -1;
    for (unsigned i = 0; i < p->options.workers; i++)
        if (steal(p, i, err) != 0)
            return -1;
    return 0;
}

// ---- From outside

int pool_dispatch(struct pool *p, int64_t now, br_error *err)
{
    p->now = now;
    if (take_reports(p, err) != 0)
        return -1;
    p->stirred = p->starving = false;
    for (unsigned i = 0; i < p->options.workers; i++)
        judge(p, i);
    if (start_workers(p, err) != 0)
        return -1;
    return hand_out(p, err);
}

unsigned pool_ready(const struct pool *p)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < p->options.workers; i++)
        ready += p->slots[i].state == SLOT_READY;
    return ready;
}

int pool_fd(const struct pool *p)
{
    return p->executor->ops->fd(p->executor);
}

int64_t pool_deadline(const struct pool *p)
{
    if (p->stirred)
        return p->now;
    int64_t first = p->executor->ops->deadline(p->executor);
    if (p->starving && p->now + STUCK_NS < first)
        first = p->now + STUCK_NS;
    for (unsigned i = 0; i < p->options.workers; i++) {
        int64_t at = slot_deadline(p, i);
        first = at < first ? at : first;
    }
    const struct due *due = due_first(&p->due);
    if (due && due->at_ns < first)
        first = due->at_ns;
    return first;
}

// ---- Stopping a map

int pool_map_stop(struct pool *p, struct pool_map *m, int64_t now, br_error *err)
{
    if (m->stopped)
        return 0;
    m->stopped = true;
    p->stirred = true;
    ledger_stop(&m->ledger);
    int result = cancel_waiting(m, now, err);
    put_in_place(p, m);
    for (unsigned i = 0; result == 0 && i < p->options.workers; i++)
        result = take_back(p, i, m, err);
    if (result != 0)
        m->stopped = false; // another call continues
    return result;
}

int pool_map_cancel(struct pool *p, struct pool_map *m, int64_t now, br_error *err)
{
    if (pool_map_stop(p, m, now, err) != 0)
        return -1;
    m->cancelled = true;
    p->stirred = true;
    return 0;
}

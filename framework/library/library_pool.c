// SPDX-License-Identifier: BSD-3-Clause
// Making a pool, ending it, and its figures.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/owned.h"
#include "exec/local/local.h"
#include "exec/topology.h"
#include "exec/worker/children.h"
#include "library/library.h"
#include "library/library_drive.h"
#include "library/library_imap.h"
#include "library/library_result.h"
#include "library/library_struct.h"

// How long a caller looks for the end of a task before it sleeps, if a core is free for that. This
// is longer than the round trip of a short task, and much shorter than a person or a scheduler
// notices.
#define SPIN_NS (50 * NS_PER_US)

enum {
    WORKERS_MAX = 4096
};

// ---- Workers

static int on_worker(void *user, const struct exec_report *r, br_error *err)
{
    br_pool *p = user;
    (void)err;
    if (r->type == REPORT_READY)
        p->stats.starts++;
    else
        p->stats.deaths += !r->dead.expected;
    return 0;
}

// ---- Making

static int count_cpus(struct cpuset *cpus)
{
    cpu_set_t set;
    *cpus = (struct cpuset){0};
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (unsigned c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &set))
            cpuset_add(cpus, c);
    return (int)cpuset_count(cpus);
}

// Unbound workers run where the caller may run, so the machine need not be read.
static int plan_unbound(br_pool *p, const struct cpuset *cpus, int cpu_count, br_error *err)
{
    unsigned count = p->options.workers ? p->options.workers
                     : cpu_count > 0    ? (unsigned)cpu_count
                                        : 1;
    p->plan.slots = calloc(count, sizeof *p->plan.slots);
    if (!p->plan.slots)
        return br_error_nomem(err);
    p->plan.slot_count = count;
    for (unsigned i = 0; i < count; i++) {
        p->plan.slots[i].cpus = *cpus;
        p->plan.slots[i].width = 1;
    }
    return 0;
}

static int plan_bound(br_pool *p, br_error *err)
{
    const br_pool_options *o = &p->options;
    struct job_workers want = {.count = o->workers,
                               .binding = (enum job_binding)o->binding,
                               .layout = o->scatter ? LAYOUT_SCATTER : LAYOUT_COMPACT,
                               .width = o->width ? o->width : 1,
                               .oversubscribe = o->oversubscribe};
    struct machine machine = {0};
    if (topology_load(&machine, err) != 0)
        return -1;
    int result = plan_make(&machine, &want, 0, &p->plan, err);
    machine_finish(&machine);
    return result;
}

static int make_plan(br_pool *p, br_error *err)
{
    struct cpuset cpus;
    int count = count_cpus(&cpus);
    int result = p->options.binding == BR_BIND_NONE ? plan_unbound(p, &cpus, count, err)
                                                    : plan_bound(p, err);
    // A caller that spins takes a core from the workers, unless there are more cores than workers.
    if (result == 0 && count > 1 && p->plan.slot_count <= (size_t)count)
        p->spin_ns = SPIN_NS;
    return result;
}

static int check_options(const br_pool_options *o, br_error *err)
{
    if (o->workers > WORKERS_MAX)
        return br_error_set(err, BR_ERR_USAGE, "%u workers were requested; the limit is %d",
                            o->workers, WORKERS_MAX);
    if (o->binding > BR_BIND_PACKAGE)
        return br_error_set(err, BR_ERR_USAGE, "there is no binding %d", (int)o->binding);
    if (!(o->grace >= 0) || !library_is_limit(o->queue_timeout) ||
        !library_is_limit(o->start_timeout))
        return br_error_set(err, BR_ERR_USAGE,
                            "a time of the pool's options is negative or not a number");
    return 0;
}

// Creates the pool of maps, to which the executor then belongs; destroys the executor on failure.
static int make_pool(br_pool *p, struct executor *executor, br_error *err)
{
    const br_pool_options *o = &p->options;
    struct pool_options options = {
        .executor = executor,
        .workers = executor->slots,
        .crash_limit = o->crash_limit ? o->crash_limit : POOL_CRASH_LIMIT,
        .max_tasks = o->max_tasks,
        .grace_ns = o->grace > 0 ? library_ns(o->grace) : 2 * NS_PER_S,
        .on_worker = on_worker,
        .user = p,
    };
    p->stats.workers = executor->slots;
    p->pool = pool_create(&options, err);
    if (!p->pool)
        executor->ops->destroy(executor, 0);
    return p->pool ? 0 : -1;
}

// Returns how long a worker may take to start, in nanoseconds; INT64_MAX for ever.
static int64_t start_limit(const br_pool_options *o)
{
    if (o->start_timeout == BR_FOREVER)
        return INT64_MAX;
    return o->start_timeout > 0 ? library_ns(o->start_timeout) : JOB_START_NS;
}

static int make_workers(br_pool *p, br_error *err)
{
    const br_pool_options *o = &p->options;
    size_t count = p->plan.slot_count;
    p->standard = malloc(2 * count * sizeof *p->standard);
    if (!p->standard)
        return br_error_nomem(err);
    // A stream that the caller has closed is /dev/null in the workers.
    int out = fcntl(STDOUT_FILENO, F_GETFD) < 0 ? -1 : STDOUT_FILENO;
    int error = fcntl(STDERR_FILENO, F_GETFD) < 0 ? -1 : STDERR_FILENO;
    for (size_t i = 0; i < 2 * count; i++)
        p->standard[i] = i < count ? out : error;
    struct local_options local = {
        .nursery = &p->nursery,
        .plan = &p->plan,
        .common = {.init = o->init,
                   .init_arg = o->init_arg,
                   .address_space = o->address_space ? o->address_space : JOB_UNLIMITED,
                   .data = JOB_UNLIMITED,
                   .output = JOB_UNLIMITED,
                   .open_files = o->open_files ? o->open_files : JOB_UNLIMITED,
                   .core_size = JOB_UNLIMITED,
                   .bind = o->binding != BR_BIND_NONE,
                   .idle_spin_ns = p->spin_ns},
        .out_fds = p->standard,
        .err_fds = p->standard + count,
        .limits = LIMIT_WATCH_NOTHING,
        .start_ns = start_limit(o),
        .start_name = ".start_timeout",
    };
    struct executor *executor = local_create(&local, err);
    return executor ? make_pool(p, executor, err) : -1;
}

// A library_condition: all workers are ready, or will never be.
static bool all_are_ready(void *user)
{
    const br_pool *p = user;
    if (p->broken || p->ended)
        return true;
    unsigned ready = pool_ready(p->pool);
    return ready > 0 && ready + pool_lost(p->pool) == p->stats.workers;
}

static int start(br_pool *p, br_error *err)
{
    pthread_mutex_lock(&p->lock);
    library_start(p);
    // A failure of the initializer, in whichever worker, is an error of this call.
    if (p->options.init)
        library_drive(p, BR_FOREVER, all_are_ready, p);
    bool broken = p->broken;
    if (broken && err)
        *err = p->why;
    pthread_mutex_unlock(&p->lock);
    if (broken)
        return -1;
    return p->options.progress_thread ? library_start_thread(p, err) : 0;
}

static int init_lock(br_pool *p, br_error *err)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    p->wake = fd_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return p->wake < 0 ? br_error_errno(err, "cannot create an eventfd") : 0;
}

static int64_t machine_now(void *user)
{
    (void)user;
    return clock_now();
}

static void machine_wait(void *user, struct pollfd *fds, nfds_t count, int64_t until)
{
    (void)user;
    (void)poll(fds, count, clock_poll_timeout(until, clock_now()));
}

static br_pool *allocate(const br_pool_options *options, const struct library_time *time,
                         br_error *err)
{
    static const br_pool_options defaults;
    if (check_options(options ? options : &defaults, err) != 0)
        return NULL;
    br_pool *p = calloc(1, sizeof *p);
    if (!p) {
        br_error_nomem(err);
        return NULL;
    }
    p->options = options ? *options : defaults;
    p->time = *time;
    p->owner = library_pid();
    p->callbacks_end = &p->callbacks;
    TAILQ_INIT(&p->done);
    p->nursery = NURSERY_NONE;
    return p;
}

br_pool *br_pool_create_sized(const br_pool_options *options, size_t size, br_error *err)
{
    static const struct library_time machine = {.now = machine_now, .wait = machine_wait};
    br_pool_options o;
    if (library_take_struct(&o, sizeof o, options, size, err) != 0)
        return NULL;
    br_pool *p = allocate(&o, &machine, err);
    if (!p)
        return NULL;
    if (init_lock(p, err) != 0 || nursery_start(&p->nursery, nursery_children, err) != 0 ||
        make_plan(p, err) != 0 || make_workers(p, err) != 0 || start(p, err) != 0) {
        br_pool_destroy(p);
        return NULL;
    }
    return p;
}

br_pool *library_create(const br_pool_options *options, struct executor *executor,
                        const struct library_time *time, br_error *err)
{
    br_pool *p = allocate(options, time, err);
    if (!p || init_lock(p, err) != 0) {
        executor->ops->destroy(executor, 0);
        br_pool_destroy(p);
        return NULL;
    }
    if (make_pool(p, executor, err) != 0 || start(p, err) != 0) {
        br_pool_destroy(p);
        return NULL;
    }
    return p;
}

int br_pool_wait_ready(br_pool *p, double timeout, br_error *err)
{
    if (!library_enter(p, err))
        return -1;
    int result = 0;
    bool waited = !p->closed && library_drive(p, timeout, all_are_ready, p);
    if (p->closed) // perhaps by another thread meanwhile
        result = br_error_set(err, BR_ERR_CLOSED, "the pool is closed: its workers may have ended");
    else if (!waited)
        result = br_error_set(err, BR_ERR_TIMEOUT, "%u of %u workers are ready",
                              pool_ready(p->pool), p->stats.workers);
    if (p->broken) {
        if (err)
            *err = p->why;
        result = -1;
    }
    library_leave(p);
    return result;
}

// ---- Ending

void br_pool_close(br_pool *p)
{
    if (!library_enter(p, NULL))
        return;
    p->closed = true;
    library_leave(p);
}

// Returns whether all results have ended and their callbacks have returned. A caller inside a
// callback does not wait for callbacks that run, because one of those might wait for this one.
static bool all_settled(void *user)
{
    const br_pool *p = user;
    bool telling = false, within = false;
    for (const br_result *r = p->results; r; r = r->next) {
        if (r->map || !(r->notified || r->in_callback))
            return false;
        telling = telling || r->in_callback;
        within = within || (r->in_callback && pthread_equal(r->callback_thread, pthread_self()));
    }
    return within || !telling;
}

// Ends the workers and the nursery of a pool whose work has ended, or waits until another thread
// has done it. Called with the lock.
static void end_workers(br_pool *p)
{
    if (library_in_callback())
        return;
    while (p->ended && p->pool)
        pthread_cond_wait(&p->changed, &p->lock);
    if (p->ended)
        return;
    p->ended = true;
    library_leave(p);
    library_stop_thread(p);
    pthread_mutex_lock(&p->lock);
    library_await_driver(p);
    pool_destroy(p->pool);
    nursery_stop(&p->nursery);
    p->pool = NULL;
    pthread_cond_broadcast(&p->changed);
}

int br_pool_join(br_pool *p, double timeout, br_error *err)
{
    if (!library_enter(p, err))
        return -1;
    int result = 0;
    if (!p->closed)
        result = br_error_set(err, BR_ERR_USAGE,
                              "the pool is open: close or terminate it before "
                              "joining it");
    else if (!library_drive(p, timeout, all_settled, p) && !p->ended)
        result = br_error_set(err, BR_ERR_TIMEOUT, "%llu items have not ended in time",
                              (unsigned long long)p->queued);
    else
        end_workers(p);
    library_leave(p);
    return result;
}

void br_pool_cancel_queued(br_pool *p)
{
    if (!library_enter(p, NULL))
        return;
    for (br_result *r = p->results; r && !p->broken; r = r->next)
        library_stop(r);
    library_start(p);
    library_leave(p);
}

static void cancel_all(br_pool *p)
{
    for (br_result *r = p->results; r && !p->broken; r = r->next)
        library_cancel(r);
}

void br_pool_terminate(br_pool *p)
{
    if (!library_enter(p, NULL))
        return;
    p->closed = true;
    cancel_all(p);
    library_start(p);
    // Killing a worker takes a moment; its tasks end with it.
    library_drive(p, BR_FOREVER, all_settled, p);
    library_leave(p);
}

// Returns whether this thread is inside one of the pool's callbacks.
static bool is_within_callback(br_pool *p)
{
    bool within = false;
    pthread_mutex_lock(&p->lock);
    for (const br_result *r = p->results; r && !within; r = r->next)
        within = r->in_callback && pthread_equal(r->callback_thread, pthread_self());
    pthread_mutex_unlock(&p->lock);
    return within;
}

void br_pool_destroy(br_pool *p)
{
    if (!p || library_pid() != p->owner)
        return;
    if (p->pool && !p->ended)
        br_pool_terminate(p);
    // If a callback calls exit(), an exit handler may call this function while other threads use
    // the pool. Leave it to them; the workers end with the process.
    if (is_within_callback(p))
        return;
    library_stop_thread(p);
    library_free_imaps(p);
    while (p->results) {
        p->results->open = false;
        library_free_result(p->results);
    }
    pool_destroy(p->pool);
    nursery_stop(&p->nursery);
    plan_finish(&p->plan);
    fd_close(&p->wake);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->standard);
    free(p);
}

// ---- Event loops and figures

int br_pool_fd(const br_pool *pool)
{
    br_pool *p = owned(pool); // for its lock
    if (!library_enter(p, NULL))
        return -1;
    int fd = p->ended ? -1 : pool_fd(p->pool);
    library_leave(p);
    return fd;
}

double br_pool_timeout(br_pool *p)
{
    if (!library_enter(p, NULL))
        return BR_FOREVER;
    int64_t now = library_now(p), at = library_deadline_of_work(p);
    if (p->callbacks)
        at = now;
    library_leave(p);
    if (at == INT64_MAX)
        return BR_FOREVER;
    return at > now ? (double)(at - now) / (double)NS_PER_S : 0;
}

int br_pool_dispatch(br_pool *p, br_error *err)
{
    if (!library_enter(p, err))
        return -1;
    library_step(p);
    int result = 0;
    if (p->broken) {
        if (err)
            *err = p->why;
        result = -1;
    }
    library_leave(p);
    return result;
}

void br_pool_get_stats_sized(br_pool *p, br_pool_stats *out, size_t size)
{
    br_pool_stats stats = {0};
    if (library_enter(p, NULL)) {
        library_start(p); // it reads which workers are ready by now
        stats = p->stats;
        stats.queued = p->queued;
        stats.alive = p->ended ? 0 : pool_ready(p->pool);
        library_leave(p);
    }
    library_give_struct(out, size, &stats, sizeof stats);
}

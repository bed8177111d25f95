// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/local/local.h"
#include "exec/topology.h"
#include "library/library.h"

// How long to look before sleeping, where a core is free for it: longer than a short task's round
// trip, far shorter than a person or a scheduler notices.
#define SPIN_NS (50 * NS_PER_US)

#define LONGEST 1e9 // seconds; some thirty years

enum {
    DEFAULT_CRASH_LIMIT = 3,
    WORKERS_MAX = 4096
};

// ---- The lock

bool library_enter(br_pool *p, br_error *err)
{
    if (getpid() != p->owner) {
        br_error_set(err, BR_ERR_USAGE,
                     "this pool belongs to process %d, which forked this one; make "
                     "one of your own",
                     (int)p->owner);
        return false;
    }
    pthread_mutex_lock(&p->lock);
    return true;
}

void library_leave(br_pool *p)
{
    pthread_mutex_unlock(&p->lock);
}

int64_t library_now(const br_pool *p)
{
    return p->time.now(p->time.user);
}

int64_t library_deadline(double timeout, int64_t now)
{
    if (!(timeout >= 0 && timeout <= LONGEST))
        return INT64_MAX;
    return now + library_ns(timeout);
}

int64_t library_ns(double seconds)
{
    if (!(seconds > 0))
        return 0;
    return (int64_t)((seconds < LONGEST ? seconds : LONGEST) * (double)NS_PER_S);
}

bool library_is_limit(double seconds)
{
    return seconds >= 0 || seconds == BR_FOREVER;
}

// ---- Driving

static void wake_driver(br_pool *p)
{
    uint64_t one = 1;
    if (p->driving)
        (void)!write(p->wake, &one, sizeof one); // EAGAIN: it has been woken often enough
}

static void run_callbacks(br_pool *p)
{
    while (p->due) {
        br_result *r = p->due;
        p->due = r->next_due;
        if (!p->due)
            p->due_end = &p->due;
        bool good = !library_has_failed(r);
        void (*call)(br_result *, void *) = good ? r->options.on_result : r->options.on_error;
        if (call) {
            r->telling = true;
            r->teller = pthread_self();
            pthread_mutex_unlock(&p->lock);
            call(r, r->options.user);
            pthread_mutex_lock(&p->lock);
            r->telling = false;
        }
        r->told = true;
        pthread_cond_broadcast(&p->moved);
        if (!r->open)
            library_drop(r);
    }
}

void library_finished(br_result *r)
{
    r->next_due = r->pool->finished;
    r->pool->finished = r;
}

void library_stop_later(br_result *r)
{
    if (r->to_stop || r->stopping)
        return;
    r->to_stop = true;
    r->next_stopping = r->pool->to_stop;
    r->pool->to_stop = r;
}

void library_await_end(br_result *r)
{
    if (r->stopping)
        return;
    r->stopping = true;
    r->next_stopping = r->pool->stopping;
    r->pool->stopping = r;
}

// What has ended leaves the list before anybody may free it.
static void settle_stopped(br_pool *p)
{
    for (br_result **at = &p->stopping; *at;) {
        br_result *r = *at;
        if (r->map && !pool_map_done(r->map)) {
            at = &r->next_stopping;
            continue;
        }
        *at = r->next_stopping;
        if (r->map)
            library_settle(r);
    }
}

static void settle_finished(br_pool *p)
{
    while (p->finished) {
        br_result *r = p->finished;
        p->finished = r->next_due;
        if (r->map)
            library_settle(r);
    }
    settle_stopped(p);
}

// Calls whose first failure ends the rest.
static int stop_failing(br_pool *p, int64_t now, br_error *err)
{
    while (p->to_stop) {
        br_result *r = p->to_stop;
        p->to_stop = r->next_stopping;
        r->to_stop = false;
        library_await_end(r); // before: what is told of its end is no reason to stop it
        if (pool_map_stop(p->pool, r->map, now, err) != 0)
            return -1;
    }
    return 0;
}

static void dispatch(br_pool *p)
{
    br_error err = {0};
    int64_t now = library_now(p);
    if (p->broken)
        return;
    if (pool_dispatch(p->pool, now, &err) != 0 || stop_failing(p, now, &err) != 0)
        library_break(p, &err);
    else
        settle_finished(p);
}

void library_step(br_pool *p)
{
    dispatch(p);
    run_callbacks(p);
}

void library_start(br_pool *p)
{
    dispatch(p);
    wake_driver(p); // its deadline may be another now, and callbacks may be due
}

static void poll_once(br_pool *p, int64_t deadline)
{
    int64_t until = p->broken ? INT64_MAX : pool_deadline(p->pool);
    if (deadline < until)
        until = deadline;
    struct pollfd wait[] = {{.fd = pool_fd(p->pool), .events = POLLIN},
                            {.fd = p->wake, .events = POLLIN}};
    unsigned idle = p->broken; // nobody empties the workers' descriptor any more
    p->driving = true;
    pthread_mutex_unlock(&p->lock);
    p->time.wait(p->time.user, wait + idle, 2 - idle, until);
    pthread_mutex_lock(&p->lock);
    p->driving = false;
    uint64_t count;
    if (wait[1].revents)
        (void)!read(p->wake, &count, sizeof count);
}

// Looks again and again for a moment, when there are fewer items than cores to run them.
static bool spin(br_pool *p, library_condition *done, void *user)
{
    if (p->spin_ns == 0 || p->queued > 1)
        return false;
    for (int64_t until = library_now(p) + p->spin_ns; !p->broken && library_now(p) < until;) {
        library_step(p);
        if (done(user))
            return true;
        sched_yield(); // the worker may need this very core
    }
    return false;
}

static void wait_for_driver(br_pool *p, int64_t deadline)
{
    if (deadline == INT64_MAX) {
        pthread_cond_wait(&p->moved, &p->lock);
        return;
    }
    struct timespec t = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
    pthread_cond_timedwait(&p->moved, &p->lock, &t);
}

// The progress thread too waits for others when one of its callbacks makes a call that waits.
static bool may_drive(const br_pool *p)
{
    return !p->has_thread || pthread_equal(p->thread, pthread_self());
}

bool library_drive(br_pool *p, double timeout, library_condition *done, void *user)
{
    return library_drive_until(p, library_deadline(timeout, library_now(p)), done, user);
}

bool library_drive_until(br_pool *p, int64_t deadline, library_condition *done, void *user)
{
    bool drives = may_drive(p);
    for (;;) {
        if (drives)
            library_step(p);
        if (done(user))
            return true;
        if (p->broken)
            return false;
        if (library_now(p) >= deadline)
            return false;
        if (!drives || p->driving)
            wait_for_driver(p, deadline);
        else if (spin(p, done, user))
            return true;
        else if (!p->broken) {
            poll_once(p, deadline);
            pthread_cond_broadcast(&p->moved); // another may drive now
        }
    }
}

static void *progress(void *user)
{
    br_pool *p = user;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        library_step(p);
        pthread_cond_broadcast(&p->moved); // others may wait for an item, or for room
        if (!p->ending)
            poll_once(p, INT64_MAX);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

// ---- What the pool of maps tells

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

// Unbound workers run where the caller may: no need to read the machine.
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
    // To look for work is to keep a core from it, unless there are cores enough.
    if (result == 0 && count > 1 && p->plan.slot_count <= (size_t)count)
        p->spin_ns = SPIN_NS;
    return result;
}

static int check_options(const br_pool_options *o, br_error *err)
{
    if (o->workers > WORKERS_MAX)
        return br_error_set(err, BR_ERR_USAGE, "%u workers are more than %d", o->workers,
                            WORKERS_MAX);
    if (o->binding > BR_BIND_PACKAGE)
        return br_error_set(err, BR_ERR_USAGE, "there is no binding %d", (int)o->binding);
    if (!(o->grace >= 0) || !library_is_limit(o->queue_timeout))
        return br_error_set(err, BR_ERR_USAGE,
                            "a time of the pool's options is negative or no number");
    return 0;
}

// Takes the executor.
static int make_pool(br_pool *p, struct executor *executor, br_error *err)
{
    const br_pool_options *o = &p->options;
    struct pool_options options = {
        .executor = executor,
        .workers = executor->slots,
        .crash_limit = o->crash_limit ? o->crash_limit : DEFAULT_CRASH_LIMIT,
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

static int make_workers(br_pool *p, br_error *err)
{
    const br_pool_options *o = &p->options;
    size_t count = p->plan.slot_count;
    p->standard = malloc(2 * count * sizeof *p->standard);
    if (!p->standard)
        return br_error_nomem(err);
    // What the caller has closed is /dev/null in the workers.
    int out = fcntl(STDOUT_FILENO, F_GETFD) < 0 ? -1 : STDOUT_FILENO;
    int error = fcntl(STDERR_FILENO, F_GETFD) < 0 ? -1 : STDERR_FILENO;
    for (size_t i = 0; i < 2 * count; i++)
        p->standard[i] = i < count ? out : error;
    struct local_options local = {
        .nursery = &p->nursery,
        .plan = &p->plan,
        .common = {.init = o->init,
                   .init_arg = o->init_arg,
                   .address_space = o->memory ? o->memory : JOB_UNLIMITED,
                   .data = JOB_UNLIMITED,
                   .output = JOB_UNLIMITED,
                   .open_files = o->open_files ? o->open_files : JOB_UNLIMITED,
                   .core_size = JOB_UNLIMITED,
                   .bind = o->binding != BR_BIND_NONE,
                   .idle_spin_ns = p->spin_ns},
        .out_fds = p->standard,
        .err_fds = p->standard + count,
        .limits = WATCH_NOTHING,
    };
    struct executor *executor = local_create(&local, err);
    return executor ? make_pool(p, executor, err) : -1;
}

static bool one_is_ready(void *user)
{
    return ((br_pool *)user)->stats.starts > 0;
}

// Signals are for the caller's threads.
static int start_thread(br_pool *p, br_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&p->lock);
    int failed = pthread_create(&p->thread, NULL, progress, p);
    p->has_thread = failed == 0;
    pthread_mutex_unlock(&p->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        return 0;
    errno = failed;
    return br_error_errno(err, "cannot start the pool's thread");
}

static int start(br_pool *p, br_error *err)
{
    pthread_mutex_lock(&p->lock);
    dispatch(p);
    // An initializer's failure is to be an error of the call that named it.
    if (p->options.init)
        library_drive(p, BR_FOREVER, one_is_ready, p);
    bool broken = p->broken;
    if (broken && err)
        *err = p->why;
    pthread_mutex_unlock(&p->lock);
    if (broken)
        return -1;
    return p->options.progress_thread ? start_thread(p, err) : 0;
}

static int init_lock(br_pool *p, br_error *err)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->moved, &attributes);
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
    p->owner = getpid();
    p->due_end = &p->due;
    p->nursery.socket = -1;
    return p;
}

br_pool *br_pool_create(const br_pool_options *options, br_error *err)
{
    static const struct library_time machine = {.now = machine_now, .wait = machine_wait};
    br_pool *p = allocate(options, &machine, err);
    if (!p)
        return NULL;
    if (init_lock(p, err) != 0 || nursery_start(&p->nursery, err) != 0 || make_plan(p, err) != 0 ||
        make_workers(p, err) != 0 || start(p, err) != 0) {
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

// ---- Ending

void library_break(br_pool *p, const br_error *why)
{
    p->broken = true;
    p->why = *why;
    for (br_result *r = p->results; r; r = r->next)
        if (r->map)
            library_settle(r);
    pthread_cond_broadcast(&p->moved);
}

void br_pool_close(br_pool *p)
{
    if (!library_enter(p, NULL))
        return;
    p->closed = true;
    library_leave(p);
}

// Within a callback nobody waits for callbacks under way: one might wait for this one's end.
static bool all_settled(void *user)
{
    const br_pool *p = user;
    bool telling = false, within = false;
    for (const br_result *r = p->results; r; r = r->next) {
        if (r->map || !(r->told || r->telling))
            return false;
        telling = telling || r->telling;
        within = within || (r->telling && pthread_equal(r->teller, pthread_self()));
    }
    return within || !telling;
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
    else if (!library_drive(p, timeout, all_settled, p) && !p->broken)
        result = br_error_set(err, BR_ERR_TIMEOUT, "%llu items have not ended in time",
                              (unsigned long long)p->queued);
    library_leave(p);
    return result;
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
    // Killing a worker takes a moment; what it held ends with it.
    library_drive(p, BR_FOREVER, all_settled, p);
    library_leave(p);
}

static void stop_thread(br_pool *p)
{
    if (!p->has_thread)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    wake_driver(p);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    p->has_thread = false;
}

// Whether this thread is inside one of the pool's callbacks.
static bool is_within_callback(br_pool *p)
{
    bool within = false;
    pthread_mutex_lock(&p->lock);
    for (const br_result *r = p->results; r && !within; r = r->next)
        within = r->telling && pthread_equal(r->teller, pthread_self());
    pthread_mutex_unlock(&p->lock);
    return within;
}

void br_pool_destroy(br_pool *p)
{
    if (!p || getpid() != p->owner)
        return;
    if (p->pool)
        br_pool_terminate(p);
    // A callback called exit(), and a handler this: other threads may be in calls on the pool, and
    // are not to find it gone. The workers end with the process.
    if (is_within_callback(p))
        return;
    stop_thread(p);
    library_free_imaps(p);
    while (p->results) {
        p->results->open = false;
        library_free_result(p->results);
    }
    pool_destroy(p->pool);
    nursery_stop(&p->nursery);
    plan_finish(&p->plan);
    fd_close(&p->wake);
    pthread_cond_destroy(&p->moved);
    pthread_mutex_destroy(&p->lock);
    free(p->standard);
    free(p);
}

// ---- Event loops and figures

int br_pool_fd(const br_pool *p)
{
    return pool_fd(p->pool);
}

double br_pool_timeout(br_pool *p)
{
    if (!library_enter(p, NULL))
        return BR_FOREVER;
    int64_t now = library_now(p), at = p->broken ? INT64_MAX : pool_deadline(p->pool);
    if (p->due)
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

void br_pool_get_stats(br_pool *p, br_pool_stats *out)
{
    *out = (br_pool_stats){0};
    if (!library_enter(p, NULL))
        return;
    *out = p->stats;
    out->queued = p->queued;
    out->alive = pool_ready(p->pool);
    library_leave(p);
}

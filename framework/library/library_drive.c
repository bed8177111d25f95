// SPDX-License-Identifier: BSD-3-Clause
// The lock, time, and the work that a waiting thread does.
#include "library/library_drive.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "library/library_result.h"

#define LONGEST 1e9 // longest time limit in seconds, some thirty years

// A caller whose condition is true already dispatches first only if the last dispatch was longer
// ago.
#define STEP_NS (200 * NS_PER_US)

// A new call is not dispatched at once if all workers have as many grants as they can hold, unless
// the last dispatch was longer ago. In about this time workers run out of the shortest tasks.
#define SUBMIT_NS (50 * NS_PER_US)

// ---- The lock and time

static _Atomic(pid_t *) own_pid; // a page that a fork finds zeroed; NULL: the kernel has none

static void map_own_pid(void)
{
    pid_t *page =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, sizeof *page, MADV_WIPEONFORK) == 0)
        own_pid = page;
    else
        munmap(page, sizeof *page);
}

pid_t library_pid(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pid_t *known = own_pid;
    if (!known) {
        pthread_once(&once, map_own_pid);
        return getpid();
    }
    pid_t pid = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (pid == 0) {
        pid = getpid();
        __atomic_store_n(known, pid, __ATOMIC_RELAXED);
    }
    return pid;
}

bool library_enter(br_pool *p, br_error *err)
{
    if (library_pid() != p->owner) {
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

int64_t library_ns(double seconds)
{
    if (!(seconds > 0))
        return 0;
    return (int64_t)((seconds < LONGEST ? seconds : LONGEST) * (double)NS_PER_S);
}

int64_t library_deadline(const br_pool *p, double timeout)
{
    if (!(timeout >= 0 && timeout <= LONGEST))
        return INT64_MAX;
    return library_now(p) + library_ns(timeout);
}

bool library_is_limit(double seconds)
{
    return seconds >= 0 || seconds == BR_FOREVER;
}

// ---- A step

static void wake_driver(br_pool *p)
{
    uint64_t one = 1;
    if (p->driving)
        (void)!write(p->wake, &one,
                     sizeof one); // EAGAIN: the counter is full, so a wake-up is pending
}

void library_wake_waiting(br_pool *p)
{
    pthread_cond_broadcast(&p->changed);
    wake_driver(p); // the driver waits in poll, not for the condition
}

static _Thread_local unsigned callbacks_running; // of this thread, one within another

bool library_in_callback(void)
{
    return callbacks_running > 0;
}

static void run_callback(br_result *r)
{
    br_pool *p = r->pool;
    void (*call)(br_result *, void *) = library_has_failed(r) ? r->on_error : r->on_result;
    // Whatever is set from now on, by br_result_on_done, is called too.
    r->on_result = r->on_error = NULL;
    if (!call)
        return;
    r->in_callback = true;
    r->callback_thread = pthread_self();
    pthread_mutex_unlock(&p->lock);
    callbacks_running++;
    call(r, r->user);
    callbacks_running--;
    pthread_mutex_lock(&p->lock);
    r->in_callback = false;
}

void library_notify(br_result *r)
{
    br_pool *p = r->pool;
    do
        run_callback(r);
    while (r->on_result);
    if (!r->notified) {
        r->notified = true;
        library_put_done(r);
    }
    library_wake_waiting(p);
    if (!r->open)
        library_drop(r);
}

static void run_callbacks(br_pool *p)
{
    while (p->callbacks) {
        br_result *r = p->callbacks;
        p->callbacks = r->next_ready;
        if (!p->callbacks)
            p->callbacks_end = &p->callbacks;
        library_notify(r);
    }
}

// Settles the stopped calls that have ended. A call leaves the list first, because a settled call
// may be freed.
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
        p->finished = r->next_ready;
        if (r->map)
            library_settle(r);
    }
    settle_stopped(p);
}

// Stops the calls with stop_on_error of which an item has failed.
static int stop_failing(br_pool *p, int64_t now, br_error *err)
{
    while (p->to_stop) {
        br_result *r = p->to_stop;
        p->to_stop = r->next_stopping;
        r->to_stop = false;
        library_await_end(r); // first: the ends that follow must not stop it once more
        if (pool_map_stop(p->pool, r->map, now, err) != 0)
            return -1;
    }
    return 0;
}

// Ends all calls. The pool does nothing more.
static void break_pool(br_pool *p, const br_error *why)
{
    p->broken = true;
    p->why = *why;
    for (br_result *r = p->results; r; r = r->next)
        if (r->map)
            library_settle(r);
    pthread_cond_broadcast(&p->changed);
}

static void dispatch(br_pool *p)
{
    br_error err = {0};
    int64_t now = library_now(p);
    if (p->broken || p->ended)
        return;
    p->stepped_ns = now;
    if (pool_dispatch(p->pool, now, &err) != 0 || stop_failing(p, now, &err) != 0)
        break_pool(p, &err);
    else
        settle_finished(p);
}

void library_step(br_pool *p)
{
    dispatch(p);
    run_callbacks(p);
}

void library_submitted(br_pool *p)
{
    if (p->broken || pool_is_hungry(p->pool) || library_now(p) - p->stepped_ns >= SUBMIT_NS)
        library_start(p);
}

void library_start(br_pool *p)
{
    dispatch(p);
    wake_driver(p); // its deadline may have changed, and callbacks may be ready
}

// ---- Waiting

int64_t library_deadline_of_work(const br_pool *p)
{
    return p->broken || p->ended ? INT64_MAX : pool_deadline(p->pool);
}

static void poll_once(br_pool *p, int64_t deadline)
{
    int64_t until = library_deadline_of_work(p);
    if (deadline < until)
        until = deadline;
    int64_t before = library_now(p);
    unsigned idle = p->broken || p->ended; // leave out the workers' descriptor: it may be readable
    struct pollfd wait[] = {{.fd = idle ? -1 : pool_fd(p->pool), .events = POLLIN},
                            {.fd = p->wake, .events = POLLIN}};
    p->driving = true;
    pthread_mutex_unlock(&p->lock);
    p->time.wait(p->time.user, wait + idle, 2 - idle, until);
    pthread_mutex_lock(&p->lock);
    p->driving = false;
    int64_t after = library_now(p), since = clock_stood_still(before, until, after);
    if (!p->broken && !p->ended && since != 0)
        pool_stood_still(p->pool, since, after);
    uint64_t count;
    if (wait[1].revents)
        (void)!read(p->wake, &count, sizeof count);
}

// Dispatches again and again for a moment before it sleeps, if cores are free for that. Returns
// whether the condition became true.
static bool spin(br_pool *p, library_condition *done, void *user)
{
    if (p->spin_ns == 0 || p->queued > 1)
        return false;
    for (int64_t until = library_now(p) + p->spin_ns; !p->broken && library_now(p) < until;) {
        library_step(p);
        if (done(user))
            return true;
        sched_yield(); // the worker may need this core
    }
    return false;
}

static void wait_for_driver(br_pool *p, int64_t deadline)
{
    if (deadline == INT64_MAX) {
        pthread_cond_wait(&p->changed, &p->lock);
        return;
    }
    struct timespec t = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
    pthread_cond_timedwait(&p->changed, &p->lock, &t);
}

void library_await_driver(br_pool *p)
{
    while (p->driving) {
        wake_driver(p);
        pthread_cond_wait(&p->changed, &p->lock);
    }
}

// With a progress thread, all other threads wait for it. A callback that it runs may wait too, and
// then drives itself.
static bool may_drive(const br_pool *p)
{
    return !p->has_thread || pthread_equal(p->thread, pthread_self());
}

static bool step_is_due(const br_pool *p)
{
    return p->callbacks || library_now(p) - p->stepped_ns >= STEP_NS;
}

bool library_drive_until(br_pool *p, int64_t deadline, library_condition *done, void *user)
{
    bool drives = may_drive(p);
    if (done(user) && !(drives && step_is_due(p)))
        return true;
    for (;;) {
        // What happened before the deadline counts, even if nobody has read it yet.
        int64_t now = library_now(p);
        if (drives)
            library_step(p);
        else if (now >= deadline)
            library_start(p);
        if (done(user))
            return true;
        if (p->ended || now >= deadline)
            return false;
        if (!drives || p->driving)
            wait_for_driver(p, deadline);
        else if (spin(p, done, user))
            return true;
        else {
            poll_once(p, deadline);
            pthread_cond_broadcast(&p->changed); // another may drive now
        }
    }
}

bool library_drive(br_pool *p, double timeout, library_condition *done, void *user)
{
    return library_drive_until(p, library_deadline(p, timeout), done, user);
}

// ---- Cancelling

void library_cancel(br_result *r)
{
    br_pool *p = r->pool;
    br_error err = {0};
    if (!r->map)
        return;
    library_await_end(r); // first: the ends that follow must not stop it once more
    if (pool_map_cancel(p->pool, r->map, library_now(p), &err) != 0)
        break_pool(p, &err);
}

void library_stop(br_result *r)
{
    br_pool *p = r->pool;
    br_error err = {0};
    if (!r->map)
        return;
    library_await_end(r); // first: the ends that follow must not stop it once more
    if (pool_map_stop(p->pool, r->map, library_now(p), &err) != 0)
        break_pool(p, &err);
}

// ---- The progress thread

static void *progress(void *user)
{
    br_pool *p = user;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        library_step(p);
        pthread_cond_broadcast(&p->changed); // others may wait for an item, or for room
        if (!p->ending)
            poll_once(p, INT64_MAX);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

// The thread blocks all signals: they are for the caller's threads.
int library_start_thread(br_pool *p, br_error *err)
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

void library_stop_thread(br_pool *p)
{
    if (!p->has_thread)
        return;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    wake_driver(p);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_mutex_lock(&p->lock);
    p->has_thread = false;
    pthread_mutex_unlock(&p->lock);
}

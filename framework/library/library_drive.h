// SPDX-License-Identifier: BSD-3-Clause
// The lock, time, and the work that waiting threads do. All functions are called with the lock,
// unless their comment says otherwise or they only convert times; those that run callbacks or poll
// release it meanwhile.
#ifndef BR_LIBRARY_LIBRARY_DRIVE_H
#define BR_LIBRARY_LIBRARY_DRIVE_H

#include "library/library_state.h"

// Returns getpid(), without a system call in most cases: the process id is kept in memory that a
// fork finds zeroed.
pid_t library_pid(void);

// Takes the lock; called without it. Returns true; false and *err, without the lock, in a process
// that was forked from the one that created the pool.
bool library_enter(br_pool *p, br_error *err);
// Releases the lock.
void library_leave(br_pool *p);

// Returns the pool's time in nanoseconds. Needs no lock.
int64_t library_now(const br_pool *p);

// Returns a caller's seconds as nanoseconds, at most some thirty years; 0 if they are not positive.
int64_t library_ns(double seconds);

// Returns the time `timeout` seconds from now; INT64_MAX, without reading the clock, for
// BR_FOREVER, for a negative timeout and for one of more than some thirty years. Needs no lock.
int64_t library_deadline(const br_pool *p, double timeout);

// Returns whether a caller may give these seconds as a time limit: not negative, or BR_FOREVER.
bool library_is_limit(double seconds);

// Returns whether this thread is inside a callback of any pool. Needs no lock.
bool library_in_callback(void);

// Dispatches and runs the callbacks that are ready, without waiting.
void library_step(br_pool *p);

// Dispatches calls that were submitted or stopped, and wakes the driving thread, whose next
// deadline may be earlier now.
void library_start(br_pool *p);

// Does what library_start does after a submission, unless no worker could take more tasks.
void library_submitted(br_pool *p);

// Returns when library_step must be called even if nothing has come from the workers; INT64_MAX:
// never.
int64_t library_deadline_of_work(const br_pool *p);

// Wakes the thread that drives, if there is one, and waits until it does not poll.
void library_await_driver(br_pool *p);

// Drives, or waits for the thread that drives, until done(user) is true or the time is over.
// Returns whether it became true. It must also become true if the pool breaks, which settles every
// call; p->broken is set then.
typedef bool library_condition(void *user);
bool library_drive(br_pool *p, double timeout, library_condition *done, void *user);
bool library_drive_until(br_pool *p, int64_t deadline, library_condition *done, void *user);

// Runs the callback of a result that has ended, without the lock, and those that are set meanwhile.
// Frees the result if the caller has given up the handle.
void library_notify(br_result *r);

// Makes all waiting threads look whether their condition is true.
void library_wake_waiting(br_pool *p);

// Cancels the items of a call that have not started. library_start must follow.
void library_stop(br_result *r);

// Cancels the items of a call that have not ended. library_start must follow; it settles calls that
// have ended.
void library_cancel(br_result *r);

// Start and end the progress thread, which alone drives meanwhile. Called without the lock.
// library_start_thread returns 0; -1 and *err.
int library_start_thread(br_pool *p, br_error *err);
void library_stop_thread(br_pool *p);

#endif

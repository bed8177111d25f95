/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the tests of <batchrun/pool.h>, which link with libbatchrun alone, as its users'
 * programs do. */
#ifndef POOL_TESTS_H
#define POOL_TESTS_H

#include <batchrun/pool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Fails the test unless the call returns 0; `err` is its error. */
#define CHECK_CALL(call) ck_assert_msg((call) == 0, "%s", err.text)

/* Memory that the test and its workers share, to let each other know what has happened. */
struct shared {
    _Atomic uint32_t started; /* number of items that have started */
    _Atomic uint32_t go;      /* items wait until it is not 0 */
    _Atomic uint32_t inits;
    _Atomic uint32_t calls;
    _Atomic int32_t pids[64];
    _Atomic size_t number; /* a test's parameter for its workers */
};
extern struct shared *shared;

/* Before and after each test: `shared` all zero, no core files of workers that crash on purpose. */
void set_up(void);
void tear_down(void);

/* The same, with a pool. */
extern br_pool *two_workers;
void set_up_two_workers(void);
void tear_down_two_workers(void);

/* Waits, in the test or in a worker, until *word is at least `value`. Returns false if it is not
 * even after patience(). */
bool wait_word(_Atomic uint32_t *word, uint32_t value);
void set_word(_Atomic uint32_t *word, uint32_t value);
void add_word(_Atomic uint32_t *word);

/* Drive the pool until *word is at least `value`, the item has its outcome, so many workers are
 * ready, or so many have died without being asked to. */
void drive_until(br_pool *pool, _Atomic uint32_t *word, uint32_t value);
void drive_item(br_pool *pool, br_result *result, size_t index);
void drive_alive(br_pool *pool, unsigned workers);
void drive_deaths(br_pool *pool, uint64_t deaths);

/* Return whether process `pid`, which need not be a child, has ended, and whether it ends within
 * patience(). */
bool has_ended(pid_t pid);
bool ends(pid_t pid);

/* Returns the full size of a case, or a small one if BATCHRUN_LONG is not set. */
size_t full_size(size_t full, size_t small);

/* Return the number of the process's descriptors, and of the children of `pid`, of which `most` are
 * written to `out`. */
size_t count_fds(void);
size_t count_children(pid_t pid, pid_t *out, size_t most);

/* Return a pool, and fail the test if there is none. */
br_pool *open_pool(const br_pool_options *options);
br_pool *pool_of(unsigned workers);
/* Many tests run twice: the caller drives the pool, or its progress thread does. */
br_pool *pool_with(unsigned workers, bool thread);
void check_square(br_pool *pool); /* fails the test unless the pool still works */

/* Ways to die. Tests that fail print their names. */
enum death {
    DIE_ERROR,
    DIE_EXIT,
    DIE_QUICK_EXIT,
    DIE_ABORT,
    DIE_SEGV,
    DIE_KILL,
    DEATHS
};
extern const char *const death_names[DEATHS];
int die(enum death how); /* returns 1 for DIE_ERROR only */

/* Fails the test unless the outcome is that of such a death. */
void check_death(const br_outcome *o, enum death how);

/* Functions for workers. Each returns 0 for success. */
int square(br_task *t, const void *in, void *out);      /* int64_t -> int64_t */
int forever(br_task *t, const void *in, void *out);     /* adds to started, never returns */
int until_go(br_task *t, const void *in, void *out);    /* adds to started, waits for go, squares */
int odd_fails(br_task *t, const void *in, void *out);   /* "no N" for odd ones, squares others */
int count_calls(br_task *t, const void *in, void *out); /* adds to calls */
int own_pid(br_task *t, const void *in, void *out);     /* -> int64_t */
int emit_pattern(br_task *t, const void *in, void *out);  /* emits *in bytes: 0, 7, 14 ... */
int always_aborts(br_task *t, const void *in, void *out); /* adds to calls */

void fill(int64_t *items, size_t count); /* 0, 1, 2 ... */

int note_init(void *arg); /* of a worker: adds to inits */

/* Notes of callbacks. */
struct noted {
    _Atomic uint32_t good, bad;
    pid_t pid;
    pthread_t thread;
    br_pool *pool;
    br_result *result;
    int call_result;
};
void note_good(br_result *r, void *user);
void note_bad(br_result *r, void *user);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of <batchrun/pool.h> share. They link with libbatchrun alone, as its users do. */
#ifndef POOL_TESTS_H
#define POOL_TESTS_H

#include <batchrun/pool.h>
#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Memory that the test and all its workers see: how they tell each other what has happened. */
struct shared {
    _Atomic uint32_t started; /* items that have begun */
    _Atomic uint32_t go;      /* what items wait for */
    _Atomic uint32_t inits;
    _Atomic uint32_t calls;
    _Atomic int32_t pids[64];
    _Atomic size_t number; /* whatever a test wants to tell its workers */
};
extern struct shared *shared;

/* Waits, in the test or in a worker, until *word is at least `value`: a minute at most, then false.
 */
bool wait_word(_Atomic uint32_t *word, uint32_t value);
void set_word(_Atomic uint32_t *word, uint32_t value);
void add_word(_Atomic uint32_t *word);

/* Moves the pool's work on until *word is at least `value`. */
void drive_until(br_pool *pool, _Atomic uint32_t *word, uint32_t value);

/* Moves work on until so many worker processes have started, or died unasked. */
void drive_starts(br_pool *pool, uint64_t starts);
void drive_deaths(br_pool *pool, uint64_t deaths);

/* Whether process `pid` ends within `seconds`. */
bool ends_within(pid_t pid, double seconds);

/* The full size of a case, or a small one where BATCHRUN_LONG is not set. */
size_t full_size(size_t full, size_t small);

double seconds_now(void);
size_t count_fds(void);
size_t count_children(pid_t pid, pid_t *out, size_t most);

br_pool *open_pool(const br_pool_options *options);
br_pool *pool_of(unsigned workers);

/* Ways to die. The names are what a test says when it fails. */
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

/* Whether the outcome is what that death gives. */
void check_death(const br_outcome *o, enum death how);

/* Functions. */
int square(br_task *t, const void *in, void *out);      /* int64_t -> int64_t */
int forever(br_task *t, const void *in, void *out);     /* adds to started, never returns */
int until_go(br_task *t, const void *in, void *out);    /* adds to started, waits for go, squares */
int odd_fails(br_task *t, const void *in, void *out);   /* "no N" for odd ones, squares others */
int count_calls(br_task *t, const void *in, void *out); /* adds to calls */
int tell_pid(br_task *t, const void *in, void *out);    /* -> int64_t */

void fill(int64_t *items, size_t count); /* 0, 1, 2 ... */

/* A test case whose tests each begin with `shared` all zero. */
TCase *new_case(Suite *suite, const char *name);
int run_suite(Suite *suite);

#endif

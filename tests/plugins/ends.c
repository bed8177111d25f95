// SPDX-License-Identifier: BSD-3-Clause
// What a plugin leaves to the end of its process: an open file, exit handlers, a destructor; and
// threads, which its tasks need. Environment variables say what init does:
//
//   ENDS_FILE     the file that everything here adds lines to
//   ENDS_WAY      what the exit handler does: nothing, or hang, or crash
//   ENDS_THREADS  if set, a thread is started that computes for the tasks
//   ENDS_PROC     if set, the process loses /proc, in a mount namespace of its own
#include <batchrun/plugin.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static FILE *rows; // buffered, and never closed

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t question, answer;
    bool is_asked, is_answered;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void add_line(const char *line)
{
    const char *path = getenv("ENDS_FILE");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (f == NULL)
        return;
    fprintf(f, "%s\n", line);
    fclose(f);
}

static void at_exit(void)
{
    const char *way = getenv("ENDS_WAY");
    add_line("exit handler");
    while (way && strcmp(way, "hang") == 0)
        pause();
    if (way && strcmp(way, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); // a sanitizer's handler would turn it into an exit
        raise(SIGSEGV);
    }
}

// The inspection of the plugin has no file open.
__attribute__((destructor)) static void at_unloading(void)
{
    if (rows)
        add_line("destructor");
}

static void *answer(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (!pool.is_asked)
            pthread_cond_wait(&pool.changed, &pool.lock);
        pool.answer = 2 * pool.question;
        pool.is_asked = false;
        pool.is_answered = true;
        pthread_cond_broadcast(&pool.changed);
    }
    return NULL;
}

static int init(br_worker *w)
{
    pthread_t thread;
    const char *path = getenv("ENDS_FILE");
    if (path && !(rows = fopen(path, "a")))
        return br_init_fail(w, "no file");
    if (rows)
        fputs("init\n", rows);
    if (getenv("ENDS_THREADS") && pthread_create(&thread, NULL, answer, NULL) != 0)
        return br_init_fail(w, "no thread");
    if (getenv("ENDS_PROC") &&
        (unshare(CLONE_NEWNS) != 0 || mount("none", "/proc", "tmpfs", 0, NULL) != 0))
        return br_init_fail(w, "/proc cannot be hidden");
    return atexit(at_exit) == 0 ? 0 : br_init_fail(w, "no handler");
}

static int row(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    fprintf(rows, "row %d\n", (int)i);
    return br_result_i64(t, "y", i);
}

// Returns the process that the thread has computed in. The first attempts of odd tasks fail.
static int ask(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    if (i % 2 && br_task_attempt(t) == 1)
        return br_fail(t, "again");
    pthread_mutex_lock(&pool.lock);
    pool.question = i;
    pool.is_asked = true;
    pool.is_answered = false;
    pthread_cond_broadcast(&pool.changed);
    while (!pool.is_answered)
        pthread_cond_wait(&pool.changed, &pool.lock);
    int64_t got = pool.answer;
    pthread_mutex_unlock(&pool.lock);
    return got == 2 * i ? br_result_i64(t, "y", getpid()) : br_fail(t, "a wrong answer");
}

BATCHRUN_PLUGIN("ends", "1.0", BR_PLUGIN_INIT(init), BR_TASK("row", row, "i:i64 -> y:i64", ""),
                BR_TASK("ask", ask, "i:i64 -> y:i64", ""));

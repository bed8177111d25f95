// SPDX-License-Identifier: BSD-3-Clause
#include "base/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define AGAIN_NS (10 * NS_PER_MS) // between signals to a thread whose write is to end

struct writer {
    pthread_t thread;
    bool started;
    int ended; // eventfd
    atomic_bool given_up;
    pthread_mutex_t mutex; // protects all below
    pthread_cond_t changed;
    struct writer_job *first, **last; // the first may be running
    size_t jobs;
    bool leave;
};

bool writer_is_for(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd));
}

// ---- The thread

static void *work(void *argument)
{
    struct writer *w = argument;
    uint64_t one = 1;
    pthread_mutex_lock(&w->mutex);
    for (;;) {
        while (!w->first && !w->leave)
            pthread_cond_wait(&w->changed, &w->mutex);
        struct writer_job *job = w->first;
        if (!job)
            break;
        w->first = job->next;
        if (!w->first)
            w->last = &w->first;
        pthread_mutex_unlock(&w->mutex);
        job->run(job, &w->given_up);
        pthread_mutex_lock(&w->mutex);
        w->jobs--;
        pthread_cond_broadcast(&w->changed);
        (void)!write(w->ended, &one, sizeof one); // EAGAIN: it is readable
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

static int start(struct writer *w)
{
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGUSR2);
    int error = pthread_sigmask(SIG_SETMASK, &blocked, &before);
    if (error != 0)
        return error;
    error = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static int ensure_started(struct writer *w)
{
    if (!w->started)
        w->started = start(w) == 0;
    return w->started ? 0 : -1;
}

// ---- Making and ending

static void finish(struct writer *w)
{
    fd_close(&w->ended);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

struct writer *writer_create(br_error *err)
{
    pthread_condattr_t monotonic;
    struct writer *w = calloc(1, sizeof *w);
    if (!w) {
        br_error_nomem(err);
        return NULL;
    }
    w->last = &w->first;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    w->ended = fd_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (w->ended >= 0)
        return w;
    br_error_errno(err, "cannot create an eventfd");
    finish(w);
    return NULL;
}

static void interrupt(int signal)
{
    (void)signal;
}

// A signal that comes just before the write does not end it, so the signal is sent again and again.
void writer_give_up(struct writer *w)
{
    struct sigaction action = {.sa_handler = interrupt}; // stays: the last signal may come late
    atomic_store(&w->given_up, true);
    sigaction(SIGUSR2, &action, NULL);
    pthread_mutex_lock(&w->mutex);
    while (w->jobs > 0) {
        pthread_kill(w->thread, SIGUSR2);
        int64_t until = clock_now() + AGAIN_NS;
        struct timespec t = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
        pthread_cond_timedwait(&w->changed, &w->mutex, &t);
    }
    pthread_mutex_unlock(&w->mutex);
    atomic_store(&w->given_up, false);
}

void writer_destroy(struct writer *w)
{
    if (!w)
        return;
    if (writer_jobs(w) > 0)
        writer_give_up(w);
    pthread_mutex_lock(&w->mutex);
    w->leave = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    if (w->started)
        pthread_join(w->thread, NULL);
    finish(w);
}

// ---- Jobs

int writer_add(struct writer *w, struct writer_job *job)
{
    if (ensure_started(w) != 0)
        return -1;
    job->next = NULL;
    pthread_mutex_lock(&w->mutex);
    *w->last = job;
    w->last = &job->next;
    w->jobs++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    return 0;
}

struct text_job {
    struct writer_job job; // first
    int fd;
    size_t size;
    char data[];
};

static void write_text(struct writer_job *job, const atomic_bool *given_up)
{
    struct text_job *text = (struct text_job *)job;
    (void)fd_write_until(text->fd, text->data, text->size, given_up);
    free(text);
}

int writer_add_text(struct writer *w, int fd, const char *data, size_t size)
{
    struct text_job *text = ensure_started(w) == 0 ? malloc(sizeof *text + size) : NULL;
    if (!text)
        return -1;
    text->job.run = write_text;
    text->fd = fd;
    text->size = size;
    memcpy(text->data, data, size);
    return writer_add(w, &text->job);
}

size_t writer_jobs(struct writer *w)
{
    pthread_mutex_lock(&w->mutex);
    size_t jobs = w->jobs;
    pthread_mutex_unlock(&w->mutex);
    return jobs;
}

int writer_fd(const struct writer *w)
{
    return w->ended;
}

void writer_hear(struct writer *w)
{
    uint64_t count;
    (void)!read(w->ended, &count, sizeof count); // EAGAIN: nothing has ended
}

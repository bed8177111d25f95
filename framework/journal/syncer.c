// SPDX-License-Identifier: BSD-3-Clause
// The thread that syncs, and what is shared with it.
#include "journal/syncer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

struct syncer {
    pthread_t thread;
    pthread_mutex_t mutex; // protects every member below but fd
    pthread_cond_t changed;
    int fd;
    int directory; // of the last request, or -1
    bool busy;
    bool leave;
    int error; // errno of the first failure, or 0
};

int syncer_sync(int fd, int directory)
{
    if (fd_sync_data(fd) != 0)
        return -1;
    return directory < 0 || fd_sync(directory) == 0 || errno == EINVAL || errno == EBADF ? 0 : -1;
}

static void *work(void *argument)
{
    struct syncer *s = argument;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (!s->busy && !s->leave)
            pthread_cond_wait(&s->changed, &s->mutex);
        if (!s->busy)
            break;
        int directory = s->directory;
        pthread_mutex_unlock(&s->mutex);
        int error = syncer_sync(s->fd, directory) == 0 ? 0 : errno;
        pthread_mutex_lock(&s->mutex);
        s->busy = false;
        if (s->error == 0)
            s->error = error;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static int start(struct syncer *s)
{
    sigset_t all, before;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error != 0)
        return error;
    error = pthread_create(&s->thread, NULL, work, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct syncer *syncer_create(int fd)
{
    struct syncer *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fd = fd;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    int error = start(s);
    if (error == 0)
        return s;
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
    errno = error;
    return NULL;
}

void syncer_ask(struct syncer *s, int directory)
{
    pthread_mutex_lock(&s->mutex);
    s->directory = directory;
    s->busy = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static int look(struct syncer *s, bool wait)
{
    pthread_mutex_lock(&s->mutex);
    while (wait && s->busy)
        pthread_cond_wait(&s->changed, &s->mutex);
    int result = s->error != 0 ? -1 : s->busy;
    int error = s->error;
    pthread_mutex_unlock(&s->mutex);
    if (result < 0)
        errno = error;
    return result;
}

int syncer_look(struct syncer *s)
{
    return look(s, false);
}

int syncer_wait(struct syncer *s)
{
    return look(s, true);
}

void syncer_destroy(struct syncer *s)
{
    if (!s)
        return;
    int saved = errno;
    pthread_mutex_lock(&s->mutex);
    s->leave = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
    errno = saved;
}

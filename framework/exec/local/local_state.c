// SPDX-License-Identifier: BSD-3-Clause
// Access to the executor's data that more than one file needs.
#include "exec/local/local_state.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/fd.h"

int local_log_fd(const struct local *l, unsigned slot, int stream)
{
    const int *fds = stream == 1 ? l->options.out_fds : l->options.err_fds;
    return fds && fds[slot] >= 0 ? fds[slot] : -1;
}

// By fstat, because the worker shares the descriptor's offset.
off_t local_stream_end(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

bool local_same_task(const struct exec_grant *a, const struct exec_grant *b)
{
    return a->map == b->map && a->first == b->first;
}

bool local_in_hand(struct executor *ex, unsigned slot, struct exec_in_hand *out)
{
    struct slot *s = &local_of(ex)->slots[slot];
    // While outcomes are unread, the task that seems to be running may have ended long ago.
    return s->state == SLOT_READY && !s->unread && channel_in_hand(&s->channel, out);
}

void local_clear_slot(struct local *l, struct slot *s)
{
    if (s->control.fd >= 0)
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->control.fd, NULL);
    fd_close(&s->control.fd);
    channel_destroy(&s->channel);
    for (size_t i = 0; i < CHILD_NOTES; i++) {
        free(s->child_notes[i]);
        s->child_notes[i] = NULL;
    }
    free(s->death.note);
    free(s->death.description);
    s->death.note = NULL;
    s->death.description = NULL;
    s->pid = 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// The nursery: a small single-threaded process that forks all others. The calling program sees one
// child and no SIGCHLD but that one's; a fork costs what a small process costs, whatever the
// program has grown to; and as child subreaper the nursery finds what its children leave behind.
//
// Life of the nursery's child, and what makes it move:
//
//   state \ event   nursery_spawn       nursery_kill     it ends               nursery gone
//   -------------   -----------------   --------------   -------------------   ------------------
//   none            fork -> running     nothing          -                     -
//   running         -                   signal, group    reap, kill group,     SIGKILL by the
//                                                        sweep orphans;        kernel (PDEATHSIG)
//                                                        ENDED -> none
//
// When the socket to the coordinator closes, however the coordinator died, the nursery kills every
// group and orphan, and ends.
#ifndef BR_EXEC_PROCESS_NURSERY_H
#define BR_EXEC_PROCESS_NURSERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "exec/process/cgroup.h"

enum {
    NURSERY_FDS_MAX = 10
};

// What a child runs, with the descriptors it was given; its return value is the exit status.
// Signals are at their defaults and unblocked, standard streams are /dev/null, every other
// descriptor is closed, it leads its own process group and dies with the nursery. exit() in it runs
// no handler of the calling program.
typedef int nursery_entry(const int *fds, size_t count);

struct nursery {
    pid_t pid;
    int socket; // readable when nursery_next has something
    uint32_t last_id;
};

enum nursery_event_type {
    NURSERY_STARTED = 1,
    NURSERY_ENDED,
    NURSERY_NOT_STARTED
};

struct nursery_event {
    enum nursery_event_type type;
    uint32_t id;
    pid_t pid;
    int number;          // errno of NOT_STARTED
    int wait_status;     // ENDED: as from waitpid
    int64_t peak_memory; // ENDED: bytes
    int64_t cpu_ns;      // ENDED: its CPU time and its children's
};

// Forks the nursery. Call it early: before threads, before much memory is in use.
int nursery_start(struct nursery *n, br_error *err);

// Asks for a child; NURSERY_STARTED or NOT_STARTED follows, and after STARTED, ENDED. The
// descriptors stay the caller's. *id names the child from now on. -1 when the nursery cannot be
// reached or does not keep up (errno EAGAIN).
int nursery_spawn(struct nursery *n, nursery_entry *entry, const int *fds, size_t count,
                  uint32_t *id, br_error *err);

// Sends a signal to the child's whole group. A child that has ended is no error.
int nursery_kill(struct nursery *n, uint32_t id, int signal, br_error *err);

// To be told when the groups have been found and none is made yet: what is made of them from now on
// the nursery too removes when it ends, after it has killed what is in them.
int nursery_adopt_groups(struct nursery *n, const struct cgroups *groups, br_error *err);

// A task may have stopped its parent, and so may anybody: has it go on. Whoever asks it for
// something does so by asking; who waits for word of what happens by itself calls this now and
// then.
void nursery_go_on(const struct nursery *n);

// The next event: 1, 0 when there is none now, -1 and *err when the nursery is gone.
int nursery_next(struct nursery *n, struct nursery_event *event, br_error *err);

// Has the nursery end, and kill all children that are left, without waiting: nursery_stop, which
// must follow, waits less. In between nothing else can be asked of it.
void nursery_dismiss(const struct nursery *n);

// Kills all children that are left, waits for the nursery. Takes a nursery that never started
// (zeroed, socket -1).
void nursery_stop(struct nursery *n);

#endif

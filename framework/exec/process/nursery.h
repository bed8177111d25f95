// SPDX-License-Identifier: BSD-3-Clause
// The nursery: a small single-threaded process that forks all others. The calling program has one
// child only, and gets no SIGCHLD but for that one. A fork is cheap, however large the program has
// become. As a child subreaper the nursery inherits what its children leave behind.
//
// A nursery is a fork of the calling program (nursery_start), whose functions its children can
// call, or a program of its own (nursery_start_program), whose children have none of the calling
// program's libraries. Its children run functions of a table, which a request names by number.
//
// The states of a nursery's child, and what changes them:
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

// The function that a child runs. `fds` are the descriptors that it was given, in the same order;
// the return value is its exit status. In the child all signals have their default actions and are
// unblocked, standard streams are /dev/null, and every other descriptor is closed. The child leads
// a process group of its own and dies with the nursery. exit() in it runs the exit handlers that it
// has added, writes what waits in its streams, and runs no handler of the calling program.
typedef int nursery_entry(const int *fds, size_t count);

// What batchrun's own children do: positions in nursery_children of exec/worker/children.h.
enum nursery_child {
    NURSERY_WORKER,
    NURSERY_INSPECTION,
    NURSERY_SYMBOLS,
    NURSERY_CHILDREN
};

struct nursery {
    pid_t pid;
    int socket;       // readable when nursery_next has an event
    uint32_t last_id; // of the child that was asked for last
    bool ready;       // it is a fork, or a program that has said its version
    char *program;    // path of the program, or NULL; owned
};

#define NURSERY_NONE ((struct nursery){.socket = -1}) // never started

enum nursery_event_type {
    NURSERY_STARTED = 1,
    NURSERY_ENDED,
    NURSERY_NOT_STARTED
};

struct nursery_event {
    enum nursery_event_type type;
    uint32_t id;         // of the child
    pid_t pid;           // STARTED, ENDED
    int number;          // NOT_STARTED: the errno of fork
    int wait_status;     // ENDED: as from waitpid
    int64_t peak_memory; // ENDED: bytes
    int64_t cpu_ns;      // ENDED: CPU time of the child and of its reaped children
};

// Forks the nursery, whose children run the functions of `entries`, a static array. To be called
// early: before the program has threads or much memory. Returns 0, or -1 and *err if a socket pair
// or a fork cannot be had; then nursery_stop does nothing. The functions below may be called by one
// thread at a time; only nursery_stop and nursery_await block.
int nursery_start(struct nursery *n, nursery_entry *const *entries, br_error *err);

// Starts the program at `path`, whose main function calls nursery_main, as the nursery.
// `environment` is that of the program and of its children. Returns as nursery_start. A program
// that cannot be executed, or is of another version, is an error of the functions below.
int nursery_start_program(struct nursery *n, const char *path, char *const *environment,
                          br_error *err);

// The main function of the program of nursery_start_program, which passes its arguments on.
// Returns, with the exit status, only if another program than this version of batchrun started it.
int nursery_main(int argc, char **argv, nursery_entry *const *entries);

// Waits until the nursery is ready for requests. Returns 0 at once if it is a fork. Returns -1 and
// *err if its program cannot be executed, is of another version, or does not answer until
// `deadline`, by clock_now. A program that has not answered yet takes requests, too.
int nursery_await(struct nursery *n, int64_t deadline, br_error *err);

// Asks for a child that runs entry number `entry` of the table: the event STARTED follows, and then
// ENDED; or NOT_STARTED. `fds`, NURSERY_FDS_MAX at most, stay the caller's. Returns 0 and sets *id
// to the child's name; -1 and *err if the nursery has ended (errno EPIPE) or its queue of requests
// is full (errno EAGAIN).
int nursery_spawn(struct nursery *n, unsigned entry, const int *fds, size_t count, uint32_t *id,
                  br_error *err);

// Sends a signal to the child's process group, and SIGCONT after it. Returns 0, also if the child
// has ended; -1 and *err as nursery_spawn.
int nursery_kill(struct nursery *n, uint32_t id, int signal, br_error *err);

// To be called in a child: its exit() also runs the handlers and destructors that were there before
// the fork, as in a program of its own.
void nursery_child_is_whole(void);

struct streams;

// Returns the streams of the calling program, for a child that runs functions of it. Static.
struct streams *nursery_streams(void);

// Makes the nursery kill and remove the control groups when it ends. To be called between
// cgroups_find and cgroups_make, so that no group is missed if the caller dies while it makes them.
// Returns 0; -1 and *err as nursery_spawn.
int nursery_adopt_groups(struct nursery *n, const struct cgroups *groups, br_error *err);

// Continues the nursery if somebody has stopped it: a task can do that to its parent. Requests do
// so by themselves; a caller that only waits for events calls this from time to time.
void nursery_continue(const struct nursery *n);

// Reads the next event. Returns 1; 0 if there is none now; -1 and *err if the nursery has ended.
int nursery_next(struct nursery *n, struct nursery_event *event, br_error *err);

// Makes the nursery kill all children and end, and does not wait for that. Afterwards only
// nursery_stop may be called, which then waits for less.
void nursery_dismiss(const struct nursery *n);

// Makes the nursery kill all children and waits for its end: 5 s, after which the nursery is
// killed. Does nothing if the nursery was never started (NURSERY_NONE).
void nursery_stop(struct nursery *n);

#endif

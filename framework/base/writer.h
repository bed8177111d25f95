// SPDX-License-Identifier: BSD-3-Clause
// A thread that writes where a reader may be slow: to a pipe, a socket or a terminal. A write there
// lasts until somebody reads, and O_NONBLOCK would change the descriptor for all processes that
// share it. The thread runs one job after the other, in the order in which they were added.
//
// All calls come from the thread that has created the writer. The writer's thread blocks all
// signals but SIGUSR2, which ends a write that nobody reads (writer_give_up).
#ifndef BR_BASE_WRITER_H
#define BR_BASE_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct writer;

// Embedded in what the job needs.
struct writer_job {
    struct writer_job *next; // of the writer
    // Runs in the writer's thread. It writes by fd_write_until with `given_up`. It may free the
    // job.
    void (*run)(struct writer_job *job, const atomic_bool *given_up);
};

// Returns whether a write to `fd` may wait for a reader. If not, no writer is needed.
bool writer_is_for(int fd);

// Creates a writer, whose thread starts with the first job. Returns NULL and *err if memory or
// descriptors run out.
struct writer *writer_create(br_error *err);

// Adds a job. Unless it frees itself, it must stay valid until the writer has run it. Returns 0, or
// -1 if the thread cannot be started; then the job is not run.
int writer_add(struct writer *w, struct writer_job *job);

// Adds a job that writes a copy of `size` bytes to `fd`. An error of the write is ignored. Returns
// 0, or -1 if memory runs out or the thread cannot be started.
int writer_add_text(struct writer *w, int fd, const char *data, size_t size);

// Returns the number of jobs that have not ended.
size_t writer_jobs(struct writer *w);

// Returns a descriptor for poll(2), which is readable after a job has ended until writer_hear.
int writer_fd(const struct writer *w);
void writer_hear(struct writer *w);

// Ends all jobs: a write that waits is interrupted, later ones are left out. Returns when no job is
// left. Jobs may be added again.
void writer_give_up(struct writer *w);

// Gives up all jobs and frees the writer. Takes NULL.
void writer_destroy(struct writer *w);

#endif

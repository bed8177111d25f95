// SPDX-License-Identifier: BSD-3-Clause
// A thread that makes one file durable, so that its writer need not wait for the disk. The thread
// handles no signals. All functions are called from one other thread.
#ifndef BR_JOURNAL_SYNCER_H
#define BR_JOURNAL_SYNCER_H

struct syncer;

// `fd` is borrowed until syncer_destroy. Returns NULL and errno if no thread can be made.
struct syncer *syncer_create(int fd);

// Starts to sync everything that was written so far, as syncer_sync does. Must not be called while
// the syncer is busy.
void syncer_ask(struct syncer *s, int directory);

// Returns 1 while the syncer is busy, 0 if everything that was asked for is done, -1 and errno if a
// sync has failed, and then at every later call.
int syncer_look(struct syncer *s);

// Waits until the syncer is not busy, and returns as syncer_look.
int syncer_wait(struct syncer *s);

// Waits for a running sync. Accepts NULL; keeps errno.
void syncer_destroy(struct syncer *s);

// Syncs the file's data in the calling thread, and its name in `directory` unless that is -1. A
// file system that cannot sync a directory is not an error. Returns 0, or -1 and errno.
int syncer_sync(int fd, int directory);

#endif

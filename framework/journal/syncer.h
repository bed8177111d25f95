// SPDX-License-Identifier: BSD-3-Clause
// A thread that does nothing but make one file durable, so that whoever writes it need not wait for
// the disk. It takes no signals. All calls are from one thread.
#ifndef BR_JOURNAL_SYNCER_H
#define BR_JOURNAL_SYNCER_H

struct syncer;

// `fd` is borrowed until syncer_destroy. NULL with errno when there can be no thread.
struct syncer *syncer_create(int fd);

// Begins to sync what was written so far, as syncer_sync does. Not while it is busy.
void syncer_ask(struct syncer *s, int directory);

// What has become of it: 1 while busy, 0 when all that was asked for is done, -1 and errno when a
// sync failed; from then on always that.
int syncer_look(struct syncer *s);

// As syncer_look, when it is no longer busy.
int syncer_wait(struct syncer *s);

// Waits for a sync in hand. Takes NULL, keeps errno.
void syncer_destroy(struct syncer *s);

// What the thread does, here and now: the file's data, and where `directory` is not -1 the name
// that it has there. Some file systems cannot sync a directory; the file is then as durable as they
// make it. 0, or -1 and errno.
int syncer_sync(int fd, int directory);

#endif

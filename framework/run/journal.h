// SPDX-License-Identifier: BSD-3-Clause
// The run's one truth: every event, appended to a file by one writer. Made for file systems where
// nothing but append and fdatasync can be relied on; never mapped.
//
// Events are gathered in memory and written when 64 KiB have come together or journal_sync says the
// time has come; an event is durable only after a sync. The journal reads no clock and starts
// nothing by itself: the event loop calls journal_sync, at the latest when journal_next_sync says.
// An event whose like was just taken (successes of the next rows in the same worker) joins its
// record; successes of different workers may change places in the file, nothing else does but
// EVENT_OUTPUT, which may come before the successes it belongs to.
//
// A failed write or sync is never tried again: the kernel may have thrown the bytes away. From then
// on every call fails with that first error (BR_ERR_INTERRUPTED).
#ifndef BR_RUN_JOURNAL_H
#define BR_RUN_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "run/event.h"
#include "run/journal_format.h"

struct journal;

// Makes the file "journal" in the directory open as `directory` (borrowed until the journal's end),
// locks it and reserves its first space. `path` names it in messages. A salt of 0 has one drawn.
// The first sync is due 100 ms after `now` (clock_now()'s). NULL and *err when it is there already
// or cannot be made; a file of its own is then not left behind.
struct journal *journal_create(int directory, const char *path, const struct journal_identity *id,
                               int64_t now, br_error *err);

// Where events go in. Lives as long as the journal.
struct event_sink *journal_sink(struct journal *j);

// Writes and fdatasyncs what is not durable yet, if there is any and 100 ms have passed since the
// last time. `now` is clock_now()'s. May block for as long as the disk takes.
int journal_sync(struct journal *j, int64_t now, br_error *err);

// When journal_sync will have something to do: INT64_MAX = not before another event comes.
int64_t journal_next_sync(const struct journal *j);

// As journal_sync, whatever the time: what was taken is durable when this returns 0.
int journal_commit(struct journal *j, int64_t now, br_error *err);

// Commits, gives back unused space, unlocks and frees; the journal is gone in every case. -1 and
// *err when not all of it is durable.
int journal_close(struct journal *j, br_error *err);

// Frees without writing what was gathered: for a run that is given up, and for forked children.
void journal_destroy(struct journal *j);

// Whether another process is writing the "journal" in this directory: 1 and *pid (0 = not known,
// perhaps on another machine), 0 when none does or there is no journal, -1 and *err.
int journal_holder(int directory, pid_t *pid, br_error *err);

// What an event_source's hash is made with; `seed` chains several pieces.
uint64_t journal_hash(uint64_t seed, const void *data, size_t size);

#endif

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
// on every call fails with that first error (BR_ERR_INTERRUPTED). So it is when the file was
// removed or replaced meanwhile (BR_ERR_SYSTEM), which every sync looks for.
#ifndef BR_JOURNAL_JOURNAL_H
#define BR_JOURNAL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/journal_format.h"

struct journal;

// How soon an event is durable. Group: a sync at most every 100 ms. Batch: with every journal_sync.
// Unsynced: written at the same times as with group and left to the kernel; it survives the end of
// the process, not that of the machine.
enum journal_durability {
    JOURNAL_GROUP,
    JOURNAL_BATCH,
    JOURNAL_UNSYNCED
};

// Makes the file "journal" in the directory open as `directory` (borrowed until the journal's end)
// and reserves its first space. `path` names it in messages. A salt of 0 has one drawn. The first
// sync is due 100 ms after `now` (clock_now()'s). NULL and *err when it is there already or cannot
// be made; a file of its own is then not left behind. That nobody else writes it is the caller's
// care (journal/runlock.h).
struct journal *journal_create(int directory, const char *path, const struct journal_identity *id,
                               int64_t now, br_error *err);

// Goes on with the "journal" that is there: gives every event in it to `past`, cuts off a torn tail
// and appends behind the last whole record. NULL and *err, with the file as it was, when the
// journal is damaged or of another format (BR_ERR_USAGE), or `past` refuses an event.
struct journal *journal_reopen(int directory, const char *path, struct event_sink *past,
                               int64_t now, br_error *err);

uint64_t journal_salt(const struct journal *j);

// Group, unless this says otherwise.
void journal_set_durability(struct journal *j, enum journal_durability durability);

// Where events go in. Lives as long as the journal.
struct event_sink *journal_sink(struct journal *j);

// From now on journal_sync, with JOURNAL_GROUP, leaves the wait for the disk to a thread (where
// there can be one); a failure shows at its next call. journal_commit waits all the same.
void journal_sync_aside(struct journal *j);

// Makes durable what is not yet, if there is any and 100 ms have passed since the last time. `now`
// is clock_now()'s. May block for as long as the disk takes.
int journal_sync(struct journal *j, int64_t now, br_error *err);

// When journal_sync will have something to do: INT64_MAX = not before another event comes.
int64_t journal_next_sync(const struct journal *j);

// As journal_sync, whatever the time: what was taken is durable when this returns 0.
int journal_commit(struct journal *j, int64_t now, br_error *err);

// Commits, gives back unused space, unlocks and frees; the journal is gone in every case. -1 and
// *err when not all of it is durable.
int journal_close(struct journal *j, br_error *err);

// Frees without writing what was gathered: for a run that is given up.
void journal_destroy(struct journal *j);

// What an event_source's hash is made with; `seed` chains several pieces.
uint64_t journal_hash(uint64_t seed, const void *data, size_t size);

#endif

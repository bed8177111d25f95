// SPDX-License-Identifier: BSD-3-Clause
// Appends every event of a run to a file, by one writer. The file is made for file systems that
// only append and fdatasync reliably, and is never mapped.
//
// Events are gathered in memory, and written when there are 64 KiB of them or journal_sync finds
// that it is time; an event is durable only after a sync. The journal reads no clock and starts
// nothing by itself: the event loop calls journal_sync, at the latest at journal_next_sync.
//
// Consecutive successes of one worker are merged into one record. So the order in the file can
// differ from the order of the events in two ways: successes of different workers may change
// places, and EVENT_OUTPUT may come before the successes that it belongs to.
//
// A failed write or sync is never tried again, because the kernel may have discarded the bytes.
// From then on every call fails with that first error (BR_ERR_INTERRUPTED). The same holds if the
// file was removed or replaced (BR_ERR_SYSTEM), for which every sync looks.
//
// All calls are from one thread. Functions return -1 and *err on failure unless they say otherwise.
#ifndef BR_JOURNAL_JOURNAL_H
#define BR_JOURNAL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/journal_format.h"

struct journal;

// How soon an event is durable. With JOURNAL_UNSYNCED it survives the end of the process, but not
// of the machine.
enum journal_durability {
    JOURNAL_GROUP,   // a sync at most every 100 ms; the default
    JOURNAL_BATCH,   // a sync with every journal_sync
    JOURNAL_UNSYNCED // written at the same times as with JOURNAL_GROUP, never synced
};

// Creates the file "journal" in the directory that is open as `directory` (borrowed until the end
// of the journal) and reserves its first space. Messages call it `path`. If the salt of *id is 0,
// one is drawn. The first sync is 100 ms after `now`, which is clock_now()'s. The caller makes sure
// that nobody else writes the file (journal/runlock.h). Returns NULL and *err if the file exists or
// cannot be created; a file that this call created is removed.
struct journal *journal_create(int directory, const char *path, const struct journal_identity *id,
                               int64_t now, br_error *err);

// Opens the "journal" that exists, gives every event in it to `past`, cuts off a torn tail and
// appends after the last whole record. Returns NULL and *err, with the file as it was, if the
// journal is damaged or has another format (BR_ERR_USAGE), or `past` refuses an event.
struct journal *journal_reopen(int directory, const char *path, struct event_sink *past,
                               int64_t now, br_error *err);

uint64_t journal_salt(const struct journal *j);

void journal_set_durability(struct journal *j, enum journal_durability durability);

// Returns the sink that takes the events to write. It lives as long as the journal.
struct event_sink *journal_sink(struct journal *j);

// From now on, with JOURNAL_GROUP, a thread waits for the disk instead of journal_sync, which
// returns the thread's failure at its next call. Without a thread (if none can be made) nothing
// changes. journal_commit waits in each case.
void journal_sync_aside(struct journal *j);

// If the time of journal_next_sync has come: writes the events that were taken, and makes them
// durable as the journal's durability says (JOURNAL_UNSYNCED: not at all). After journal_sync_aside
// it only asks the thread to. `now` is clock_now()'s. May block for as long as the disk takes.
int journal_sync(struct journal *j, int64_t now, br_error *err);

// Returns the time (clock_now()'s) of the next journal_sync that has something to do, or INT64_MAX
// if there is nothing to do before another event comes.
int64_t journal_next_sync(const struct journal *j);

// As journal_sync, at once: every event that was taken is durable when this returns 0
// (with JOURNAL_UNSYNCED: written).
int journal_commit(struct journal *j, int64_t now, br_error *err);

// Commits, gives back unused space, closes and frees the journal, in each case. Returns -1 and *err
// if not every event is durable.
int journal_close(struct journal *j, br_error *err);

// Frees the journal without writing the events that were gathered, for a run that is given up.
void journal_destroy(struct journal *j);

// Returns the hash of an event_source. `seed` is 0, or the hash of the piece before if the content
// comes in several pieces.
uint64_t journal_hash(uint64_t seed, const void *data, size_t size);

#endif

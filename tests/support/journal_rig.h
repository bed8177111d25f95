// SPDX-License-Identifier: BSD-3-Clause
// Shared by the tests of the journal: a directory for each test, a disk that can fail, and samples
// of every event.
#ifndef BR_TESTS_SUPPORT_JOURNAL_RIG_H
#define BR_TESTS_SUPPORT_JOURNAL_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/journal.h"
#include "journal/journal_read.h"

// The program's write, fdatasync, fsync and fallocate obey this; jrig_set_up resets it. Syncs are
// counted and never wait for a disk.
extern struct jrig_disk {
    int fd;                      // the descriptor that can fail and is counted, or -1
    int writes_left, syncs_left; // calls for that descriptor that succeed; later ones fail
    int writes, syncs;           // number of calls for that descriptor
    bool full;                   // no space can be reserved
    off_t room;                  // no more space than this can be reserved at a time
    int reservations;            // number of those that succeeded
    int directory_syncs;         // number of fsync calls for the test's directory
    int directory_syncs_here;    // number of those by the thread that the test runs in
} disk;

extern char jrig_directory[32];
extern char jrig_path[64]; // path of the journal
extern int jrig_directory_fd;
extern const struct journal_identity jrig_identity;

void jrig_set_up(void);
void jrig_tear_down(void);

// The functions below fail the test if anything goes wrong.

// Returns a new journal in the test's directory, which jrig_finish closes.
struct journal *jrig_create(void);

// Returns a new journal as jrig_create does. So many of its writes and syncs succeed, later ones
// fail.
struct journal *jrig_create_faulty(int writes, int syncs);

void jrig_take(struct journal *j, const struct event *e);
void jrig_take_samples(struct journal *j);
void jrig_finish(struct journal *j); // closes the journal

// Returns a reader of the journal's file, which the caller closes.
struct journal_reader *jrig_open(void);

// Returns the bytes of the journal's file, which the caller finishes.
struct buffer jrig_slurp(void);

// Makes these bytes the journal's file.
void jrig_spill(const char *data, size_t size);

// Returns the bytes of a journal of the samples, which is then the journal's file.
struct buffer jrig_sample_journal(void);

enum {
    JRIG_SAMPLES = 20
};

// One event or more of every type.
extern const struct event jrig_samples[JRIG_SAMPLES];
extern const uint32_t jrig_durations[5];
extern const uint64_t jrig_rows[5];

// The order in which a journal has the samples. It is their own order, except that output is
// written at once and successes before it later.
extern const int jrig_order[JRIG_SAMPLES];

// Fail the test unless an event that was read equals the one that was written.
void jrig_same(const struct event *a, const struct event *b);
void jrig_same_tasks_ok(const struct event_tasks_ok *a, const struct event_tasks_ok *b);

#endif

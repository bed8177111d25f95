// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the journal share: a directory for each test, a disk that can fail, and samples
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
    int writes_left, syncs_left; // of that descriptor; every later call fails
    int writes, syncs;           // calls for that descriptor
    bool full;                   // no space can be reserved
    off_t room;                  // no more space than this can be reserved at a time
    int reservations;            // that succeeded
    int directory_syncs;         // of the test's directory
    int directory_syncs_here;    // those in the thread that the test runs in
} disk;

extern char jrig_directory[32];
extern char jrig_path[64]; // the journal's
extern int jrig_directory_fd;
extern const struct journal_identity jrig_identity;

void jrig_set_up(void);
void jrig_tear_down(void);

// The functions below fail the test if anything goes wrong.

struct journal *jrig_create(void);

// As jrig_create. Of the journal's calls so many writes and syncs succeed.
struct journal *jrig_create_faulty(int writes, int syncs);

void jrig_take(struct journal *j, const struct event *e);
void jrig_take_samples(struct journal *j);
void jrig_finish(struct journal *j); // closes it

struct journal_reader *jrig_open(void);

// Returns the bytes of the journal's file, which the caller finishes.
struct buffer jrig_slurp(void);

// Makes these bytes the journal's file.
void jrig_spill(const char *data, size_t size);

// Returns the bytes of a journal of the samples, which is then the journal's file.
struct buffer jrig_sample_journal(void);

enum {
    JRIG_SAMPLES = 15
};

// One event or more of every type.
extern const struct event jrig_samples[JRIG_SAMPLES];
extern const uint32_t jrig_durations[5];
extern const uint64_t jrig_rows[5];

// The order in which a journal has the samples: as they are, but for the output, which does not
// wait for the successes before it.
extern const int jrig_order[JRIG_SAMPLES];

// Compare an event that was read with the one that was written.
void jrig_same(const struct event *a, const struct event *b);
void jrig_same_tasks_ok(const struct event_tasks_ok *a, const struct event_tasks_ok *b);

#endif

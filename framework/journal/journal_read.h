// SPDX-License-Identifier: BSD-3-Clause
// Reads the events of a journal. Every byte is checked: an event that is returned was written in
// this run, and none before it is missing.
//
// A journal ends in one of three ways. Clean: after a whole record. Torn: the last bytes are not a
// record and no valid record follows; the run was interrupted while it wrote, and the file may be
// truncated at journal_reader_offset. Damaged: bytes before valid records are wrong; the journal is
// refused with the offset and the reason, and nothing after it can be trusted.
#ifndef BR_JOURNAL_JOURNAL_READ_H
#define BR_JOURNAL_JOURNAL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/journal_format.h"

struct journal_reader;

// Opens the journal file for reading; another process may be writing it. The reader sees the bytes
// that the file has now. Returns NULL and *err if it cannot be read, is not a journal, or has
// another format.
struct journal_reader *journal_open(const char *path, br_error *err);

// As journal_open, for the "journal" in the directory that is open as `directory`. Messages call it
// `path`.
struct journal_reader *journal_open_at(int directory, const char *path, br_error *err);

const struct journal_identity *journal_reader_identity(const struct journal_reader *r);

// Reads the next event. Returns 1 and *event, whose pointers are valid until the next call; 0 at
// the end, clean or torn; -1 and *err if the journal is damaged (BR_ERR_USAGE) or cannot be read,
// and then at every later call.
int journal_next(struct journal_reader *r, struct event *event, br_error *err);

// Returns whether the tail is torn, after journal_next returned 0.
bool journal_reader_torn(const struct journal_reader *r);

// Return the bytes of the file that were read as header and whole records, and the sequence and the
// checksum of the last record (0 and the header's if there was none).
uint64_t journal_reader_offset(const struct journal_reader *r);
uint64_t journal_reader_sequence(const struct journal_reader *r);
uint64_t journal_reader_chain(const struct journal_reader *r);

void journal_reader_destroy(struct journal_reader *r);

#endif

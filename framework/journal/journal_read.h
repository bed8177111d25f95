// SPDX-License-Identifier: BSD-3-Clause
// Reads a journal back as the events it was given. Every byte is checked: what comes out went in,
// in this run, with nothing missing before it.
//
// A journal ends in one of three ways. Clean: after a whole record. Torn: the last bytes are no
// record and no valid record follows; the run was cut off while it wrote, and the file may be
// truncated at journal_reader_offset. Damaged: bytes before valid records are wrong; the journal is
// refused, with the place and the reason, and nothing after it can be trusted.
#ifndef BR_JOURNAL_JOURNAL_READ_H
#define BR_JOURNAL_JOURNAL_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "journal/event.h"
#include "journal/journal_format.h"

struct journal_reader;

// Opens the journal file for reading, whether or not somebody still writes it: what the file holds
// now is read. NULL and *err when it cannot be read, is no journal, or has another format.
struct journal_reader *journal_open(const char *path, br_error *err);

// The same for the "journal" in the directory open as `directory`; `path` names it in messages.
struct journal_reader *journal_open_at(int directory, const char *path, br_error *err);

const struct journal_identity *journal_reader_identity(const struct journal_reader *r);

// The next event: 1 and *event, whose pointers are valid until the next call. 0 at the end, clean
// or torn. -1 and *err when the journal is damaged (BR_ERR_USAGE) or cannot be read; then always
// again.
int journal_next(struct journal_reader *r, struct event *event, br_error *err);

// After journal_next gave 0: whether the tail is torn.
bool journal_reader_torn(const struct journal_reader *r);

// Bytes of the file that were read as whole records, header included; the last one's number and
// checksum (0 and the header's, without any).
uint64_t journal_reader_offset(const struct journal_reader *r);
uint64_t journal_reader_sequence(const struct journal_reader *r);
uint64_t journal_reader_chain(const struct journal_reader *r);

// Takes NULL.
void journal_reader_destroy(struct journal_reader *r);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Where a crash was: function, file and line. A child of the nursery, with a time limit, reads the
// debugging information, because a malformed file could crash or hang its reader. Each place is
// looked up once, and only the first few different places are looked up.
#ifndef BR_EXEC_CRASH_SYMBOLS_H
#define BR_EXEC_CRASH_SYMBOLS_H

#include "exec/crash/crash.h"
#include "exec/plugin/plugin_file.h"
#include "exec/process/nursery.h"

struct symbols;

// Returns an object that borrows both arguments until it is destroyed; NULL and *err
// (BR_ERR_SYSTEM) on failure. symbols_destroy ends the lookups that are running, and takes NULL.
struct symbols *symbols_create(struct nursery *n, const struct plugin_list *plugins, br_error *err);
void symbols_destroy(struct symbols *s);

// Returns a descriptor that is readable when a lookup may have ended. It belongs to the symbols.
int symbols_fd(const struct symbols *s);
// Returns the time, by clock_now, at which symbols_find must be called again even if the descriptor
// is not readable; INT64_MAX if no lookup is running.
int64_t symbols_deadline(const struct symbols *s);

// Finds where the note's frames are. Returns false while that is looked up: the caller calls again
// when symbols_fd or symbols_deadline says so, and no lookup takes longer than 3 s. Otherwise
// returns true and sets *text, which is valid until the next call: "" or ", in poke (faulty.c:33)",
// then one line a frame, "\n  at poke (faulty.c:33)". A place that was reported often has no lines.
// `now` is that of clock_now. Never blocks.
bool symbols_find(struct symbols *s, const struct crash_note *note, int64_t now, const char **text);

// The nursery_entry of the child that does one lookup: entry NURSERY_SYMBOLS.
int symbols_child(const int *fds, size_t count);

// ---- Private to symbols.c and symbols_names.c

enum {
    SYMBOLS_REQUEST_MAX = 32 << 10, // bytes
    SYMBOLS_ANSWER_MAX = 16 << 10   // bytes
};

// Appends a request to name the note's frames: its modules, then its frames.
void symbols_write_request(struct buffer *out, const struct crash_note *note,
                           const struct plugin_list *plugins);
// Reads a request and appends the text of symbols_find. With `look` it reads debugging information;
// without, each frame has only its module and offset. A malformed request appends nothing.
void symbols_name(struct wire *request, bool look, struct buffer *out);

#endif

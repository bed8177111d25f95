// SPDX-License-Identifier: BSD-3-Clause
// Where a crash was, with names: function, file and line, read from debugging information in a
// process of its own with a time limit, since those files are made by others. A place is looked up
// once, and only the first few different ones are.
#ifndef BR_EXEC_CRASH_SYMBOLS_H
#define BR_EXEC_CRASH_SYMBOLS_H

#include "exec/crash/crash.h"
#include "exec/plugin/plugin_file.h"
#include "exec/process/nursery.h"

struct symbols;

// Borrows its arguments. NULL and *err on failure.
struct symbols *symbols_create(struct nursery *n, const struct plugin_list *plugins, br_error *err);
void symbols_destroy(struct symbols *s); // takes NULL

// Readable when a lookup under way may have ended; belongs to the symbols.
int symbols_fd(const struct symbols *s);
// When to ask again even if the descriptor stays quiet; INT64_MAX: need not.
int64_t symbols_deadline(const struct symbols *s);

// Where the note's frames are: true and *text (valid until symbols_destroy), false while it is
// looked up: ask again. The text is "" or ", in poke (faulty.c:33)", and a line for each frame,
// "\n  at poke (faulty.c:33)"; a place that was told often has only the first. Always ends.
bool symbols_find(struct symbols *s, const struct crash_note *note, int64_t now, const char **text);

// ---- For the process that looks up: symbols_names.c

enum {
    SYMBOLS_REQUEST_MAX = 32 << 10,
    SYMBOLS_ANSWER_MAX = 16 << 10
};

// What symbols.c asks: the modules, then the frames.
void symbols_write_request(struct buffer *out, const struct crash_note *note,
                           const struct plugin_list *plugins);
// Reads a request and appends the frames with what names there are: without `look`, none but the
// modules'. A request that is none appends nothing.
void symbols_name(struct wire *request, bool look, struct buffer *out);

#endif

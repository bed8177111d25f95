// SPDX-License-Identifier: BSD-3-Clause
// Collects the errors in a job, so that a person sees all of them at once:
//
//     circles.yaml:12:5: unknown key `tsak`
//        12 |     tsak: demo.area
//           |     ^~~~ did you mean `task`?
#ifndef BR_JOBFILE_DIAGNOSTIC_H
#define BR_JOBFILE_DIAGNOSTIC_H

#include <stdarg.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "model/job.h"

enum {
    DIAGNOSTICS_SHOWN = 50 // later entries are counted, not shown
};

struct diagnostic_entry {
    struct mark mark; // line UINT32_MAX: the entry is not about the job file
    size_t begin;     // of its text, in diagnostics.text
    size_t end;
};

struct diagnostics {
    struct buffer text; // the entries in the order in which they were added
    struct diagnostic_entry entries[DIAGNOSTICS_SHOWN];
    struct buffer shown;     // the text that diagnostics_text returned last
    size_t count;            // of all entries
    enum br_error_kind kind; // of the first entry; it decides the exit status
    const char *file;        // name of the job file, borrowed
    const char *source;      // its content, borrowed
    size_t source_length;
};

// `file` and `source` are borrowed until diagnostics_finish.
void diagnostics_init(struct diagnostics *d, const char *file, const char *source,
                      size_t source_length);
void diagnostics_finish(struct diagnostics *d);

// Adds an entry at `mark` in the job file. It is shown with its line and a caret under `length`
// characters (at least one); a long line is cut around the caret. `hint` (or NULL) is shown beside
// the caret: "did you mean `task`?". With line 0 in the mark only the file and the message are
// shown. All text is escaped for a terminal.
void diagnostics_add(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                     size_t length, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void diagnostics_addv(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                      size_t length, const char *hint, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

// Adds an entry that is not about the job file; the message names the place: "params.csv:12: ...".
void diagnostics_add_plain(struct diagnostics *d, enum br_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Returns all entries as text for standard error: in the order of the job file, then those about
// other places, and a last line such as "3 errors in circles.yaml" if there is more than one.
// Returns "" if there are none. The text is borrowed from `d` until the next call.
const char *diagnostics_text(struct diagnostics *d);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Mistakes in a job, collected so that a person sees all of them in one pass:
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
    DIAGNOSTICS_SHOWN = 50 // entries after these are counted, not shown
};

struct diagnostic_entry {
    struct mark mark; // line UINT32_MAX: about another place
    size_t begin;     // in diagnostics.text
    size_t end;
};

struct diagnostics {
    struct buffer text; // the entries as they came
    struct diagnostic_entry entries[DIAGNOSTICS_SHOWN];
    struct buffer shown;     // what diagnostics_text returned last
    size_t count;            // all entries
    enum br_error_kind kind; // of the first entry: decides the exit status
    const char *file;        // borrowed: the job file's name and content
    const char *source;
    size_t source_length;
};

void diagnostics_init(struct diagnostics *d, const char *file, const char *source,
                      size_t source_length);
void diagnostics_finish(struct diagnostics *d);

// One entry at `mark` in the job file, shown with its line and a caret under `length` characters
// (at least one); a long line is shown cut around the caret. `hint` (NULL = none) stands beside the
// caret: "did you mean `task`?". A mark with line 0 shows only the file and the message. All text
// is escaped for a terminal.
void diagnostics_add(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                     size_t length, const char *hint, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void diagnostics_addv(struct diagnostics *d, enum br_error_kind kind, struct mark mark,
                      size_t length, const char *hint, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

// One entry about another place ("params.csv:12: ..."): the message stands for itself.
void diagnostics_add_plain(struct diagnostics *d, enum br_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The whole as text for standard error: entries in the file's order, those about other places last,
// with a closing line such as "3 mistakes in circles.yaml" when there is more than one. Borrowed
// from `d` until the next call. "" when there are none.
const char *diagnostics_text(struct diagnostics *d);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// What tasks printed, read from the workers' logs as the journal tells where it lies, in the order
// of the journal. Each line is headed by its task, "areas#17: ", unless one task alone is asked
// for.
#ifndef BR_VIEWS_LOG_VIEW_H
#define BR_VIEWS_LOG_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/task_name.h"

// Gives out a piece of text. -1 and *err ends the view.
typedef int log_print(const struct buffer *piece, br_error *err);

struct log_view {
    struct event_sink sink; // take: as `print`, or when a log cannot be read
    const char *logs_path;
    const struct task_name *task; // NULL: of every task
    bool escape;                  // for a terminal: no control characters
    log_print *print;
    struct phase_names names;
    struct buffer text;
    char path[4096]; // of the log that is open
    int fd;
    bool found; // `task` exists, as far as the events tell
};

// All pointers are borrowed.
void log_view_init(struct log_view *v, const char *logs_path, const struct task_name *task,
                   bool escape, log_print *print);
void log_view_finish(struct log_view *v);

#endif

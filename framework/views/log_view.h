// SPDX-License-Identifier: BSD-3-Clause
// The output of tasks, folded from a run's events: each event says where output lies in the
// workers' logs, and the view reads it there. Each line begins with its task, "areas#17: ", unless
// the output of one task alone is wanted. All calls for one view come from one thread.
#ifndef BR_VIEWS_LOG_VIEW_H
#define BR_VIEWS_LOG_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/phase_names.h"
#include "views/task_name.h"

// Prints a piece of text. Returns 0, or -1 and *err, which ends the view.
typedef int log_print(const struct buffer *piece, br_error *err);

struct log_view {
    struct event_sink sink; // its take returns -1 and *err if `print` fails or a log cannot be read
    const char *logs_path;
    const struct task_name *task; // NULL: all tasks
    bool escape;                  // control characters are escaped, for a terminal
    log_print *print;
    struct phase_names names;
    struct buffer text;
    char path[4096]; // path of the open log
    int fd;          // descriptor of the open log; -1 = none
    bool found;      // an event has named `task`
};

// Borrows all pointers until log_view_finish.
void log_view_init(struct log_view *v, const char *logs_path, const struct task_name *task,
                   bool escape, log_print *print);
void log_view_finish(struct log_view *v);

#endif

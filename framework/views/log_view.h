// SPDX-License-Identifier: BSD-3-Clause
// Shows what tasks printed, in the order of the journal, which says where it is in the workers'
// logs. Each line begins with its task, "areas#17: ", unless a single task is asked for.
#ifndef BR_VIEWS_LOG_VIEW_H
#define BR_VIEWS_LOG_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "journal/event.h"
#include "views/phase_names.h"
#include "views/task_name.h"

// Writes a piece of text. -1 and *err ends the view.
typedef int log_print(const struct buffer *piece, br_error *err);

struct log_view {
    struct event_sink sink; // take: -1 and *err as `print`, or if a log cannot be read
    const char *logs_path;
    const struct task_name *task; // the only task to show, or NULL
    bool escape;                  // for a terminal: control characters are escaped
    log_print *print;
    struct phase_names names;
    struct buffer text;
    char path[4096]; // of the log that is open as `fd`
    int fd;
    bool found; // an event shows that `task` exists
};

// All pointers are borrowed until log_view_finish.
void log_view_init(struct log_view *v, const char *logs_path, const struct task_name *task,
                   bool escape, log_print *print);
void log_view_finish(struct log_view *v);

#endif

// SPDX-License-Identifier: BSD-3-Clause
// Copies pieces of the logs to the reader, each line with the name of its task.
#include "views/log_view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

enum {
    PIECE = 64 * 1024
};

static int open_log(struct log_view *v, const struct event_output *e, br_error *err)
{
    char path[sizeof v->path];
    int length = snprintf(path, sizeof path, "%s/worker-%" PRIu32 ".%s", v->logs_path, e->worker,
                          e->stream == 1 ? "out" : "err");
    if (length < 0 || (size_t)length >= sizeof path)
        return br_error_set(err, BR_ERR_USAGE, "the path %s is too long", v->logs_path);
    if (v->fd >= 0 && strcmp(path, v->path) == 0)
        return 0;
    fd_close(&v->fd);
    memcpy(v->path, path, (size_t)length + 1);
    v->fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    struct stat st;
    if (v->fd < 0 || fstat(v->fd, &st) != 0)
        return br_error_errno(err, "cannot read the log %s", path);
    return S_ISREG(st.st_mode)
               ? 0
               : br_error_set(err, BR_ERR_USAGE, "the log %s is not a regular file", path);
}

// Appends the start of a line, which names the task: "areas#17: ", "areas#17 (attempt 2, stderr):
// ", or "areas#3-10: " for the output of tasks that were too short to be distinguished.
static void put_head(struct log_view *v, const struct event_output *e)
{
    struct buffer *out = &v->text;
    if (v->task && e->count == 1)
        return;
    phase_names_put(&v->names, e->phase, out);
    buffer_format(out, "#%" PRIu64, e->first);
    if (e->count > 1)
        buffer_format(out, "-%" PRIu64, e->first + (e->count - 1));
    if (e->attempt > 1)
        buffer_format(out, " (attempt %" PRIu32 "%s)", e->attempt,
                      e->stream == 2 ? ", stderr" : "");
    else if (e->stream == 2)
        buffer_text(out, " (stderr)");
    buffer_text(out, ": ");
}

// Appends lines with their start. *inside is whether the text before it ended within a line, and is
// updated.
static void put_lines(struct log_view *v, const struct event_output *e, const char *data,
                      size_t length, bool *inside)
{
    while (length > 0) {
        const char *newline = memchr(data, '\n', length);
        size_t line = newline ? (size_t)(newline - data) : length;
        if (!*inside)
            put_head(v, e);
        if (v->escape)
            text_escaped(&v->text, data, line);
        else
            buffer_append(&v->text, data, line);
        *inside = !newline;
        if (newline)
            buffer_char(&v->text, '\n');
        line += newline != NULL;
        data += line;
        length -= line;
    }
}

static int give_out(struct log_view *v, br_error *err)
{
    int result = buffer_check(&v->text, err);
    if (result == 0 && v->text.length > 0)
        result = v->print(&v->text, err);
    buffer_reset(&v->text);
    return result;
}

// Prints output from a log. If the log was truncated, what is left of the output is printed.
static int put_output(struct log_view *v, const struct event_output *e, br_error *err)
{
    char piece[PIECE];
    bool inside = false;
    if (open_log(v, e, err) != 0)
        return -1;
    for (uint64_t done = 0; done < e->length;) {
        uint64_t left = e->length - done;
        ssize_t got =
            pread(v->fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)(e->offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return br_error_errno(err, "cannot read the log %s", v->path);
        if (got == 0)
            break;
        put_lines(v, e, piece, (size_t)got, &inside);
        if (give_out(v, err) != 0)
            return -1;
        done += (uint64_t)got;
    }
    if (!inside)
        return 0;
    buffer_char(&v->text, '\n'); // the output of the next task begins a new line
    return give_out(v, err);
}

static bool is_wanted(const struct log_view *v, const struct event_output *e)
{
    if (e->stream < 1 || e->stream > 2 || e->offset > INT64_MAX ||
        e->length > INT64_MAX - e->offset)
        return false;
    return !v->task || (phase_names_match(&v->names, e->phase, v->task) &&
                        v->task->index >= e->first && v->task->index - e->first < e->count);
}

static int log_view_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct log_view *v = (struct log_view *)sink;
    phase_names_take(&v->names, event);
    if (event->type == EVENT_PHASE_BEGIN && v->task &&
        phase_names_match(&v->names, event->phase_begin.phase, v->task))
        v->found = v->task->index < event->phase_begin.tasks;
    return event->type == EVENT_OUTPUT && is_wanted(v, &event->output)
               ? put_output(v, &event->output, err)
               : 0;
}

void log_view_init(struct log_view *v, const char *logs_path, const struct task_name *task,
                   bool escape, log_print *print)
{
    *v = (struct log_view){.sink.take = log_view_take,
                           .logs_path = logs_path,
                           .task = task,
                           .escape = escape,
                           .print = print,
                           .fd = -1};
}

void log_view_finish(struct log_view *v)
{
    phase_names_finish(&v->names);
    buffer_finish(&v->text);
    fd_close(&v->fd);
}

// SPDX-License-Identifier: BSD-3-Clause
// Failures as text for a person, and as JSON.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/utf8.h"
#include "views/failures.h"

enum {
    LINES_MAX = 8,
    MESSAGE_LINES_MAX = 24,
    COLUMNS_MAX = 200,
    TAIL_MAX = 16 * 1024
};

// ---- Cause

void failure_cause(struct buffer *out, const struct event_task_end *t)
{
    switch (t->status) {
    case OUTCOME_CRASHED:
        buffer_text(out, "crashed");
        if (t->message[0] != '\0') // the message begins with how the task ended
            break;
        buffer_text(out, ": ");
        if (t->signal != 0)
            signal_describe(out, t->signal);
        else
            buffer_format(out, "exit(%" PRId32 ") was called", t->exit_code);
        break;
    case OUTCOME_TIMED_OUT:
        buffer_text(out, "timed out after ");
        text_duration(out, t->duration_ns);
        break;
    case OUTCOME_OVER_LIMIT:
        buffer_text(out, "over limit");
        break;
    default:
        buffer_text(out, outcome_name(t->status));
    }
    if (t->message[0] == '\0')
        return;
    buffer_text(out, ": ");
    text_escaped(out, t->message, strcspn(t->message, "\n"));
}

// ---- Output of the task

// Appends one line of a log, cut at COLUMNS_MAX.
static void put_line(struct buffer *out, const char *line, size_t length)
{
    struct buffer text = BUFFER_EMPTY;
    text_escaped(&text, line, length);
    size_t end = 0;
    for (size_t column = 0; end < text.length && column < COLUMNS_MAX; column++)
        end += utf8_sequence(text.data + end, text.length - end);
    buffer_text(out, "      | ");
    buffer_append(out, text.data, end);
    buffer_text(out, end < text.length ? "...\n" : "\n");
    out->failed = out->failed || text.failed;
    buffer_finish(&text);
}

// Appends the last lines of data[0..length), whose first line may lack its beginning.
static void put_lines(struct buffer *out, const char *data, size_t length)
{
    if (length > 0 && data[length - 1] == '\n')
        length--;
    size_t start = length;
    for (int lines = 0; start > 0; start--)
        if (data[start - 1] == '\n' && ++lines == LINES_MAX)
            break;
    while (start <= length) {
        const char *newline = memchr(data + start, '\n', length - start);
        size_t end = newline ? (size_t)(newline - data) : length;
        put_line(out, data + start, end - start);
        start = end + 1;
    }
}

// Reads the end of an output into tail[0..TAIL_MAX). Returns its length, or -1 with errno. The log
// may be shorter than the journal says, or have been replaced by another file.
static ssize_t read_tail(const char *path, const struct failure_output *o, char *tail)
{
    int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    size_t count = o->length < TAIL_MAX ? (size_t)o->length : TAIL_MAX;
    uint64_t start = o->offset + (o->length - count);
    struct stat st;
    ssize_t got = -1;
    if (fstat(fd, &st) != 0) {
    } else if (!S_ISREG(st.st_mode) || start > INT64_MAX) {
        errno = EINVAL;
    } else {
        do
            got = pread(fd, tail, count, (off_t)start);
        while (got < 0 && errno == EINTR);
    }
    fd_close(&fd);
    return got;
}

static void put_output(struct buffer *out, const struct failure *f, int stream,
                       const char *logs_directory)
{
    static const char *const names[] = {"stdout", "stderr"};
    static const char *const suffixes[] = {"out", "err"};
    const struct failure_output *o = &f->output[stream];
    if (o->length == 0)
        return;
    struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/worker-%" PRIu32 ".%s", logs_directory, f->task.worker,
                  suffixes[stream]);
    buffer_char(&path, '\0');
    char *tail = malloc(TAIL_MAX);
    if (path.failed || !tail) {
        out->failed = true;
        free(tail);
        buffer_finish(&path);
        return;
    }
    buffer_format(out, "    %s  ", names[stream]);
    text_escaped(out, path.data, path.length - 1);
    if (o->count > 1)
        buffer_format(out, " (tasks %" PRIu64 " to %" PRIu64 ")", o->first,
                      o->first + (o->count - 1));
    ssize_t got = read_tail(path.data, o, tail);
    if (got < 0) {
        buffer_format(out, ": cannot be read: %s\n", strerror(errno));
    } else {
        buffer_char(out, '\n');
        put_lines(out, tail, (size_t)got);
    }
    free(tail);
    buffer_finish(&path);
}

// ---- Blocks

static void put_title(struct buffer *out, const struct failures *f, const struct event_task_end *t)
{
    const char *name = t->phase < f->phase_count ? f->phases[t->phase] : NULL;
    if (name)
        text_escaped(out, name, strlen(name));
    else
        buffer_format(out, "phase %" PRIu32, t->phase);
    buffer_format(out, "#%" PRIu64, t->index);
}

// Appends the lines of the message after the first, such as the stack of a crash.
static void put_message_lines(struct buffer *out, const char *message)
{
    const char *at = message + strcspn(message, "\n");
    for (int lines = 0; *at && lines < MESSAGE_LINES_MAX; lines++) {
        size_t length = strcspn(++at, "\n");
        buffer_text(out, "    ");
        text_escaped(out, at, length);
        buffer_char(out, '\n');
        at += length;
    }
}

static void put_place(struct buffer *out, const struct failure *failure)
{
    const struct event_task_end *t = &failure->task;
    if (t->worker == UINT32_MAX) {
        buffer_text(out, "    ran     never\n");
        return;
    }
    buffer_format(out, "    ran     in worker %" PRIu32, t->worker);
    if (failure->cpus)
        buffer_format(out, " (cpus %s)", failure->cpus);
    if (t->cpu >= 0)
        buffer_format(out, " on cpu %" PRId32, t->cpu);
    buffer_text(out, " for ");
    text_duration(out, t->duration_ns);
    buffer_format(out, ", attempt %" PRIu32 "\n", t->attempt);
}

void failure_details(struct buffer *out, const struct failure *failure, const char *logs_directory)
{
    const struct event_task_end *t = &failure->task;
    put_message_lines(out, t->message);
    if (t->inputs[0] != '\0') {
        buffer_text(out, "    inputs  ");
        text_escaped(out, t->inputs, strlen(t->inputs));
        buffer_char(out, '\n');
    }
    put_place(out, failure);
    for (int stream = 1; logs_directory && stream >= 0; stream--)
        put_output(out, failure, stream, logs_directory);
}

void failure_again(struct buffer *out, const char *run, const char *phase, uint64_t index)
{
    // A task of a reduction, "areas (reduce)", cannot be run again: its inputs are not kept.
    if (!phase || strchr(phase, ' '))
        return;
    buffer_text(out, "    again   batchrun task ");
    text_shell(out, run);
    buffer_format(out, " %s#%" PRIu64 "\n", phase, index);
}

static void put_block(struct buffer *out, const struct failures *f, const struct failure *failure,
                      const char *run, const char *logs_directory)
{
    const struct event_task_end *t = &failure->task;
    put_title(out, f, t);
    buffer_char(out, ' ');
    failure_cause(out, t);
    buffer_char(out, '\n');
    failure_details(out, failure, logs_directory);
    failure_again(out, run, t->phase < f->phase_count ? f->phases[t->phase] : NULL, t->index);
    buffer_char(out, '\n');
}

bool failures_pending(const struct failures *f)
{
    return f->printed < f->shown_count;
}

void failures_text(struct failures *f, const char *run, const char *logs_directory,
                   struct buffer *out)
{
    for (; f->printed < f->shown_count; f->printed++)
        put_block(out, f, &f->shown[f->printed], run, logs_directory);
}

static void put_kind(struct buffer *out, uint64_t count)
{
    struct buffer text = BUFFER_EMPTY;
    text_count(&text, count);
    buffer_format(out, "%9.*s ", (int)text.length, text.data ? text.data : "");
    out->failed = out->failed || text.failed;
    buffer_finish(&text);
}

// Appends a line such as "       38 like areas#7: #9, #12, #13, #20, #21, ...".
static void put_alike(struct buffer *out, const struct failures *f, const struct failure *failure)
{
    if (failure->alike == 0)
        return;
    put_kind(out, failure->alike);
    buffer_text(out, "like ");
    put_title(out, f, &failure->task);
    for (uint64_t i = 0; i < failure->alike && i < FAILURES_NAMED; i++)
        buffer_format(out, "%s#%" PRIu64, i ? ", " : ": ", failure->others[i]);
    buffer_text(out, failure->alike > FAILURES_NAMED ? ", ...\n" : "\n");
}

void failures_rest(const struct failures *f, const char *run, struct buffer *out)
{
    uint64_t more = f->count - f->shown_count, unlike = more;
    if (more == 0)
        return;
    buffer_text(out, "and ");
    text_count(out, more);
    buffer_text(out, " more: batchrun show --failed ");
    text_shell(out, run);
    buffer_text(out, " lists all\n");
    for (size_t i = 0; i < f->shown_count; i++) {
        put_alike(out, f, &f->shown[i]);
        unlike -= f->shown[i].alike;
    }
    if (unlike > 0) {
        put_kind(out, unlike);
        buffer_text(out, "unlike these\n");
    }
    buffer_char(out, '\n');
}

static void json_failure(const struct failures *f, const struct failure *failure, struct json *j)
{
    const struct event_task_end *t = &failure->task;
    struct buffer cause = BUFFER_EMPTY;
    failure_cause(&cause, t);
    json_begin_object(j, NULL);
    json_string(j, "phase", t->phase < f->phase_count ? f->phases[t->phase] : NULL);
    json_u64(j, "index", t->index);
    json_string(j, "outcome", outcome_name(t->status));
    json_text(j, "cause", cause.data, cause.length);
    json_string(j, "message", t->message);
    json_string(j, "inputs", t->inputs);
    json_u64(j, "alike", failure->alike);
    json_u64(j, "attempt", t->attempt);
    if (t->worker == UINT32_MAX)
        json_null(j, "worker");
    else
        json_u64(j, "worker", t->worker);
    json_string(j, "cpus", failure->cpus);
    if (t->cpu < 0)
        json_null(j, "cpu");
    else
        json_i64(j, "cpu", t->cpu);
    json_seconds(j, "start_seconds", t->start_ns);
    json_seconds(j, "duration_seconds", t->duration_ns);
    json_end_object(j);
    j->out->failed = j->out->failed || cause.failed;
    buffer_finish(&cause);
}

void failures_json(const struct failures *f, struct json *j)
{
    for (size_t i = 0; i < f->shown_count; i++)
        json_failure(f, &f->shown[i], j);
}

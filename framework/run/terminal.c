// SPDX-License-Identifier: BSD-3-Clause
#include "run/terminal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/signals.h"
#include "base/text.h"

// Writes at once, or by the run's writer after all that it has to write before.
static void write_bytes(const struct terminal *t, const char *data, size_t length)
{
    if (length == 0)
        return;
    if (!t || !t->writer || writer_add_text(t->writer, STDERR_FILENO, data, length) != 0)
        (void)fd_write_all(STDERR_FILENO, data, length);
}

// ---- Before and beside a run

void terminal_write(const struct terminal *t, const char *text)
{
    struct buffer shown = BUFFER_EMPTY;
    text_lines_escaped(&shown, text, strlen(text));
    if (shown.failed)
        write_bytes(t, text, strlen(text));
    else
        write_bytes(t, shown.data, shown.length);
    buffer_finish(&shown);
}

// Returns which limit of this process's memory is set, as text to be appended to an error, or "".
static const char *memory_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        return " (ulimit -v limits this process's memory)";
    if (getrlimit(RLIMIT_DATA, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        return " (ulimit -d limits this process's memory)";
    return "";
}

void terminal_error(const struct terminal *t, const br_error *err)
{
    char text[sizeof err->text + 80];
    bool no_memory = strstr(err->text, "out of memory") || strstr(err->text, strerror(ENOMEM));
    snprintf(text, sizeof text, "batchrun: %s%s\n", err->text, no_memory ? memory_limit() : "");
    terminal_write(t, text);
}

void terminal_interrupted(int signal)
{
    static const char before[] = "batchrun: interrupted by ";
    static const char after[] = " before the run started: no task was run\n";
    const char *name = signal_name(signal);
    write_bytes(NULL, before, sizeof before - 1);
    write_bytes(NULL, name, strlen(name));
    write_bytes(NULL, after, sizeof after - 1);
}

// ---- During a run

void terminal_init(struct terminal *t, struct failures *failures, const struct summary *summary,
                   const struct rundir *dir, bool quiet)
{
    *t = (struct terminal){.failures = failures, .summary = summary, .dir = dir, .quiet = quiet};
    // Without a thread every write waits for the reader.
    t->writer = writer_is_for(STDERR_FILENO) ? writer_create(NULL) : NULL;
    progress_init(&t->progress, STDERR_FILENO, t->writer);
}

void terminal_finish(struct terminal *t)
{
    progress_finish(&t->progress);
}

void terminal_close(struct terminal *t)
{
    terminal_finish(t);
    writer_destroy(t->writer);
    t->writer = NULL;
}

void terminal_print(struct terminal *t, const struct buffer *lines)
{
    progress_print(&t->progress, lines);
}

void terminal_begin(struct terminal *t, const struct resume *resume)
{
    if (t->quiet)
        return;
    struct buffer b = BUFFER_EMPTY;
    if (t->dir->set_aside)
        buffer_format(&b, "batchrun: the earlier run is now %s\n", t->dir->set_aside);
    resume_describe(resume, t->dir->path, &b);
    buffer_char(&b, '\0');
    if (!b.failed)
        terminal_write(t, b.data);
    buffer_finish(&b);
}

static void report_worker(struct terminal *t, const struct exec_report *dead, const char *what)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_format(&b, "batchrun: worker %u (pid %d) %s: %s\n", dead->slot, dead->dead.pid, what,
                  dead->dead.reason);
    terminal_print(t, &b);
    buffer_finish(&b);
}

void terminal_lost_worker(struct terminal *t, const struct exec_report *dead)
{
    report_worker(t, dead, "is no longer used, the others continue");
}

void terminal_bad_end(struct terminal *t, const struct exec_report *dead)
{
    report_worker(t, dead, "did not end normally after its last task, which affects no task");
}

void terminal_failures(struct terminal *t)
{
    if (!failures_pending(t->failures))
        return;
    struct buffer text = BUFFER_EMPTY;
    failures_text(t->failures, t->dir->path, t->dir->logs_path, &text);
    terminal_print(t, &text);
    buffer_finish(&text);
}

// ---- At its end

bool terminal_result(struct terminal *t, enum run_status status)
{
    struct buffer text = BUFFER_EMPTY;
    failures_text(t->failures, t->dir->path, t->dir->logs_path, &text);
    failures_rest(t->failures, t->dir->path, &text);
    if (!t->quiet) {
        summary_text(t->summary, &text);
    } else if (status != RUN_OK) {
        summary_verdict(t->summary, &text);
        buffer_char(&text, '\n');
    }
    bool shown = !text.failed;
    if (shown)
        write_bytes(t, text.data, text.length);
    buffer_finish(&text);
    return shown;
}

void terminal_resume_command(const struct terminal *t, const char *command)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_text(&b, "batchrun: to resume: ");
    text_escaped(&b, command, strlen(command));
    buffer_char(&b, '\n');
    if (!b.failed)
        write_bytes(t, b.data, b.length);
    buffer_finish(&b);
}

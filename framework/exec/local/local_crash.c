// SPDX-License-Identifier: BSD-3-Clause
// Texts that describe how a worker, or a task's child, has ended.
#include "exec/local/local_crash.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/signals.h"

void local_take_note(struct slot *s, struct wire *w)
{
    struct crash_note *note = malloc(sizeof *note), **place = &s->death.note;
    // Without a note the end is described by its signal alone.
    if (!note || !crash_note_read(w, note)) {
        free(note);
        return;
    }
    if (note->process != s->pid)
        place = &s->child_notes[s->next_child_note++ % CHILD_NOTES];
    free(*place);
    *place = note;
}

// Appends the note's description and frees the note. Returns false while symbol names are looked
// up.
static bool describe_note(struct local *l, struct crash_note **note, struct buffer *out)
{
    const char *place = "";
    if (!symbols_find(l->symbols, *note, clock_now(), &place))
        return false;
    crash_describe(out, *note);
    buffer_text(out, place);
    free(*note);
    *note = NULL;
    return true;
}

bool local_explain(struct local *l, struct slot *s)
{
    struct death *d = &s->death;
    struct buffer text = BUFFER_EMPTY;
    // A note counts only if the worker has died of the signal that the note names.
    if (d->description || !d->note || !WIFSIGNALED(d->wait_status) ||
        WTERMSIG(d->wait_status) != d->note->signal)
        return true;
    if (!describe_note(l, &d->note, &text))
        return false;
    d->description = buffer_take_string(&text, NULL);
    return true;
}

// Takes the next message from the socket if it is a note. Returns whether it was.
static bool read_note(struct local *l, struct slot *s)
{
    ssize_t got = recv(s->control.fd, l->control, CONTROL_MAX, MSG_DONTWAIT | MSG_PEEK);
    struct wire w = {.at = l->control, .left = got > 0 ? (size_t)got : 0};
    if (wire_get(&w) != CONTROL_CRASHED || w.bad ||
        recv(s->control.fd, l->control, CONTROL_MAX, MSG_DONTWAIT) != got)
        return false;
    w = (struct wire){.at = l->control, .left = (size_t)got};
    (void)wire_get(&w);
    local_take_note(s, &w);
    return true;
}

static struct crash_note **find_child_note(struct slot *s, int32_t process, int signal)
{
    for (size_t i = 0; i < CHILD_NOTES; i++)
        if (s->child_notes[i] && s->child_notes[i]->process == process &&
            s->child_notes[i]->signal == signal)
            return &s->child_notes[i];
    return NULL;
}

// Several children may have ended since the last look. A child's note is in the socket before the
// worker publishes the END that it belongs to.
bool local_explain_child(struct local *l, struct slot *s, struct exec_report *end)
{
    struct crash_note **note;
    while (!(note = find_child_note(s, s->batch.end.process, end->end.signal)))
        if (s->control.fd < 0 || !read_note(l, s))
            return true;
    buffer_reset(&l->text);
    if (!describe_note(l, note, &l->text))
        return false;
    buffer_char(&l->text, '\0');
    if (!l->text.failed)
        end->end.message = l->text.data;
    return true;
}

void local_describe_end(struct buffer *out, const struct slot *s, bool whole)
{
    const char *text = s->death.description;
    if (text)
        buffer_append(out, text, whole ? strlen(text) : strcspn(text, "\n"));
    else
        signal_describe_end(out, s->death.wait_status);
}

// The kernel looks at a process's CPU time at ticks of the clock; getrusage may show a little less.
#define CPU_SLACK_NS (200 * NS_PER_MS)

bool local_describe_ulimit(struct buffer *out, int signal, int64_t cpu_ns)
{
    struct rlimit r;
    if (signal == SIGXFSZ && getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
        buffer_format(out,
                      "a file that it wrote reached the limit on the size of files, %llu "
                      "bytes (ulimit -f)",
                      (unsigned long long)r.rlim_cur);
        return true;
    }
    if ((signal != SIGXCPU && signal != SIGKILL) || getrlimit(RLIMIT_CPU, &r) != 0)
        return false;
    rlim_t most = signal == SIGKILL ? r.rlim_max : r.rlim_cur; // the hard limit kills
    if (most == RLIM_INFINITY || most > INT64_MAX / NS_PER_S ||
        cpu_ns + CPU_SLACK_NS < (int64_t)most * NS_PER_S)
        return false;
    buffer_format(out, "it reached the limit on the CPU time of a process, %llu s (ulimit -t)",
                  (unsigned long long)most);
    return true;
}

void local_describe_oom(struct buffer *out, const struct local *l)
{
    if (l->groups.made[CGROUP_MEMORY] >= 0)
        buffer_format(out, "all workers together have reached limits.memory, %.4g MiB",
                      (double)l->options.limits.memory / (1 << 20));
    else
        buffer_text(out, "the control group that this run is in has no more memory");
}

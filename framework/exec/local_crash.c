// SPDX-License-Identifier: BSD-3-Clause
// The words for a worker's end.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/signals.h"
#include "exec/local_slot.h"

void local_take_note(struct slot *s, struct wire *w)
{
    struct crash_note *note = s->note ? s->note : malloc(sizeof *note);
    s->note = note;
    // One that cannot be kept or is none leaves the signal's name.
    if (note && !crash_note_read(w, note)) {
        free(note);
        s->note = NULL;
    }
}

// Puts the note in words, and is done with it; false while places are looked up.
static bool put_words(struct local *l, struct slot *s, struct buffer *out)
{
    const char *place = "";
    if (!symbols_find(l->symbols, s->note, clock_now(), &place))
        return false;
    crash_describe(out, s->note);
    buffer_text(out, place);
    free(s->note);
    s->note = NULL;
    return true;
}

bool local_explain(struct local *l, struct slot *s)
{
    struct buffer words = BUFFER_EMPTY;
    // What a worker says of its end counts when it is the end that it had.
    if (s->why || !s->note || s->note->process != s->pid || !WIFSIGNALED(s->wait_status) ||
        WTERMSIG(s->wait_status) != s->note->signal)
        return true;
    if (!put_words(l, s, &words))
        return false;
    s->why = buffer_take_string(&words, NULL);
    return true;
}

// The note of a child is in the socket before the worker tells of the child's end.
static void read_note(struct local *l, struct slot *s)
{
    ssize_t got = recv(s->control, l->control, CONTROL_MAX, MSG_DONTWAIT | MSG_PEEK);
    struct wire w = {.at = l->control, .left = got > 0 ? (size_t)got : 0};
    if (wire_get(&w) != CONTROL_CRASHED || w.bad ||
        recv(s->control, l->control, CONTROL_MAX, MSG_DONTWAIT) != got)
        return;
    w = (struct wire){.at = l->control, .left = (size_t)got};
    (void)wire_get(&w);
    local_take_note(s, &w);
}

bool local_explain_child(struct local *l, struct slot *s, struct exec_report *end)
{
    if (s->control >= 0)
        read_note(l, s);
    if (!s->note || s->note->process == s->pid || s->note->signal != end->end.signal)
        return true;
    buffer_reset(&l->text);
    if (!put_words(l, s, &l->text))
        return false;
    buffer_char(&l->text, '\0');
    if (!l->text.failed)
        end->end.message = l->text.data;
    return true;
}

void local_describe_end(struct buffer *out, const struct slot *s, bool whole)
{
    if (s->why)
        buffer_append(out, s->why, whole ? strlen(s->why) : strcspn(s->why, "\n"));
    else
        signal_describe_end(out, s->wait_status);
}

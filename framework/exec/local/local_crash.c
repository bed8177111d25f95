// SPDX-License-Identifier: BSD-3-Clause
// The words for a worker's end.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/signals.h"
#include "exec/local/local_slot.h"

void local_take_note(struct slot *s, struct wire *w)
{
    struct crash_note *note = malloc(sizeof *note), **place = &s->note;
    // One that cannot be kept or is none leaves the signal's name.
    if (!note || !crash_note_read(w, note)) {
        free(note);
        return;
    }
    if (note->process != s->pid)
        place = &s->child_notes[s->next_child_note++ % CHILD_NOTES];
    free(*place);
    *place = note;
}

// Puts the note in words, and is done with it; false while places are looked up.
static bool put_words(struct local *l, struct crash_note **note, struct buffer *out)
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
    struct buffer words = BUFFER_EMPTY;
    // What a worker says of its end counts when it is the end that it had.
    if (s->why || !s->note || !WIFSIGNALED(s->wait_status) ||
        WTERMSIG(s->wait_status) != s->note->signal)
        return true;
    if (!put_words(l, &s->note, &words))
        return false;
    s->why = buffer_take_string(&words, NULL);
    return true;
}

// The next message, if it is a note.
static bool read_note(struct local *l, struct slot *s)
{
    ssize_t got = recv(s->control, l->control, CONTROL_MAX, MSG_DONTWAIT | MSG_PEEK);
    struct wire w = {.at = l->control, .left = got > 0 ? (size_t)got : 0};
    if (wire_get(&w) != CONTROL_CRASHED || w.bad ||
        recv(s->control, l->control, CONTROL_MAX, MSG_DONTWAIT) != got)
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

// Several children may have ended since the last look: each end has its own child's note, which is
// in the socket before the worker tells of the end.
bool local_explain_child(struct local *l, struct slot *s, struct exec_report *end)
{
    struct crash_note **note;
    while (!(note = find_child_note(s, s->batch.end.process, end->end.signal)))
        if (s->control < 0 || !read_note(l, s))
            return true;
    buffer_reset(&l->text);
    if (!put_words(l, note, &l->text))
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

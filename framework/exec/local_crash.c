// SPDX-License-Identifier: BSD-3-Clause
// The words for a worker's end.
#include <stdlib.h>
#include <string.h>
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

// What a worker says of its end counts when it is the end that it had.
static bool is_of_this_end(const struct slot *s)
{
    return s->note && s->note->process == s->pid && WIFSIGNALED(s->wait_status) &&
           WTERMSIG(s->wait_status) == s->note->signal;
}

bool local_explain(struct local *l, struct slot *s)
{
    const char *place = "";
    if (s->why || !is_of_this_end(s))
        return true;
    if (!symbols_find(l->symbols, s->note, clock_now(), &place))
        return false;
    struct buffer words = BUFFER_EMPTY;
    crash_describe(&words, s->note);
    buffer_text(&words, place);
    s->why = buffer_take_string(&words, NULL);
    free(s->note);
    s->note = NULL;
    return true;
}

void local_describe_end(struct buffer *out, const struct slot *s, bool whole)
{
    if (s->why)
        buffer_append(out, s->why, whole ? strlen(s->why) : strcspn(s->why, "\n"));
    else
        signal_describe_end(out, s->wait_status);
}

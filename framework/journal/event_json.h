// SPDX-License-Identifier: BSD-3-Clause
// Writes an event as one line of JSON, for programs.
#ifndef BR_JOURNAL_EVENT_JSON_H
#define BR_JOURNAL_EVENT_JSON_H

#include "base/buffer.h"
#include "journal/event.h"

// Appends an object and a newline. Every object has "event" and "time_seconds"; of packed result
// rows it has only the size.
void event_json(const struct event *event, struct buffer *out);

#endif

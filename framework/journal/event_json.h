// SPDX-License-Identifier: BSD-3-Clause
// An event as one line of JSON, for programs.
#ifndef BR_JOURNAL_EVENT_JSON_H
#define BR_JOURNAL_EVENT_JSON_H

#include "base/buffer.h"
#include "journal/event.h"

// Appends an object and a newline. Every object has "event" and "time_seconds"; packed result rows
// are told by their size alone.
void event_json(const struct event *event, struct buffer *out);

#endif

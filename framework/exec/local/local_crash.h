// SPDX-License-Identifier: BSD-3-Clause
// Texts that describe how a worker, or a task's child, has ended.
#ifndef BR_EXEC_LOCAL_LOCAL_CRASH_H
#define BR_EXEC_LOCAL_LOCAL_CRASH_H

#include "base/wire.h"
#include "exec/local/local_state.h"

// Keeps the crash note in `w`, which the worker's handler (or its child's) has sent.
void local_take_note(struct slot *s, struct wire *w);

// Turns the note of a dead worker into its description. Returns false while symbol names are looked
// up; the caller then asks again.
bool local_explain(struct local *l, struct slot *s);

// The same for a task whose own child has died: sets the message of the END in *end, in l->text.
bool local_explain_child(struct local *l, struct slot *s, struct exec_report *end);

// Appends how a dead worker has ended: the whole description, or its first line.
void local_describe_end(struct buffer *out, const struct slot *s, bool whole);

// Returns whether a process that a signal has ended after so much CPU time has reached a limit that
// this process was started with (ulimit -t or -f); appends which one.
bool local_describe_ulimit(struct buffer *out, int signal, int64_t cpu_ns);

// Appends whose memory ran out when the kernel killed a process.
void local_describe_oom(struct buffer *out, const struct local *l);

#endif

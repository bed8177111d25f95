// SPDX-License-Identifier: BSD-3-Clause
#include "views/task_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

bool task_name_parse(const char *text, struct task_name *out)
{
    const char *hash = strrchr(text, '#');
    int64_t index;
    if (!hash || hash == text || !text_to_i64(hash + 1, strlen(hash + 1), &index) || index < 0)
        return false;
    *out = (struct task_name){text, (size_t)(hash - text), (uint64_t)index};
    return true;
}

void phase_names_take(struct phase_names *n, const struct event *event)
{
    if (event->type != EVENT_PHASE_BEGIN || event->phase_begin.phase >= EVENT_INDEX_MAX)
        return;
    size_t at = event->phase_begin.phase;
    if (array_extend(&n->names, &n->count, at + 1, sizeof *n->names, NULL) != 0)
        return;
    free(n->names[at]);
    n->names[at] = strdup(event->phase_begin.name);
}

void phase_names_finish(struct phase_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->names[i]);
    free(n->names);
    *n = (struct phase_names){0};
}

bool phase_names_match(const struct phase_names *n, uint32_t phase, const struct task_name *task)
{
    const char *name = phase < n->count ? n->names[phase] : NULL;
    return name && strlen(name) == task->phase_length &&
           memcmp(name, task->phase, task->phase_length) == 0;
}

void phase_names_put(const struct phase_names *n, uint32_t phase, struct buffer *out)
{
    const char *name = phase < n->count ? n->names[phase] : NULL;
    if (name)
        text_escaped(out, name, strlen(name));
    else
        buffer_format(out, "phase %" PRIu32, phase);
}

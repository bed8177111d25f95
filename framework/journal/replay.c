// SPDX-License-Identifier: BSD-3-Clause
// Reads a journal and gives its events to sinks.
#include "journal/replay.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "journal/journal_read.h"

static int give_events(struct journal_reader *reader, struct event_sink *const *sinks, size_t count,
                       br_error *err)
{
    struct event event;
    int more;
    while ((more = journal_next(reader, &event, err)) == 1)
        for (size_t i = 0; i < count; i++)
            if (sinks[i]->take(sinks[i], &event, err) != 0)
                return -1;
    return more;
}

int replay(const struct rundir *d, struct event_sink *const *sinks, size_t count, br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_format(&text, "%s/journal", d->path);
    char *path = buffer_take_string(&text, err);
    struct journal_reader *reader = path ? journal_open(path, err) : NULL;
    int result = reader ? give_events(reader, sinks, count, err) : -1;
    journal_reader_destroy(reader);
    free(path);
    return result;
}

// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads the text of the machine note.
#include "views/machine_note.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void machine_note_put(struct buffer *out, const struct machine *m)
{
    for (size_t i = 0; i < m->pu_count; i++) {
        const struct machine_pu *pu = &m->pus[i];
        buffer_format(out, "%u %d %d %d %d\n", pu->os_index, pu->package, pu->numa, pu->l3,
                      pu->core);
    }
}

static bool read_line(const char *line, struct machine_pu *out)
{
    struct machine_pu pu = {0};
    if (sscanf(line, "%9u %9d %9d %9d %9d\n", &pu.os_index, &pu.package, &pu.numa, &pu.l3,
               &pu.core) != 5 ||
        pu.os_index >= CPUSET_MAX)
        return false;
    *out = pu;
    return true;
}

int machine_note_read(const char *text, struct machine *out, br_error *err)
{
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    if (lines == 0 || lines > CPUSET_MAX)
        return br_error_set(err, BR_ERR_USAGE, "the machine has %zu CPUs", lines);
    struct machine m = {.pus = calloc(lines, sizeof *m.pus), .pu_count = lines};
    if (!m.pus)
        return br_error_nomem(err);
    for (size_t i = 0; i < lines; i++, text = strchr(text, '\n') + 1)
        if (!read_line(text, &m.pus[i])) {
            machine_finish(&m);
            return br_error_set(err, BR_ERR_USAGE, "CPU %zu of the machine cannot be read", i);
        }
    *out = m;
    return 0;
}

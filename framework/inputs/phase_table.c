// SPDX-License-Identifier: BSD-3-Clause
// Makes, maps and describes the input table of a phase.
#include "inputs/phase_table.h"

#include <inttypes.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/utf8.h"
#include "model/command_line.h"
#include "model/table_builder.h"

enum {
    DESCRIPTION_MAX = 200
};

int phase_table_make(struct phase_table *out, struct buffer *image, br_error *err)
{
    *out = PHASE_TABLE_NONE;
    int fd = fd_memory_sealed("batchrun-table", image->data, image->length, err);
    size_t size = image->length;
    buffer_finish(image);
    if (fd < 0)
        return -1;
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        br_error_errno(err, "cannot map an input table of %zu bytes", size);
        fd_close(&fd);
        return -1;
    }
    *out = (struct phase_table){.fd = fd, .memory = memory, .size = size};
    if (table_open(&out->table, memory, size, err) != 0) {
        phase_table_finish(out);
        return -1;
    }
    return 0;
}

void phase_table_finish(struct phase_table *t)
{
    if (t->memory)
        munmap(t->memory, t->size);
    fd_close(&t->fd);
    *t = PHASE_TABLE_NONE;
}

int phase_table_make_batches(uint64_t batches, struct buffer *image, struct table *out,
                             br_error *err)
{
    struct table_builder *b = table_builder_create(batches, err);
    int result = b ? table_builder_finish(b, image, err) : -1;
    table_builder_destroy(b);
    return result == 0 ? table_open(out, image->data, image->length, err) : -1;
}

// Cuts the text after `start` at `max` bytes, between characters.
static void cut(struct buffer *out, size_t start, size_t max)
{
    if (out->length - start <= max)
        return;
    out->length = start + utf8_cut(out->data + start, max - 3);
    buffer_text(out, "...");
}

void phase_table_describe(const struct phase_table *t, uint64_t task, uint64_t rows_per_task,
                          struct buffer *out)
{
    size_t start = out->length;
    uint64_t first = task * rows_per_task, rows = table_rows(&t->table);
    if (rows_per_task > 1) {
        uint64_t last = first + rows_per_task < rows ? first + rows_per_task - 1 : rows - 1;
        buffer_format(out, "rows %" PRIu64 " to %" PRIu64, first, last);
        return;
    }
    for (size_t i = 0; i < table_columns(&t->table) && out->length - start <= DESCRIPTION_MAX;
         i++) {
        const char *name = table_column_name(&t->table, i);
        if (name[0] == COMMAND_SETTING)
            continue;
        struct cell_room room;
        size_t length;
        const char *text = table_text(&t->table, i, first, &room, &length);
        buffer_format(out, "%s%s=", i ? " " : "", name);
        buffer_append(out, text, length < DESCRIPTION_MAX ? length : DESCRIPTION_MAX);
    }
    cut(out, start, DESCRIPTION_MAX);
}

// SPDX-License-Identifier: BSD-3-Clause
#include "model/job_value.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

const char *job_value_text(const struct job_value *value, struct cell_room *room, size_t *length)
{
    if (!value->written)
        return cell_text(&value->cell, room, length);
    *length = strlen(value->written);
    return value->written;
}

void job_value_finish(struct job_value *value)
{
    free(owned(value->written));
    if (value->cell.type == BR_STR || value->cell.type == BR_BYTES)
        free(owned(value->cell.text.data));
}

void job_settings_finish(struct job_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(owned(settings->items[i].name));
        job_value_finish(&settings->items[i].value);
    }
    free(settings->items);
}

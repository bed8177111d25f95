// SPDX-License-Identifier: BSD-3-Clause
#include "model/job_value.h"

#include <stdlib.h>

#include "base/owned.h"

void job_value_finish(struct job_value *value)
{
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

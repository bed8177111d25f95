// SPDX-License-Identifier: BSD-3-Clause
// Reads the name of a task.
#include "views/task_name.h"

#include <string.h>

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

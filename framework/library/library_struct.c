// SPDX-License-Identifier: BSD-3-Clause
// Structs of different versions, and the names of versions, statuses and errors.
#include "library/library_struct.h"

#include <batchrun/pool.h>
#include <string.h>

#include "config.h"

int library_take_struct(void *to, size_t size, const void *from, size_t from_size, br_error *err)
{
    const char *bytes = from;
    memset(to, 0, size);
    if (!from)
        return 0;
    for (size_t i = size; i < from_size; i++)
        if (bytes[i] != 0)
            return br_error_set(err, BR_ERR_USAGE,
                                "the program sets an option that libbatchrun %s does not have: "
                                "install a newer libbatchrun",
                                br_version());
    memcpy(to, from, size < from_size ? size : from_size);
    return 0;
}

void library_give_struct(void *to, size_t to_size, const void *from, size_t size)
{
    memset(to, 0, to_size);
    memcpy(to, from, size < to_size ? size : to_size);
}

const char *br_version(void)
{
    return PACKAGE_VERSION;
}

const char *br_status_name(enum br_status status)
{
    static const char *const names[] = {
        [BR_PENDING] = "pending",     [BR_OK] = "ok",
        [BR_ERROR] = "error",         [BR_CRASHED] = "crashed",
        [BR_TIMED_OUT] = "timed_out", [BR_OVER_LIMIT] = "over_limit",
        [BR_CANCELLED] = "cancelled", [BR_SKIPPED] = "skipped",
        [BR_RUNNING] = "running",
    };
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown";
}

const char *br_error_kind_name(enum br_error_kind kind)
{
    static const char *const names[] = {
        [BR_ERR_NONE] = "none",
        [BR_ERR_SYSTEM] = "system",
        [BR_ERR_USAGE] = "usage",
        [BR_ERR_PLUGIN] = "plugin",
        [BR_ERR_INTERRUPTED] = "interrupted",
        [BR_ERR_TIMEOUT] = "timeout",
        [BR_ERR_TASK] = "task",
        [BR_ERR_CLOSED] = "closed",
        [BR_ERR_FULL] = "full",
    };
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

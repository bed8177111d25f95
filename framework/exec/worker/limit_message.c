// SPDX-License-Identifier: BSD-3-Clause
// Formats the message of a task that is over a limit.
#include "exec/worker/limit_message.h"

#include <stdio.h>

struct amount {
    char text[32];
};

static struct amount bytes(uint64_t n)
{
    struct amount a;
    if (n >= 1 << 30)
        snprintf(a.text, sizeof a.text, "%.4g GiB", (double)n / (1 << 30));
    else if (n >= 1 << 20)
        snprintf(a.text, sizeof a.text, "%.4g MiB", (double)n / (1 << 20));
    else
        snprintf(a.text, sizeof a.text, "%.4g KiB", (double)n / (1 << 10));
    return a;
}

void limit_message(char *message, size_t size, enum limit_kind kind, uint64_t used, uint64_t limit)
{
    switch (kind) {
    case LIMIT_MEMORY:
        snprintf(message, size, "its worker's memory reached %s; limits.memory is %s",
                 bytes(used).text, bytes(limit).text);
        break;
    case LIMIT_PRINTED:
        snprintf(message, size, "it printed %s; limits.printed is %s", bytes(used).text,
                 bytes(limit).text);
        break;
    case LIMIT_CPU_TIME:
        snprintf(message, size, "it used %.4g s of CPU time; limits.cpu_time is %.4g s",
                 (double)used / 1e9, (double)limit / 1e9);
        break;
    }
}

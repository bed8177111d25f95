// SPDX-License-Identifier: BSD-3-Clause
#include "exec/limit_message.h"

#include <stdio.h>

struct amount {
    double value;
    const char *unit;
};

static const struct {
    const char *did, *of, *key;
} limits[] = {
    [LIMIT_MEMORY] = {"its worker's memory reached", "", "memory"},
    [LIMIT_OUTPUT] = {"it printed", "", "output"},
    [LIMIT_CPU_TIME] = {"it used", " of CPU time", "cpu_time"},
};

static struct amount amount_of(enum limit_kind kind, uint64_t n)
{
    return kind == LIMIT_CPU_TIME ? (struct amount){(double)n / 1e9, "s"}
           : n >= 1 << 30         ? (struct amount){(double)n / (1 << 30), "GiB"}
           : n >= 1 << 20         ? (struct amount){(double)n / (1 << 20), "MiB"}
                                  : (struct amount){(double)n / (1 << 10), "KiB"};
}

void limit_message(char *message, size_t size, enum limit_kind kind, uint64_t used, uint64_t limit)
{
    struct amount is = amount_of(kind, used), may = amount_of(kind, limit);
    snprintf(message, size, "%s %.4g %s%s; limits.%s is %.4g %s", limits[kind].did, is.value,
             is.unit, limits[kind].of, limits[kind].key, may.value, may.unit);
}

// SPDX-License-Identifier: BSD-3-Clause
// What an earlier process did of a phase.
#include "run/phase.h"

bool phase_was_done(const struct phase *p)
{
    const struct earlier *earlier = p->owner->options.earlier;
    enum phase_end how = PHASE_SKIPPED;
    if (!earlier_over(earlier, (uint32_t)p->place, &how) || how != PHASE_ENDED)
        return false;
    return p->spec->reduce.kind != REDUCE_TASK ||
           earlier_over(earlier, (uint32_t)(p->place + p->owner->count), NULL);
}

int phase_reduce_earlier(struct reduce *r, const struct results *rows, const struct history *h,
                         br_error *err)
{
    uint64_t first, count;
    size_t size;
    const void *data;
    for (uint64_t at = 0; rows && (data = results_run(rows, at, &first, &count, &size));
         at = first + count)
        if (reduce_rows(r, first, count, data, size, err) != 0)
            return -1;
    for (size_t i = 0; i < h->failed_count; i++)
        if (reduce_skip(r, h->failed[i], 1, err) != 0)
            return -1;
    return 0;
}

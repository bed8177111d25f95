// SPDX-License-Identifier: BSD-3-Clause
// What Python's pool cannot do: an item that crashes and one that hangs, each its own outcome.
#include <batchrun/pool.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int square(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    (void)t;
    if (*n == 2)
        abort();
    if (*n == 3)
        for (;;)
            pause();
    *(int64_t *)out = *n * *n;
    return 0;
}

int main(void)
{
    int64_t in[5] = {0, 1, 2, 3, 4};
    br_error err;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    br_call_options options = {.timeout = 0.5};
    br_result *r = pool ? br_pool_map_async(pool, square, in, 5, sizeof in[0], NULL, sizeof in[0],
                                            &options, &err)
                        : NULL;
    if (!r || br_result_wait(r, BR_FOREVER, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < 5; i++) {
        br_outcome o;
        const int64_t *out = br_result_output(r, i);
        if (out)
            printf("%zu: %" PRId64 "\n", i, *out);
        else if (br_result_outcome(r, i, &o, &err) == 0)
            printf("%zu: %s: %.*s\n", i, o.status == BR_TIMED_OUT ? "timed out" : "crashed",
                   (int)strcspn(o.message, ",\n"), o.message); // without the position
    }
    br_result_free(r);
    return 0;
}

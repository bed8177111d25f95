// SPDX-License-Identifier: BSD-3-Clause
// map_async returns a handle at once; get waits for the results.
#include <batchrun/pool.h>

#include <inttypes.h>
#include <stdio.h>

static int square(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    (void)t;
    *(int64_t *)out = *n * *n;
    return 0;
}

int main(void)
{
    int64_t in[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, out[10];
    br_error err;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    br_result *squares =
        pool ? br_pool_map_async(pool, square, in, 10, sizeof in[0], out, sizeof out[0], NULL, &err)
             : NULL;
    printf("not waiting\n");
    if (!squares || br_result_get(squares, BR_FOREVER, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 10; i++)
        printf("%" PRId64 "%c", out[i], i < 9 ? ' ' : '\n');
    return 0;
}

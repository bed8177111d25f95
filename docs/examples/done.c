// SPDX-License-Identifier: BSD-3-Clause
// Results in the order in which the calls end, whatever the order in which they were made.
#include <batchrun/pool.h>

#include <stdio.h>

static int square(br_task *t, const void *in, void *out)
{
    const int *n = in;
    (void)t;
    *(int *)out = *n * *n;
    return 0;
}

int main(void)
{
    int sum = 0, ended = 0;
    br_error err;
    br_result *result;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    if (!pool) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int n = 1; n <= 3; n++)
        br_pool_apply_async(pool, square, &n, sizeof n, NULL, sizeof n, NULL, &err);
    while ((result = br_pool_next_done(pool, BR_FOREVER, &err)) != NULL) {
        const int *output = br_result_output(result, 0);
        sum += output ? *output : 0; // NULL if the item has failed
        printf("%d of 3 calls have ended\n", ++ended);
        br_result_free(result);
    }
    printf("the sum is %d\n", sum);
    return 0;
}

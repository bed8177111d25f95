// SPDX-License-Identifier: BSD-3-Clause
// Results one by one, over an iterator that could go on for ever.
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

static int next_number(void *user, void *item)
{
    int64_t *next = user;
    *(int64_t *)item = (*next)++;
    return 1;
}

int main(void)
{
    int64_t next = 0, out = 0;
    br_error err;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    if (!pool) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    br_imap_options options = {.ordered = true};
    br_imap *squares =
        br_pool_imap(pool, square, next_number, &next, sizeof next, sizeof out, &options, &err);
    if (!squares) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    br_outcome outcome;
    while (out < 50 && br_imap_next(squares, BR_FOREVER, &out, &outcome, NULL, &err) == 1) {
        if (outcome.status == BR_OK)
            printf("%" PRId64 "\n", out);
        else
            fprintf(stderr, "%s\n", outcome.message);
    }
    br_imap_free(squares);
    return 0;
}

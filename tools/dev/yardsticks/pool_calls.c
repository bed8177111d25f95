// SPDX-License-Identifier: BSD-3-Clause
// Measures the pool library as pool_calls.py measures Python's pool. Prints seconds, one figure a
// line; then the peak memory for 3 million items, in KiB. usage: pool_calls WORKERS ROUND-TRIPS
#include <batchrun/pool.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum {
    COLD = 11,
    MANY = 3000000
};

static br_error err;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int noop(br_task *t, const void *in, void *out)
{
    (void)t;
    *(int64_t *)out = *(const int64_t *)in;
    return 0;
}

static void check(int result)
{
    if (result == 0)
        return;
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double apply_median(br_pool *pool, size_t count, long rest_ns)
{
    double *times = calloc(count + 1, sizeof *times);
    int64_t in = 1, out;
    if (!times)
        exit(1);
    for (size_t i = 0; i < count; i++) {
        if (rest_ns > 0)
            nanosleep(&(struct timespec){.tv_nsec = rest_ns}, NULL);
        double start = now();
        check(br_pool_apply(pool, noop, &in, sizeof in, &out, sizeof out, NULL, &err));
        times[i] = now() - start;
    }
    qsort(times, count, sizeof *times, compare);
    double median = times[count / 2];
    free(times);
    return median;
}

static double map_cost(br_pool *pool, size_t count, size_t chunk)
{
    int64_t *items = calloc(2 * count, sizeof *items);
    if (!items)
        exit(1);
    double start = now();
    check(br_pool_map(pool, noop, items, count, sizeof *items, items + count, sizeof *items,
                      &(br_call_options){.chunk_size = chunk}, &err));
    double cost = (now() - start) / (double)count;
    free(items);
    return cost;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t count = (size_t)atol(argv[2]);
    double start = now();
    br_auto_pool pool =
        br_pool_create(&(br_pool_options){.workers = (unsigned)atoi(argv[1])}, &err);
    check(pool ? 0 : -1);
    apply_median(pool, 1, 0);
    printf("create to first result %.9f\n", now() - start);
    printf("apply, hot %.9f\n", apply_median(pool, count, 0));
    printf("apply, cold %.9f\n", apply_median(pool, COLD, 10000000));
    printf("map, chunk 1, an item %.12f\n", map_cost(pool, 100 * count, 1));
    printf("map, default chunks, an item %.12f\n", map_cost(pool, 100 * count, 0));
    map_cost(pool, MANY, 0);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("peak KiB of %d items %ld\n", MANY, usage.ru_maxrss);
    return 0;
}

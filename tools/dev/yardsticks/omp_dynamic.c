// SPDX-License-Identifier: BSD-3-Clause
// OpenMP's schedule(dynamic, 1) over no-op tasks: threads, no isolation, no outcome of each task.
// usage: omp_dynamic TASKS WORKERS. Prints the seconds.
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static int noop(long i, double *y)
{
    *y = (double)i * (double)i;
    return 0;
}

// Called through a pointer that the compiler cannot see through, as a plugin's function is.
static int (*volatile task)(long, double *) = noop;

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    long tasks = atol(argv[1]);
    omp_set_num_threads(atoi(argv[2]));
    double sum = 0, began = omp_get_wtime();
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : sum)
    for (long i = 0; i < tasks; i++) {
        double y = 0;
        task(i, &y);
        sum += y;
    }
    double seconds = omp_get_wtime() - began;
    printf("%.9f\n", seconds);
    return sum < 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Loops of about a millisecond: as the tasks of a plugin, and as a bare program that runs the same
// number of loops on the same number of processes. usage: spins TASKS AT_ONCE LOOPS. Prints the
// seconds of CPU.
#include <batchrun/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Each step needs the one before, so a compiler can neither skip nor overlap them.
static uint64_t spin(uint64_t x, int64_t loops)
{
    while (loops-- > 0) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}

static int spin_task(br_task *t)
{
    return br_result_i64(t, "x",
                         (int64_t)spin((uint64_t)br_arg_i64(t, "i") + 1, br_arg_i64(t, "loops")));
}

BATCHRUN_PLUGIN("spins", "1.0", BR_TASK("spin", spin_task, "i:i64 loops:i64 -> x:i64", "computes"));

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    long tasks = atol(argv[1]), at_once = atol(argv[2]), loops = atol(argv[3]);
    for (long process = 0; process < at_once; process++)
        if (fork() == 0) {
            volatile uint64_t x = 0;
            for (long i = process; i < tasks; i += at_once)
                x = spin((uint64_t)i + 1, loops);
            _exit(x == 0);
        }
    int status;
    while (wait(&status) > 0)
        if (status != 0)
            return 1;
    struct rusage used;
    if (getrusage(RUSAGE_CHILDREN, &used) != 0)
        return 1;
    printf("%.9f\n", (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}

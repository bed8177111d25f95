// SPDX-License-Identifier: BSD-3-Clause
// Measures the least possible cost of a task in another process: two single-producer rings in
// shared memory, a 16-byte record each way for every task, one worker, both sides spinning. usage:
// rings TASKS. Prints the seconds.
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOTS = 4096,
    BATCH = 32 // records published together
};

struct record {
    uint64_t index;
    double y;
};

struct ring {
    alignas(64) _Atomic uint64_t written;
    alignas(64) _Atomic uint64_t taken;
    alignas(64) struct record slots[SLOTS];
};

static int noop(uint64_t i, double *y)
{
    *y = (double)i * (double)i;
    return 0;
}

static int (*volatile task)(uint64_t, double *) = noop;

static void work(struct ring *in, struct ring *out, uint64_t tasks)
{
    uint64_t done = 0;
    while (done < tasks) {
        uint64_t there = atomic_load_explicit(&in->written, memory_order_acquire);
        uint64_t room = atomic_load_explicit(&out->taken, memory_order_acquire) + SLOTS;
        uint64_t end = there < room ? there : room;
        if (end == done)
            sched_yield();
        while (done < end) {
            struct record r = in->slots[done % SLOTS];
            task(r.index, &r.y);
            out->slots[done % SLOTS] = r;
            done++;
            if (done % BATCH == 0 || done == end) {
                atomic_store_explicit(&in->taken, done, memory_order_release);
                atomic_store_explicit(&out->written, done, memory_order_release);
            }
        }
    }
}

static double feed(struct ring *in, struct ring *out, uint64_t tasks)
{
    double sum = 0;
    uint64_t sent = 0, received = 0;
    while (received < tasks) {
        uint64_t room = atomic_load_explicit(&in->taken, memory_order_acquire) + SLOTS;
        for (int k = 0; k < BATCH && sent < tasks && sent < room; k++, sent++)
            in->slots[sent % SLOTS].index = sent;
        atomic_store_explicit(&in->written, sent, memory_order_release);
        uint64_t there = atomic_load_explicit(&out->written, memory_order_acquire);
        while (received < there)
            sum += out->slots[received++ % SLOTS].y;
        atomic_store_explicit(&out->taken, received, memory_order_release);
    }
    return sum;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    uint64_t tasks = strtoull(argv[1], NULL, 10);
    struct ring *rings =
        mmap(NULL, 2 * sizeof *rings, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rings == MAP_FAILED)
        return 1;
    pid_t worker = fork();
    if (worker < 0)
        return 1;
    if (worker == 0) {
        work(&rings[0], &rings[1], tasks);
        _exit(0);
    }
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    double sum = feed(&rings[0], &rings[1], tasks);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    waitpid(worker, NULL, 0);
    printf("%.9f\n",
           (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) * 1e-9);
    return sum < 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Measures the least possible cost of a command: posix_spawn and waitpid in a loop, so many at
// once, nothing redirected, nothing killed, nothing read. usage: spawns COMMANDS AT_ONCE. Prints
// the seconds.
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    long commands = atol(argv[1]), most = atol(argv[2]), started = 0, running = 0;
    char *words[] = {(char *)"true", NULL};
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    while (started < commands || running > 0) {
        for (; started < commands && running < most; started++, running++)
            if (posix_spawn(&(pid_t){0}, "/bin/true", NULL, NULL, words, environ) != 0)
                return 1;
        int status;
        if (wait(&status) < 0 || status != 0)
            return 1;
        running--;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%.9f\n",
           (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) * 1e-9);
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// For LD_PRELOAD: makes allocation number $NO_MEMORY_AT of the program fail, and with $NO_MEMORY_ON
// all later ones, too. Does not count allocations of the processes that it forks, or those of
// hwloc, which does not expect failures. Writes the number of allocations to the file
// $NO_MEMORY_COUNT.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static pid_t program;
static atomic_long allocations;
static long fails_at;
static bool fails_on;
static _Thread_local bool looking; // dladdr may allocate

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("NO_MEMORY_AT");
    fails_at = at ? strtol(at, NULL, 10) : 0;
    fails_on = getenv("NO_MEMORY_ON") != NULL;
    program = getpid();
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("NO_MEMORY_COUNT");
    if (!path || getpid() != program)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0)
        dprintf(fd, "%ld", atomic_load(&allocations));
    close(fd);
}

static bool is_of_hwloc(void *caller)
{
    Dl_info info;
    looking = true;
    bool is = dladdr(caller, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "libhwloc");
    looking = false;
    return is;
}

static bool fails(void *caller)
{
    if (looking || program == 0 || getpid() != program || is_of_hwloc(caller))
        return false;
    long number = atomic_fetch_add(&allocations, 1) + 1;
    if (fails_at == 0 || !(fails_on ? number >= fails_at : number == fails_at))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

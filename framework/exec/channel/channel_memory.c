// SPDX-License-Identifier: BSD-3-Clause
// The mapping of a channel's up memory, which is the same on both sides.
#include "exec/channel/channel_memory.h"

#include <sys/mman.h>

void *channel_map_up(int fd, br_error *err)
{
    const int protection = PROT_READ | PROT_WRITE;
    char *guarded = mmap(NULL, CHANNEL_UP_GUARDED, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (guarded == MAP_FAILED) {
        br_error_errno(err, "cannot map a channel");
        return NULL;
    }
    char *at = guarded + CHANNEL_PAGE, *again = at + CHANNEL_WORDS + CHANNEL_RING;
    if (mmap(at, CHANNEL_WORDS + CHANNEL_RING, protection, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED ||
        mmap(again, CHANNEL_RING, protection, MAP_SHARED | MAP_FIXED, fd, CHANNEL_WORDS) ==
            MAP_FAILED) {
        br_error_errno(err, "cannot map a channel");
        channel_unmap_up(at);
        return NULL;
    }
    return at;
}

void channel_unmap_up(void *up)
{
    munmap((char *)up - CHANNEL_PAGE, CHANNEL_UP_GUARDED);
}

// SPDX-License-Identifier: BSD-3-Clause
// Tasks that overwrite memory of their worker: all writable mappings, which include the channel, or
// the channel alone. Their inputs are i; those with i % 10 == 5 do harm, and y is always i * i + 7.
#include <batchrun/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    RANGES = 500
};

struct range {
    uint64_t *words;
    size_t count;
};

static int good(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    return br_result_i64(t, "y", i * i + 7);
}

static int is_bad(br_task *t)
{
    return br_arg_i64(t, "i") % 10 == 5;
}

// Reads one line of /proc/self/maps. Returns whether the mapping is writable and neither a stack
// nor a sanitizer's.
static int is_prey(const char *line, struct range *out)
{
    unsigned long from, to;
    char rights[8];
    if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' ||
        strstr(line, "[stack]") || to - from > 64UL << 20)
        return 0;
    *out = (struct range){(uint64_t *)from, (to - from) / 8};
    return 1;
}

static size_t find_ranges(struct range *ranges, const char *name)
{
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && count < RANGES && fgets(line, sizeof line, maps))
        if (is_prey(line, &ranges[count]) && strstr(line, name))
            count++;
    if (maps)
        fclose(maps);
    return count;
}

// Calls no function, because the tables for calls are overwritten, too.
#if defined(__clang__)
__attribute__((no_sanitize("address", "undefined")))
#elif defined(__GNUC__)
__attribute__((no_sanitize_address, no_sanitize_undefined))
#endif
static void
scribble(const struct range *ranges, size_t count, uint64_t x, uint64_t writes)
{
    for (; writes > 0; writes--) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        const struct range *r = &ranges[(x >> 40) % count];
        volatile uint64_t *at = &r->words[x % r->count];
        *at = writes % 2 ? x : *at ^ (1UL << (x >> 58));
    }
}

// Depending on its input, it makes few or many writes, and then returns, crashes, or is killed.
static int harm(br_task *t, const char *name)
{
    uint64_t i = (uint64_t)br_arg_i64(t, "i"), mood = i / 10;
    uint64_t seed = br_task_seed(t) ^ br_task_attempt(t) * UINT64_C(0x9e3779b97f4a7c15);
    const char *most = getenv("SCRIBBLER_WRITES");
    uint64_t writes = mood % 3 == 0 ? 20 + seed % 200 : most ? strtoull(most, NULL, 10) : 200000;
    // On the stack, which is not overwritten, because this function returns.
    struct range ranges[RANGES];
    size_t count = find_ranges(ranges, name);
    if (count == 0)
        return br_fail(t, "nothing to write over");
    for (int s = 1; s < 32; s++)
        signal(s, SIG_DFL); // a sanitizer's handler would take long
    pid_t self = getpid();
    // Few writes to the channel alone go where outcomes not yet read are likely to be.
    for (size_t k = 0; *name && mood % 3 == 0 && k < count; k++)
        ranges[k].count = ranges[k].count < 2048 ? ranges[k].count : 2048;
    scribble(ranges, count, seed | 1, writes);
    if (mood % 4 == 0)
        kill(self, SIGKILL);
    if (mood % 4 == 1)
        __builtin_trap();
    return good(t);
}

static int everything(br_task *t)
{
    return is_bad(t) ? harm(t, "") : good(t);
}

static int ring(br_task *t)
{
    return is_bad(t) ? harm(t, "batchrun-outcomes") : good(t);
}

// Drops the channel's pages, which read as zeros from now on.
static int punch(br_task *t)
{
    struct range ranges[RANGES];
    size_t count = is_bad(t) ? find_ranges(ranges, "batchrun-outcomes") : 0;
    for (size_t k = 0; k < count; k++)
        if (madvise(ranges[k].words, ranges[k].count * 8, MADV_REMOVE) != 0)
            return br_fail(t, "cannot punch a hole: %s", strerror(errno));
    return good(t);
}

// Tries to truncate the shared memory of its channel, if the system lets it open that.
static int truncate_them(br_task *t)
{
    struct range ranges[RANGES];
    size_t count = is_bad(t) ? find_ranges(ranges, "batchrun-") : 0;
    for (size_t k = 0; k < count; k++) {
        char path[128];
        unsigned long from = (unsigned long)ranges[k].words;
        snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", from,
                 from + ranges[k].count * 8);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        int cut = ftruncate(fd, 0);
        close(fd);
        if (cut == 0)
            return br_fail(t, "a channel was cut off");
    }
    return good(t);
}

// Returns the inodes of the channels that are mapped. No descriptor of a channel is open.
static int reach(br_task *t)
{
    char line[512], inode[32], found[256] = "";
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "memfd:batchrun-grants") || strstr(line, "memfd:batchrun-outcomes")) {
            if (sscanf(line, "%*s %*s %*s %*s %31s", inode) != 1)
                return br_fail(t, "what is this: %s", line);
            if (!strstr(found, inode))
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", inode);
        }
    if (maps)
        fclose(maps);
    for (int fd = 0; fd < 64; fd++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(path, line, sizeof line - 1);
        line[length > 0 ? length : 0] = '\0';
        if (strstr(line, "memfd:batchrun-"))
            return br_fail(t, "descriptor %d is %s", fd, line);
    }
    return br_result_str(t, "s", found);
}

BATCHRUN_PLUGIN("scribbler", "1.0", BR_TASK("everything", everything, "i:i64 -> y:i64", ""),
                BR_TASK("ring", ring, "i:i64 -> y:i64", ""),
                BR_TASK("punch", punch, "i:i64 -> y:i64", ""),
                BR_TASK("truncate", truncate_them, "i:i64 -> y:i64", ""),
                BR_TASK("reach", reach, "i:i64 -> s:str", ""));

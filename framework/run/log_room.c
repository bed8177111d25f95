// SPDX-License-Identifier: BSD-3-Clause
#include "run/log_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    LEAST = 16 << 10 // bytes; a log that cannot grow by so much has no room
};

#define PROBE_NS (100 * NS_PER_MS) // between tries to reserve space, which find a quota

static int say_full(const struct rundir *dir, const char *cause, br_error *err)
{
    return br_error_set(err, BR_ERR_INTERRUPTED,
                        "tasks fail because nothing more can be written to %s: %s", dir->logs_path,
                        cause);
}

// Returns whether the file system seems to be full. Some have no figures, and some keep a reserve
// that this user may use.
static bool seems_full(const struct rundir *dir)
{
    struct statvfs st;
    return fstatvfs(dir->logs, &st) == 0 && st.f_blocks > 0 && st.f_bavail * st.f_frsize < LEAST;
}

// Reserves space after the log's end, which the log grows into. Returns 0, or the errno of a disk
// or a quota that is full. If the file system cannot reserve space, `otherwise` decides.
static int probe(int log, bool otherwise)
{
    struct stat st;
    if (log < 0 || fstat(log, &st) != 0 ||
        fallocate(log, FALLOC_FL_KEEP_SIZE, st.st_size, LEAST) == 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return otherwise ? ENOSPC : 0;
    return errno == ENOSPC || errno == EDQUOT ? errno : 0;
}

static bool has_reached(int log, const struct rlimit *limit)
{
    struct stat st;
    return log >= 0 && fstat(log, &st) == 0 && (uintmax_t)st.st_size >= limit->rlim_cur;
}

int log_room_check(struct log_room *room, const struct rundir *dir, const int logs[2], int64_t now,
                   br_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        (has_reached(logs[0], &limit) || has_reached(logs[1], &limit)))
        return br_error_set(err, BR_ERR_INTERRUPTED,
                            "a log in %s has reached the limit on the size of files, %llu bytes: "
                            "raise it (ulimit -f)",
                            dir->logs_path, (unsigned long long)limit.rlim_cur);
    bool seems = seems_full(dir);
    if (!seems && now - room->probed_ns < PROBE_NS)
        return 0;
    room->probed_ns = now;
    int full = probe(logs[1], seems);
    return full != 0 ? say_full(dir, strerror(full), err) : 0;
}

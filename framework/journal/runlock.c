// SPDX-License-Identifier: BSD-3-Clause
// Locks the file "lock" of a run directory.
#include "journal/runlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "journal/rundir.h"

enum {
    WHO_MAX = 400
};

// The lock belongs to the open file, so that closing another descriptor of it does not lose it.
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

// The text is not trusted: anybody who can write in the directory can have written it.
static void read_who(int fd, struct buffer *who)
{
    char text[WHO_MAX + 1] = "";
    if (pread(fd, text, WHO_MAX, 0) > 0)
        text_escaped(who, text, strcspn(text, "\n"));
}

// A failure matters only to messages: a full disk is reported by the next write.
static void write_who(int fd)
{
    char host[256] = "", text[WHO_MAX], at[32] = "";
    time_t now = (time_t)(clock_wall() / NS_PER_S);
    struct tm utc;
    (void)gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &utc))
        strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S UTC", &utc);
    int length =
        snprintf(text, sizeof text, "process %ld on %s since %s\n", (long)getpid(), host, at);
    if (fd_truncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) != length)
        errno = 0;
}

static int refuse(struct buffer *who, const char *path, br_error *err)
{
    buffer_char(who, '\0');
    bool known = !who->failed && who->length > 1;
    br_error_set(err, BR_ERR_USAGE, "the run in %s is still running, in %s", path,
                 known ? who->data : "another process");
    buffer_finish(who);
    return -1;
}

static int fail(br_error *err, const char *what, const char *directory)
{
    int saved = errno;
    struct buffer path = BUFFER_EMPTY;
    buffer_format(&path, "%s/lock", directory);
    buffer_char(&path, '\0');
    errno = saved;
    rundir_fail(err, what, path.failed ? "lock" : path.data);
    buffer_finish(&path);
    return -1;
}

int runlock_take(int directory, const char *path, br_error *err)
{
    int fd =
        fd_open(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, "open", path);
    struct flock lock = whole_file();
    int result = fcntl(fd, F_OFD_SETLK, &lock);
    bool unguarded = result != 0 &&
                     (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL);
    if (result == 0 || unguarded) {
        write_who(fd);
        return fd;
    }
    if (errno == EAGAIN || errno == EACCES) {
        struct buffer who = BUFFER_EMPTY;
        read_who(fd, &who);
        refuse(&who, path, err);
    } else
        fail(err, "lock", path);
    fd_close(&fd);
    return -1;
}

bool runlock_held(int directory, struct buffer *who)
{
    int fd = fd_open(directory, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct flock lock = whole_file();
    bool held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (held)
        read_who(fd, who);
    fd_close(&fd);
    return held;
}

int runlock_refuse(int directory, const char *path, br_error *err)
{
    struct buffer who = BUFFER_EMPTY;
    return runlock_held(directory, &who) ? refuse(&who, path, err) : 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Errors of what is in a run directory.
#include <errno.h>

#include "journal/rundir.h"

void rundir_set_kind(br_error *err, int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        err->kind = BR_ERR_INTERRUPTED;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        err->kind = BR_ERR_USAGE;
        break;
    default:
        break;
    }
}

int rundir_fail(br_error *err, const char *what, const char *path)
{
    int number = errno;
    if (number == ELOOP)
        br_error_set(err, BR_ERR_USAGE,
                     "cannot %s %s: it is a symbolic link, which batchrun does not follow", what,
                     path);
    else
        br_error_errno(err, "cannot %s %s", what, path);
    if (err)
        rundir_set_kind(err, number);
    errno = number;
    return -1;
}

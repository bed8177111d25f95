// SPDX-License-Identifier: BSD-3-Clause
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

// The functions themselves are defined here, not the macros that the static analyzer sees.
#undef br_error_set
#undef br_error_setv
#undef br_error_errno
#undef br_error_nomem

int br_error_setv(br_error *err, enum br_error_kind kind, const char *format, va_list args)
{
    if (!err)
        return -1;
    int saved = errno;
    char text[sizeof err->text]; // arguments may point into *err
    int length = vsnprintf(text, sizeof text, format, args);
    if (length < 0)
        strcpy(text, "an error whose text could not be formatted");
    else if ((size_t)length >= sizeof text)
        utf8_mark_cut(text, sizeof text);
    err->kind = kind;
    strcpy(err->text, text);
    errno = saved;
    return -1;
}

int br_error_set(br_error *err, enum br_error_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    br_error_setv(err, kind, format, args);
    va_end(args);
    return -1;
}

// Returns the limit that an errno stands for, to be appended to its description.
static const char *limit_of(int number)
{
    switch (number) {
    case EMFILE:
        return " (the limit is that of ulimit -n)";
    case EFBIG:
        return " (the limit is that of ulimit -f)";
    default:
        return "";
    }
}

int br_error_errno(br_error *err, const char *format, ...)
{
    int number = errno;
    va_list args;
    va_start(args, format);
    br_error_setv(err, BR_ERR_SYSTEM, format, args);
    va_end(args);
    if (err)
        br_error_set(err, BR_ERR_SYSTEM, "%s: %s%s", err->text, strerror(number), limit_of(number));
    errno = number;
    return -1;
}

int br_error_nomem(br_error *err)
{
    return br_error_set(err, BR_ERR_SYSTEM, "out of memory");
}

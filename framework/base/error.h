// SPDX-License-Identifier: BSD-3-Clause
// Filling in a br_error: a kind, which decides the program's exit status, and a sentence for a
// person.
#ifndef BR_BASE_ERROR_H
#define BR_BASE_ERROR_H

#include <batchrun/error.h>
#include <stdarg.h>

// Each function fills *err, or nothing if err is NULL, and returns -1, so that
// `return br_error_set(err, ...)` reads well. Each keeps errno. A text that is too long ends in
// "...". Arguments may point into *err.
int br_error_set(br_error *err, enum br_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int br_error_setv(br_error *err, enum br_error_kind kind, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

// Sets the kind BR_ERR_SYSTEM and appends ": " and the description of errno, with the limit that it
// stands for, if any. Returns -1.
int br_error_errno(br_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Sets "out of memory", of kind BR_ERR_SYSTEM. No other function does, so that it reads the same
// everywhere. Returns -1.
int br_error_nomem(br_error *err);

#ifdef __clang_analyzer__
// The static analyzer sees one file at a time: this is how it knows what these return.
#define br_error_set(...)   (br_error_set(__VA_ARGS__), -1)
#define br_error_setv(...)  (br_error_setv(__VA_ARGS__), -1)
#define br_error_errno(...) (br_error_errno(__VA_ARGS__), -1)
#define br_error_nomem(err) (br_error_nomem(err), -1)
#endif

#endif

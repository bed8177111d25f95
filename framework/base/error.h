// SPDX-License-Identifier: BSD-3-Clause
// One error: a kind, which decides the program's exit status, and a sentence for a person.
#ifndef BR_BASE_ERROR_H
#define BR_BASE_ERROR_H

#include <stdarg.h>

enum br_error_kind {
    BR_ERR_NONE = 0,
    BR_ERR_SYSTEM,      // a system call or an allocation failed, or batchrun itself is wrong
    BR_ERR_USAGE,       // a mistake in the command line, the job file or its input
    BR_ERR_PLUGIN,      // a plugin cannot be loaded, or does not fit
    BR_ERR_INTERRUPTED, // a signal, the end of the allocation, a full disk
};

typedef struct br_error {
    enum br_error_kind kind;
    char text[1020]; // valid UTF-8, no final newline; cut with "..." when longer
} br_error;

// Each fills *err (which may be NULL) and returns -1, so that `return br_error_set(err, ...)` reads
// well. errno is kept.
int br_error_set(br_error *err, enum br_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int br_error_setv(br_error *err, enum br_error_kind kind, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

// As br_error_set with BR_ERR_SYSTEM, with ": " and what errno says at the end.
int br_error_errno(br_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Out of memory; the only error that says so, so that it reads the same everywhere.
int br_error_nomem(br_error *err);

#endif
